//! `%replace(…){regex, replacement}`. Regular expressions are those of the `regex` crate: the same in
//! common use as Java's, without what can take for ever (look-around, back-references), which is refused.

use regex::{Captures, Regex, RegexBuilder};

/// Largest compiled expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A compiled replacement.
#[derive(Debug, Clone)]
pub(super) struct Replacement {
    regex: Regex,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Compiles both; the problem says what is wrong and what to do.
    pub(super) fn compile(regex: &str, with: &str) -> Result<Replacement, (String, String)> {
        let built = RegexBuilder::new(&ascii_classes(regex)).size_limit(REGEX_BYTES_MAX).build();
        let regex = built.map_err(|error| {
            let text = error.to_string();
            let last = text.lines().next_back().unwrap_or_default().trim();
            let last = last.strip_prefix("error: ").unwrap_or(last);
            let remedy =
                "look-around and back-references are not offered, because they can take for ever";
            (format!("`{regex}` is not a regular expression: {last}"), remedy.to_owned())
        })?;
        let pieces = template(with, &regex)?;
        Ok(Replacement { regex, pieces })
    }

    /// `text` with every match replaced.
    pub(super) fn apply(&self, text: &str) -> String {
        let replaced = self.regex.replace_all(text, |found: &Captures<'_>| {
            let mut with = String::new();
            for piece in &self.pieces {
                match piece {
                    Piece::Text(text) => with.push_str(text),
                    Piece::Group(n) => with.push_str(found.get(*n).map_or("", |it| it.as_str())),
                }
            }
            with
        });
        replaced.into_owned()
    }
}

/// `\w`, `\d` and `\s` are of ASCII, as they are in Java.
fn ascii_classes(regex: &str) -> String {
    let mut text = String::with_capacity(regex.len());
    let mut in_class = 0_usize;
    let mut chars = regex.chars();
    while let Some(c) = chars.next() {
        match c {
            '[' => in_class += 1,
            ']' => in_class = in_class.saturating_sub(1),
            '\\' => {
                let escaped = chars.next();
                let class = match escaped {
                    Some('w') => "[:word:]",
                    Some('W') => "[:^word:]",
                    Some('d') => "[:digit:]",
                    Some('D') => "[:^digit:]",
                    Some('s') => "[:space:]",
                    Some('S') => "[:^space:]",
                    other => {
                        text.push('\\');
                        text.extend(other);
                        continue;
                    }
                };
                let (open, close) = if in_class == 0 { ("[", "]") } else { ("", "") };
                text.extend([open, class, close]);
                continue;
            }
            _ => {}
        }
        text.push(c);
    }
    text
}

/// Reads a replacement as Java's `Matcher.appendReplacement` does.
fn template(with: &str, regex: &Regex) -> Result<Vec<Piece>, (String, String)> {
    let groups = regex.captures_len();
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            text.extend(chars.next());
            continue;
        }
        if c != '$' {
            text.push(c);
            continue;
        }
        let group = if chars.next_if_eq(&'{').is_some() {
            let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
            regex.capture_names().position(|it| it == Some(name.as_str()))
        } else {
            let mut number = None;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                let digit = usize::try_from(digit).unwrap_or(0);
                let longer = number.unwrap_or(0) * 10 + digit;
                // As many digits as still name a group.
                if number.is_some() && groups <= longer {
                    break;
                }
                number = Some(longer);
                chars.next();
            }
            number.filter(|number| *number < groups)
        };
        let Some(group) = group else {
            let what = format!("the replacement `{with}` has a `$` that names no group");
            return Err((what, "write `\\$` for a dollar sign".to_owned()));
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Group(group));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}
