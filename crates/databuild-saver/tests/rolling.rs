//! Holds what becomes of our files against what the real logback made of the same scenarios. The goldens are
//! written by `cargo xtask oracle`, which asks logback again.
//!
//! Where the two differ, a model of our decisions in which logback's habits can be put, one by one, says
//! which of them make the difference: with these, and with no fewer, it gives what logback gives.
#![cfg(test)]

#[path = "rolling/logback.rs"]
mod logback;
#[path = "rolling/model.rs"]
mod model;
#[path = "rolling/ours.rs"]
mod ours;
#[path = "rolling/scenario.rs"]
mod scenario;

use expect_test::{Expect, expect};
use model::{Habit, Habits};
use scenario::Scenario;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const SCENARIOS: &str = include_str!("rolling/scenarios.txt");

/// Read once for all tests.
static READ: LazyLock<Vec<Scenario>> =
    LazyLock::new(|| SCENARIOS.lines().map(Scenario::parse).collect());

#[test]
fn rolling_of_logback_1_5() {
    compare(
        include_str!("rolling/logback-1.5.txt"),
        true,
        expect![[r#"
        483 differ, some for more than one reason
        631 the same
        236 differ: an empty file is rolled
        117 differ: a file is rolled when it has reached the limit, and so may be larger
        66 differ: it removes by computed names, of the periods that are over at the first event after them
        55 differ: without a `<file>` it appends to a dated file that is there, and what a restart leaves is not compressed
        53 differ: the period is that of the last roll or start, not that of the first event
        33 differ: an archive whose name is taken is overwritten, or, compressed, never gets its name
        32 differ: the name is a regular expression, by which its own archives are not found
        28 differ: what an earlier process left uncompressed stays so
        24 differ: an index is counted in memory and begins at 0 in another period, whatever is there
        21 refused by both
        16 differ: a window moves up over its holes, and the oldest goes although there is room
        6 refused: a date that comes again, so that names would meet
        5 differ: in the hour that comes twice in autumn it takes the first for the second
        1 refused: %i in the name of a folder
        1 refused: a … that is neither %d nor %i
        1 refused: … is not a time zone
        1 refused: … is not how files are compressed here
        1 taken: a size alone needs no date
        1 taken: an index is put in where one is needed
        1 taken: files of one period can be told apart although no size rolls them
    "#]],
    );
}

#[test]
fn rolling_of_logback_1_2() {
    compare(
        include_str!("rolling/logback-1.2.txt"),
        false,
        expect![[r#"
        598 differ, some for more than one reason
        516 the same
        345 differ: the size is looked at every sixteenth time or less
        246 differ: an empty file is rolled
        64 differ: it removes by computed names, of the periods that are over at the first event after them
        47 differ: without a `<file>` it appends to a dated file that is there, and what a restart leaves is not compressed
        28 differ: what an earlier process left uncompressed stays so
        20 refused by both
        16 differ: a window moves up over its holes, and the oldest goes although there is room
        13 differ: an archive whose name is taken is overwritten, or, compressed, never gets its name
        11 differ: the name is a regular expression, by which its own archives are not found
        11 differ: the period is that of the last roll or start, not that of the first event
        6 refused: a date that comes again, so that names would meet
        5 differ: an index is counted in memory and begins at 0 in another period, whatever is there
        5 differ: in the hour that comes twice in autumn it takes the first for the second
        3 differ: a file is rolled when it has reached the limit, and so may be larger
        2 refused: … is not a time zone
        1 refused: %i in the name of a folder
        1 refused: a … that is neither %d nor %i
        1 refused: … is not how files are compressed here
        1 taken: a size alone needs no date
        1 taken: an index is put in where one is needed
        1 taken: files of one period can be told apart although no size rolls them
    "#]],
    );
}

/// Without any habit the model is what our files are, else what it explains would explain nothing.
#[test]
fn the_model_without_habits_is_ours() {
    let mut other = Vec::new();
    for (line, scenario) in SCENARIOS.lines().zip(&*READ) {
        let (ours, modelled) = (ours::run(scenario), model::run(scenario, &Habits::new()));
        if ours != modelled {
            other.push(format!("{line}\nours     {ours:?}\nmodelled {modelled:?}\n"));
        }
    }
    let shown = other.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(other.is_empty(), "{} end otherwise\n{shown}", other.len());
}

/// `reasons` are the scenarios that end otherwise: how many for which reason.
fn compare(answers: &str, newer: bool, reasons: Expect) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    let mut differ = 0;
    let all: Habits = Habit::ALL
        .iter()
        .map(|(habit, _)| *habit)
        .filter(|it| !newer || *it != Habit::Gate)
        .collect();
    assert_eq!(SCENARIOS.lines().count(), answers.lines().count());
    for ((line, theirs), scenario) in SCENARIOS.lines().zip(answers.lines()).zip(&*READ) {
        let reason = match (model::run(scenario, &Habits::new()), theirs.starts_with("refused")) {
            (Err(_), true) => "refused by both".to_owned(),
            (Err(why), false) => format!("refused: {}", plain(&why)),
            (Ok(_), true) => format!("taken: {}", taken(scenario)),
            (Ok(ours), false) if ours == theirs => "the same".to_owned(),
            (Ok(ours), false) => match explain(scenario, &all, theirs) {
                Ok(reasons) => {
                    differ += 1;
                    for reason in reasons {
                        *counts.entry(format!("differ: {reason}")).or_default() += 1;
                    }
                    continue;
                }
                Err(modelled) => {
                    unexplained.push(format!(
                        "{line}\nours     {ours}\ntheirs   {theirs}\nmodelled {modelled}\n"
                    ));
                    continue;
                }
            },
        };
        *counts.entry(reason).or_default() += 1;
    }
    let shown = unexplained.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(unexplained.is_empty(), "{} are not explained\n{shown}", unexplained.len());
    let mut counts: Vec<(usize, String)> = counts.into_iter().map(|(why, n)| (n, why)).collect();
    counts.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let counts: String = counts.iter().map(|(n, why)| format!("{n} {why}\n")).collect();
    reasons.assert_eq(&format!("{differ} differ, some for more than one reason\n{counts}"));
}

/// The habits without which the model does not give `theirs`; what it gives, if with all it does not.
fn explain(scenario: &Scenario, all: &Habits, theirs: &str) -> Result<Vec<&'static str>, String> {
    let modelled = model::run(scenario, all)?;
    if modelled != theirs {
        return Err(modelled);
    }
    let mut needed = all.clone();
    for (habit, _) in Habit::ALL {
        let mut fewer = needed.clone();
        fewer.remove(&habit);
        if model::run(scenario, &fewer).as_deref() == Ok(theirs) {
            needed = fewer;
        }
    }
    let reason = |(habit, reason): (Habit, &'static str)| needed.contains(&habit).then_some(reason);
    Ok(Habit::ALL.into_iter().filter_map(reason).collect())
}

/// A problem without what differs from pattern to pattern.
fn plain(what: &str) -> String {
    what.split('`').enumerate().map(|(n, part)| if n % 2 == 0 { part } else { "…" }).collect()
}

/// Why a configuration is taken that logback refuses.
fn taken(scenario: &Scenario) -> &'static str {
    let name = scenario.naming().unwrap();
    let name = name.name();
    match (scenario.has("time"), name.has_index(), name.every().is_some()) {
        (true, true, true) => "files of one period can be told apart although no size rolls them",
        (false, false, true) => "an index is put in where one is needed",
        (false, true, false) => "a size alone needs no date",
        _ => panic!("refused by logback, and not by us: {name:?}"),
    }
}
