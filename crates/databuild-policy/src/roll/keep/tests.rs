//! Files as `name@day:bytes` in, those that go out.

use super::*;

fn day(day: i64) -> Timestamp {
    Timestamp::from_nanos(day * 86_400 * 1_000_000_000)
}

fn check(policy: KeepPolicy, files: &str, last: Option<&str>, before: Option<i64>, gone: &str) {
    let archives: Vec<Archive> = files
        .split_whitespace()
        .map(|text| {
            let (name, rest) = text.split_once('@').unwrap();
            let (changed, bytes) = rest.split_once(':').unwrap();
            Archive {
                name: name.to_owned(),
                changed: day(changed.parse().unwrap()),
                bytes: bytes.parse().unwrap(),
            }
        })
        .collect();
    assert_eq!(policy.removes(&archives, last, before.map(day), day(100)).join(" "), gone);
}

const FILES: &str = "c@98:10 a@40:10 b@97:10 d@99:10";

#[test]
fn each_limit_counts_what_it_says() {
    let none = KeepPolicy::default();
    check(none, FILES, None, None, "");
    check(KeepPolicy { files: Some(3), ..none }, FILES, None, None, "a");
    check(KeepPolicy { files: Some(0), ..none }, FILES, None, None, "a b c");
    check(KeepPolicy { bytes: Some(25), ..none }, FILES, None, None, "a b");
    let age = Some(Duration::from_secs(2 * 86_400));
    check(KeepPolicy { age, ..none }, FILES, None, None, "a b");
    check(KeepPolicy { age, files: Some(1), bytes: Some(1_000) }, FILES, None, None, "a b c");
}

#[test]
fn what_was_closed_last_stays() {
    check(KeepPolicy { files: Some(0), ..KeepPolicy::default() }, FILES, Some("d"), None, "a b c");
    check(KeepPolicy { bytes: Some(5), ..KeepPolicy::default() }, "d@99:10", Some("d"), None, "");
}

#[test]
fn a_clock_that_jumps_removes_nothing_at_once() {
    let age = KeepPolicy { age: Some(Duration::from_secs(2 * 86_400)), ..KeepPolicy::default() };
    check(age, FILES, None, Some(98), "a");
    check(age, FILES, None, Some(99), "a b");
}
