//! What the wrappers of a story say: lines of every kind, made from a seed.

use crate::chance::Chance;
use std::fmt::Write;

/// The words of one run.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// Its id.
    pub(crate) run: String,
    /// Its lines, without line feeds.
    pub(crate) lines: Vec<Vec<u8>>,
}

/// Longest text in a line. A few of them fill a block of an index.
const TEXT_BYTES_MAX: u64 = 3_000;

impl Script {
    /// A run with some lines. Its last one says that it has ended.
    pub(crate) fn new(run: String, chance: &mut Chance) -> Script {
        let count = 1 + chance.below(30);
        let mut lines: Vec<_> = (1..count).map(|seq| line(&run, seq, chance)).collect();
        lines.push(end(&run, count));
        Script { run, lines }
    }
}

fn line(run: &str, seq: u64, chance: &mut Chance) -> Vec<u8> {
    let content = match chance.below(12) {
        0 => format!(r#""metric":{{"name":"rows","value":{seq},"unit":""}}"#),
        1 => r#""job_event":{"event_type":"progress","metadata":{}}"#.to_owned(),
        2 => log("ERROR", chance),
        3 => log("WARN", chance),
        _ => log("INFO", chance),
    };
    format!(
        r#"{{"timestamp":"2025-01-27T23:59:{:02}Z","job_id":"{run}","outputs":[{{"path":"a"}}],"sequence_number":{seq},"content":{{{content}}}}}"#,
        seq % 60
    )
    .into_bytes()
}

fn log(level: &str, chance: &mut Chance) -> String {
    let most = if chance.one_in(6) { TEXT_BYTES_MAX } else { 40 };
    let mut text = String::new();
    for _ in 0..chance.below(most) / 16 {
        // Writing to a String does not fail.
        write!(text, "{:016x}", chance.next()).ok();
    }
    format!(r#""log":{{"level":"{level}","message":"{text}"}}"#)
}

fn end(run: &str, seq: u64) -> Vec<u8> {
    format!(
        r#"{{"timestamp":"2025-01-28T00:00:01Z","job_id":"{run}","outputs":[],"sequence_number":{seq},"content":{{"job_event":{{"event_type":"run_end","metadata":{{"cause":"success","complete":"true","duration_seconds":"1.5","last_sequence":"{seq}"}},"exit_code":0}}}}}}"#
    )
    .into_bytes()
}
