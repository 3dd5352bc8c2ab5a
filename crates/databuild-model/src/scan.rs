//! A fast look at a stored line: is it a whole, valid entry, and what are the facts that filters,
//! indexes and labels need? Nothing is copied and nothing is allocated per line.
//!
//! It accepts a subset of what [`crate::json::read_entry`] reads: strictly valid JSON in UTF-8 with
//! the nested `content` form, in any key order. For a line it does not accept, ask the reader.

mod cursor;

use crate::entry::Kind;
use crate::ids::JobRunId;
use crate::level::Level;
use crate::time::Timestamp;
use cursor::Cursor;
use std::ops::Range;

/// The facts of one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan<'a> {
    /// When.
    pub timestamp: Timestamp,
    /// The job run; a valid [`JobRunId`].
    pub job_id: &'a str,
    /// Its place in the run.
    pub sequence_number: u64,
    /// What it carries.
    pub kind: Kind,
    /// How severe, if it is a log entry.
    pub level: Option<Level>,
    /// Where the value of the one key in `content` stands, its braces included.
    pub content: Range<usize>,
    /// Where the last brace of the line stands: labels go before it.
    pub end: usize,
    /// Which of the collector's labels the line has already.
    pub labels: Labels,
    /// The `event_type` of a job event, as it stands between its quotes.
    pub event_type: Option<&'a str>,
}

/// Which of the collector's labels a line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels {
    /// Any of `job_label`, `job_type`, `app`, `build_id` at the top.
    pub top: bool,
    /// `job_label` in a job event, or `task` in a manifest.
    pub inner: bool,
}

/// Reads lines of one run one after another. What all lines of a run have in common, from `job_id`
/// to `sequence_number`, is checked in full once and then only compared.
#[derive(Debug, Default)]
pub struct Scanner {
    /// The bytes from after the timestamp to before the sequence number of the line before.
    common: Vec<u8>,
    /// Where the job id stands in `common`.
    job_id: Range<usize>,
    minute: Minute,
}

/// The minute of the line before: as text, up to its last colon, and as a time.
#[derive(Debug, Default)]
struct Minute {
    text: [u8; MINUTE_LEN],
    start: Timestamp,
}

const MINUTE_LEN: usize = "2025-01-27T10:30:".len();

const TIME: &[u8] = b"{\"timestamp\":\"";
const CONTENT: &[u8] = b",\"content\":{\"";

/// Calls `member` with where each key, without its quotes, and each value stand in `text`, which is a
/// JSON object; its keys may come twice.
///
/// `None` if it is no object, and for some that are: those with control characters, be it as blanks,
/// with half of a surrogate pair, or nested deeper than [`crate::limits::JSON_DEPTH_MAX`]. `member` may have
/// been called before that was known.
pub fn members(text: &str, mut member: impl FnMut(Range<usize>, Range<usize>)) -> Option<()> {
    if has_control(text.as_bytes()) {
        return None;
    }
    let mut c = Cursor::new(text.as_bytes());
    c.skip_blanks();
    c.byte(b'{')?;
    c.members(|c, key| {
        let key_at = key.as_ptr().addr() - text.as_ptr().addr();
        let start = c.at();
        c.value()?;
        member(key_at..key_at + key.len(), start..c.at());
        Some(())
    })?;
    c.skip_blanks();
    c.at_end().then_some(())
}

/// One pass for the whole text lets the loop over strings look for two bytes only.
fn has_control(text: &[u8]) -> bool {
    text.iter().fold(false, |found, &byte| found | (byte < 0x20))
}

impl Scanner {
    /// A scanner that has seen no line yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The facts of `line`, which has no line feed; `None` if it is not what the fast way accepts.
    pub fn scan<'a>(&mut self, line: &'a [u8]) -> Option<Scan<'a>> {
        let text = std::str::from_utf8(line).ok()?;
        if has_control(line) {
            return None;
        }
        self.shaped(text).or_else(|| self.general(text))
    }

    /// The wrapper's own key order, with the common part compared as one piece.
    fn shaped<'a>(&mut self, text: &'a str) -> Option<Scan<'a>> {
        if self.common.is_empty() {
            return None;
        }
        let mut c = Cursor::new(text.as_bytes());
        c.literal(TIME)?;
        let timestamp = self.minute.time(c.plain_string()?)?;
        let common_at = c.at();
        c.literal(&self.common)?;
        let job_id = text.get(common_at + self.job_id.start..common_at + self.job_id.end)?;
        let sequence_number = c.whole_number()?;
        c.literal(CONTENT)?;
        let kind = kind_of(c.plain_string()?)?;
        c.byte(b':')?;
        let body = Body::read(kind, &mut c, text)?;
        c.byte(b'}')?;
        let mut labels = Labels { top: false, inner: body.inner };
        while c.peek()? == b',' {
            c.byte(b',')?;
            let key = c.string()?;
            c.byte(b':')?;
            labels.top |= is_label(key);
            if is_envelope(key) {
                return None;
            }
            c.value()?;
        }
        let end = c.at();
        c.byte(b'}')?;
        c.at_end().then_some(Scan {
            timestamp,
            job_id,
            sequence_number,
            kind,
            level: body.level,
            content: body.span,
            end,
            labels,
            event_type: body.event_type,
        })
    }

    /// Any key order. Remembers the common part if the line has the wrapper's shape.
    fn general<'a>(&mut self, text: &'a str) -> Option<Scan<'a>> {
        let mut c = Cursor::new(text.as_bytes());
        let mut seen = Seen::default();
        c.skip_blanks();
        c.byte(b'{')?;
        let end = c.members(|c, key| seen.member(c, key, text))?;
        c.skip_blanks();
        if !c.at_end() {
            return None;
        }
        let body = seen.body?;
        let job_id = text.get(seen.job_id.clone()?).filter(|id| JobRunId::is_valid(id))?;
        let scan = Scan {
            timestamp: seen.timestamp?,
            job_id,
            sequence_number: seen.sequence_number?,
            kind: body.kind,
            level: body.level,
            content: body.span,
            end,
            labels: Labels { top: seen.labelled, inner: body.inner },
            event_type: body.event_type,
        };
        self.remember(text, &scan);
        Some(scan)
    }

    fn remember(&mut self, text: &str, scan: &Scan<'_>) {
        let learn = || {
            let mut c = Cursor::new(text.as_bytes());
            c.literal(TIME)?;
            c.plain_string()?;
            let start = c.at();
            c.literal(b",\"job_id\":\"")?;
            let id = c.at() - start;
            let id = id..id + scan.job_id.len();
            c.plain_string()?;
            c.literal(b",\"outputs\":")?;
            c.value()?;
            c.literal(b",\"sequence_number\":")?;
            Some((text.as_bytes().get(start..c.at())?.to_vec(), id))
        };
        if let Some((common, job_id)) = learn() {
            (self.common, self.job_id) = (common, job_id);
        }
    }
}

impl Minute {
    /// The time that `text` says. Within the minute of the line before, only the seconds are read.
    fn time(&mut self, text: &[u8]) -> Option<Timestamp> {
        if let Some((minute, rest)) = text.split_first_chunk()
            && *minute == self.text
            && let Some(nanos) = seconds_as_nanos(rest)
        {
            return Some(Timestamp::from_nanos(self.start.as_nanos().checked_add(nanos)?));
        }
        let time = Timestamp::parse_bytes(text).ok()?;
        if let Some((minute, rest)) = text.split_first_chunk()
            && let Some(nanos) = seconds_as_nanos(rest)
        {
            self.text = *minute;
            self.start = Timestamp::from_nanos(time.as_nanos().checked_sub(nanos)?);
        }
        Some(time)
    }
}

/// `SS.nnnnnnnnnZ` below 60 as nanoseconds; other forms are read in full.
fn seconds_as_nanos(text: &[u8]) -> Option<i64> {
    let [tens @ b'0'..=b'5', ones @ b'0'..=b'9', b'.', fraction @ .., b'Z'] = text else {
        return None;
    };
    if fraction.len() != 9 {
        return None;
    }
    let seconds = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    fraction.iter().try_fold(seconds, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
    })
}

#[derive(Default)]
struct Seen<'a> {
    timestamp: Option<Timestamp>,
    job_id: Option<Range<usize>>,
    sequence_number: Option<u64>,
    body: Option<Body<'a>>,
    labelled: bool,
}

impl<'a> Seen<'a> {
    /// Reads one member; `None` for anything that needs the lenient reader, so for a key that
    /// stands twice as well.
    fn member(&mut self, c: &mut Cursor<'a>, key: &'a [u8], text: &'a str) -> Option<()> {
        match key {
            b"timestamp" if self.timestamp.is_none() => {
                c.byte(b'"')?;
                self.timestamp = Some(Timestamp::parse_bytes(c.plain_string()?).ok()?);
            }
            b"job_id" if self.job_id.is_none() => {
                c.byte(b'"')?;
                let start = c.at();
                c.plain_string()?;
                self.job_id = Some(start..c.at().checked_sub(1)?);
            }
            b"sequence_number" if self.sequence_number.is_none() => {
                self.sequence_number = Some(c.whole_number()?);
            }
            b"content" if self.body.is_none() => {
                c.byte(b'{')?;
                c.members(|c, key| {
                    let body = Body::read(kind_of(key)?, c, text)?;
                    self.body.replace(body).is_none().then_some(())
                })?;
            }
            b"outputs" => c.value()?,
            key if is_envelope(key) => return None,
            key => {
                self.labelled |= is_label(key);
                c.value()?;
            }
        }
        Some(())
    }
}

/// What stands under the one key of `content`.
struct Body<'a> {
    kind: Kind,
    span: Range<usize>,
    level: Option<Level>,
    inner: bool,
    event_type: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn read(kind: Kind, c: &mut Cursor<'a>, text: &'a str) -> Option<Self> {
        let start = c.at();
        let mut body =
            Body { kind, span: start..start, level: None, inner: false, event_type: None };
        c.byte(b'{')?;
        let end = c.members(|c, key| match (kind, key) {
            (Kind::Log, b"level") if body.level.is_none() => {
                c.byte(b'"')?;
                body.level = Some(level_of(c.plain_string()?)?);
                Some(())
            }
            (Kind::Log, b"level") => None,
            (Kind::Event, b"event_type") => {
                let from = c.at() + 1;
                c.value()?;
                body.event_type = text.get(from..c.at().checked_sub(1)?);
                Some(())
            }
            (Kind::Event, b"job_label") | (Kind::Manifest, b"task") => {
                body.inner = true;
                c.value()
            }
            (Kind::Log | Kind::Metric | Kind::Event | Kind::Manifest, _) => c.value(),
        })?;
        body.span = start..end + 1;
        if kind == Kind::Log && body.level.is_none() {
            return None;
        }
        Some(body)
    }
}

fn kind_of(key: &[u8]) -> Option<Kind> {
    match key {
        b"log" => Some(Kind::Log),
        b"metric" => Some(Kind::Metric),
        b"job_event" => Some(Kind::Event),
        b"manifest" => Some(Kind::Manifest),
        _ => None,
    }
}

/// Only the strict spelling: an alias such as `warning` goes the lenient way.
fn level_of(name: &[u8]) -> Option<Level> {
    Level::ALL.into_iter().find(|level| level.as_str().as_bytes() == name)
}

fn is_label(key: &[u8]) -> bool {
    matches!(key, b"job_label" | b"job_type" | b"app" | b"build_id")
}

/// Keys that decide what the entry is, in every spelling the lenient reader knows, and keys written
/// with escapes, which might be any of them.
fn is_envelope(key: &[u8]) -> bool {
    matches!(
        key,
        b"timestamp"
            | b"job_id"
            | b"job_run_id"
            | b"outputs"
            | b"sequence_number"
            | b"content"
            | b"log"
            | b"metric"
            | b"job_event"
            | b"event"
            | b"manifest"
    ) || key.contains(&b'\\')
}

#[cfg(test)]
mod tests;
