//! Events as `source/sequence@time+journalled`, in seconds; and properties over any arrival.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fmt::Write as _;

const LIMITS: OrderLimits =
    OrderLimits { window: Duration::from_secs(2), settle: Duration::ZERO, bytes_max: 1_000 };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

/// Pushes words, and shows what comes out after each. `now=9` moves the time, `end=1` ends a run.
fn check(text: &str, expected: Expect) {
    check_with(LIMITS, text, expected);
}

fn check_with(limits: OrderLimits, text: &str, expected: Expect) {
    let mut window = OrderWindow::new(limits);
    let mut shown = String::new();
    let mut runs: HashMap<&str, Slot> = HashMap::new();
    for word in text.split_whitespace() {
        if let Some(now) = word.strip_prefix("now=") {
            window.advance(at(now.parse().unwrap()));
        } else if let Some(source) = word.strip_prefix("end=") {
            window.end(runs[source]);
        } else {
            let (id, times) = word.split_once('@').unwrap();
            let (source, sequence) = id.split_once('/').unwrap();
            let (time, journalled) = times.split_once('+').unwrap();
            let slot = *runs.entry(source).or_insert_with(|| window.open(source.into()));
            let event = Waiting {
                sequence: sequence.parse().unwrap(),
                time: at(time.parse().unwrap()),
                journalled: at(journalled.parse().unwrap()),
                bytes: 300,
                item: source,
            };
            window.push(slot, event);
        }
        shown += word;
        shown += ":";
        while let Some(event) = window.pop() {
            let late = if event.late { "(late)" } else { "" };
            write!(shown, " {}/{}{late}", event.item, event.sequence).unwrap();
        }
        shown += "\n";
    }
    expected.assert_eq(&shown);
}

#[test]
fn a_run_alone_waits_for_nobody() {
    check(
        "1/1@1+1 1/2@2+2 1/3@2+3",
        expect![[r#"
        1/1@1+1: 1/1
        1/2@2+2: 1/2
        1/3@2+3: 1/3
    "#]],
    );
}

#[test]
fn two_runs_are_merged_by_time() {
    check(
        "1/1@10+10 2/1@9+11 1/2@12+12 2/2@11+12 end=1 end=2",
        expect![[r#"
        1/1@10+10: 1/1
        2/1@9+11: 2/1(late)
        1/2@12+12:
        2/2@11+12: 2/2
        end=1:
        end=2: 1/2
    "#]],
    );
}

#[test]
fn a_run_that_begins_is_waited_for_a_little() {
    let limits = OrderLimits { settle: Duration::from_secs(1), ..LIMITS };
    check_with(
        limits,
        "1/1@10+10 2/1@9+11 1/2@12+12 now=13 end=2",
        expect![[r#"
        1/1@10+10:
        2/1@9+11:
        1/2@12+12: 2/1 1/1
        now=13:
        end=2: 1/2
    "#]],
    );
}

#[test]
fn a_silent_run_holds_the_others_for_a_window_only() {
    check(
        "1/1@10+10 2/1@10+10 2/2@11+11 now=12 now=13 2/3@14+14 2/4@20+20",
        expect![[r#"
            1/1@10+10: 1/1
            2/1@10+10:
            2/2@11+11:
            now=12: 2/1
            now=13: 2/2
            2/3@14+14: 2/3
            2/4@20+20: 2/4
        "#]],
    );
}

#[test]
fn a_clock_that_is_ahead_or_behind_spoils_nobodys_order() {
    check(
        "1/1@9000+10 2/1@11+11 1/2@9001+12 2/2@12+12 3/1@5+13 2/3@14+14 now=20",
        expect![[r#"
            1/1@9000+10: 1/1(late)
            2/1@11+11:
            1/2@9001+12: 2/1
            2/2@12+12: 1/2(late)
            3/1@5+13: 3/1(late)
            2/3@14+14: 2/2
            now=20: 2/3
        "#]],
    );
}

#[test]
fn within_a_run_the_number_rules() {
    check(
        "1/1@10+10 1/2@7+11 1/3@11+11",
        expect![[r#"
        1/1@10+10: 1/1
        1/2@7+11: 1/2(late)
        1/3@11+11: 1/3
    "#]],
    );
}

#[test]
fn a_full_window_lets_the_earliest_go() {
    check(
        "1/1@1+10 2/1@5+10 2/2@6+10 2/3@7+10 2/4@8+10 2/5@9+10",
        expect![[r#"
            1/1@1+10: 1/1
            2/1@5+10:
            2/2@6+10:
            2/3@7+10:
            2/4@8+10: 2/1
            2/5@9+10: 2/2
        "#]],
    );
}

/// Nobody reads more while it is full, and time goes on by what is read: it would wait for ever.
#[test]
fn a_window_that_is_exactly_full_lets_the_earliest_go() {
    check_with(
        OrderLimits { bytes_max: 900, ..LIMITS },
        "1/1@1+10 2/1@5+10 2/2@6+10 2/3@7+10",
        expect![[r#"
            1/1@1+10: 1/1
            2/1@5+10:
            2/2@6+10:
            2/3@7+10: 2/1
        "#]],
    );
}

/// One arrival: which run, how far its clock is off, seconds since the one before, its size.
fn arrivals() -> impl Strategy<Value = Vec<(u64, i64, i64, usize)>> {
    prop::collection::vec((0..5_u64, -20..20_i64, 0..4_i64, 1..400_usize), 0..200)
}

proptest! {
    #[test]
    fn everything_comes_once_in_order_and_in_time(
        arrivals in arrivals(),
        ends in any::<u64>(),
        settle in 0..3_u64,
    ) {
        let limits = OrderLimits { settle: Duration::from_secs(settle), ..LIMITS };
        let mut window = OrderWindow::new(limits);
        let mut now = 1_000;
        let mut sequences: HashMap<u64, u64> = HashMap::new();
        let mut slots: HashMap<u64, Slot> = HashMap::new();
        let mut out: Vec<Ordered<(Timestamp, u64)>> = Vec::new();
        for (n, (source, off, wait, bytes)) in arrivals.iter().enumerate() {
            now += wait;
            let sequence = sequences.entry(*source).or_default();
            *sequence += 1;
            let (time, journalled) = (at(now + off), at(now));
            let slot = *slots
                .entry(*source)
                .or_insert_with(|| window.open(source.to_string().into()));
            let item = (time, *source);
            let waiting =
                Waiting { sequence: *sequence, time, journalled, bytes: *bytes, item };
            window.push(slot, waiting);
            let is_last = arrivals.iter().skip(n + 1).all(|(other, ..)| other != source);
            if is_last && (ends >> source) & 1 == 1 {
                window.end(slot);
            }
            while let Some(event) = window.pop() {
                out.push(event);
            }
            prop_assert!(window.bytes() <= LIMITS.bytes_max, "the window is bounded");
            prop_assert!(window.next_due().is_none_or(|due| at(now) < due), "nothing waits too long");
        }
        window.advance(at(now + 2));
        while let Some(event) = window.pop() {
            out.push(event);
        }
        prop_assert!(window.is_empty() && window.bytes() == 0);
        prop_assert_eq!(out.len(), arrivals.len());
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut timely = Vec::new();
        for event in &out {
            let (time, source) = event.item;
            let before = last.insert(source, event.sequence).unwrap_or(0);
            prop_assert_eq!(event.sequence, before + 1, "a run stays in its own order");
            if !event.late {
                timely.push((time, source, event.sequence));
            }
        }
        prop_assert!(timely.is_sorted(), "sorted unless marked");
    }
}
