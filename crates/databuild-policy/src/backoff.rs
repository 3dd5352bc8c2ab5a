//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// Waits that double, from `first` to at most `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after this many failures in a row; none after none.
    pub fn wait(self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff =
            Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 40, u32::MAX]
            .map(|failures| backoff.wait(failures).as_millis())
            .into();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000, 1000]);
    }
}
