//! The text of a JSON string that a scanner has found to be valid already.

use std::str::Chars;

/// Appends what stands between the quotes of a string to `out`; `None` if it is not valid.
pub(super) fn unescape(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..at)?);
        let mut chars = rest.get(at + 1..)?.chars();
        out.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => unicode(&mut chars)?,
            it @ ('"' | '\\' | '/') => it,
            _ => return None,
        });
        rest = chars.as_str();
    }
    out.push_str(rest);
    Some(())
}

/// The character after `\u`, which may be written as two halves.
fn unicode(chars: &mut Chars<'_>) -> Option<char> {
    let first = unit(chars)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    (chars.next()? == '\\' && chars.next()? == 'u').then_some(())?;
    let second = unit(chars)?.checked_sub(0xDC00).filter(|it| *it < 0x400)?;
    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + second)
}

fn unit(chars: &mut Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + chars.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(text: &str) {
        let theirs: Option<String> = serde_json::from_str(&format!("\"{text}\"")).ok();
        let mut ours = String::new();
        let is_valid = unescape(text, &mut ours).is_some();
        if let Some(theirs) = theirs {
            assert!(is_valid, "{text}");
            assert_eq!(ours, theirs, "{text}");
        }
    }

    #[test]
    fn every_escape_is_known() {
        agrees(r#"a\n\t\r\b\f\"\\\/b"#);
        agrees(r"\u00e9\u20AC\ud83d\ude00\u0000é");
        for wrong in [r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\ude00", r"\u12", r"\x", r"\"] {
            assert_eq!(unescape(wrong, &mut String::new()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let mut ours = String::new();
            unescape(&written[1..written.len() - 1], &mut ours).unwrap();
            prop_assert_eq!(ours, text);
        }

        #[test]
        fn any_escapes_are_read_alike(text in r#"([a-z]|\\[nu"\\/]|\\u(d8|dc|00)[0-9a-f]{2}){0,8}"#) {
            agrees(&text);
        }
    }
}
