//! What is seen of savers that run, that are gone, and that stand in each other's way.

use super::super::format::{PipelineEntry, SaverStatus, VERSION};
use super::super::report::Report;
use super::{Overview, look};
use databuild_io::sink::{LocalSink, Modes, Sink};
use databuild_saver::orders::Orders;

fn status(pid: u32, pipelines: &[(&str, &str)]) -> SaverStatus {
    let entry = |(name, state): &(&str, &str)| {
        let mut entry = PipelineEntry::unknown(name, "files", "/logs/x.log");
        entry.state = (*state).to_owned();
        entry.events_in = u64::from(pid);
        entry
    };
    SaverStatus {
        v: VERSION,
        pid,
        started_at: "2025-01-27T10:00:00Z".to_owned(),
        written_at: "2025-01-27T10:30:47Z".to_owned(),
        configuration_problem: None,
        pipelines: pipelines.iter().map(entry).collect(),
    }
}

fn shown(seen: &Overview) -> Vec<String> {
    let one = |it: &super::PipelineSeen| {
        let entry = &it.entry;
        let paused = if it.paused { " paused" } else { "" };
        format!("{} {} by {:?} not {:?}{paused}", entry.name, entry.state, it.pid, it.fenced)
    };
    seen.pipelines.iter().map(one).collect()
}

#[test]
fn a_saver_is_seen_as_long_as_it_runs_and_what_it_said_after_that() {
    let dir = tempfile::tempdir().unwrap();
    let home = LocalSink::open(dir.path(), Modes::default()).unwrap();
    assert_eq!(look(Some(&home), &[]).unwrap(), Overview::default());
    let first = Report::open(&home, dir.path()).unwrap().unwrap();
    first.write(&status(1, &[("a", "running"), ("b", "fenced")])).unwrap();
    let second = Report::open(&home, dir.path()).unwrap().unwrap();
    second.write(&status(2, &[("a", "fenced"), ("b", "running")])).unwrap();
    Orders::new(&home, "a").pause().unwrap();
    let seen = look(Some(&home), &[]).unwrap();
    assert_eq!(
        shown(&seen),
        ["a running by Some(1) not [2] paused", "b running by Some(2) not [1]"]
    );
    assert_eq!(seen.savers.len(), 2);
    drop(first);
    let seen = look(Some(&home), &[]).unwrap();
    assert_eq!(shown(&seen), ["a fenced by Some(2) not [] paused", "b running by Some(2) not []"]);
    drop(second);
    // Nobody configured them, and nobody runs them.
    assert_eq!(look(Some(&home), &[]).unwrap(), Overview::default());
}

#[test]
fn what_is_written_is_for_the_owner_alone_and_there_as_a_whole() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let home = LocalSink::open(dir.path(), Modes::default()).unwrap();
    let report = Report::open(&home, dir.path()).unwrap().unwrap();
    let path = dir.path().join("status.0.json");
    let long = status(1, &[("a", "running"), ("b", "running"), ("c", "running")]);
    report.write(&long).unwrap();
    std::fs::copy(&path, dir.path().join("status.0.json.new")).unwrap();
    report.write(&status(2, &[])).unwrap();
    let written = home.read("status.0.json", 0, 1 << 20).unwrap();
    assert_eq!(SaverStatus::read(&written), Some(status(2, &[])));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
