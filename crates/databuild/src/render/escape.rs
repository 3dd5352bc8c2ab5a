//! What a job printed, made harmless for a terminal: only colours may act, everything else is shown.
//!
//! A terminal obeys what it is sent: it can be told to change its title, answer as if the user had
//! typed, overwrite earlier lines or write text backwards. Log text is data, so [`neutralise`] lets
//! through printable characters, tabs and newlines, and (if asked) well-formed colour sequences,
//! which it closes at the end. The rest becomes visible text such as `\x1b` or `\u{202e}`.

use std::fmt::Write;

/// What may act on the reader's terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// Colours and weight; a reset follows if any was used.
    Colours,
    /// Nothing; colour sequences are left out.
    Nothing,
}

/// Longest colour sequence that is believed, in bytes: two 24-bit colours and four attributes fit.
const SGR_BYTES_MAX: usize = 48;

const RESET: &str = "\u{1b}[0m";

/// Appends `text` to `out`, harmless.
pub(crate) fn neutralise(text: &str, escapes: Escapes, out: &mut String) {
    let mut coloured = false;
    let mut rest = text;
    while let Some(at) = rest.find(is_harmful) {
        let (safe, from) = rest.split_at(at);
        out.push_str(safe);
        if let Some(len) = colour_sequence(from) {
            let (sequence, after) = from.split_at(len);
            if escapes == Escapes::Colours {
                out.push_str(sequence);
                coloured = true;
            }
            rest = after;
        } else {
            let mut chars = from.chars();
            if let Some(harmful) = chars.next() {
                show(harmful, out);
            }
            rest = chars.as_str();
        }
    }
    out.push_str(rest);
    if coloured {
        out.push_str(RESET);
    }
}

/// Appends a line of JSON to `out`: what would act on a terminal is written as `\u….` instead, which
/// means the same to every reader of JSON.
pub(crate) fn neutralise_json(text: &str, out: &mut String) {
    for c in text.chars() {
        if is_harmful(c) {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}").ok();
            }
        } else {
            out.push(c);
        }
    }
}

/// Whether a character may not reach a terminal as it is.
///
/// Control characters but tab and newline; what reorders text (bidi); what cannot be seen. The joiners
/// U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
pub(crate) fn is_harmful(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => true,
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

fn show(c: char, out: &mut String) {
    let shown = match c {
        '\r' => write!(out, "\\r"),
        '\0'..='\u{9f}' => write!(out, "\\x{:02x}", u32::from(c)),
        _ => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
    // Writing to a String cannot fail.
    shown.ok();
}

/// The length of the colour sequence at the start of `text`, if there is one that only colours.
fn colour_sequence(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\u{1b}[")?;
    let window = body.get(..body.len().min(SGR_BYTES_MAX)).unwrap_or(body);
    let end = window.find(|c: char| !matches!(c, '0'..='9' | ';'))?;
    let (parameters, after) = window.split_at(end);
    (after.starts_with('m') && only_colours(parameters)).then_some(2 + end + 1)
}

/// Whether the parameters change colour, weight, slant or underline only. Not blinking, and not
/// "conceal", which would hide text.
fn only_colours(parameters: &str) -> bool {
    let mut codes = parameters.split(';').map(|code| match code {
        "" => Some(0),
        digits => digits.parse::<u16>().ok(),
    });
    while let Some(code) = codes.next() {
        let fine = match code {
            Some(38 | 48) => match codes.next() {
                Some(Some(5)) => is_byte(codes.next()),
                Some(Some(2)) => (0..3).all(|_| is_byte(codes.next())),
                Some(_) | None => false,
            },
            Some(0..=4 | 7 | 9 | 21..=24 | 27 | 29..=37 | 39..=47 | 49 | 90..=97 | 100..=107) => {
                true
            }
            Some(_) | None => false,
        };
        if !fine {
            return false;
        }
    }
    true
}

fn is_byte(code: Option<Option<u16>>) -> bool {
    matches!(code, Some(Some(0..=255)))
}

#[cfg(test)]
mod tests;
