//! Objects within lines: where their members stand.

use super::cursor::{Cursor, Escapes};
use super::{Looks, has_control};
use std::ops::Range;

/// Calls `member` with where each key, without its quotes, and each value stand in `text`, which is a
/// JSON object; its keys may come twice.
///
/// `None` if it is no object, and for some that are: those with control characters, be it as blanks,
/// with half of a surrogate pair, or nested deeper than [`crate::limits::JSON_DEPTH_MAX`]. `member` may have
/// been called before that was known.
pub fn members(text: &str, mut member: impl FnMut(Range<usize>, Range<usize>)) -> Option<()> {
    let looks = Looks::of(text.as_bytes());
    if looks == Looks::Odd && has_control(text.as_bytes()) {
        return None;
    }
    let mut c = Cursor::new(text.as_bytes(), looks.escapes());
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

/// The members of an object whose fields a scanner has told, in a line that is plain: keys without their
/// quotes, and values without them if they are texts.
#[derive(Clone)]
pub struct PlainMembers<'a> {
    object: &'a [u8],
    /// `None` at the end.
    cursor: Option<Cursor<'a>>,
}

impl<'a> PlainMembers<'a> {
    /// The members of `object`, which stands there with its braces, or is empty.
    pub fn of(object: &'a [u8]) -> PlainMembers<'a> {
        let mut cursor = Cursor::new(object, Escapes::None);
        let has_any = cursor.byte(b'{').is_some() && cursor.peek() != Some(b'}');
        PlainMembers { object, cursor: has_any.then_some(cursor) }
    }
}

impl<'a> Iterator for PlainMembers<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let cursor = self.cursor.as_mut()?;
        let mut pair = None;
        let more = cursor.dense_member(&mut |key, value| pair = Some((key, value)));
        if more != Some(true) {
            self.cursor = None;
        }
        let (key, value) = pair?;
        Some((std::str::from_utf8(key).ok()?, plain_value(self.object, value)?))
    }
}

/// The value that stands at `range` of plain text: without its quotes, if it is a text.
pub fn plain_value(text: &[u8], range: Range<usize>) -> Option<&str> {
    let value = text.get(range)?;
    let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    std::str::from_utf8(inner.unwrap_or(value)).ok()
}
