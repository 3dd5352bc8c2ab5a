//! Numbers that look like chance and are the same everywhere.

/// A small generator (xorshift).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        for _ in 0..3 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
        }
        usize::try_from(self.0 >> 11).unwrap_or(0) % bound
    }

    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.get(self.below(from.len())).copied().unwrap_or("")
    }

    /// Once in `bound` times.
    pub(super) fn rarely(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    /// From `low` up to and without `high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = usize::try_from(high - low).unwrap_or(1).max(1);
        low + i64::try_from(self.below(width)).unwrap_or(0)
    }
}
