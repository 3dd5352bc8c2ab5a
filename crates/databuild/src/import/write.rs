//! The text of the sections that a configuration becomes.

use std::fmt::Write as _;

/// A project file in the making.
#[derive(Debug, Default)]
pub(super) struct File {
    notes: Vec<String>,
    shared: Vec<(&'static str, String)>,
    pub(super) blocks: Vec<Block>,
}

/// `[saver.files.NAME]`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: String,
    /// What it was, and what is otherwise now.
    pub(super) notes: Vec<String>,
    /// Keys with their values as TOML.
    pub(super) keys: Vec<(&'static str, String)>,
}

/// Longest line of a comment, in characters.
const LINE_MAX: usize = 98;

impl File {
    /// Something to know about all of it.
    pub(super) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    /// A key of `[saver]`.
    pub(super) fn shared(&mut self, key: &'static str, value: &str) {
        self.shared.push((key, value.to_owned()));
    }

    /// The whole, made from the configuration that people know as `name`.
    pub(super) fn text(&self, name: &str) -> String {
        let mut out = String::new();
        comment(&format!("Made from {name} by `databuild saver import`."), &mut out);
        for note in &self.notes {
            comment(note, &mut out);
        }
        if !self.shared.is_empty() {
            out.push_str("\n[saver]\n");
            keys(&self.shared, &mut out);
        }
        for block in &self.blocks {
            out.push('\n');
            for note in &block.notes {
                comment(note, &mut out);
            }
            // Writing into a String cannot fail.
            writeln!(out, "[saver.files.{}]", block.name).ok();
            keys(&block.keys, &mut out);
        }
        out
    }
}

fn keys(keys: &[(&'static str, String)], out: &mut String) {
    let width = keys.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, value) in keys {
        writeln!(out, "{key:width$} = {value}").ok();
    }
}

/// A comment, on as many lines as it takes.
fn comment(text: &str, out: &mut String) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if LINE_MAX < line.chars().count() + 1 + word.chars().count() {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    let control = |c: char| c.is_control();
    if text.contains('\\') && !text.contains('\'') && !text.contains(control) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if control(c) => {
                write!(out, "\\u{:04X}", u32::from(c)).ok();
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as TOML writes it before an `=`.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}
