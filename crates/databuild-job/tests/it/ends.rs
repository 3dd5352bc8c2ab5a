//! Every way in which a run can end, and what is said about it.

use crate::wrapped::{command, in_each_capture, run, sh, start};
use databuild_model::entry::Content;
use std::fs;
use std::os::unix::fs::PermissionsExt;

in_each_capture! {
    a_job_that_succeeds_has_a_manifest
    a_job_that_fails_passes_its_code_through
    no_command_is_a_success
    a_timeout_has_its_own_code_also_for_a_job_that_will_not_go
    a_bad_configuration_is_said_in_full
    what_cannot_be_started_says_why
    the_job_knows_its_run
}

const MEASURES: &str = "job_runtime_seconds job_memory_peak_mb job_cpu_total_seconds";

#[track_caller]
fn check(config: &str, code: i32, cause: &str, story: &str) {
    let said = run(config);
    assert_eq!((said.code, said.end("cause"), &said.story()[..]), (Some(code), cause, story));
    assert_eq!(said.stderr, "");
}

fn a_job_that_succeeds_has_a_manifest() {
    check(
        &sh("echo hi", ""),
        0,
        "success",
        &format!("job_config_started task_launched log task_completed {MEASURES} manifest run_end"),
    );
    let said = run(&sh("", r#","inputs":[{"partition_ref":"a/b"}]"#));
    let manifest = said.entries.iter().find_map(|it| match &it.content {
        Content::Manifest(manifest) => Some(manifest),
        Content::Log(_) | Content::Metric(_) | Content::JobEvent(_) => None,
    });
    let manifest = manifest.unwrap();
    assert_eq!(manifest.outputs[0].as_str(), "made/x=1");
    assert_eq!(manifest.inputs[0].outputs[0].as_str(), "a/b");
    assert!(0 < manifest.start_time && manifest.start_time <= manifest.end_time);
}

fn a_job_that_fails_passes_its_code_through() {
    let story =
        format!("job_config_started task_launched task_failed {MEASURES} job_exec_fail run_end");
    for code in [1, 3, 77, 255] {
        check(&sh(&format!("exit {code}"), ""), code, "exit", &story);
    }
    check(&sh("kill -SEGV $$", ""), 139, "signal", &story);
    check(&sh("kill -9 $$", ""), 137, "signal", &story);
    let said = run(&sh("kill -ABRT $$", ""));
    assert_eq!(said.event("task_failed").metadata.get("reason"), Some("ended by SIGABRT (6)"));
    assert_eq!(said.event("task_failed").exit_code, None);
    assert_eq!(said.end("signal"), "6");
}

fn no_command_is_a_success() {
    let story = format!("job_config_started task_completed {MEASURES} manifest run_end");
    check(r#"{"args":[],"outputs":["a"]}"#, 0, "success", &story);
    check("{}", 0, "success", &story);
}

fn a_timeout_has_its_own_code_also_for_a_job_that_will_not_go() {
    let story =
        format!("job_config_started task_launched task_timeout {MEASURES} job_exec_fail run_end");
    check(&sh("exec sleep 1000", r#","timeout_ms":50"#), 124, "timeout", &story);
    let deaf = "trap '' TERM; while :; do sleep 0.01; done";
    check(&sh(deaf, r#","timeout_ms":50,"grace_ms":50"#), 124, "timeout", &story);
}

fn a_bad_configuration_is_said_in_full() {
    let story = "job_config_started config_validate_fail job_exec_fail run_end";
    check("{", 125, "config_invalid", story);
    check(r#"{"args":["true"],"outputs":["a\nb"]}"#, 125, "config_invalid", story);
    let mut hostile = command();
    hostile.env("DATABUILD_JOB_RUN_ID", "../../etc");
    let said = start(hostile, &sh("true", "")).end();
    assert_eq!(said.code, Some(125));
    assert!(said.entries[0].job_id.as_str().len() == 36, "an id of our own");
}

fn what_cannot_be_started_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let plain = file("plain", "#!/bin/sh\n", 0o644);
    let orphan = file("orphan", "#!/opt/none/bin/python\n", 0o755);
    let folder = dir.path().to_str().unwrap();
    for (config, code, errno, reason) in [
        (
            r#"{"args":["no-such-command-here"]}"#.to_owned(),
            127,
            "ENOENT",
            "no-such-command-here: command not found",
        ),
        (r#"{"args":["./no/such"]}"#.to_owned(), 127, "ENOENT", "./no/such: not found"),
        (format!(r#"{{"args":["{plain}"]}}"#), 126, "EACCES", "not executable"),
        (format!(r#"{{"args":["{folder}"]}}"#), 126, "EACCES", "not executable"),
        (
            format!(r#"{{"args":["{orphan}"]}}"#),
            126,
            "ENOENT",
            "its interpreter /opt/none/bin/python was not found",
        ),
        (
            format!(r#"{{"args":["true"],"cwd":"{folder}/none"}}"#),
            125,
            "ENOENT",
            "cannot be the working folder",
        ),
        (
            format!(r#"{{"args":["true"],"cwd":"{plain}"}}"#),
            125,
            "ENOTDIR",
            "cannot be the working folder",
        ),
    ] {
        let said = run(&config);
        let fail = &said.event("task_launch_fail").metadata;
        assert_eq!(said.story(), "job_config_started task_launch_fail job_exec_fail run_end");
        assert_eq!((said.code, said.end("cause")), (Some(code), "launch_failed"), "{config}");
        assert_eq!(fail.get("errno"), Some(errno), "{config}");
        assert!(fail.get("reason").unwrap().contains(reason), "{fail:?}");
        assert!(!fail.get("hint").unwrap().is_empty());
    }
}

fn the_job_knows_its_run() {
    let mut command = command();
    command.env("DATABUILD_JOB_RUN_ID", "run-7").env("DATABUILD_ATTEMPT", "9");
    let config = sh(
        "echo $DATABUILD_JOB_RUN_ID $DATABUILD_JOB_LABEL $DATABUILD_BUILD_ID [$DATABUILD_ATTEMPT] $DATABUILD_OUTPUTS $DATABUILD_KEY_DATE; echo $TRACEPARENT; pwd",
        r#","job_label":"clean","build_id":"b-1","job_run_id":"other","cwd":"/","env":{"DATABUILD_KEY_DATE":"d"}"#,
    );
    let said = start(command, &config).end();
    let messages = said.messages();
    assert_eq!(messages[0], "run-7 clean b-1 [] [\"made/x=1\"] d");
    assert_eq!(messages[1].len(), 55, "a trace of its own: {}", messages[1]);
    assert_eq!(said.entries[0].job_id.as_str(), "run-7");
    assert_eq!(messages[2], "/");
}
