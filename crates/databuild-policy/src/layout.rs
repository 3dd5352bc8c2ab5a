//! How an entry becomes text: layouts are compiled once, and rendering cannot fail. All errors are
//! found when a layout is parsed, with the column.
//!
//! The pattern language is logback's; its manual and its behaviour, which a comparison with the real
//! one holds, are the source. What logback does silently wrong is refused here.

mod colour;
pub(crate) mod date;
mod entry;
mod event;
mod fields;
mod formats;
mod pattern;
mod trace;
mod width;

use crate::problem::PatternProblem;
pub use entry::with_event;
pub use event::{LayoutEvent, message_and_trace};
pub use fields::{Fields, Named, Taken, take_named};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Whose reading of a pattern counts where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Compat {
    /// Ours: as logback 1.5, and safe where that loses or forges lines.
    #[default]
    Databuild,
    /// Logback 1.2: letters of dates as in `SimpleDateFormat`.
    Logback12,
    /// Logback 1.5: letters of dates as in `DateTimeFormatter`.
    Logback15,
}

/// What becomes of line breaks within a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Newlines {
    /// They are written as `\n`, so that a line of the file is an event.
    #[default]
    Escape,
    /// Lines after the first begin with a tab.
    Indent,
    /// As they are; then a message can look like several events.
    Raw,
}

/// What a layout depends on besides its text.
#[derive(Debug, Clone)]
pub struct LayoutOptions {
    /// Whose reading counts.
    pub compat: Compat,
    /// What becomes of line breaks within messages.
    pub newlines: Newlines,
    /// The zone of dates that name none.
    pub zone: TimeZone,
    /// Values of `%property{name}`.
    pub properties: BTreeMap<String, String>,
}

impl Default for LayoutOptions {
    /// Our own reading, one line an event, UTC.
    fn default() -> Self {
        LayoutOptions {
            compat: Compat::default(),
            newlines: Newlines::default(),
            zone: TimeZone::UTC,
            properties: BTreeMap::new(),
        }
    }
}

/// A compiled layout.
#[derive(Debug, Clone)]
pub struct Layout {
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Pattern(pattern::Pattern),
    Json,
    Logfmt,
    Otlp,
}

/// What one thread needs again and again while it renders.
#[derive(Debug, Default)]
pub struct Scratch {
    dates: date::DateCache,
    /// Texts of groups in work, one for each depth.
    spare: Vec<Vec<u8>>,
}

/// The pattern behind `layout = "text"`.
pub const TEXT_PATTERN: &str = "%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level [%job] %msg %kvp%n%ex";

impl Layout {
    /// Compiles `text`: one of `text`, `json`, `logfmt`, `otlp`, or a pattern. Says all that is wrong.
    pub fn parse(text: &str, options: &LayoutOptions) -> Result<Layout, Vec<PatternProblem>> {
        let form = match text {
            "json" => Form::Json,
            "logfmt" => Form::Logfmt,
            "otlp" => Form::Otlp,
            "text" => {
                let options = LayoutOptions { compat: Compat::Databuild, ..options.clone() };
                Form::Pattern(pattern::compile(TEXT_PATTERN, &options)?)
            }
            _ => Form::Pattern(pattern::compile(text, options)?),
        };
        Ok(Layout { form })
    }

    /// Appends what `event` looks like. JSON forms end with a line feed; a pattern says it with `%n`.
    pub fn render(&self, event: &LayoutEvent<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
        match &self.form {
            Form::Pattern(pattern) => pattern.render(event, scratch, out),
            Form::Json => formats::json(event, out),
            Form::Logfmt => formats::logfmt(event, out),
            Form::Otlp => formats::otlp(event, out),
        }
    }
}

#[cfg(test)]
mod tests;
