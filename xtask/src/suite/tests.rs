//! How gates are counted, and where they compile.

use super::cache::place;
use super::gate::{Outcome, judge_tests, output_of};
use std::path::{Path, PathBuf};

const GOOD: &str =
    "running 3 tests\n...\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n";
const BAD: &str =
    "running 2 tests\n.F\nfailures:\n  a\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n";

#[test]
fn tests_are_summed_over_all_binaries() {
    assert_eq!(judge_tests(true, format!("{GOOD}{GOOD}")), Outcome::Passed(6));
}

#[test]
fn a_failing_test_is_counted_and_shown() {
    let said = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n\
                running 2 tests\n.F\nfailures:\n  a\ntest result: FAILED. 1 passed; 1 failed; 0 ignored";
    assert_eq!(
        judge_tests(false, format!("{GOOD}{BAD}")),
        Outcome::Failed { passed: 4, failed: 1, said: said.to_owned() }
    );
}

#[test]
fn what_does_not_compile_is_a_failure_too() {
    let said = "error[E0425]: cannot find value".to_owned();
    assert_eq!(judge_tests(false, said.clone()), Outcome::Failed { passed: 0, failed: 1, said });
}

#[test]
fn what_a_command_leaves_behind_holds_nobody_up() {
    let place = tempfile::tempdir().expect("a folder");
    let mut sh = crate::process::command("sh", place.path());
    // It lives until somebody writes, which is after the command was waited for.
    let (ended_well, said) = output_of(sh.args(["-c", "mkfifo end; cat end & echo said"]));
    assert!(ended_well);
    assert_eq!(said, "said\n");
    std::fs::write(place.path().join("end"), "").expect("somebody reads");
}

#[test]
fn the_cache_is_outside_the_checkout() {
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(place(path("/own"), path("/cache"), path("/home")), Path::new("/own"));
    assert_eq!(place(None, path("/cache"), path("/home")), Path::new("/cache/databuild/target"));
    assert_eq!(place(None, None, path("/home")), Path::new("/home/.cache/databuild/target"));
}
