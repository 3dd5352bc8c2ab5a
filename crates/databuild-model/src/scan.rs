//! A fast look at a stored line: is it a whole, valid entry, and what are the facts that filters,
//! indexes and labels need? Nothing is copied and nothing is allocated per line.
//!
//! It accepts a subset of what [`crate::json::read_entry`] reads: strictly valid JSON in UTF-8 with
//! the nested `content` form, in any key order. For a line it does not accept, ask the reader.

mod body;
mod cursor;
mod members;

use crate::entry::Kind;
use crate::ids::JobRunId;
use crate::level::Level;
use crate::time::Timestamp;
use body::Body;
pub use body::Texts;
use cursor::{Cursor, Escapes};
pub use members::{PlainMembers, members, plain_value};
use std::ops::Range;

/// The facts of one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan<'a> {
    /// When.
    pub timestamp: Timestamp,
    /// The job run: the bytes of a valid [`JobRunId`].
    pub job_id: &'a [u8],
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
    /// Where the texts of a log entry stand; `None` for another one, and where only the reader knows, as for
    /// a key that stands twice.
    pub texts: Option<Texts>,
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
const SECONDS_LEN: usize = "46.000000000Z\"".len();

const TIME: &[u8; 14] = b"{\"timestamp\":\"";
const CONTENT: &[u8; 13] = b",\"content\":{\"";
const LOG: &[u8; 15] = b"log\":{\"level\":\"";

/// What one fast pass over a whole text says of it; it lets the loop over strings look for one byte or
/// two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// ASCII without control characters and backslashes.
    Plain,
    /// ASCII without control characters.
    Escaped,
    /// Not known.
    Odd,
}

impl Looks {
    fn of(text: &[u8]) -> Looks {
        // Something that is not 0 in the place of such a byte: what compilers make wide instructions of.
        let (mut odd, mut escaped) = ([0; WIDE], [0; WIDE]);
        let mut look = |bytes: &[u8; WIDE]| {
            // With the highest bit turned over, control characters and what is not ASCII come first.
            let below = |byte: u8| (0x80_u8 ^ b' ').saturating_sub(byte ^ 0x80);
            let equal = |byte: u8| 1_u8.saturating_sub(byte ^ b'\\');
            odd.iter_mut().zip(bytes).for_each(|(odd, byte)| *odd |= below(*byte));
            escaped.iter_mut().zip(bytes).for_each(|(escaped, byte)| *escaped |= equal(*byte));
        };
        let (chunks, rest) = text.as_chunks();
        chunks.iter().for_each(&mut look);
        // Looking twice at some bytes is cheaper than looking at each one alone.
        if let Some(last) = text.last_chunk() {
            look(last);
        } else {
            let mut short = [b' '; WIDE];
            short.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
            look(&short);
        }
        let (odd, escaped) = (odd != [0; WIDE], escaped != [0; WIDE]);
        match (odd, escaped) {
            (true, _) => Looks::Odd,
            (false, true) => Looks::Escaped,
            (false, false) => Looks::Plain,
        }
    }

    fn escapes(self) -> Escapes {
        match self {
            Looks::Plain => Escapes::None,
            Looks::Escaped | Looks::Odd => Escapes::Some,
        }
    }
}

/// Bytes that [`Looks`] takes at once.
const WIDE: usize = 32;

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
        self.scan_with(line, |_, _| ())
    }

    /// The same, and calls `field` with the key, without its quotes, and the place of the value of each field
    /// of a log entry, as they are passed; see [`Texts::are_fields_told`]. It may have been called for a line
    /// that is not accepted then.
    pub fn scan_with<'a>(
        &mut self,
        line: &'a [u8],
        field: impl FnMut(&'a [u8], Range<usize>),
    ) -> Option<Scan<'a>> {
        let looks = Looks::of(line);
        if looks == Looks::Odd && (has_control(line) || std::str::from_utf8(line).is_err()) {
            return None;
        }
        let c = || Cursor::new(line, looks.escapes());
        self.shaped(line, c(), field).or_else(|| self.general(line, c()))
    }

    /// The wrapper's own key order, with the common part compared as one piece.
    fn shaped<'a>(
        &mut self,
        text: &'a [u8],
        mut c: Cursor<'a>,
        field: impl FnMut(&'a [u8], Range<usize>),
    ) -> Option<Scan<'a>> {
        if self.common.is_empty() {
            return None;
        }
        c.fixed(TIME)?;
        let timestamp = self.minute.time(&mut c)?;
        let common_at = c.at();
        c.literal(&self.common)?;
        let job_id = text.get(common_at + self.job_id.start..common_at + self.job_id.end)?;
        let sequence_number = c.whole_number()?;
        c.fixed(CONTENT)?;
        let (kind, body) = if c.fixed(LOG).is_some() {
            (Kind::Log, Body::shaped_log(&mut c, text, field)?)
        } else {
            let kind = kind_of(c.plain_string()?)?;
            c.byte(b':')?;
            (kind, Body::read(kind, &mut c, text)?)
        };
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
            texts: body.texts,
        })
    }

    /// Any key order. Remembers the common part if the line has the wrapper's shape.
    fn general<'a>(&mut self, text: &'a [u8], mut c: Cursor<'a>) -> Option<Scan<'a>> {
        let mut seen = Seen::default();
        c.skip_blanks();
        c.byte(b'{')?;
        let end = c.members(|c, key| seen.member(c, key, text))?;
        c.skip_blanks();
        if !c.at_end() {
            return None;
        }
        let body = seen.body?;
        let job_id = text_at(text, seen.job_id.clone()?).filter(|id| JobRunId::is_valid(id))?;
        let job_id = job_id.as_bytes();
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
            texts: body.texts,
        };
        self.remember(text, &scan);
        Some(scan)
    }

    fn remember(&mut self, text: &[u8], scan: &Scan<'_>) {
        let learn = || {
            let mut c = Cursor::new(text, Escapes::Some);
            c.fixed(TIME)?;
            c.plain_string()?;
            let start = c.at();
            c.literal(b",\"job_id\":\"")?;
            let id = c.at() - start;
            let id = id..id + scan.job_id.len();
            c.plain_string()?;
            c.literal(b",\"outputs\":")?;
            c.value()?;
            c.literal(b",\"sequence_number\":")?;
            Some((text.get(start..c.at())?.to_vec(), id))
        };
        if let Some((common, job_id)) = learn() {
            (self.common, self.job_id) = (common, job_id);
        }
    }
}

impl Minute {
    /// The rest of a string that says a time. Within the minute of the line before, only the seconds
    /// are read.
    fn time(&mut self, c: &mut Cursor<'_>) -> Option<Timestamp> {
        let start = c.clone();
        if c.fixed(&self.text).is_some()
            && let Some(nanos) = c.take().and_then(seconds_as_nanos)
        {
            return Some(Timestamp::from_nanos(self.start.as_nanos().checked_add(nanos)?));
        }
        *c = start.clone();
        let time = Timestamp::parse_bytes(c.plain_string()?).ok()?;
        let mut again = start;
        if let Some(minute) = again.take()
            && let Some(nanos) = again.take().and_then(seconds_as_nanos)
        {
            self.text = *minute;
            self.start = Timestamp::from_nanos(time.as_nanos().checked_sub(nanos)?);
        }
        Some(time)
    }
}

/// `SS.nnnnnnnnnZ` below 60 and a quote as nanoseconds; other forms are read in full.
fn seconds_as_nanos(text: &[u8; SECONDS_LEN]) -> Option<i64> {
    let [tens @ b'0'..=b'5', ones @ b'0'..=b'9', b'.', eight @ .., last @ b'0'..=b'9', b'Z', b'"'] =
        text
    else {
        return None;
    };
    let seconds = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    let fraction = i64::from(eight_digits(*eight)?) * 10 + i64::from(last - b'0');
    Some(seconds * 1_000_000_000 + fraction)
}

/// Eight digits as a number: pairs, then fours, then all of them, each by one multiplication.
fn eight_digits(text: [u8; 8]) -> Option<u32> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(text);
    // A byte from `0` to `9` has a 3 in its upper half, and still has it when 6 is added.
    let upper = 0xF0 * LOW;
    if word & upper != 0x30 * LOW || word.wrapping_add(0x06 * LOW) & upper != 0x30 * LOW {
        return None;
    }
    let digits = word & (0x0F * LOW);
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    u32::try_from(fours.wrapping_mul(10_000 << 32 | 1) >> 32).ok()
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
    fn member(&mut self, c: &mut Cursor<'a>, key: &'a [u8], text: &'a [u8]) -> Option<()> {
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

/// A part of a line that is known to be UTF-8, cut at ASCII.
fn text_at(line: &[u8], range: Range<usize>) -> Option<&str> {
    std::str::from_utf8(line.get(range)?).ok()
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
