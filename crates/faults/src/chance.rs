//! Chance from a seed: the same seed, the same numbers, on every machine.

/// A stream of numbers that look random. SplitMix64: small, and good enough to choose where to break
/// things.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A place below `end`; 0 if there is none.
    pub(crate) fn index(&mut self, end: usize) -> usize {
        // What is below a usize fits into one.
        usize::try_from(self.below(end as u64)).unwrap_or(0)
    }

    /// `true` once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut chance = Chance::new(17);
        let numbers: Vec<u64> = (0..4).map(|_| chance.below(1000)).collect();
        assert_eq!(numbers, [379, 713, 356, 611]);
    }
}
