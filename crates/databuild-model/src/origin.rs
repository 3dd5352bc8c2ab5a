//! Which bytes of a job's output an entry stands for, and those bytes themselves where they can be had
//! from the entry.

use crate::entry::{LogMessage, Stream, field};
use crate::json::read_entry;
use crate::scan::Scan;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::ops::Range;

/// A range of bytes in a stream of the job. What the wrapper says itself has none.
///
/// The ranges of one stream follow one another from 0 without a gap, in the order of the entries: line
/// ends and states of a progress line that are not kept are in the range of an entry too. What is in no
/// range is named by a `gap` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Where the job wrote it.
    pub stream: Option<Stream>,
    /// Where in that stream the range begins.
    pub offset: Option<u64>,
    /// How long it is. Older wrappers did not say.
    pub bytes: Option<u64>,
}

impl Origin {
    /// `bytes` bytes of `stream` from `offset` on.
    pub fn new(stream: Stream, offset: u64, bytes: u64) -> Self {
        Origin { stream: Some(stream), offset: Some(offset), bytes: Some(bytes) }
    }

    /// The stream and the range in it, if all of it is known.
    pub fn range(&self) -> Option<(Stream, Range<u64>)> {
        let (stream, from) = (self.stream?, self.offset?);
        Some((stream, from..from.checked_add(self.bytes?)?))
    }

    /// The origin of the entry that `scan` has found in `line`. Of one that is not told in full there
    /// is nothing.
    pub fn of_line(scan: &Scan<'_>, line: &[u8]) -> Origin {
        let content = line.get(scan.content.clone()).unwrap_or_default();
        match at_the_end(content) {
            Some(origin) => origin,
            None if memchr::memmem::find(content, b"\"stream\":").is_none() => Origin::default(),
            None => read_entry(line).map(|(entry, _)| entry.content.origin()).unwrap_or_default(),
        }
    }
}

/// As our own writer leaves it. `content` is valid JSON, so an unescaped quote is the end of a key, and
/// a digit before the last brace is the value of a member of the outermost object.
fn at_the_end(content: &[u8]) -> Option<Origin> {
    let rest = content.strip_suffix(b"}")?;
    let rest = number_after(rest, b",\"cr\":").map_or(rest, |(rest, _)| rest);
    let (rest, bytes) = number_after(rest, b",\"bytes\":")?;
    let (rest, offset) = number_after(rest, b",\"offset\":")?;
    let stream = if rest.ends_with(b",\"stream\":\"stdout\"") {
        Stream::Stdout
    } else if rest.ends_with(b",\"stream\":\"stderr\"") {
        Stream::Stderr
    } else {
        return None;
    };
    Some(Origin::new(stream, offset, bytes))
}

/// A number at the end of `text` with `key` before it, and what is before that.
fn number_after<'a>(text: &'a [u8], key: &[u8]) -> Option<(&'a [u8], u64)> {
    let digits = text.iter().rev().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, digits) = text.split_at_checked(text.len().checked_sub(digits)?)?;
    let rest = rest.strip_suffix(key)?;
    let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    Some((rest, digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())?))
}

/// The message as it was written: of one that is not UTF-8 its bytes.
fn message_bytes(log: &LogMessage) -> Option<Cow<'_, [u8]>> {
    match log.fields.get(field::RAW_BASE64) {
        None => Some(Cow::Borrowed(log.message.as_bytes())),
        Some(text) => STANDARD.decode(text).ok().map(Cow::Owned),
    }
}

/// The bytes that the job wrote and that became `log`, line ends and all.
///
/// They can be had of a line that was kept as it is; not of one that was understood as JSON, nor of a
/// progress line whose states are not all kept.
pub fn raw_bytes(log: &LogMessage) -> Option<Vec<u8>> {
    let wanted = usize::try_from(log.origin.bytes?).ok()?;
    let message = message_bytes(log)?;
    let line_end = usize::try_from(log.cr).ok()?.checked_add(1)?;
    // Enough to know that the length fits before anything of it is made.
    let ends = memchr::memchr_iter(b'\n', &message).count();
    let least = message.len().checked_add(ends.checked_mul(line_end - 1)?)?;
    let whole = log.fields.get(field::PROGRESS_STATES).is_none();
    if !whole || !(least..=least.checked_add(line_end)?).contains(&wanted) {
        return None;
    }
    let mut raw = Vec::with_capacity(wanted);
    for line in message.split(|&byte| byte == b'\n') {
        raw.extend_from_slice(line);
        raw.resize(raw.len() + line_end - 1, b'\r');
        raw.push(b'\n');
    }
    raw.truncate(wanted);
    Some(raw)
}

#[cfg(test)]
mod tests;
