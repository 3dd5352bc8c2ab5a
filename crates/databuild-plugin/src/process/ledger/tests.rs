//! Every answer counts once, and only for what was given.

use super::Ledger;
use databuild_model::plugin_frame::FromPlugin;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

/// A line each: `give 5`, `flush`, `ack 5`, `flushed 1`, each a second after the other; then what is owed.
fn check(script: &str, expected: Expect) {
    let mut ledger = Ledger::default();
    let mut said = Vec::new();
    for (second, line) in (0..).zip(script.lines()) {
        let now = Duration::from_secs(second);
        let (word, number) = line.trim().split_once(' ').unwrap_or((line.trim(), "0"));
        let number: u64 = number.parse().unwrap();
        let outcome = match word {
            "give" => {
                ledger.give(number, now);
                Ok(())
            }
            "flush" => {
                ledger.ask_flush(now);
                Ok(())
            }
            "ack" => ledger.take(FromPlugin::Ack { position: number }, now),
            _ => ledger.take(FromPlugin::Flushed { flush: number }, now),
        };
        let outcome = outcome.err().map_or(String::new(), |error| format!(" error: {error}"));
        let late = ledger.late_at(DEADLINE).map(|late| late.as_secs());
        said.push(format!(
            "{}: done {} open {} late at {late:?}{outcome}\n",
            line.trim(),
            ledger.done(),
            ledger.in_flight()
        ));
    }
    expected.assert_eq(&said.concat());
}

#[test]
fn acknowledgements_are_cumulative() {
    check(
        "give 5\nack 3\ngive 9\nack 9",
        expect![[r#"
        give 5: done 0 open 5 late at Some(30)
        ack 3: done 3 open 2 late at Some(31)
        give 9: done 3 open 6 late at Some(31)
        ack 9: done 9 open 0 late at None
    "#]],
    );
}

#[test]
fn a_flush_acknowledges_what_was_given_before_it() {
    check(
        "give 5\nflush\ngive 7\nflushed 1\nflush\nflushed 2",
        expect![[r#"
        give 5: done 0 open 5 late at Some(30)
        flush: done 0 open 5 late at Some(30)
        give 7: done 0 open 7 late at Some(30)
        flushed 1: done 5 open 2 late at Some(33)
        flush: done 5 open 2 late at Some(33)
        flushed 2: done 7 open 0 late at None
    "#]],
    );
}

#[test]
fn what_was_not_given_cannot_be_done() {
    check(
        "ack 1\ngive 5\nack 6\nack 5\nack 5\nack 3",
        expect![[r#"
        ack 1: done 0 open 0 late at None error: the plugin acknowledged 1, where 0 was done and 0 given
        give 5: done 0 open 5 late at Some(31)
        ack 6: done 0 open 5 late at Some(31) error: the plugin acknowledged 6, where 0 was done and 5 given
        ack 5: done 5 open 0 late at None
        ack 5: done 5 open 0 late at None error: the plugin acknowledged 5, where 5 was done and 5 given
        ack 3: done 5 open 0 late at None error: the plugin acknowledged 3, where 5 was done and 5 given
    "#]],
    );
    check(
        "flushed 1\nflush\nflushed 2",
        expect![[r#"
        flushed 1: done 0 open 0 late at None error: the plugin answered flush 1, which was not asked for
        flush: done 0 open 0 late at Some(31)
        flushed 2: done 0 open 0 late at Some(31) error: the plugin answered flush 2, which was not asked for
    "#]],
    );
}

proptest! {
    /// Whatever is answered, what is done only grows, and never beyond what was given.
    #[test]
    fn done_grows_and_stays_within_what_was_given(
        steps in proptest::collection::vec((0_u8..4, 0_u64..20), 0..60),
    ) {
        let mut ledger = Ledger::default();
        let (mut given, mut done) = (0, 0);
        for (what, number) in steps {
            let now = Duration::ZERO;
            match what {
                0 => {
                    given += number;
                    ledger.give(given, now);
                }
                1 => drop(ledger.ask_flush(now)),
                2 => drop(ledger.take(FromPlugin::Ack { position: number }, now)),
                _ => drop(ledger.take(FromPlugin::Flushed { flush: number }, now)),
            }
            prop_assert!(done <= ledger.done() && ledger.done() <= given);
            prop_assert_eq!(ledger.in_flight(), given - ledger.done());
            done = ledger.done();
        }
    }
}
