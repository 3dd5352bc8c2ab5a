//! A file and an event in, whether the file is rolled out.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn a_file_is_rolled_for_its_size_before_it_would_be_too_large() {
    let policy = RotationPolicy { bytes_max: Some(100), ..RotationPolicy::default() };
    let now = at("2025-01-27T10:00:00Z");
    let file = |bytes| ActiveFile { bytes, began: now, written: now };
    assert_eq!(policy.should_rotate(&file(60), 40, now), None);
    assert_eq!(policy.should_rotate(&file(60), 41, now), Some(RollCause::Size));
    assert_eq!(policy.should_rotate(&file(0), 4_000, now), None, "one event may be larger");
}

#[test]
fn a_file_is_rolled_at_the_first_event_of_another_period() {
    let policy =
        RotationPolicy { every: Some((Period::Day, Zone::UTC)), ..RotationPolicy::default() };
    let began = at("2025-01-27T23:59:59.9Z");
    let file = ActiveFile { bytes: 1, began, written: began };
    assert_eq!(policy.should_rotate(&file, 1, at("2025-01-27T23:59:59.999Z")), None);
    assert_eq!(policy.should_rotate(&file, 1, at("2025-01-28T00:00:00Z")), Some(RollCause::Time));
    assert_eq!(
        policy.should_rotate(&file, 1, at("2025-01-01T00:00:00Z")),
        None,
        "a clock went back"
    );
}

#[test]
fn a_file_is_rolled_when_nothing_comes() {
    let policy =
        RotationPolicy { idle: Some(Duration::from_secs(60)), ..RotationPolicy::default() };
    let began = at("2025-01-27T10:00:00Z");
    let file = ActiveFile { bytes: 1, began, written: at("2025-01-27T10:05:00Z") };
    assert_eq!(policy.due(&file), Some((at("2025-01-27T10:06:00Z"), RollCause::Idle)));
    assert_eq!(policy.due(&ActiveFile { bytes: 0, ..file }), None);
}
