//! The words of the pattern language, with their options. Source: the list of conversion words in
//! logback's manual; the words from `%job` on are ours.

use super::grammar::{Call, Node, Width};
use super::replace::Replacement;
use super::{Epoch, Finish, Part, TraceOptions, Value};
use crate::layout::{Compat, LayoutOptions, PatternProblem, colour, date};

/// A whole traceback in its usual order.
pub(super) const WHOLE_TRACE: TraceOptions =
    TraceOptions { frames: None, root_first: false, skip: Vec::new() };

/// Words, for the nearest one to a slip. Of synonyms the best known.
const WORDS: [&str; 41] = [
    "d",
    "date",
    "ms",
    "micros",
    "epoch",
    "relative",
    "level",
    "thread",
    "logger",
    "msg",
    "message",
    "rawmsg",
    "class",
    "method",
    "line",
    "file",
    "X",
    "mdc",
    "ex",
    "exception",
    "throwable",
    "rEx",
    "xEx",
    "nopex",
    "contextName",
    "marker",
    "kvp",
    "maskedKvp",
    "property",
    "n",
    "seq",
    "job",
    "app",
    "run",
    "build",
    "partition",
    "stream",
    "replace",
    "highlight",
    "prefix",
    "sequenceNumber",
];

/// Words that logback 1.2 does not have.
const NEWER: [&str; 9] =
    ["ms", "micros", "ep", "epoch", "kvp", "maskedKvp", "sn", "sequenceNumber", "prefix"];

/// Compiles nodes and collects what is wrong.
pub(super) struct Compiler<'o> {
    options: &'o LayoutOptions,
    problems: Vec<PatternProblem>,
    prints_trace: bool,
    dates: usize,
}

impl<'o> Compiler<'o> {
    pub(super) fn new(options: &'o LayoutOptions) -> Self {
        Compiler { options, problems: Vec::new(), prints_trace: false, dates: 0 }
    }

    pub(super) fn into_problems(self) -> Vec<PatternProblem> {
        self.problems
    }

    /// Whether a word prints tracebacks, or says that none are wanted.
    pub(super) fn prints_trace(&self) -> bool {
        self.prints_trace
    }

    pub(super) fn parts(&mut self, nodes: &[Node]) -> Vec<Part> {
        let mut parts = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Node::Literal(text) => parts.push(Part::Literal(text.clone().into_bytes())),
                Node::Word(call) => {
                    if let Some(value) = self.word(call) {
                        parts.push(Part::Value(value, call.width));
                    }
                }
                Node::Group(call, inner) => self.group(call, inner, &mut parts),
            }
        }
        parts
    }

    fn problem(&mut self, call: &Call, what: impl Into<String>, remedy: impl Into<String>) {
        let problem =
            PatternProblem { column: call.column, what: what.into(), remedy: remedy.into() };
        self.problems.push(problem);
    }

    fn word(&mut self, call: &Call) -> Option<Value> {
        if self.options.compat == Compat::Logback12 && NEWER.contains(&call.word.as_str()) {
            let what = format!("logback 1.2 has no word `%{}`", call.word);
            self.problem(call, what, "leave `compat` out, or leave the word out");
            return None;
        }
        let option = call.options.first().map(String::as_str);
        Some(match call.word.as_str() {
            "d" | "date" => Value::Date(self.date(call)?),
            "ms" => Value::Millis,
            "micros" => Value::Micros,
            "ep" | "epoch" => match option {
                None => Value::Epoch(Epoch::Millis),
                Some("seconds") => Value::Epoch(Epoch::Seconds),
                Some(_) => return self.bad_option(call, "`{seconds}` or nothing"),
            },
            "r" | "relative" => Value::Relative,
            "level" | "le" | "p" => Value::Level,
            "t" | "thread" => Value::Thread,
            "lo" | "logger" | "c" => Value::Logger(self.length(call)?),
            "m" | "msg" | "message" => Value::Message,
            "rawmsg" => Value::RawMessage,
            "C" | "class" => Value::Class(self.length(call)?),
            "M" | "method" => Value::Caller(&["method", "function", "funcName"]),
            "L" | "line" => Value::Caller(&["line", "lineno"]),
            "F" | "file" => Value::Caller(&["file", "filename"]),
            "X" | "mdc" => field(option),
            "ex" | "exception" | "throwable" | "xEx" | "xException" | "xThrowable" => {
                Value::Trace(self.trace(call, false)?)
            }
            "rEx" | "rootException" => Value::Trace(self.trace(call, true)?),
            "nopex" | "nopexception" => {
                self.prints_trace = true;
                Value::NoTrace
            }
            "cn" | "contextName" | "app" => Value::App,
            "marker" => Value::Marker,
            "kvp" => match option {
                None | Some("DOUBLE") => Value::Pairs { quote: "\"", masked: Vec::new() },
                Some("SINGLE") => Value::Pairs { quote: "'", masked: Vec::new() },
                Some("NONE") => Value::Pairs { quote: "", masked: Vec::new() },
                Some(_) => return self.bad_option(call, "`{NONE}`, `{SINGLE}` or `{DOUBLE}`"),
            },
            "maskedKvp" => masked(&call.options),
            "property" => Value::Text(self.property(call)?),
            "n" => Value::Text("\n".to_owned()),
            "sn" | "sequenceNumber" | "seq" => Value::Sequence,
            "job" => Value::Job,
            "run" => Value::Run,
            "build" => Value::Build,
            "partition" => Value::Partition,
            "stream" => Value::Stream,
            _ => return self.unknown(call),
        })
    }

    fn unknown(&mut self, call: &Call) -> Option<Value> {
        let word = call.word.as_str();
        let (what, remedy) = match word {
            "lsn" => (
                "`%lsn` counts from the start of a process, which says nothing of a job".to_owned(),
                "use %seq, the number of the entry within its run".to_owned(),
            ),
            "caller" => (
                "`%caller` needs the stack of a Java program".to_owned(),
                "use %file, %line and %method, which print the fields of these names".to_owned(),
            ),
            _ if is_group(word) => {
                (format!("`%{word}` has nothing to work on"), format!("write %{word}( … )"))
            }
            _ => (format!("there is no word `%{word}`"), self.nearest(word)),
        };
        self.problem(call, what, remedy);
        None
    }

    fn nearest(&self, word: &str) -> String {
        // A word takes every letter, digit and `_` that follows it.
        let longest = WORDS.iter().filter(|it| word.starts_with(**it)).max_by_key(|it| it.len());
        let near = WORDS
            .iter()
            .map(|it| (strsim::damerau_levenshtein(it, word), *it))
            .filter(|(distance, it)| *distance <= it.len() / 3)
            .min();
        match (near, longest) {
            (Some((_, near)), _) => format!("did you mean %{near}?"),
            (None, Some(known)) => {
                let rest = word.get(known.len()..).unwrap_or_default();
                format!("for %{known} followed by `{rest}` write %{known}\\_{rest}")
            }
            (None, None) => "the reference of layouts lists the words".to_owned(),
        }
    }

    fn bad_option(&mut self, call: &Call, known: &str) -> Option<Value> {
        let given = call.options.first().cloned().unwrap_or_default();
        let what = format!("`%{}` knows no option `{given}`", call.word);
        self.problem(call, what, format!("write {known}"));
        None
    }

    fn date(&mut self, call: &Call) -> Option<date::DatePattern> {
        match date::compile(&call.options, self.dates, self.options) {
            Ok(date) => {
                self.dates += 1;
                Some(date)
            }
            Err((what, remedy)) => {
                self.problem(call, what, remedy);
                None
            }
        }
    }

    /// The one option of a word that shortens names.
    fn length(&mut self, call: &Call) -> Option<Option<usize>> {
        let Some(text) = call.options.first() else { return Some(None) };
        let digits = text.len() < 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        let length = text.parse().ok().filter(|_| digits);
        if length.is_none() {
            self.bad_option(call, "a whole number, the length to shorten to, as in {36}");
        }
        Some(Some(length?))
    }

    fn trace(&mut self, call: &Call, root_first: bool) -> Option<TraceOptions> {
        self.prints_trace = true;
        let frames = match call.options.first().map(String::as_str) {
            None | Some("full") => None,
            Some("short") => Some(1),
            Some(text) => match text.parse() {
                Ok(frames) => Some(frames),
                Err(_) => {
                    self.bad_option(call, "`{full}`, `{short}` or a number of frames");
                    return None;
                }
            },
        };
        let skip = call.options.get(1..).unwrap_or_default().to_vec();
        Some(TraceOptions { frames, root_first, skip })
    }

    fn property(&mut self, call: &Call) -> Option<String> {
        let name = call.options.first().map_or("", String::as_str);
        let value = self.options.properties.get(name).cloned();
        if value.is_none() {
            let what = format!("there is no property `{name}`");
            self.problem(call, what, "write its value into the pattern");
        }
        value
    }

    fn group(&mut self, call: &Call, inner: &[Node], parts: &mut Vec<Part>) {
        if call.word == "prefix" && self.options.compat == Compat::Logback12 {
            self.word(call);
            return;
        }
        if call.word == "prefix" {
            let inner = self.prefixed(inner);
            parts.push(Part::Group(inner, call.width, Finish::Plain));
            return;
        }
        let inner = self.parts(inner);
        let finish = match call.word.as_str() {
            "" => Finish::Plain,
            "highlight" => Finish::Highlight,
            "replace" => match self.replacement(call) {
                Some(replacement) => Finish::Replace(Box::new(replacement)),
                None => return,
            },
            word => match colour::named(word) {
                Some(code) => Finish::Colour(code),
                None => {
                    let what = format!("`%{word}( … )` is no group");
                    self.problem(
                        call,
                        what,
                        format!("write %{word} without brackets, or \\( for one"),
                    );
                    return;
                }
            },
        };
        parts.push(Part::Group(inner, call.width, finish));
    }

    fn replacement(&mut self, call: &Call) -> Option<Replacement> {
        let [regex, with, ..] = call.options.as_slice() else {
            let what = "`%replace` needs a regular expression and what to put in its place";
            self.problem(call, what, "write %replace(%msg){'regex', 'replacement'}");
            return None;
        };
        match Replacement::compile(regex, with) {
            Ok(replacement) => Some(replacement),
            Err((what, remedy)) => {
                self.problem(call, what, remedy);
                None
            }
        }
    }

    /// Each word after its name and `=`. Widths of what stands directly within mean nothing, as in
    /// logback.
    fn prefixed(&mut self, nodes: &[Node]) -> Vec<Part> {
        let mut parts = Vec::new();
        for node in nodes {
            if let Node::Word(call) = node {
                let key = call.options.first().map(|key| key.split(":-").next().unwrap_or(key));
                let name = match call.word.as_str() {
                    "n" => None,
                    "X" | "mdc" | "property" => key,
                    word => Some(full_name(word)),
                };
                parts.extend(name.map(|name| Part::Literal(format!("{name}=").into_bytes())));
            }
            for mut part in self.parts(std::slice::from_ref(node)) {
                if let Part::Value(_, width) | Part::Group(_, width, _) = &mut part {
                    *width = Width::default();
                }
                parts.push(part);
            }
        }
        parts
    }
}

fn is_group(word: &str) -> bool {
    matches!(word, "highlight" | "replace" | "prefix") || colour::named(word).is_some()
}

/// What `%prefix` calls a word.
fn full_name(word: &str) -> &str {
    match word {
        "d" => "date",
        "p" | "le" => "level",
        "t" => "thread",
        "lo" | "c" => "logger",
        "m" | "msg" => "message",
        "C" => "class",
        "M" => "method",
        "L" => "line",
        "F" => "file",
        "r" => "relative",
        "cn" => "contextName",
        "sn" => "sequenceNumber",
        other => other,
    }
}

fn field(option: Option<&str>) -> Value {
    match option {
        None => Value::Fields,
        Some(option) => {
            let (key, or) = option.split_once(":-").unwrap_or((option, ""));
            Value::Field { key: key.to_owned(), or: or.to_owned() }
        }
    }
}

fn masked(options: &[String]) -> Value {
    let quote = match options.first().map(String::as_str) {
        Some("NONE") => Some(""),
        Some("SINGLE") => Some("'"),
        Some("DOUBLE") => Some("\""),
        _ => None,
    };
    let names = if quote.is_some() { options.get(1..) } else { options.get(..) };
    Value::Pairs { quote: quote.unwrap_or("\""), masked: names.unwrap_or_default().to_vec() }
}
