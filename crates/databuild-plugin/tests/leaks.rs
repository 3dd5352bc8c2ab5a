//! What is left open in our own process: a process of its own, since other tests open and close as well.

#![cfg(test)]

use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use databuild_plugin::contract::{Recorder, numbered};
use databuild_plugin::process::{Confiner, PluginProcess, ProcessSettings};
use databuild_plugin::processor::{LogProcessor, Properties};
use databuild_policy::commit::Outputs;
use std::sync::Arc;
use std::time::Duration;

/// A clock that stands: no deadline passes.
struct Standing;

impl Clock for Standing {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(0)
    }

    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

fn names_in(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Starts a plugin in sh, gives it ten events, and drops it.
fn run(text: &str) {
    let hello =
        r#"read -r hello; echo '{"type":"hello","protocol":1,"name":"sh","version":"0"}'; "#;
    let command = ["sh", "-c", &format!("{hello}{text}")].map(str::to_owned).to_vec();
    let settings = ProcessSettings::new(command, "/".into());
    let program = env!("CARGO_BIN_EXE_databuild-confine-for-tests").into();
    let confiner = Confiner { program, args: Vec::new() };
    let mut plugin = PluginProcess::new(settings, confiner, Arc::new(Standing), Box::new(|_| {}));
    let mut records = Recorder::default();
    plugin.initialize(&Properties::default(), &Outputs::default(), &mut records).unwrap();
    let events = numbered(10);
    let events: Vec<_> = (1..).zip(&events).map(|(at, event)| event.at(at)).collect();
    records.give(10);
    // Some of these plugins are gone by then, and some are not: both are left behind in the same way.
    plugin.process(&events, Standing.wall(), &mut records).ok();
}

#[test]
fn no_descriptor_thread_or_zombie_is_left() {
    let left = || (names_in("/proc/self/fd").len(), names_in("/proc/self/task"), children());
    let before = left();
    run("exit 1");
    run("cat >/dev/null");
    run("sleep 1000 & exit 0");
    run("exec 1>&- 0<&-; sleep 1000");
    assert_eq!(left(), before);
}

/// Processes of which we are the parent, zombies included.
fn children() -> String {
    names_in("/proc/self/task")
        .iter()
        .map(|task| {
            std::fs::read_to_string(format!("/proc/self/task/{task}/children")).unwrap_or_default()
        })
        .collect()
}
