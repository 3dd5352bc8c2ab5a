//! Real folders and pipes: what a folder has, who may adopt it, and that a job can write meanwhile.

use super::{Found, SpoolFolder, read_run, runs_with_spool};
use crate::bel::lease::owner::Owner;
use databuild_model::ids::JobRunId;
use databuild_model::job_config::JobConfig;
use databuild_model::spool::{Capture, Resume, SpoolRun, VERSION};
use expect_test::{Expect, expect};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const RUN: &str = "0195f0a0-7a3c-7000-8000-000000000001";

fn described(executor: Owner, capture: Capture) -> SpoolRun {
    SpoolRun {
        version: VERSION,
        job_run_id: RUN.to_owned(),
        started_at_ns: 1,
        run: Some(6),
        app: None,
        executor: executor.0,
        adoptions: 0,
        config: JobConfig { capture: Some(capture), ..JobConfig::default() },
    }
}

/// A process of this machine that ended long ago.
fn gone() -> Owner {
    let me = Owner::this_process().0;
    let (head, start) = me.rsplit_once('/').unwrap();
    Owner(format!("{head}/{}", start.parse::<u64>().unwrap() - 1))
}

fn run() -> JobRunId {
    JobRunId::parse(RUN).unwrap()
}

#[track_caller]
fn check_files(capture: Capture, expect: Expect) {
    let logs = tempfile::tempdir().unwrap();
    let made = SpoolFolder::make(logs.path(), &described(gone(), capture), capture).unwrap();
    let mut lines: Vec<String> = match std::fs::read_dir(logs.path().join(".spool").join(RUN)) {
        Err(_) => vec!["no folder".to_owned()],
        Ok(entries) => entries
            .flatten()
            .map(|entry| {
                let mode = entry.metadata().unwrap().permissions().mode();
                format!("{mode:o} {}", entry.file_name().display())
            })
            .collect(),
    };
    lines.sort();
    expect.assert_eq(&lines.join("\n"));
    let Some(folder) = made else { return };
    let mode = std::fs::metadata(folder.dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    folder.remove();
    assert_eq!(runs_with_spool(logs.path()), []);
}

#[test]
fn a_folder_has_what_its_capture_needs_and_nobody_else_may_look() {
    check_files(
        Capture::Spool,
        expect![[r#"
            100600 run.json
            10600 stderr.fifo
            10600 stdout.fifo"#]],
    );
    check_files(Capture::File, expect!["100600 run.json"]);
    check_files(Capture::Pipe, expect!["no folder"]);
}

/// A writer that nobody reads from would get SIGPIPE, or here EPIPE.
#[test]
fn a_job_can_write_as_long_as_the_spare_ends_are_held() {
    let logs = tempfile::tempdir().unwrap();
    let spool = described(Owner::this_process(), Capture::Spool);
    let folder = SpoolFolder::make(logs.path(), &spool, Capture::Spool).unwrap().unwrap();
    let fifo = folder.dir().join("stdout.fifo");
    let mut job = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    job.write_all(b"one").unwrap();
    let mut wrapper = std::fs::File::open(&fifo).unwrap();
    let mut said = [0; 3];
    wrapper.read_exact(&mut said).unwrap();
    drop(wrapper);
    job.write_all(b"two").unwrap();
    let mut next = std::fs::File::open(&fifo).unwrap();
    next.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"two");
    drop((next, folder));
    assert_eq!(job.write_all(b"three").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[track_caller]
fn check_adoption(logs: &Path, expect: &str) -> Option<SpoolFolder> {
    let (said, folder) = match SpoolFolder::adopt(logs, &run()).unwrap() {
        Found::Ours(folder, run) => (format!("ours {:?}", run.run), Some(folder)),
        Found::Others => ("others".to_owned(), None),
        Found::Nothing => ("nothing".to_owned(), None),
    };
    assert_eq!(said, expect);
    folder
}

#[test]
fn a_run_is_adopted_once_and_only_from_an_executor_that_is_gone() {
    let logs = tempfile::tempdir().unwrap();
    check_adoption(logs.path(), "nothing");
    let alive = described(Owner::this_process(), Capture::Spool);
    let folder = SpoolFolder::make(logs.path(), &alive, Capture::Spool).unwrap().unwrap();
    check_adoption(logs.path(), "others");
    folder.write_run(&described(gone(), Capture::Spool)).unwrap();
    drop(folder);
    let first = check_adoption(logs.path(), "ours Some(6)");
    check_adoption(logs.path(), "others");
    let first = first.unwrap();
    assert_eq!(read_run(first.dir()).unwrap().executor, Owner::this_process().0);
    // It dies as well.
    first.write_run(&described(gone(), Capture::Spool)).unwrap();
    check_adoption(logs.path(), "others");
    drop(first);
    check_adoption(logs.path(), "ours Some(6)").unwrap().remove();
    check_adoption(logs.path(), "nothing");
}

#[test]
fn a_wrapper_is_told_where_to_go_on_through_a_pipe_that_is_open_before_it_looks() {
    let logs = tempfile::tempdir().unwrap();
    let spool = described(Owner::this_process(), Capture::Spool);
    let folder = SpoolFolder::make(logs.path(), &spool, Capture::Spool).unwrap().unwrap();
    let resume = Resume { next_sequence: 7, ..Resume::default() };
    for _ in 0..2 {
        let entries = folder.prepare_resume(&resume).unwrap();
        let told: Resume =
            serde_json::from_slice(&std::fs::read(folder.dir().join("resume.json")).unwrap())
                .unwrap();
        assert_eq!(told, resume);
        let path = folder.dir().join("entries.fifo");
        let mut wrapper = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        wrapper.write_all(b"{}\n").unwrap();
        drop(wrapper);
        let mut said = String::new();
        std::fs::File::from(entries).read_to_string(&mut said).unwrap();
        assert_eq!(said, "{}\n");
    }
}

#[test]
fn what_cannot_be_told_stays_for_people_and_is_nobodys_run() {
    let logs = tempfile::tempdir().unwrap();
    let spool = described(gone(), Capture::Spool);
    let make = || SpoolFolder::make(logs.path(), &spool, Capture::Spool).unwrap().unwrap();
    assert!(!make().abandon().exists(), "there was nothing in it");
    let folder = make();
    std::fs::write(folder.dir().join("stdout.00000000000000000000"), "raw").unwrap();
    let dir = folder.abandon();
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().flatten().collect();
    assert_eq!(left.len(), 1);
    check_adoption(logs.path(), "nothing");
}
