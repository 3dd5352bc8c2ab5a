//! Steps of the wall clock, on a few looks.

use super::ClockWatch;
use crate::lines::Moment;
use databuild_model::time::Timestamp;
use std::time::Duration;

fn at(wall_ms: i64, mono_ms: u64) -> Moment {
    let wall = Timestamp::from_nanos(wall_ms * 1_000_000);
    Moment { wall, mono: Duration::from_millis(mono_ms) }
}

#[test]
fn steps_are_told_once_and_drift_is_not() {
    let mut watch = ClockWatch::new(at(1_000_000, 0));
    let seen: Vec<_> =
        [(1_000_100, 100), (1_000_700, 200), (1_001_301, 300), (401, 400), (501, 500)]
            .map(|(wall, mono)| watch.look(at(wall, mono)).map(|step| step / 1_000_000))
            .into_iter()
            .collect();
    assert_eq!(seen, [None, None, Some(501), Some(-1_001_000), None]);
}
