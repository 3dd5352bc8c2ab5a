//! What a run came to, from the little that is known of it.

use super::*;

fn record(cause: Option<Cause>, exit_code: Option<i32>) -> RunRecord {
    RunRecord {
        entries: 9,
        level_counts: Level::ALL.map(|level| match level {
            Level::Warn => 2,
            Level::Error | Level::Fatal => 1,
            Level::Trace | Level::Debug | Level::Info => 0,
        }),
        end: cause.map(|cause| Said {
            exit_code,
            signal: None,
            cause,
            complete: true,
            duration_seconds: 0.5,
        }),
        ..RunRecord::default()
    }
}

fn refs(words: &[&str]) -> Vec<PartitionRef> {
    words.iter().map(|word| PartitionRef::parse(*word).unwrap()).collect()
}

/// A run that was to make `a` to `d`, of which it says that it made all.
#[track_caller]
fn check(record: Result<&RunRecord, &str>, missing: &[&str], stopped: bool, expect: &str) {
    check_said(record, Some(&["a", "b", "c", "d"]), missing, stopped, expect);
}

#[track_caller]
fn check_said(
    record: Result<&RunRecord, &str>,
    made: Option<&[&str]>,
    missing: &[&str],
    stopped: bool,
    expect: &str,
) {
    let (end, summary) = judge(Evidence {
        record: record.map_err(str::to_owned),
        complaint: None,
        stopped,
        declared: &refs(&["a", "b", "c", "d"]),
        made: made.map(refs),
        missing: refs(missing),
        took: Duration::from_secs(2),
        rows: None,
    });
    let reason = summary.reason.as_deref().unwrap_or("-");
    let RunSummary { cause, warnings, errors, .. } = &summary;
    assert_eq!(format!("{end:?} {cause} {warnings}w {errors}e {reason}"), expect);
}

#[test]
fn success_needs_a_manifest_and_the_outputs() {
    let good = record(Some(Cause::Success), Some(0));
    check(Ok(&good), &[], false, "Completed success 2w 2e -");
    let lies = "Failed success 2w 2e the job ended well but did not make a";
    check(Ok(&good), &["a"], false, lies);
    check(Ok(&good), &["a", "b", "c"], false, &format!("{lies} and 2 more"));
    let expect = "Failed success 2w 2e the job ended well but its wrapper gave no manifest";
    check_said(Ok(&good), None, &[], false, expect);
}

#[test]
fn the_manifest_names_all_that_was_to_be_made() {
    let good = record(Some(Cause::Success), Some(0));
    let lies = "Failed success 2w 2e the job ended well but its manifest does not name";
    let more = ["d", "x", "a", "b"];
    check_said(Ok(&good), Some(&more), &["b"], false, &format!("{lies} c"));
    check_said(Ok(&good), Some(&["c"]), &[], false, &format!("{lies} a and 2 more"));
    check_said(Ok(&good), Some(&[]), &[], false, &format!("{lies} a and 3 more"));
}

#[test]
fn a_failed_job_needs_no_reason_but_its_exit_code() {
    check(Ok(&record(Some(Cause::Exit), Some(3))), &["a"], false, "Failed exit 2w 2e -");
}

#[test]
fn a_wrapper_that_vanishes_is_lost_unless_we_stopped_it() {
    let gone = record(None, None);
    let words = "2w 2e its wrapper ended without a word";
    check(Ok(&gone), &[], false, &format!("Lost wrapper_lost {words}"));
    check(Ok(&gone), &[], true, &format!("Cancelled cancelled {words}"));
    let asked = record(Some(Cause::Cancelled), None);
    check(Ok(&asked), &[], true, "Cancelled cancelled 2w 2e -");
    // It was told to stop and was done already.
    check(Ok(&record(Some(Cause::Success), Some(0))), &[], true, "Completed success 2w 2e -");
}

#[test]
fn logs_that_cannot_be_stored_fail_the_run() {
    check(Err("disk full"), &[], false, "Failed wrapper_lost 0w 0e disk full");
}
