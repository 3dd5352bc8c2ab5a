//! Where lines and pieces of them begin and end.

use crate::output::METRIC_PREFIX;
use std::borrow::Cow;

/// A length within the buffer.
pub(super) fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Whether a line never joins another: it looks like JSON or a metric.
pub(super) fn stands_alone(line: &[u8]) -> bool {
    match line.first() {
        Some(b'{') => line.last() == Some(&b'}'),
        Some(b'_') => line.starts_with(METRIC_PREFIX.as_bytes()),
        Some(_) | None => false,
    }
}

/// `raw` without carriage returns that stand right before a line feed or at the end.
pub(super) fn without_line_end_cr(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\r', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    for (n, line) in raw.split(|&byte| byte == b'\n').enumerate() {
        if n != 0 {
            text.push(b'\n');
        }
        let mut line = line;
        while let Some(shorter) = line.strip_suffix(b"\r") {
            line = shorter;
        }
        text.extend_from_slice(line);
    }
    Cow::Owned(text)
}

/// The last place up to `most` that does not cut a UTF-8 character, if there is one near.
pub(super) fn char_boundary(buffer: &[u8], start: usize, most: usize) -> usize {
    (most.saturating_sub(3).max(start + 1)..=most)
        .rev()
        .find(|&at| buffer.get(at).is_none_or(|&byte| byte & 0xC0 != 0x80))
        .unwrap_or(most)
}
