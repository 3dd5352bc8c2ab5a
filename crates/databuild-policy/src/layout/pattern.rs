//! A pattern that is compiled to what has to be appended, in order. Its text is read in `grammar.rs`,
//! its words in `words.rs`.

mod grammar;
mod replace;
mod words;

use super::date::DatePattern;
use super::trace::{self, TraceOptions};
use super::width::{self, Cut};
use super::{Compat, LayoutEvent, LayoutOptions, Newlines, PatternProblem, Scratch, colour};
use databuild_model::level::Level;
use grammar::Width;
use replace::Replacement;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    newlines: Newlines,
    compat: Compat,
    /// No word of it prints tracebacks or says that they are not wanted: they follow at the end.
    append_trace: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Vec<u8>),
    /// The level as it fits its column, in the order of [`Level::ALL`].
    Levels(Box<[Vec<u8>; 6]>),
    Value(Value, Width),
    /// A value in as much room as it takes.
    Free(Value),
    Group(Vec<Part>, Width, Finish),
}

/// What becomes of the text of a group.
#[derive(Debug, Clone)]
enum Finish {
    Plain,
    Colour(&'static str),
    Highlight,
    Replace(Box<Replacement>),
}

/// What a word stands for.
#[derive(Debug, Clone)]
enum Value {
    Date(DatePattern),
    Millis,
    Micros,
    Epoch(Epoch),
    Relative,
    Level,
    Thread,
    Logger(Option<usize>),
    Message,
    RawMessage,
    Class(Option<usize>),
    /// A field by one of several names, or `?`.
    Caller(&'static [&'static str]),
    Field {
        key: String,
        or: String,
    },
    Fields,
    Pairs {
        quote: &'static str,
        masked: Vec<String>,
    },
    Trace(TraceOptions),
    NoTrace,
    Marker,
    Text(String),
    Sequence,
    App,
    Job,
    Run,
    Build,
    Partition,
    Stream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Epoch {
    Seconds,
    Millis,
}

/// Compiles `text` and says all that is wrong with it.
pub(super) fn compile(text: &str, options: &LayoutOptions) -> Result<Pattern, Vec<PatternProblem>> {
    let (nodes, mut problems) = grammar::parse(text, options.compat);
    let mut compiler = words::Compiler::new(options);
    let parts = compiler.parts(&nodes);
    let prints_trace = compiler.prints_trace();
    problems.extend(compiler.into_problems());
    if problems.is_empty() {
        let append_trace = !prints_trace;
        return Ok(Pattern {
            parts: settled(parts),
            newlines: options.newlines,
            compat: options.compat,
            append_trace,
        });
    }
    problems.sort_by_key(|problem| problem.column);
    Err(problems)
}

/// The same parts, with all done that no event has a say in.
fn settled(parts: Vec<Part>) -> Vec<Part> {
    let mut settled = Vec::with_capacity(parts.len());
    for part in parts {
        let literal = match part {
            Part::Literal(text) => text,
            Part::Value(Value::Text(text), width) => fitted(&text, width),
            Part::Value(Value::Level, width) => {
                let levels = Level::ALL.map(|level| fitted(level.as_str(), width));
                settled.push(Part::Levels(Box::new(levels)));
                continue;
            }
            Part::Group(inner, width, finish) => {
                settled.push(Part::Group(self::settled(inner), width, finish));
                continue;
            }
            Part::Value(value, width) if width == Width::default() => {
                settled.push(Part::Free(value));
                continue;
            }
            part @ (Part::Value(..) | Part::Free(_) | Part::Levels(_)) => {
                settled.push(part);
                continue;
            }
        };
        match settled.last_mut() {
            Some(Part::Literal(last)) => last.extend_from_slice(&literal),
            Some(_) | None => settled.push(Part::Literal(literal)),
        }
    }
    settled
}

fn fitted(text: &str, width: Width) -> Vec<u8> {
    let mut out = text.as_bytes().to_vec();
    fit(width, 0, &mut Scratch::default(), &mut out);
    out
}

impl Pattern {
    /// Appends what `event` looks like.
    pub(super) fn render(&self, event: &LayoutEvent<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
        self.parts(&self.parts, event, scratch, out);
        if self.append_trace && !event.trace.is_empty() {
            trace::render(event.trace, &words::WHOLE_TRACE, self.compat, out);
        }
    }

    fn parts(
        &self,
        parts: &[Part],
        event: &LayoutEvent<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        for part in parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Levels(levels) => {
                    let text = levels.get(event.level as usize);
                    out.extend_from_slice(text.map_or(b"", Vec::as_slice));
                }
                Part::Free(value) => self.value(value, event, scratch, out),
                Part::Value(value, width) => {
                    let begin = out.len();
                    self.value(value, event, scratch, out);
                    fit(*width, begin, scratch, out);
                }
                Part::Group(inner, width, finish) => {
                    let begin = out.len();
                    self.parts(inner, event, scratch, out);
                    finish.apply(event, begin, scratch, out);
                    fit(*width, begin, scratch, out);
                }
            }
        }
    }

    fn value(
        &self,
        value: &Value,
        event: &LayoutEvent<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
        match value {
            Value::Date(date) => date.render(event.timestamp, &mut scratch.dates, out),
            Value::Millis => number(event.timestamp.as_nanos().div_euclid(1_000_000) % 1_000, out),
            Value::Micros => number(event.timestamp.as_nanos().div_euclid(1_000) % 1_000, out),
            Value::Epoch(Epoch::Seconds) => number(event.timestamp.as_seconds(), out),
            Value::Epoch(Epoch::Millis) => {
                number(event.timestamp.as_nanos().div_euclid(1_000_000), out);
            }
            Value::Relative => match event.started {
                Some(started) => {
                    let nanos = event.timestamp.as_nanos() - started.as_nanos();
                    number(nanos.div_euclid(1_000_000), out);
                }
                None => put("?"),
            },
            Value::Level => put(event.level.as_str()),
            Value::Thread => put(event.thread),
            Value::Logger(target) => abbreviate(event.logger, *target, self.compat, out),
            Value::Message => message(event.message, self.newlines, out),
            Value::RawMessage => put(event.raw_message),
            Value::Class(target) => match event.field_of(&["class", "module"]) {
                Some(class) => abbreviate(class, *target, self.compat, out),
                None => put("?"),
            },
            Value::Caller(names) => self.one_line(event.field_of(names).unwrap_or("?"), out),
            Value::Field { key, or } => self.one_line(event.field(key).unwrap_or(or), out),
            Value::Fields => self.fields(event, out),
            Value::Pairs { quote, masked } => self.pairs(event, quote, masked, out),
            Value::Trace(options) => {
                if !event.trace.is_empty() {
                    trace::render(event.trace, options, self.compat, out);
                }
            }
            Value::NoTrace => {}
            Value::Marker => self.one_line(event.field_of(&["marker", "tags"]).unwrap_or(""), out),
            Value::Text(text) => put(text),
            Value::Sequence => number(i64::try_from(event.sequence).unwrap_or(i64::MAX), out),
            Value::App => put(event.app),
            Value::Job => put(event.job),
            Value::Run => put(event.run),
            Value::Build => put(event.build),
            Value::Partition => put(event.partition),
            Value::Stream => put(event.stream),
        }
    }

    /// What a job says besides its message is one line too.
    fn one_line(&self, text: &str, out: &mut Vec<u8>) {
        message(text, self.newlines, out);
    }

    fn fields(&self, event: &LayoutEvent<'_>, out: &mut Vec<u8>) {
        for (n, (key, value)) in event.fields.iter().enumerate() {
            if 0 < n {
                out.extend_from_slice(b", ");
            }
            self.one_line(key, out);
            out.push(b'=');
            self.one_line(value, out);
        }
    }

    fn pairs(&self, event: &LayoutEvent<'_>, quote: &str, masked: &[String], out: &mut Vec<u8>) {
        for (n, (key, value)) in event.fields.iter().enumerate() {
            if 0 < n {
                out.push(b' ');
            }
            self.one_line(key, out);
            out.push(b'=');
            out.extend_from_slice(quote.as_bytes());
            let hidden = masked.iter().any(|name| *name == key);
            self.one_line(if hidden { "XXX" } else { value }, out);
            out.extend_from_slice(quote.as_bytes());
        }
    }
}

impl Finish {
    fn apply(
        &self,
        event: &LayoutEvent<'_>,
        begin: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        let code = match self {
            Finish::Plain => return,
            Finish::Colour(code) => code,
            Finish::Highlight => colour::of_level(event.level),
            Finish::Replace(replacement) => {
                let text = String::from_utf8_lossy(out.get(begin..).unwrap_or_default());
                let replaced = replacement.apply(&text).into_bytes();
                out.truncate(begin);
                out.extend_from_slice(&replaced);
                return;
            }
        };
        let mut inner = scratch.spare.pop().unwrap_or_default();
        inner.clear();
        inner.extend_from_slice(out.get(begin..).unwrap_or_default());
        out.truncate(begin);
        out.extend_from_slice(b"\x1b[");
        out.extend_from_slice(code.as_bytes());
        out.push(b'm');
        out.extend_from_slice(&inner);
        out.extend_from_slice(b"\x1b[0;39m");
        scratch.spare.push(inner);
    }
}

fn number(value: i64, out: &mut Vec<u8>) {
    super::date::digits(value, 1, out);
}

/// Pads or cuts what stands from `begin` on.
fn fit(width: Width, begin: usize, scratch: &mut Scratch, out: &mut Vec<u8>) {
    if width == Width::default() {
        return;
    }
    let shown = out.get(begin..).unwrap_or_default();
    if width.max.is_none_or(|max| shown.len() <= max) && shown.is_ascii() {
        // Most texts: nothing to cut, and as many units as bytes.
        let missing = width.min.saturating_sub(shown.len());
        if missing == 0 || width.pad_right {
            out.resize(out.len() + missing, b' ');
            return;
        }
    }
    let text = String::from_utf8_lossy(out.get(begin..).unwrap_or_default());
    let (kept, half) = match width.max {
        Some(max) => width::cut(&text, max, width.cut_end),
        None => (text.as_ref(), Cut::None),
    };
    // What was cut is never padded, as in logback.
    let whole = kept.len() == text.len();
    let missing = if whole { width.min.saturating_sub(width::units(kept)) } else { 0 };
    if whole && missing == 0 {
        return;
    }
    let mut fitted = scratch.spare.pop().unwrap_or_default();
    fitted.clear();
    if !width.pad_right {
        fitted.extend(std::iter::repeat_n(b' ', missing));
    }
    fitted.extend((half == Cut::Before).then_some(b'?'));
    fitted.extend_from_slice(kept.as_bytes());
    fitted.extend((half == Cut::After).then_some(b'?'));
    if width.pad_right {
        fitted.extend(std::iter::repeat_n(b' ', missing));
    }
    out.truncate(begin);
    out.extend_from_slice(&fitted);
    scratch.spare.push(fitted);
}

/// Appends `text` with its line breaks as `newlines` says. What ends a line anywhere counts: also the
/// form feed, NEL and the two separators of Unicode.
fn message(text: &str, newlines: Newlines, out: &mut Vec<u8>) {
    let breaks =
        |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    // Neither control characters nor anything but ASCII: most messages, and told without a branch per byte.
    let plain = text.bytes().fold(true, |plain, byte| plain & (0x20..0x80).contains(&byte));
    if plain || newlines == Newlines::Raw || !text.contains(breaks) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.find(breaks) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let mut chars = after.chars();
        let found = chars.next().unwrap_or_default();
        match (newlines, found) {
            (Newlines::Indent, '\n') => out.extend_from_slice(b"\n\t"),
            (_, '\n') => out.extend_from_slice(b"\\n"),
            (_, '\r') => out.extend_from_slice(b"\\r"),
            (_, other) => {
                let code = u32::from(other);
                out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
            }
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Shortens the segments of a dotted name from the left until it has at most `target` characters; the
/// last one stays. Zero keeps the last one alone.
fn abbreviate(name: &str, target: Option<usize>, compat: Compat, out: &mut Vec<u8>) {
    let Some(target) = target else {
        out.extend_from_slice(name.as_bytes());
        return;
    };
    let length = width::units(name);
    if target == 0 {
        let last = name.rsplit('.').next().unwrap_or(name);
        out.extend_from_slice(last.as_bytes());
        return;
    }
    // At exactly the target 1.2 leaves the name whole, and 1.5 shortens its first segment.
    let fits = if compat == Compat::Logback15 { length < target } else { length <= target };
    if fits || !name.contains('.') {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    let mut over = length.saturating_sub(target);
    let mut first = true;
    let mut rest = name;
    while let Some((segment, after)) = rest.split_once('.') {
        let units = width::units(segment);
        let shorten = 0 < over || first && compat == Compat::Logback15;
        let kept = if shorten && 1 < units {
            over = over.saturating_sub(units - 1);
            segment.chars().next().map_or("", |c| segment.get(..c.len_utf8()).unwrap_or(""))
        } else {
            segment
        };
        out.extend_from_slice(kept.as_bytes());
        out.push(b'.');
        first = false;
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
}
