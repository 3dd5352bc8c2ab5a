//! The obvious program, to be compared with: each line is parsed into types of its own, changed, and
//! printed, one write per line. It uses nothing of ours, on purpose.
//!
//! `straight wrap` makes entries of plain lines; `straight label` sets the job's label; `straight find LEVEL [FROM UNTIL]` keeps log entries of a
//! level, and of a time given as RFC 3339.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

#[derive(Serialize, Deserialize)]
struct Entry {
    timestamp: String,
    job_id: String,
    outputs: Vec<Partition>,
    sequence_number: u64,
    content: Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_label: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Partition {
    path: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Log(Log),
    Metric(Metric),
    JobEvent(JobEvent),
}

#[derive(Serialize, Deserialize)]
struct Log {
    level: String,
    message: String,
    fields: BTreeMap<String, String>,
    stream: String,
    offset: u64,
}

#[derive(Serialize, Deserialize)]
struct Metric {
    name: String,
    value: f64,
    labels: BTreeMap<String, String>,
    unit: String,
}

#[derive(Serialize, Deserialize)]
struct JobEvent {
    event_type: String,
    metadata: BTreeMap<String, String>,
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // A line buffer: each line that is printed is one write.
    let mut out = io::stdout();
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let mut entry = match words.as_slice() {
            ["wrap"] => wrap(number, line?),
            _ => serde_json::from_str(&line?)?,
        };
        let wanted = match words.as_slice() {
            ["wrap"] => true,
            ["label"] => {
                entry.job_label = Some("clean".to_owned());
                true
            }
            ["find", level] => has_level(&entry, level),
            ["find", level, from, until] => {
                has_level(&entry, level)
                    && *from <= entry.timestamp.as_str()
                    && entry.timestamp.as_str() < *until
            }
            _ => return Err(io::Error::other("say wrap, label, or find LEVEL [FROM UNTIL]")),
        };
        if wanted {
            writeln!(out, "{}", serde_json::to_string(&entry)?)?;
        }
    }
    Ok(())
}

fn wrap(number: usize, message: String) -> Entry {
    let level = if message.contains("ERROR") { "ERROR" } else { "INFO" };
    let log = Log {
        level: level.to_owned(),
        message,
        fields: BTreeMap::new(),
        stream: "stdout".to_owned(),
        offset: 0,
    };
    Entry {
        timestamp: "2025-01-27T10:30:45.000000000Z".to_owned(),
        job_id: "run".to_owned(),
        outputs: vec![Partition { path: "clean/date=2025-01-27".to_owned() }],
        sequence_number: number as u64,
        content: Content::Log(log),
        job_label: None,
    }
}

fn has_level(entry: &Entry, level: &str) -> bool {
    matches!(&entry.content, Content::Log(log) if log.level == level)
}
