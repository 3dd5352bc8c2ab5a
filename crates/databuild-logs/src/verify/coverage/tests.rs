//! Ranges in, problems out.

use super::Coverage;
use crate::verify::Problem;
use databuild_model::entry::Stream;
use proptest::prelude::*;

/// `feed`: `0..5` an entry, `5-7 disk` a gap, `9- lost` one without an end. Then what is stored and
/// what is wrong, after `read` bytes.
#[track_caller]
fn check(feed: &str, read: Option<u64>, expect: &str) {
    let mut coverage = Coverage::default();
    let number = |text: &str| text.parse::<u64>().unwrap();
    for word in feed.split(", ").filter(|word| !word.is_empty()) {
        if let Some((from, to)) = word.split_once("..") {
            coverage.cover(number(from), number(to) - number(from));
        } else {
            let (range, reason) = word.split_once(' ').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            coverage.name(number(from), Some(to).filter(|to| !to.is_empty()).map(number), reason);
        }
    }
    let mut said = vec![format!("{} stored", coverage.stored())];
    coverage.problems(Stream::Stdout, read, &mut |problem| said.push(problem.to_string()));
    assert_eq!(said.join("; "), expect);
}

#[test]
fn ranges_that_follow_each_other_are_whole() {
    check("", Some(0), "0 stored");
    check("0..5, 5..5, 5..9", Some(9), "9 stored");
    check("0..5, 5..9", None, "9 stored");
}

#[test]
fn a_hole_is_missing_and_a_gap_says_why() {
    let nobody = "no gap on record names them";
    check("0..5, 7..9", Some(9), &format!("7 stored; stdout bytes 5..7 are missing: {nobody}"));
    check("0..5, 7..9, 5-7 disk", Some(9), "7 stored; stdout bytes 5..7 are missing: disk");
    check(
        "0..5, 9..10, 6-8 disk",
        Some(12),
        &format!(
            "6 stored; stdout bytes 5..6 are missing: {nobody}; stdout bytes 6..8 are missing: disk; \
             stdout bytes 8..9 are missing: {nobody}; stdout bytes 10..12 are missing: {nobody}"
        ),
    );
}

#[test]
fn a_gap_without_an_end_goes_on_for_ever() {
    check("0..5, 5- held", Some(5), "5 stored; stdout bytes 5.. are missing: held");
    check("5- held", None, "0 stored; stdout bytes 5.. are missing: held");
}

#[test]
fn what_comes_late_fills_a_hole_and_what_comes_twice_is_told() {
    check("0..5, 7..9, 5..7", Some(9), "9 stored");
    check("0..5, 3..7", Some(7), "7 stored; 2 stdout bytes are stored more than once, first at 3");
    check("0..9", Some(5), "9 stored; entries stand for 9 stdout bytes, and 5 were read");
}

proptest! {
    /// Cut a stream into ranges and leave some out: what is missing is exactly what was left out.
    #[test]
    fn stored_and_missing_add_up(pieces in proptest::collection::vec((1_u64..9, any::<bool>()), 0..40)) {
        let mut coverage = Coverage::default();
        let (mut at, mut kept) = (0, 0);
        for (bytes, keep) in &pieces {
            if *keep {
                coverage.cover(at, *bytes);
                kept += bytes;
            }
            at += bytes;
        }
        prop_assert_eq!(coverage.stored(), kept);
        let mut missing = 0;
        coverage.problems(Stream::Stderr, Some(at), &mut |problem| {
            let Problem::Bytes { from, to: Some(to), reason: None, .. } = problem else {
                panic!("{problem}");
            };
            missing += to - from;
        });
        prop_assert_eq!(kept + missing, at);
    }
}
