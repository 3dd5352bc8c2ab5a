//! Events for checks: owned, numbered, one second apart.

use crate::processor::{Entity, LogEvent};
use databuild_model::entry::Kind;
use databuild_model::json::write::{write_number, write_string};
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use databuild_policy::layout::LayoutEvent;
use std::time::Duration;

/// When the first event of a check happened, in nanoseconds: 2025-01-27T10:30:00Z.
const FIRST: i64 = 1_737_973_800_000_000_000;

const PROJECT: &str = "shop";
const APP: &str = "billing";
const JOB: &str = "invoices";
const RUN: &str = "0194a6e0-0000-7000-8000-000000000001";

/// An event that owns what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEvent {
    /// Its number within its run, from 1.
    pub sequence: u64,
    /// What it says.
    pub message: String,
    /// The entry as it would be stored.
    pub line: Vec<u8>,
    at: Timestamp,
}

impl OwnedEvent {
    /// The event with number `sequence` of the one run of the checks.
    pub fn new(sequence: u64, message: &str) -> OwnedEvent {
        let at = Timestamp::from_nanos(FIRST).saturating_add(Duration::from_secs(sequence));
        let mut line = b"{\"timestamp\":\"".to_vec();
        at.write_to(&mut line);
        line.extend_from_slice(b"\",\"job_id\":");
        write_string(RUN, &mut line);
        line.extend_from_slice(
            b",\"outputs\":[{\"path\":\"invoices/date=2025-01-27\"}],\"sequence_number\":",
        );
        write_number(sequence, &mut line);
        line.extend_from_slice(b",\"content\":{\"log\":{\"level\":\"INFO\",\"message\":");
        write_string(message, &mut line);
        line.extend_from_slice(b"}},\"job_label\":");
        write_string(JOB, &mut line);
        line.extend_from_slice(b",\"app\":");
        write_string(APP, &mut line);
        line.push(b'}');
        OwnedEvent { sequence, message: message.to_owned(), line, at }
    }

    /// The event as a processor gets it, at `position` of its pipeline.
    pub fn at(&self, position: u64) -> LogEvent<'_> {
        LogEvent {
            position,
            sequence: self.sequence,
            late: false,
            kind: Kind::Log,
            entity: Entity { project: PROJECT, app: APP, job: JOB, run: RUN },
            line: &self.line,
            view: LayoutEvent {
                logger: JOB,
                app: APP,
                job: JOB,
                run: RUN,
                partition: "invoices/date=2025-01-27",
                sequence: self.sequence,
                ..LayoutEvent::saying(self.at, Level::Info, &self.message)
            },
        }
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        self.at
    }
}

/// `count` events that say `event 1`, `event 2` and so on.
pub fn numbered(count: u64) -> Vec<OwnedEvent> {
    (1..=count).map(|n| OwnedEvent::new(n, &format!("event {n}"))).collect()
}
