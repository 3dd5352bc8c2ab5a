//! The bucket on a few reads, and its one promise on many.

use super::Rate;
use proptest::prelude::*;
use std::time::Duration;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_burst_is_taken_and_paid_for() {
    let mut rate = Rate::new(1000, ms(0));
    assert_eq!(rate.opens_at(ms(0)), None);
    rate.take(1000, ms(0));
    assert_eq!(rate.opens_at(ms(0)), Some(Duration::from_nanos(1)));
    rate.take(500, ms(1));
    assert!(rate.opens_at(ms(400)).is_some());
    assert_eq!(rate.opens_at(ms(501)), None);
    assert_eq!(Rate::new(0, ms(5)).opens_at(ms(5)), None, "no bound of nothing");
}

proptest! {
    #[test]
    fn never_more_than_the_rate_and_one_read_and_never_stuck(
        per_second in 1_u64..10_000_000_000,
        reads in proptest::collection::vec((1_u64..2_000_000, 0_u64..3_000_000_000), 1..40),
    ) {
        let mut rate = Rate::new(per_second, ms(0));
        let (mut now, mut taken) = (ms(0), 0_u128);
        for (bytes, pause) in reads {
            now += Duration::from_nanos(pause);
            if let Some(opens) = rate.opens_at(now) {
                prop_assert!(now < opens);
                now = opens;
                prop_assert_eq!(rate.opens_at(now), None);
            }
            rate.take(bytes, now);
            taken += u128::from(bytes);
            let allowed = (now.as_nanos() + 1_000_000_000) * u128::from(per_second) / 1_000_000_000;
            prop_assert!(taken <= allowed + u128::from(bytes) + 1, "{} of {}", taken, allowed);
        }
    }
}
