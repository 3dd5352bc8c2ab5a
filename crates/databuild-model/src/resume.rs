//! Where to go on with a run, told by its stored entries alone.

use crate::entry::{Content, Fields, JobLogEntry, Kind, Stream, WrapperJobEvent, event, field};
use crate::json::read_entry;
use crate::limits::FRAGMENT_BYTES_MAX;
use crate::origin::Origin;
use crate::scan::Scan;
use crate::spool::{self, Resume};

/// Takes the stored entries of a run one after another and says where they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeFold {
    resume: Resume,
}

impl Default for ResumeFold {
    fn default() -> Self {
        Self::new()
    }
}

impl ResumeFold {
    /// Of a run of which nothing is stored.
    pub fn new() -> Self {
        let resume = Resume { version: spool::VERSION, next_sequence: 1, ..Resume::default() };
        ResumeFold { resume }
    }

    /// The stored entry `line`, in which `scan` was found. Cheap for a line of output.
    pub fn line(&mut self, scan: &Scan<'_>, line: &[u8]) {
        let plain = match scan.kind {
            Kind::Log => true,
            Kind::Metric | Kind::Event | Kind::Manifest => false,
        };
        let origin = if plain { Origin::of_line(scan, line) } else { Origin::default() };
        if plain && !may_be_fragment(&origin) {
            if self.is_next(scan.sequence_number) {
                self.covered(&origin, 0);
            }
        } else if let Ok((entry, _)) = read_entry(line) {
            self.entry(&entry);
        }
    }

    /// The same for an entry that was read. One that was stored before, or that no wrapper wrote,
    /// changes nothing.
    pub fn entry(&mut self, entry: &JobLogEntry) {
        if !self.is_next(entry.sequence_number) {
            return;
        }
        let origin = entry.content.origin();
        match &entry.content {
            Content::Log(log) => {
                let open =
                    may_be_fragment(&origin) && log.fields.get(field::FRAGMENT_LAST).is_none();
                let number = log.fields.get(field::FRAGMENT).filter(|_| open);
                self.covered(&origin, number.and_then(|text| text.parse().ok()).unwrap_or(0));
            }
            _ if origin.range().is_some() => self.covered(&origin, 0),
            Content::Metric(point) => insert(&mut self.resume.measurements, &point.name),
            Content::JobEvent(event) => self.event(event),
            Content::Manifest(_) => self.resume.manifest = true,
        }
    }

    /// Where to go on.
    pub fn resume(&self) -> &Resume {
        &self.resume
    }

    /// Whether the run's `run_end` is stored, so that there is nothing to go on with.
    pub fn is_over(&self) -> bool {
        self.resume.events.iter().any(|event| event == event::RUN_END)
    }

    fn is_next(&mut self, sequence: u64) -> bool {
        let is_next = self.resume.next_sequence <= sequence;
        if is_next {
            self.resume.next_sequence = sequence.saturating_add(1);
        }
        is_next
    }

    fn covered(&mut self, origin: &Origin, open_fragment: u64) {
        let Some((stream, range)) = origin.range() else { return };
        let (consumed, fragments) = match stream {
            Stream::Stdout => (&mut self.resume.stdout_consumed, &mut self.resume.stdout_fragments),
            Stream::Stderr => (&mut self.resume.stderr_consumed, &mut self.resume.stderr_fragments),
        };
        *consumed = range.end.max(*consumed);
        *fragments = open_fragment;
    }

    fn event(&mut self, event: &WrapperJobEvent) {
        match event.event_type.as_str() {
            event::GAP => {
                if let Some(origin) = gap(&event.metadata) {
                    self.covered(&origin, 0);
                }
                let number = |name| event.metadata.get(name)?.parse::<u64>().ok();
                self.resume.lines_left_out += number(event::gap::LINES).unwrap_or(0);
                self.resume.bytes_left_out += number(event::gap::BYTES).unwrap_or(0);
            }
            event::HEARTBEAT
            | event::WRAPPER_RESTARTED
            | event::CAPTURE_RESUMED
            | event::CLOCK_STEP => {}
            once => insert(&mut self.resume.events, once),
        }
    }
}

fn insert(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// The range that a `gap` event names, if it is of a stream and its length is known.
pub fn gap(metadata: &Fields) -> Option<Origin> {
    let stream = Stream::parse(metadata.get(event::gap::STREAM)?)?;
    let number = |name| metadata.get(name)?.parse().ok();
    let (from, to): (u64, u64) = (number(event::gap::FROM)?, number(event::gap::TO)?);
    Some(Origin::new(stream, from, to.checked_sub(from)?))
}

/// A fragment that is not the last of its line is as long as one can be, but for a cut character. A
/// shorter entry that has such a field has it from the job.
fn may_be_fragment(origin: &Origin) -> bool {
    origin.bytes.is_some_and(|bytes| FRAGMENT_BYTES_MAX as u64 - 3 <= bytes)
}

#[cfg(test)]
mod tests;
