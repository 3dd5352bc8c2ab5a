//! What a run came to, from the little that is known of it.

use super::*;

fn record(cause: Option<Cause>, exit_code: Option<i32>, manifests: u64) -> RunRecord {
    RunRecord {
        entries: 9,
        level_counts: Level::ALL.map(|level| match level {
            Level::Warn => 2,
            Level::Error | Level::Fatal => 1,
            Level::Trace | Level::Debug | Level::Info => 0,
        }),
        kind_counts: [4, 1, 3, manifests],
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

#[track_caller]
fn check(record: Result<&RunRecord, &str>, missing: &[&str], stopped: bool, expect: &str) {
    let (end, summary) = judge(Evidence {
        record: record.map_err(str::to_owned),
        complaint: None,
        stopped,
        missing: missing.iter().map(|text| (*text).to_owned()).collect(),
        took: Duration::from_secs(2),
        rows: None,
    });
    let reason = summary.reason.as_deref().unwrap_or("-");
    let RunSummary { cause, warnings, errors, .. } = &summary;
    assert_eq!(format!("{end:?} {cause} {warnings}w {errors}e {reason}"), expect);
}

#[test]
fn success_needs_a_manifest_and_the_outputs() {
    let good = record(Some(Cause::Success), Some(0), 1);
    check(Ok(&good), &[], false, "Completed success 2w 2e -");
    let lies = "Failed success 2w 2e the job ended well but did not make a";
    check(Ok(&good), &["a"], false, lies);
    check(Ok(&good), &["a", "b", "c"], false, &format!("{lies} and 2 more"));
    let bare = record(Some(Cause::Success), Some(0), 0);
    let expect = "Failed success 2w 2e the job ended well but its wrapper gave no manifest";
    check(Ok(&bare), &[], false, expect);
}

#[test]
fn a_failed_job_needs_no_reason_but_its_exit_code() {
    check(Ok(&record(Some(Cause::Exit), Some(3), 0)), &["a"], false, "Failed exit 2w 2e -");
}

#[test]
fn a_wrapper_that_vanishes_is_lost_unless_we_stopped_it() {
    let gone = record(None, None, 0);
    let words = "2w 2e its wrapper ended without a word";
    check(Ok(&gone), &[], false, &format!("Lost wrapper_lost {words}"));
    check(Ok(&gone), &[], true, &format!("Cancelled cancelled {words}"));
    let asked = record(Some(Cause::Cancelled), None, 0);
    check(Ok(&asked), &[], true, "Cancelled cancelled 2w 2e -");
    // It was told to stop and was done already.
    check(Ok(&record(Some(Cause::Success), Some(0), 1)), &[], true, "Completed success 2w 2e -");
}

#[test]
fn logs_that_cannot_be_stored_fail_the_run() {
    check(Err("disk full"), &[], false, "Failed wrapper_lost 0w 0e disk full");
}
