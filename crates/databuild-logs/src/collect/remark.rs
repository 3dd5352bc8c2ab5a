//! What the collector itself puts on record in a run's file: events with sequence number 0, so that
//! whoever reads the entries alone learns what happened to them. Page: `docs/formats/run-file.md`.

use crate::store::RunPaths;
use crate::store::rewrite::SUSPECT;
use databuild_model::entry::{Fields, WrapperJobEvent, event};
use std::io;
use std::ops::Range;

/// The disk failed, and a new file took the place of the old one. Nothing is missing.
pub(super) fn rewritten(paths: &RunPaths, error: &io::Error) -> WrapperJobEvent {
    let mut facts = Fields::default();
    facts.push(event::repair::WHAT, "rewritten");
    facts.push(event::gap::REASON, error.to_string());
    facts.push(event::repair::SUSPECT, suspect(paths));
    WrapperJobEvent::new(event::STORE_REPAIRED, facts)
}

/// The disk failed, and entries with these numbers, which were written and not durable yet, are gone.
/// `again`: they are told again.
pub(super) fn lost(
    paths: &RunPaths,
    error: &io::Error,
    numbers: Range<u64>,
    again: bool,
) -> WrapperJobEvent {
    let mut facts = Fields::default();
    if again {
        facts.push(event::repair::WHAT, "cut");
    }
    facts.push(event::gap::REASON, format!("the disk lost what was written: {error}"));
    entries(&mut facts, numbers);
    facts.push(event::repair::SUSPECT, suspect(paths));
    WrapperJobEvent::new(if again { event::STORE_REPAIRED } else { event::GAP }, facts)
}

/// So many bytes of a line whose end never came were left out. The line is told again.
pub(super) fn cut_line(bytes: u64) -> WrapperJobEvent {
    let mut facts = Fields::default();
    facts.push(event::repair::WHAT, "cut");
    facts.push(event::gap::REASON, "the line was not whole when its writer died");
    facts.push(event::repair::BYTES, bytes.to_string());
    WrapperJobEvent::new(event::STORE_REPAIRED, facts)
}

/// Entries with these numbers came again and were left out.
pub(super) fn repeated(numbers: Range<u64>) -> WrapperJobEvent {
    let mut facts = Fields::default();
    facts.push(event::repair::WHAT, "repeated");
    facts.push(event::gap::REASON, "they are stored already");
    entries(&mut facts, numbers);
    WrapperJobEvent::new(event::STORE_REPAIRED, facts)
}

/// There was no space for more, and nobody wants to wait for it: entries from `from` on are missing.
pub(super) fn no_space(from: u64) -> WrapperJobEvent {
    let mut facts = Fields::default();
    facts.push(event::gap::REASON, "no space on the disk");
    facts.push(event::repair::ENTRIES_FROM, from.to_string());
    WrapperJobEvent::new(event::GAP, facts)
}

fn entries(facts: &mut Fields, numbers: Range<u64>) {
    if let Some(last) = numbers.end.checked_sub(1).filter(|last| numbers.start <= *last) {
        facts.push(event::repair::ENTRIES_FROM, numbers.start.to_string());
        facts.push(event::repair::ENTRIES_TO, last.to_string());
    }
}

fn suspect(paths: &RunPaths) -> String {
    let name = paths.entries.with_added_extension(SUSPECT);
    name.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
