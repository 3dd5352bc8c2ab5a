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

/// The same, faster, for an object that is not empty and has no blanks between its parts, as this project
/// writes them, in a text without control characters. `has_escapes` says whether there may be a backslash in it.
pub fn dense_members(
    text: &str,
    has_escapes: bool,
    member: impl FnMut(Range<usize>, Range<usize>),
) -> Option<()> {
    let escapes = if has_escapes { Escapes::Some } else { Escapes::None };
    let mut c = Cursor::new(text.as_bytes(), escapes);
    c.byte(b'{')?;
    c.dense_members(member)?;
    c.at_end().then_some(())
}
