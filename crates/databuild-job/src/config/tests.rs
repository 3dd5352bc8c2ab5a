//! What is taken, and that all that is wrong is said at once.

use super::check;

#[track_caller]
fn problems(config: &str, run_id: Option<&str>, expect: &[&str]) {
    assert_eq!(check(config.as_bytes(), run_id).problems, expect);
}

#[test]
fn little_is_needed() {
    problems("{}", None, &[]);
    problems(r#"{"args":["true"],"outputs":["a",{"str":"b"}],"newer":1}"#, Some("run-1"), &[]);
}

#[test]
fn all_that_is_wrong_is_said() {
    problems(
        r#"{"args":["","a\u0000"],"env":{"A=B":"","C":"\u0000"},"cwd":"","outputs":[""],"timeout_ms":0,"job_run_id":"ok"}"#,
        Some("../x"),
        &[
            "job_run_id: a job run id cannot contain '/' (byte 2); allowed are A-Z a-z 0-9 . _ -",
            "outputs: a partition ref must not be empty",
            "args: the command is an empty string",
            "args[1]: contains a NUL character",
            "env: \"A=B\" cannot be the name of a variable",
            "env.C: contains a NUL character",
            "cwd: is not a path",
            "timeout_ms: must be above 0; leave it out for no limit",
        ],
    );
    problems(
        "{",
        None,
        &["not a job configuration: EOF while parsing an object at line 1 column 1"],
    );
}

#[test]
fn the_environment_wins() {
    let checked = check(br#"{"job_run_id":"a"}"#, Some("b"));
    assert_eq!(checked.run_id.unwrap().as_str(), "b");
}
