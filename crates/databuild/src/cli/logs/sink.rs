//! Stored lines in, the form that was asked for out: for people, as JSON, or the bare messages.

use super::super::args::{LogsArgs, Output, TimestampChoice};
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::target::Target;
use crate::render::entry::{EntryStyle, TimeForm};
use crate::render::escape::{Escapes, neutralise, neutralise_json};
use crate::render::pager::Screen;
use crate::render::paint::Paint;
use crate::render::times::Times;
use crate::render::{ending, raw, table};
use crate::wire;
use databuild_model::entry::{Content, LogMessage};
use databuild_model::json;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use databuild_policy::layout::{Layout, LayoutOptions, Scratch, with_event};
use std::io::{self, IsTerminal, Write};

/// Writes entries, and counts them.
pub(crate) struct Sink {
    out: Screen,
    form: Form,
    /// JSON and bare messages are shown on a terminal, which must not obey them.
    on_terminal: bool,
    entries: u64,
    text: String,
    bytes: Vec<u8>,
}

enum Form {
    Human { style: EntryStyle, prefixes: Vec<String>, starts: Vec<Timestamp> },
    Json(wire::array::ArrayWriter),
    Jsonl,
    Raw(Escapes),
    Layout { layout: Box<Layout>, scratch: Scratch, escapes: Escapes },
}

impl Sink {
    /// A sink for entries of `targets`. Fails when `--format` is no layout.
    pub(crate) fn new(
        args: &LogsArgs,
        context: &Context,
        targets: &[Target],
    ) -> Result<Self, Failure> {
        let global = &context.global;
        let colours = context.colour_stdout();
        let escapes = if colours { Escapes::Colours } else { Escapes::Nothing };
        if args.format.is_some() && global.output != Output::Human {
            let text = "--format and -o both say how entries are printed";
            return Err(Failure::text(Exit::Usage, text).remedy("leave one of them out"));
        }
        let form = match global.output {
            Output::Human if let Some(pattern) = &args.format => Form::Layout {
                layout: Box::new(layout(pattern, global.utc)?),
                scratch: Scratch::default(),
                escapes,
            },
            Output::Human => {
                let paint = Paint::new(colours);
                let prefixed = args.prefix || 1 < targets.len();
                Form::Human {
                    style: EntryStyle {
                        paint,
                        escapes,
                        times: Times::new(global.utc),
                        form: time_form(args.timestamps),
                    },
                    prefixes: if prefixed { prefixes(targets, paint) } else { Vec::new() },
                    starts: targets.iter().map(start_of).collect(),
                }
            }
            Output::Json => Form::Json(wire::array::ArrayWriter::new()),
            Output::Jsonl => Form::Jsonl,
            Output::Raw => Form::Raw(escapes),
        };
        let paged = global.output == Output::Human && args.follow.is_none() && !global.no_pager;
        // Who asks for what failed wants to see why first.
        let at_error = args.failed || args.targets.iter().any(|target| target == "@failed");
        Ok(Sink {
            out: match (paged, at_error) {
                (false, _) => Screen::direct(),
                (true, false) => Screen::paged(&context.wishes),
                (true, true) => Screen::held(&context.wishes),
            },
            form,
            on_terminal: io::stdout().is_terminal(),
            entries: 0,
            text: String::new(),
            bytes: Vec::new(),
        })
    }

    /// How many entries were written.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// A run that was not known when the sink was made: its place is the next one.
    pub(crate) fn add(&mut self, target: &Target) {
        if let Form::Human { style, prefixes: known, starts } = &mut self.form {
            let place = starts.len();
            starts.push(start_of(target));
            // What was alone so far goes on without a prefix.
            known.resize(place, String::new());
            known.push(prefix(place, &name(target), 0, style.paint));
        }
    }

    /// Writes a stored line (without its newline) of the `run`th target.
    pub(crate) fn push(&mut self, run: usize, line: &[u8]) -> io::Result<()> {
        self.entries += 1;
        self.bytes.clear();
        match &mut self.form {
            Form::Human { style, prefixes, starts } => {
                let prefix = prefixes.get(run).map_or("", String::as_str);
                self.text.clear();
                match json::read_entry(line) {
                    Ok((entry, _problems)) => {
                        let start = starts.get(run).copied().unwrap_or(entry.timestamp);
                        style.render(&entry, prefix, start, &mut self.text);
                        if is_error(&entry.content) {
                            self.out.begin_here()?;
                        }
                    }
                    // Kept as it came, so shown as it came.
                    Err(_) => {
                        self.text.push_str(prefix);
                        neutralise(&String::from_utf8_lossy(line), style.escapes, &mut self.text);
                        self.text.push('\n');
                    }
                }
                self.out.write_all(self.text.as_bytes())
            }
            Form::Json(array) => {
                let line = [line, b"\n"].concat();
                array.push(&line, &mut self.bytes);
                self.write_json()
            }
            Form::Jsonl => {
                self.bytes.extend_from_slice(line);
                self.bytes.push(b'\n');
                self.write_json()
            }
            Form::Layout { layout, scratch, escapes } => {
                if let Ok((entry, _problems)) = json::read_entry(line) {
                    with_event(&entry, |event| layout.render(event, scratch, &mut self.bytes));
                }
                if self.on_terminal {
                    self.text.clear();
                    neutralise(&String::from_utf8_lossy(&self.bytes), *escapes, &mut self.text);
                    return self.out.write_all(self.text.as_bytes());
                }
                self.out.write_all(&self.bytes)
            }
            Form::Raw(escapes) => {
                if let Ok((entry, _problems)) = json::read_entry(line)
                    && let Content::Log(log) = &entry.content
                {
                    message(log, self.on_terminal.then_some(*escapes), &mut self.bytes);
                }
                self.out.write_all(&self.bytes)
            }
        }
    }

    /// A line between groups of entries that do not follow one another.
    pub(crate) fn separate(&mut self) -> io::Result<()> {
        match self.form {
            Form::Human { .. } | Form::Raw(_) | Form::Layout { .. } => self.out.write_all(b"--\n"),
            Form::Json(_) | Form::Jsonl => Ok(()),
        }
    }

    /// A line about what follows, for people.
    pub(crate) fn heading(&mut self, line: &str) -> io::Result<()> {
        match (&self.form, self.on_terminal) {
            (Form::Human { style, .. }, true) => {
                let line = style.paint.faint(line);
                writeln!(self.out, "{line}")
            }
            (
                Form::Human { .. }
                | Form::Json(_)
                | Form::Jsonl
                | Form::Raw(_)
                | Form::Layout { .. },
                _,
            ) => Ok(()),
        }
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the output; returns how many entries there were.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if let Form::Json(array) = std::mem::replace(&mut self.form, Form::Jsonl) {
            self.bytes.clear();
            array.finish(&mut self.bytes);
            self.out.write_all(&self.bytes)?;
        }
        self.out.finish()?;
        Ok(self.entries)
    }

    fn write_json(&mut self) -> io::Result<()> {
        if self.on_terminal {
            self.text.clear();
            neutralise_json(&String::from_utf8_lossy(&self.bytes), &mut self.text);
            return self.out.write_all(self.text.as_bytes());
        }
        self.out.write_all(&self.bytes)
    }
}

/// Compiles what `--format` says; all that is wrong with it is told at once.
fn layout(pattern: &str, utc: bool) -> Result<Layout, Failure> {
    let zone = Times::new(utc).zone().clone();
    let options = LayoutOptions { zone, ..LayoutOptions::default() };
    Layout::parse(pattern, &options).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|it| format!("\n  {it}")).collect();
        let text = format!("--format is not a layout:{}", lines.concat());
        Failure::text(Exit::Usage, text).remedy("docs/reference/layouts.md lists the words")
    })
}

fn is_error(content: &Content) -> bool {
    match content {
        Content::Log(log) => Level::Error <= log.level,
        Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => false,
    }
}

/// The message alone. `shown` is set where a terminal reads it.
fn message(log: &LogMessage, shown: Option<Escapes>, out: &mut Vec<u8>) {
    match shown {
        Some(escapes) => {
            let mut text = String::new();
            neutralise(&log.message, escapes, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
        None => raw::exactly(log, out),
    }
    if raw::ends_line(log) {
        out.push(b'\n');
    }
}

fn time_form(choice: TimestampChoice) -> TimeForm {
    match choice {
        TimestampChoice::Full => TimeForm::Full,
        TimestampChoice::Time => TimeForm::Clock,
        TimestampChoice::Rel => TimeForm::Relative,
        TimestampChoice::None => TimeForm::None,
    }
}

fn start_of(target: &Target) -> Timestamp {
    let row = target.row.as_ref();
    row.map_or(Timestamp::MIN, |row| row.started_at.unwrap_or(row.scheduled_at))
}

/// Job and target, or the id of a run that nobody knows more about.
pub(crate) fn name(target: &Target) -> String {
    match &target.row {
        Some(row) => {
            let what = ending::target(&row.job_label, &row.outputs);
            format!("{} {what}", row.job_label).trim_end().to_owned()
        }
        None => target.id.to_string(),
    }
}

fn prefixes(targets: &[Target], paint: Paint) -> Vec<String> {
    let names: Vec<String> = targets.iter().map(|target| table::cut(&name(target), 40)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    names.iter().enumerate().map(|(place, name)| prefix(place, name, width, paint)).collect()
}

fn prefix(place: usize, name: &str, width: usize, paint: Paint) -> String {
    format!("{} ", paint.name(place, &format!("{name:width$} │")))
}
