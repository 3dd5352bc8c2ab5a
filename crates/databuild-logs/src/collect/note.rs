//! What a watcher is told, gathered line by line.

use super::watch::{BatchNote, RunWatch};
use crate::limits;
use crate::store::facts::LineFacts;
use databuild_model::entry::{Content, Kind, WrapperJobEvent, event};
use databuild_model::json;
use databuild_model::level::Level;

/// A watcher and what it was not told yet.
pub(super) struct Noter {
    watch: Box<dyn RunWatch>,
    note: BatchNote,
}

impl Noter {
    pub(super) fn new(watch: Box<dyn RunWatch>) -> Self {
        Noter { watch, note: BatchNote::default() }
    }

    pub(super) fn line(&mut self, facts: &LineFacts, line: &[u8]) {
        self.note.entries += 1;
        match facts.level {
            Some(Level::Warn) => self.note.warnings += 1,
            Some(Level::Error | Level::Fatal) => self.note.errors += 1,
            Some(Level::Trace | Level::Debug | Level::Info) | None => {}
        }
        let has_room = self.note.metrics.len() < limits::NOTE_METRICS_MAX;
        match facts.kind {
            Kind::Metric if has_room => self.content(line),
            Kind::Event if is_progress(line) => self.content(line),
            Kind::Manifest => self.content(line),
            Kind::Log | Kind::Metric | Kind::Event => {}
        }
    }

    fn content(&mut self, line: &[u8]) {
        let Ok((entry, _)) = json::read_entry(line) else { return };
        match entry.content {
            Content::Metric(point) => self.note.metrics.push(point),
            Content::JobEvent(event) if event.event_type == event::PROGRESS => {
                self.note.last_progress = Some(progress_text(&event));
            }
            Content::Manifest(manifest) => {
                self.note.made.get_or_insert_default().extend(manifest.outputs);
            }
            Content::JobEvent(_) | Content::Log(_) => {}
        }
    }

    /// Tells the watcher, if there is something to tell.
    pub(super) fn tell(&mut self) {
        if self.note.entries != 0 {
            self.watch.on_batch(&self.note);
            self.note = BatchNote::default();
        }
    }
}

/// A first look, which may be wrong in what it takes and never in what it leaves.
fn is_progress(line: &[u8]) -> bool {
    memchr::memmem::find(line, event::PROGRESS.as_bytes()).is_some()
}

fn progress_text(event: &WrapperJobEvent) -> String {
    let value = |name| event.metadata.get(name);
    let mut parts: Vec<String> = Vec::new();
    match (value("done"), value("total")) {
        (Some(done), Some(total)) => parts.push(format!("{done}/{total}")),
        (Some(done), None) => parts.push(done.to_owned()),
        (None, _) => {}
    }
    parts.extend(value("message").map(str::to_owned));
    if parts.is_empty() {
        parts.extend(event.metadata.iter().map(|(_, value)| value.to_owned()));
    }
    parts.join(" ")
}
