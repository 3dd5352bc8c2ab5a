//! The judgement over the lines of one run's file, in order: pure, one pass, bounded memory.

use super::coverage::Coverage;
use super::origin::Origin;
use super::{HashProof, Note, PROBLEMS_MAX, Problem, StreamProof};
use crate::format::{Block, IndexHeader, RunRecord};
use crate::store::facts::{LineFacts, LineReader, Looked};
use crate::store::tally::RunTally;
use databuild_model::cause::run_end;
use databuild_model::entry::event::{self, gap, repair};
use databuild_model::entry::{Content, Kind, Stream, WrapperJobEvent};
use databuild_model::ids::JobRunId;
use databuild_model::json;
use databuild_model::scan::Scanner;
use std::ops::Range;

/// Judges the lines of one run.
#[derive(Debug)]
pub struct Judge {
    lines: LineReader,
    heard: Heard,
}

/// What the lines said so far.
#[derive(Debug)]
struct Heard {
    tally: RunTally,
    /// The highest number so far.
    last: u64,
    missing: Vec<Range<u64>>,
    missing_unlisted: u64,
    missing_entries: u64,
    repeated: u64,
    repeated_first: u64,
    streams: [StreamJudge; 2],
    gaps: Vec<String>,
    /// Numbers that the collector says are lost, and why.
    lost: Vec<(Range<u64>, String)>,
    repaired: u64,
    end: Option<End>,
    after_end: u64,
    again: Scanner,
    printed: Vec<u8>,
}

/// What a judgement says. Problems beyond [`PROBLEMS_MAX`] are counted.
#[derive(Debug)]
pub struct Judged {
    /// The counts of the lines, without a hash.
    pub record: RunRecord,
    /// The blocks that were not taken yet.
    pub blocks: Vec<Block>,
    /// The number of entries that the wrapper sent.
    pub entries_sent: u64,
    /// Those that are stored.
    pub entries_stored: u64,
    /// stdout, stderr.
    pub streams: [StreamProof; 2],
    /// What is wrong.
    pub problems: Problems,
    /// What is worth knowing.
    pub notes: Vec<Note>,
}

/// Problems, as many as are kept.
#[derive(Debug, Default)]
pub struct Problems {
    /// The first ones.
    pub listed: Vec<Problem>,
    /// How many more.
    pub unlisted: u64,
}

/// What a `run_end` states.
#[derive(Debug)]
struct End {
    number: u64,
    states: Option<u64>,
    complete: bool,
    read: [Option<u64>; 2],
    hashes: [Option<String>; 2],
}

#[derive(Debug)]
struct StreamJudge {
    coverage: Coverage,
    /// The raw text so far; nothing once an entry came that does not hold it.
    hasher: Option<Box<blake3::Hasher>>,
    /// An entry tells its bytes.
    ranges: bool,
    /// An entry does not.
    no_ranges: bool,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        if self.listed.len() < PROBLEMS_MAX {
            self.listed.push(problem);
        } else {
            self.unlisted += 1;
        }
    }
}

impl Judge {
    /// A judge of the run that the index is about.
    pub fn new(run: &JobRunId, header: Option<&IndexHeader>) -> Self {
        let header = header.cloned().unwrap_or_else(|| IndexHeader {
            job_run_id: run.clone(),
            job_label: None,
            job_type: None,
            app: None,
            build_id: None,
        });
        let stream = || StreamJudge {
            coverage: Coverage::default(),
            hasher: Some(Box::default()),
            ranges: false,
            no_ranges: false,
        };
        let heard = Heard {
            tally: RunTally::new(&header),
            last: 0,
            missing: Vec::new(),
            missing_unlisted: 0,
            missing_entries: 0,
            repeated: 0,
            repeated_first: 0,
            streams: [stream(), stream()],
            gaps: Vec::new(),
            lost: Vec::new(),
            repaired: 0,
            end: None,
            after_end: 0,
            again: Scanner::new(),
            printed: Vec::new(),
        };
        Judge { lines: LineReader::new(run.clone()), heard }
    }

    /// The next line, without its line feed; nothing if it is too long to be looked at. `bytes` are
    /// those of the line with its line feed.
    pub fn line(&mut self, line: Option<&[u8]>, bytes: u64) {
        let heard = &mut self.heard;
        let Some(line) = line else { return heard.tally.line(None, bytes) };
        match self.lines.look(line) {
            Looked::Scanned(facts, scan) => {
                heard.tally.line(Some(&facts), bytes);
                if is_remark(&facts) {
                    heard.event(line, &facts);
                } else if heard.counts(&facts) {
                    match facts.kind {
                        Kind::Event if is_telling(scan.event_type) => heard.event(line, &facts),
                        // The job can say events too.
                        Kind::Log | Kind::Metric | Kind::Event => {
                            let content = line.get(scan.content).map(std::str::from_utf8);
                            heard.output(content.and_then(Result::ok).unwrap_or_default());
                        }
                        Kind::Manifest => {}
                    }
                }
            }
            Looked::Read(facts, entry) => {
                heard.tally.line(Some(&facts), bytes);
                if is_remark(&facts) || heard.counts(&facts) {
                    if let Content::JobEvent(event) = &entry.content {
                        heard.told(event, &facts);
                    }
                    heard.reprint(&entry);
                }
            }
            Looked::Refused(_) => heard.tally.line(None, bytes),
        }
    }

    /// Blocks of the index that are full by now.
    pub fn take_blocks(&mut self) -> Vec<Block> {
        let tally = &mut self.heard.tally;
        if tally.has_blocks() { tally.take_blocks() } else { Vec::new() }
    }

    /// The verdict. `running`: more will come, so an end is not missed.
    pub fn finish(self, running: bool) -> Judged {
        self.heard.finish(running)
    }
}

impl Heard {
    /// Counts the number of an entry; `false` if it is none of the run's own.
    fn counts(&mut self, facts: &LineFacts) -> bool {
        if facts.foreign || facts.sequence == 0 {
            return false;
        }
        self.after_end += u64::from(self.end.is_some());
        let number = facts.sequence;
        if number <= self.last {
            // One that comes late, or again.
            if !self.found(number) {
                self.repeated += 1;
                if self.repeated == 1 {
                    self.repeated_first = number;
                }
            }
            return true;
        }
        let expected = self.last + 1;
        if expected < number {
            self.missing_entries += number - expected;
            if self.missing.len() < PROBLEMS_MAX {
                self.missing.push(expected..number);
            } else {
                self.missing_unlisted += 1;
            }
        }
        self.last = number;
        true
    }

    /// Whether `number` was missing; it is not any more.
    fn found(&mut self, number: u64) -> bool {
        let Some(at) = self.missing.iter().position(|range| range.contains(&number)) else {
            return false;
        };
        let range = self.missing.remove(at);
        self.missing_entries -= 1;
        let around = [range.start..number, number + 1..range.end];
        for (n, part) in around.into_iter().filter(|part| !part.is_empty()).enumerate() {
            self.missing.insert(at + n, part);
        }
        true
    }

    /// An entry in a form that only the full reader knows is looked at in our own form.
    fn reprint(&mut self, entry: &databuild_model::entry::JobLogEntry) {
        let mut printed = std::mem::take(&mut self.printed);
        printed.clear();
        json::write_entry(entry, &mut printed);
        let content = self.again.scan(&printed).map(|scan| scan.content);
        let content = content.and_then(|content| printed.get(content));
        if let Some(content) = content.and_then(|content| std::str::from_utf8(content).ok()) {
            self.output(content);
        }
        self.printed = printed;
    }

    /// The content of an entry.
    fn output(&mut self, content: &str) {
        let origin = Origin::read(content);
        let Some(stream) = origin.stream else { return };
        let [stdout, stderr] = &mut self.streams;
        match stream {
            Stream::Stdout => stdout.take(&origin),
            Stream::Stderr => stderr.take(&origin),
        }
    }

    fn event(&mut self, line: &[u8], facts: &LineFacts) {
        if let Ok((entry, _)) = json::read_entry(line)
            && let Content::JobEvent(event) = &entry.content
        {
            self.told(event, facts);
        }
    }

    fn told(&mut self, event: &WrapperJobEvent, facts: &LineFacts) {
        match event.event_type.as_str() {
            event::GAP => self.gap(event),
            event::STORE_REPAIRED => self.repaired += 1,
            event::RUN_END if self.end.is_none() && !is_remark(facts) => {
                let number = |name| event.metadata.get(name).and_then(|text| text.parse().ok());
                let text = |name| event.metadata.get(name).map(str::to_owned);
                self.end = Some(End {
                    number: facts.sequence,
                    states: number(run_end::LAST_SEQUENCE),
                    complete: event.metadata.get(run_end::COMPLETE) == Some("true"),
                    read: [number(run_end::STDOUT_BYTES), number(run_end::STDERR_BYTES)],
                    hashes: [text(run_end::STDOUT_BLAKE3), text(run_end::STDERR_BLAKE3)],
                });
            }
            _ => {}
        }
    }

    fn gap(&mut self, event: &WrapperJobEvent) {
        let number = |name| event.metadata.get(name).and_then(|text| text.parse::<u64>().ok());
        let reason = event.metadata.get(gap::REASON).unwrap_or("the gap gives no reason");
        let stream = event.metadata.get(gap::STREAM).and_then(Stream::parse);
        let (Some(stream), Some(from)) = (stream, number(gap::FROM)) else {
            if PROBLEMS_MAX <= self.gaps.len() + self.lost.len() {
                return;
            }
            match number(repair::ENTRIES_FROM).zip(number(repair::ENTRIES_TO)) {
                Some((from, to)) => {
                    self.lost.push((from..to.saturating_add(1), reason.to_owned()));
                }
                None => self.gaps.push(reason.to_owned()),
            }
            return;
        };
        let to = number(gap::TO);
        let [stdout, stderr] = &mut self.streams;
        let coverage = match stream {
            Stream::Stdout => &mut stdout.coverage,
            Stream::Stderr => &mut stderr.coverage,
        };
        coverage.name(from, to, reason);
    }

    fn finish(self, running: bool) -> Judged {
        let mut problems = Problems::default();
        let mut notes = Vec::new();
        let (blocks, record) = self.tally.finish();
        match &self.end {
            None if running => {}
            None => problems.push(Problem::NoEnd),
            Some(end) => {
                if 0 < self.after_end {
                    problems.push(Problem::AfterEnd { entries: self.after_end });
                }
                if let Some(said) = end.states.filter(|said| *said != end.number) {
                    problems.push(Problem::EndNumber { said, has: end.number });
                }
            }
        }
        for range in &self.missing {
            let why =
                self.lost.iter().find(|(lost, _)| lost.start < range.end && range.start < lost.end);
            let reason = why.map(|(_, reason)| reason.clone());
            problems.push(Problem::Entries { from: range.start, to: range.end - 1, reason });
        }
        problems.unlisted += self.missing_unlisted;
        if 0 < self.repeated {
            let (entries, first) = (self.repeated, self.repeated_first);
            problems.push(Problem::Repeated { entries, first });
        }
        let [stdout, stderr] = self.streams;
        let end = self.end.as_ref();
        let streams = [
            stdout.finish(Stream::Stdout, end, 0, &mut problems, &mut notes),
            stderr.finish(Stream::Stderr, end, 1, &mut problems, &mut notes),
        ];
        for reason in self.gaps {
            problems.push(Problem::Gap { reason });
        }
        if self.end.is_some_and(|end| !end.complete) && problems.listed.is_empty() {
            problems.push(Problem::OutputLost);
        }
        if 0 < self.repaired {
            notes.push(Note::Repaired { times: self.repaired });
        }
        if 0 < record.malformed {
            notes.push(Note::Malformed { lines: record.malformed });
        }
        Judged {
            entries_sent: self.last,
            entries_stored: self.last - self.missing_entries,
            record,
            blocks,
            streams,
            problems,
            notes,
        }
    }
}

/// Whether the collector itself says it: it gives no numbers.
fn is_remark(facts: &LineFacts) -> bool {
    facts.sequence == 0 && !facts.foreign && facts.kind == Kind::Event
}

fn is_telling(event_type: Option<&str>) -> bool {
    event_type.is_some_and(|name| name == event::GAP || name == event::RUN_END)
}

impl StreamJudge {
    fn take(&mut self, origin: &Origin<'_>) {
        let (Some(offset), Some(bytes)) = (origin.offset, origin.bytes) else {
            self.no_ranges = true;
            self.hasher = None;
            return;
        };
        self.ranges = true;
        self.coverage.cover(offset, bytes);
        if let Some(hasher) = &mut self.hasher
            && !origin.feed(bytes, hasher)
        {
            self.hasher = None;
        }
    }

    fn finish(
        self,
        stream: Stream,
        end: Option<&End>,
        place: usize,
        problems: &mut Problems,
        notes: &mut Vec<Note>,
    ) -> StreamProof {
        let read = end.and_then(|end| end.read.get(place).copied().flatten());
        let said = end.and_then(|end| end.hashes.get(place)?.as_deref());
        if self.no_ranges {
            notes.push(Note::NoRanges { stream });
        }
        let stored = self.coverage.stored();
        // Without ranges nothing can be missed; without entries all must be named.
        let proven = !self.no_ranges && (self.ranges || end.is_some_and(|end| end.tells(place)));
        let mut found = 0;
        if proven {
            self.coverage.problems(stream, read, &mut |problem| {
                found += 1;
                problems.push(problem);
            });
        } else {
            // What gap events name is missing all the same.
            self.coverage.problems(stream, None, &mut |problem| problems.push(problem));
        }
        let hash = match (said, self.hasher) {
            (None, _) => HashProof::Absent,
            (Some(_), None) => HashProof::Recorded,
            // Text with holes has another hash, and the holes have been told.
            (Some(_), Some(_)) if 0 < found || !proven => HashProof::Recorded,
            (Some(said), Some(hasher)) if hasher.finalize().to_hex().as_str() == said => {
                HashProof::Matches
            }
            (Some(_), Some(_)) => HashProof::Differs,
        };
        if hash == HashProof::Differs {
            problems.push(Problem::StreamHash { stream });
        }
        let bytes_stored = proven.then_some(stored);
        StreamProof { stream, bytes_read: read, bytes_stored, hash }
    }
}

impl End {
    /// Whether the wrapper is one that tells the bytes of its entries: it hashes its streams too, or
    /// read nothing.
    fn tells(&self, place: usize) -> bool {
        let hashed = self.hashes.iter().any(Option::is_some);
        hashed || self.read.get(place).copied().flatten() == Some(0)
    }
}

#[cfg(test)]
mod tests;
