//! Where an entry says that it comes from, and the raw bytes that it stands for.

use databuild_model::entry::{Stream, field};
use databuild_model::scan::members;
use std::borrow::Cow;

/// The place in its stream that an entry states.
#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    pub(super) stream: Option<Stream>,
    pub(super) offset: Option<u64>,
    pub(super) bytes: Option<u64>,
    cr: usize,
    message: Option<&'a str>,
    fields: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// Reads the content of an entry.
    pub(super) fn read(content: &'a str) -> Self {
        let mut origin = Origin::default();
        let read = members(content, |key, value| {
            let Some(value) = content.get(value) else { return };
            match content.get(key).unwrap_or_default() {
                "stream" => origin.stream = Stream::parse(value.trim_matches('"')),
                "offset" => origin.offset = value.parse().ok(),
                "bytes" => origin.bytes = value.parse().ok(),
                "cr" => origin.cr = value.parse().unwrap_or_default(),
                "message" => origin.message = Some(value),
                "fields" => origin.fields = Some(value),
                _ => {}
            }
        });
        // The line is an entry, so its content is an object that can be read.
        read.map_or_else(Origin::default, |()| origin)
    }

    /// Feeds the raw bytes that the entry stands for. `false` if it does not hold them.
    pub(super) fn feed(&self, bytes: u64, hasher: &mut blake3::Hasher) -> bool {
        let fields = self.fields.unwrap_or_default();
        let Some(message) = self.message.and_then(unquote) else { return false };
        let exact = if fields.contains(field::RAW_BASE64) {
            use base64::Engine as _;
            let text = member(fields, field::RAW_BASE64);
            let raw = text.and_then(|text| {
                base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok()
            });
            let Some(raw) = raw else { return false };
            Cow::Owned(raw)
        } else {
            Cow::Borrowed(message.as_bytes())
        };
        if fields.contains(field::PROGRESS_STATES) {
            return false;
        }
        let wanted = usize::try_from(bytes).ok();
        let Some(end) = wanted.and_then(|wanted| self.last_end(&exact, wanted)) else {
            return false;
        };
        let returns = "\r".repeat(self.cr);
        for (n, line) in exact.split(|&byte| byte == b'\n').enumerate() {
            if n != 0 {
                hasher.update(returns.as_bytes()).update(b"\n");
            }
            hasher.update(line);
        }
        hasher.update(returns.get(..end.min(self.cr)).unwrap_or_default().as_bytes());
        hasher.update(if self.cr < end { b"\n" } else { b"" });
        true
    }

    /// How much of the end of its last line is there, if the message and the ends of its lines are
    /// `wanted` bytes. All else was taken apart: replaced states, members of an object.
    fn last_end(&self, message: &[u8], wanted: usize) -> Option<usize> {
        let inner = memchr::memchr_iter(b'\n', message).count().checked_mul(self.cr)?;
        let end = wanted.checked_sub(message.len().checked_add(inner)?)?;
        (end <= self.cr.checked_add(1)?).then_some(end)
    }
}

/// The text of a JSON string.
fn unquote(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(value).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The text of the member `name` of a JSON object of strings.
fn member<'a>(object: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut found = None;
    members(object, |key, value| {
        if object.get(key) == Some(name) {
            found = object.get(value);
        }
    })?;
    found.and_then(unquote)
}
