//! Splits the members of a JSON object that a scanner has found to be whole and valid already: nothing is
//! checked a second time, only where things end is looked for.

use std::ops::Range;

/// Calls `member` with where each key, without its quotes, and each value stand in `text`, which is a valid
/// JSON object without blanks between its parts. `None` for what it does not take: blanks, lists, escapes in
/// keys, objects within objects but for one level.
pub(super) fn members(
    text: &str,
    mut member: impl FnMut(Range<usize>, Range<usize>),
) -> Option<()> {
    let bytes = text.as_bytes();
    let mut at = 1;
    if bytes.get(at) == Some(&b'}') {
        return Some(());
    }
    loop {
        (bytes.get(at) == Some(&b'"')).then_some(())?;
        let key = at + 1;
        let key_end = key + memchr::memchr(b'"', bytes.get(key..)?)?;
        // A backslash before the quote means that the key goes on.
        let plain = bytes.get(key_end - 1) != Some(&b'\\');
        (plain && bytes.get(key_end + 1) == Some(&b':')).then_some(())?;
        let value = key_end + 2;
        let end = value_end(bytes, value)?;
        member(key..key_end, value..end);
        match bytes.get(end)? {
            b',' => at = end + 1,
            b'}' => return Some(()),
            _ => return None,
        }
    }
}

/// Where the value that begins at `at` ends.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at + 1),
        b'{' => {
            let mut at = at + 1;
            loop {
                match bytes.get(at)? {
                    b'"' => at = string_end(bytes, at + 1)?,
                    b'}' => return Some(at + 1),
                    b'{' | b'[' => return None,
                    _ => at += 1,
                }
            }
        }
        b'[' => None,
        _ => {
            let rest = bytes.get(at..)?;
            rest.iter().position(|byte| matches!(byte, b',' | b'}')).map(|length| at + length)
        }
    }
}

/// Where the string whose text begins at `at` ends, its closing quote included.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}
