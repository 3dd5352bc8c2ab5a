//! `needs` commands as real processes: what they print, and how one that does not end is ended.

use super::*;
use crate::spec::check::check as check_spec;
use crate::spec::draft::{JobDraft, ProjectDraft};
use std::path::Path;
use std::time::Instant;

struct Real(Instant);

impl Clock for Real {
    fn wall(&self) -> databuild_model::time::Timestamp {
        databuild_model::time::Timestamp::MIN
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "real processes take real time")]
fn ask(script: &str, timeout: Option<Duration>, folder: &Path, stop: &StopFlag) -> String {
    let draft = ProjectDraft {
        folder: folder.to_path_buf(),
        jobs: vec![JobDraft::new("a").out("a").run("true")],
        ..ProjectDraft::default()
    };
    let (spec, problems) = check_spec(&draft);
    assert_eq!(problems, Vec::new());
    let job = JobSpec { timeout, ..spec.jobs[0].clone() };
    let command = TaskCommand {
        args: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: std::collections::BTreeMap::new(),
        folder: folder.to_path_buf(),
    };
    let clock = Real(Instant::now());
    match (CommandNeeds { clock: &clock, stop }).needs(&job, &command) {
        Ok(lines) => lines.join(" "),
        Err(why) => format!("error: {why}"),
    }
}

#[track_caller]
fn check(script: &str, timeout_ms: Option<u64>, expect: &str) {
    let folder = tempfile::tempdir().unwrap();
    let timeout = timeout_ms.map(Duration::from_millis);
    assert_eq!(ask(script, timeout, folder.path(), &StopFlag::new()), expect);
}

#[test]
fn lines_are_partitions() {
    check("echo a/1; echo; echo ' a/2 '; echo noise >&2", None, "a/1 a/2");
    check("true", None, "");
}

#[test]
fn a_failure_is_told_in_its_own_words() {
    let failing = "echo a/1; echo first >&2; echo 'no such table' >&2; echo >&2; exit 3";
    check(failing, None, "error: exit status: 3: no such table");
    check("exit 4", None, "error: exit status: 4: it printed nothing to stderr");
    check("printf '\\377'", None, "error: it printed no UTF-8");
    // More to stderr than a pipe holds, while stdout stays open.
    check(
        "head -c 300000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2; exit 1",
        None,
        "error: exit status: 1: end",
    );
    check("yes a/1", None, "error: it printed more than 16777216 bytes");
}

#[test]
fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo waiting for the lock >&2; (sleep 2; touch late) & sleep 60";
    let said = ask(script, Some(Duration::from_millis(300)), folder.path(), &StopFlag::new());
    assert_eq!(said, "error: it took longer than 0.3 s: waiting for the lock");
    let script = "sleep 2.2; test -e late && echo late/1 || echo none/1";
    assert_eq!(ask(script, None, folder.path(), &StopFlag::new()), "none/1");
}

#[test]
fn it_ends_with_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let stop = StopFlag::new();
    let said = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask("touch begun; sleep 60", None, folder.path(), &stop));
        while !folder.path().join("begun").exists() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        stop.raise();
        asking.join().unwrap()
    });
    assert_eq!(said, "error: it was stopped with the build");
    let said = ask("touch again", None, folder.path(), &stop);
    assert_eq!(said, "error: it was not started, because the build was stopped");
    assert!(!folder.path().join("again").exists());
}
