//! Facts are words: the wrapper kept a spool, had launched the command, was killed; the run was stopping.

use super::{Death, Verdict, judge};
use databuild_model::spool::SpoolState;

#[track_caller]
fn check(facts: &str, deaths: u32, expect: &str) {
    let has = |word| facts.split(' ').any(|it| it == word);
    let (launched, by_signal, stopping) = (has("launched"), has("killed"), has("stopping"));
    let state = SpoolState::default();
    let state = has("spool").then_some(&state);
    let said = match judge(Death { state, launched, by_signal, stopping, deaths }) {
        Verdict::Again(wait) => format!("again after {wait:?}"),
        Verdict::GiveUp(None) => "give up".to_owned(),
        Verdict::GiveUp(Some(why)) => format!("give up: {why}"),
    };
    assert_eq!(said, expect);
}

#[test]
fn a_run_with_a_spool_gets_another_wrapper_however_the_last_one_ended() {
    check("spool launched killed", 1, "again after 50ms");
    check("spool launched", 1, "again after 50ms");
    check("spool killed", 2, "again after 100ms");
    check("spool launched killed", 6, "again after 1.6s");
}

#[test]
fn there_is_an_end_to_it() {
    check("spool launched killed", 7, "give up: its wrapper died 7 times");
    check("killed", 7, "give up: its wrapper died 7 times");
}

#[test]
fn without_a_spool_only_a_command_that_was_not_started_is_started_again() {
    check("killed", 1, "again after 50ms");
    check("launched killed", 1, "give up");
    check("", 1, "give up");
}

#[test]
fn nothing_is_started_for_a_run_that_was_told_to_stop() {
    check("killed stopping", 1, "give up");
    check("spool launched killed stopping", 1, "again after 50ms");
}
