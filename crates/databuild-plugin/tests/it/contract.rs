//! The suite of all processors, on processes.

use crate::rig::{RealClock, confiner, script};
use databuild_model::clock::Clock;
use databuild_plugin::contract::{Delivery, Subject, broken};
use databuild_plugin::process::PluginProcess;
use databuild_plugin::processor::{LogProcessor, Properties};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Writes the messages into a file, durable when it is flushed; refuses and breaks on demand.
const HELD: &str = r#"
import json, os
from databuild_plugin import *
class Append(Processor):
    def initialize(self, pipeline, settings):
        self.out = open(settings["path"], "a")
    def process(self, event):
        if event.message == "poison":
            raise Poison("it says poison")
        if event.message == "break":
            os._exit(3)
        self.out.write(json.dumps(event.message) + "\n")
    def flush(self):
        self.out.flush()
    def destroy(self):
        self.out.close()
run(Append())
"#;

/// The same, but each event is done at once.
const AT_ONCE: &str = r#"
import json, os
from databuild_plugin import *
class Append(Processor):
    def initialize(self, pipeline, settings):
        self.out = open(settings["path"], "a")
    def process(self, event):
        if event.message == "poison":
            raise Poison("it says poison")
        if event.message == "break":
            raise RuntimeError("it says break")
        self.out.write(json.dumps(event.message) + "\n")
        self.out.flush()
        return DONE
run(Append())
"#;

struct Script {
    folder: TempDir,
    text: &'static str,
    unacknowledged_max: u64,
}

impl Subject for Script {
    fn processor(&mut self) -> Box<dyn LogProcessor> {
        let mut settings = script(self.folder.path(), "python3", self.text);
        settings.unacknowledged_max = self.unacknowledged_max;
        let clock = Arc::new(RealClock::new());
        Box::new(PluginProcess::new(settings, confiner(), clock, Box::new(|_| {})))
    }

    fn properties(&self) -> Properties {
        let mut properties = Properties { pipeline: "append".to_owned(), ..Properties::default() };
        properties.settings.insert("path".to_owned(), "out".into());
        properties
    }

    fn arrived(&mut self) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
        Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn poison(&self) -> Option<String> {
        Some("poison".to_owned())
    }

    fn breaking(&self) -> Option<String> {
        Some("break".to_owned())
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(20)
    }
}

fn check(text: &'static str, unacknowledged_max: u64) {
    let fresh = || -> Box<dyn Subject> {
        Box::new(Script { folder: tempfile::tempdir().unwrap(), text, unacknowledged_max })
    };
    let clock: &dyn Clock = &RealClock::new();
    assert_eq!(broken(clock, fresh), Vec::<String>::new());
}

#[test]
fn a_process_that_is_done_at_a_flush_keeps_the_contract() {
    check(HELD, 4096);
}

#[test]
fn a_process_that_is_done_at_once_keeps_the_contract() {
    check(AT_ONCE, 4096);
}

#[test]
fn few_events_in_flight_are_enough() {
    check(HELD, 3);
}
