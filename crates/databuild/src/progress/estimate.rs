//! How long it will take: guesses from what the jobs usually take and took so far. Pure.

use crate::render::times::took;
use std::time::Duration;

/// A run is slow when it takes so many times what its job usually takes,
const SLOW_FACTOR: u32 = 2;

/// and at least so much longer: a job of 50 ms that takes 150 ms is nothing to look at.
const SLOW_AT_LEAST: Duration = Duration::from_secs(2);

/// What the job usually takes, if a run of it takes much longer.
pub(crate) fn slow(elapsed: Duration, usual: Option<Duration>) -> Option<Duration> {
    usual.filter(|usual| {
        usual.saturating_mul(SLOW_FACTOR) <= elapsed && *usual + SLOW_AT_LEAST <= elapsed
    })
}

/// How fast a build goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    ended: u32,
    spent: Duration,
    most_at_once: u32,
}

impl Pace {
    /// So many run now.
    pub(crate) fn saw_running(&mut self, running: usize) {
        self.most_at_once = self.most_at_once.max(u32::try_from(running).unwrap_or(u32::MAX));
    }

    /// A run ended after so long.
    pub(crate) fn saw_end(&mut self, duration: Duration) {
        self.ended = self.ended.saturating_add(1);
        self.spent = self.spent.saturating_add(duration);
    }

    /// How much longer the build takes: `running` are the runs under way (how long they run, how long
    /// their jobs usually take), `waiting` counts the tasks that have not begun. `None` while too
    /// little is known to guess.
    pub(crate) fn left(
        &self,
        running: &[(Duration, Option<Duration>)],
        waiting: u64,
    ) -> Option<Duration> {
        let usuals: Vec<Duration> = running.iter().filter_map(|(_, usual)| *usual).collect();
        let mean = match (self.ended, u32::try_from(usuals.len()).unwrap_or(u32::MAX)) {
            (0, 0) => return None,
            (0, known) => usuals.iter().sum::<Duration>() / known,
            (ended, _) => self.spent / ended,
        };
        let rests =
            running.iter().map(|(elapsed, usual)| usual.unwrap_or(mean).saturating_sub(*elapsed));
        let longest = rests.clone().max().unwrap_or_default();
        let waiting = mean.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX));
        let work = rests.fold(waiting, Duration::saturating_add);
        let left = longest.max(work / self.most_at_once.max(1));
        // Overdue: any number would be a lie.
        (!left.is_zero()).then_some(left)
    }
}

/// `about 20s left`: rounded up, no finer than such a guess can be.
pub(crate) fn about(left: Duration) -> String {
    let up = |seconds: u64, to: u64| Duration::from_secs(seconds.div_ceil(to) * to);
    let seconds = left.as_secs().saturating_add(u64::from(0 < left.subsec_nanos()));
    let rounded = match seconds {
        0..=55 => format!("{}s", up(seconds.max(1), 5).as_secs()),
        56..=3_540 => format!("{}m", up(seconds, 60).as_secs() / 60),
        _ => took(up(seconds, 600)),
    };
    format!("about {rounded} left")
}

#[cfg(test)]
mod tests {
    use super::{Pace, about, slow};
    use std::time::Duration;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn slow_is_what_takes_much_longer_than_usual() {
        let check = |elapsed: f64, usual: Option<f64>| {
            slow(seconds(elapsed), usual.map(seconds)).map(|usual| usual.as_secs_f64())
        };
        assert_eq!(check(12.6, Some(1.3)), Some(1.3));
        assert_eq!(check(2.7, Some(1.3)), None, "hardly worth a word");
        assert_eq!(check(100.0, Some(60.0)), None, "not twice as long");
        assert_eq!(check(120.0, Some(60.0)), Some(60.0));
        assert_eq!(check(1_000.0, None), None, "nobody knows");
    }

    #[track_caller]
    fn check(ended: &[f64], running: &[(f64, Option<f64>)], waiting: u64, expected: &str) {
        let mut pace = Pace::default();
        pace.saw_running(2);
        ended.iter().for_each(|duration| pace.saw_end(seconds(*duration)));
        let running: Vec<_> = running
            .iter()
            .map(|(elapsed, usual)| (seconds(*elapsed), usual.map(seconds)))
            .collect();
        let left = pace.left(&running, waiting).map_or_else(|| "-".to_owned(), about);
        assert_eq!(left, expected, "{ended:?} {running:?} {waiting}");
    }

    #[test]
    fn what_is_left_follows_from_what_was_seen() {
        check(&[], &[(3.0, None)], 4, "-");
        check(&[], &[(3.0, Some(10.0))], 0, "about 10s left");
        check(&[10.0], &[(2.0, None), (4.0, None)], 4, "about 30s left");
        check(&[10.0], &[(2.0, Some(300.0)), (4.0, None)], 0, "about 5m left");
        check(&[1.0], &[(2.0, Some(1.3))], 0, "-");
        check(&[600.0, 600.0], &[], 100, "about 8h20m left");
        check(&[1.0], &[], 1, "about 5s left");
        check(&[112.0], &[], 1, "about 1m left");
    }
}
