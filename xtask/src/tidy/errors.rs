//! An error's text is a fragment that stands in a chain: it never prints its source, which the
//! reporter prints next, and neither begins like a sentence nor ends like one.

use super::{Complaint, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, _) in tree.product_files() {
        let text = file.text();
        for (at, mark) in text.match_indices("#[error(\"") {
            let rest = text.get(at + mark.len()..).unwrap_or_default();
            let Some(end) = closing_quote(rest) else { continue };
            let (message, after) = rest.split_at(end);
            let line = text.get(..at).unwrap_or_default().lines().count() + 1;
            for what in wrong(message, item_after(after)) {
                complaints.push(Complaint::new(&file.path, line, what));
            }
        }
    }
    complaints
}

fn wrong(message: &str, item: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let has_source = ["#[source]", "#[from]", "source:"].iter().any(|mark| item.contains(mark));
    if has_source && message.contains("{source") {
        found.push("do not print the source: the reporter prints the whole chain");
    }
    let first_is_source = item.split_once('(').is_some_and(|(_, fields)| {
        ["#[source]", "#[from]"].iter().any(|m| fields.trim_start().starts_with(m))
    });
    if first_is_source && message.contains("{0") {
        found.push("do not print the source: the reporter prints the whole chain");
    }
    if message.ends_with('.') {
        found.push("no full stop: the text is a fragment of a chain");
    }
    let mut chars = message.chars();
    let begins = (chars.next(), chars.next());
    if let (Some(first), Some(second)) = begins
        && first.is_uppercase()
        && second.is_lowercase()
    {
        found.push("begin in lower case: the text is a fragment of a chain");
    }
    found
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(i, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(i)
    })
}

/// The variant or struct to which the attribute belongs: from its name to the end of its fields.
fn item_after(text: &str) -> &str {
    let Some((_, item)) = text.split_once(")]") else { return "" };
    let Some(open) = item.find(['{', '(', ',', ';']) else { return item };
    let close = match item.get(open..=open) {
        Some("{") => '}',
        Some("(") => ')',
        Some(_) | None => return item.get(..open).unwrap_or_default(),
    };
    // Fields of errors hold no nested braces; nested parentheses are in attributes and types.
    let mut depth = 0_usize;
    let end = item.char_indices().skip_while(|(i, _)| *i < open).find(|(_, c)| {
        depth += usize::from(item.get(open..=open).is_some_and(|o| o.starts_with(*c)));
        depth -= usize::from(*c == close);
        depth == 0
    });
    item.get(..end.map_or(item.len(), |(i, _)| i)).unwrap_or_default()
}
