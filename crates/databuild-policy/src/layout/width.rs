//! Widths as Java counts them: in UTF-16 units. Padding and cutting of what was rendered.

/// UTF-16 units of `text`.
pub(super) fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// Cuts `text` to `max` units: its beginning goes, unless `cut_end`. A character of two units of which
/// one is left becomes `?`, as in Java.
pub(super) fn cut(text: &str, max: usize, cut_end: bool) -> (&str, Cut) {
    let total = units(text);
    if total <= max {
        return (text, Cut::None);
    }
    if text.is_ascii() {
        let kept = if cut_end { text.get(..max) } else { text.get(total - max..) };
        return (kept.unwrap_or_default(), Cut::None);
    }
    if cut_end { cut_after(text, max) } else { cut_before(text, total - max) }
}

/// Where half of a character was left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    None,
    Before,
    After,
}

fn cut_after(text: &str, max: usize) -> (&str, Cut) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let next = used + c.len_utf16();
        if max < next {
            let half = if used < max { Cut::After } else { Cut::None };
            return (text.get(..at).unwrap_or_default(), half);
        }
        used = next;
    }
    (text, Cut::None)
}

fn cut_before(text: &str, skip: usize) -> (&str, Cut) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        if skip <= used {
            let half = if skip < used { Cut::Before } else { Cut::None };
            return (text.get(at..).unwrap_or_default(), half);
        }
        used += c.len_utf16();
    }
    ("", if skip < used { Cut::Before } else { Cut::None })
}
