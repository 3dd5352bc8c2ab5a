//! Events a second, of late: what people look at to see whether something moves.

use databuild_saver::status::PipelineStatus;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// So long is "of late": shorter jumps with each batch, longer hides that something stands still.
const OF_LATE: Duration = Duration::from_secs(10);

/// What was counted when.
#[derive(Debug, Default)]
pub(super) struct Rates {
    counted: BTreeMap<String, VecDeque<(Duration, u64, u64)>>,
}

impl Rates {
    /// Notes what is counted at `now`, a time that only goes on.
    pub(super) fn note(&mut self, now: Duration, statuses: &[PipelineStatus]) {
        self.counted.retain(|name, _| statuses.iter().any(|status| status.name == *name));
        for status in statuses {
            let counted = self.counted.entry(status.name.clone()).or_default();
            if counted.back().is_some_and(|(_, events_in, _)| status.events_in < *events_in) {
                counted.clear();
            }
            counted.push_back((now, status.events_in, status.events_out));
            while counted.get(1).is_some_and(|(at, _, _)| OF_LATE <= now.saturating_sub(*at)) {
                counted.pop_front();
            }
        }
    }

    /// Events a second that came to a pipeline and that it delivered.
    pub(super) fn of(&self, pipeline: &str) -> (f64, f64) {
        let counted = self.counted.get(pipeline);
        let ends = counted.and_then(|counted| Some((counted.front()?, counted.back()?)));
        let Some(((from, in_from, out_from), (to, in_to, out_to))) = ends else {
            return (0.0, 0.0);
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        if seconds <= 0.0 {
            return (0.0, 0.0);
        }
        let rate = |from: u64, to: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let events = to.saturating_sub(from) as f64;
            events / seconds
        };
        (rate(*in_from, *in_to), rate(*out_from, *out_to))
    }
}

#[cfg(test)]
mod tests {
    use super::Rates;
    use databuild_saver::status::PipelineStatus;
    use std::time::Duration;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut rates = Rates::default();
        let mut status = PipelineStatus { name: "a".to_owned(), ..PipelineStatus::default() };
        for second in 0..60 {
            status.events_in = if second < 40 { second * 1_000 } else { 40_000 + second };
            status.events_out = second;
            rates.note(Duration::from_secs(second), std::slice::from_ref(&status));
        }
        assert_eq!(rates.of("a"), (1.0, 1.0));
        assert_eq!(rates.of("b"), (0.0, 0.0));
    }
}
