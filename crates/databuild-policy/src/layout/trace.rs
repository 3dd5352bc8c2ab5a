//! Tracebacks. Java's are read into throwables, so that they can be printed in any order and length as
//! logback does; those of other languages are kept as their lines.

use super::Compat;

/// How much of a traceback, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceOptions {
    /// Frames of each throwable; all if absent.
    pub(super) frames: Option<usize>,
    /// The cause before what it caused.
    pub(super) root_first: bool,
    /// Frames that contain one of these are left out.
    pub(super) skip: Vec<String>,
}

/// Deepest nesting that is read: what is deeper stays text.
const DEPTH_MAX: usize = 64;

/// A throwable as Java prints it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Throwable<'a> {
    /// Class and message, or what stands for a cyclic one.
    header: &'a str,
    /// Further lines of its message.
    more: Vec<&'a str>,
    /// Without the indentation.
    frames: Vec<&'a str>,
    /// How many of the enclosing one's last frames follow.
    omitted: usize,
    suppressed: Vec<Throwable<'a>>,
    cause: Option<Box<Throwable<'a>>>,
}

/// Whether `line` looks like the header of a throwable: a qualified name, then a colon or nothing.
pub(super) fn names_exception(line: &str) -> bool {
    let name = line.split_once(':').map_or(line, |(name, _)| name).trim_end();
    let name = name.strip_prefix("Caused by: ").unwrap_or(name);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | '/');
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(plain)
}

/// Appends the traceback `text`.
pub(super) fn render(text: &str, options: &TraceOptions, compat: Compat, out: &mut Vec<u8>) {
    if let Some(throwable) = read(text) {
        let printer = Printer { options, compat, out };
        printer.print(&throwable);
    } else {
        plain(text, options, compat, out);
    }
}

/// Lines of a traceback that is not Java's: frames are what is indented.
fn plain(text: &str, options: &TraceOptions, compat: Compat, out: &mut Vec<u8>) {
    let mut frames = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let is_frame = line.starts_with([' ', '\t']);
        frames = if is_frame { frames + 1 } else { 0 };
        let too_many = options.frames.is_some_and(|max| max < frames);
        if is_frame && (too_many || options.skip.iter().any(|skip| line.contains(skip.as_str()))) {
            continue;
        }
        if !is_frame && compat == Compat::Databuild {
            // Nothing that a job prints may begin a line as an event does.
            out.push(b'\t');
        }
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

const CAUSED_BY: &str = "Caused by: ";
const SUPPRESSED: &str = "Suppressed: ";

/// Reads what `Throwable.printStackTrace` prints; `None` if it is something else.
fn read(text: &str) -> Option<Throwable<'_>> {
    let mut lines: Vec<&str> = text.lines().collect();
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let first = lines.first()?;
    let header = first.strip_prefix("Exception in thread ").map_or(*first, |rest| {
        // After the thread's name in quotes.
        rest.rsplit_once("\" ").map_or(rest, |(_, header)| header)
    });
    if !names_exception(header) {
        return None;
    }
    let mut at = 1;
    let throwable = read_one(header, &lines, &mut at, 1, 0)?;
    (at == lines.len()).then_some(throwable)
}

/// The throwable of `header`, whose frames have `tabs` tabs and begin at line `at`.
fn read_one<'a>(
    header: &'a str,
    lines: &[&'a str],
    at: &mut usize,
    tabs: usize,
    depth: usize,
) -> Option<Throwable<'a>> {
    let mut read = Throwable { header, ..Throwable::default() };
    if DEPTH_MAX < depth {
        return None;
    }
    while let Some(line) = lines.get(*at) {
        let bare = line.trim_start_matches('\t');
        let indent = line.len() - bare.len();
        if indent == tabs && bare.starts_with("at ") && read.cause.is_none() {
            read.frames.push(bare);
            *at += 1;
        } else if indent == tabs && bare.starts_with("... ") {
            read.omitted = bare.strip_prefix("... ")?.split(' ').next()?.parse().ok()?;
            *at += 1;
        } else if indent == tabs
            && let Some(header) = bare.strip_prefix(SUPPRESSED)
        {
            *at += 1;
            read.suppressed.push(read_one(header, lines, at, tabs + 1, depth + 1)?);
        } else if indent + 1 == tabs
            && let Some(header) = bare.strip_prefix(CAUSED_BY)
        {
            *at += 1;
            read.cause = Some(Box::new(read_one(header, lines, at, tabs, depth + 1)?));
            return Some(read);
        } else if read.frames.is_empty() && read.omitted == 0 && !bare.starts_with(SUPPRESSED) {
            read.more.push(line);
            *at += 1;
        } else {
            break;
        }
    }
    Some(read)
}

struct Printer<'o> {
    options: &'o TraceOptions,
    compat: Compat,
    out: &'o mut Vec<u8>,
}

impl Printer<'_> {
    fn print(mut self, throwable: &Throwable<'_>) {
        if self.options.root_first {
            self.root_first(throwable, "", 1, &[]);
        } else {
            self.in_order(throwable, "", 1, &[]);
        }
    }

    fn in_order(&mut self, it: &Throwable<'_>, prefix: &str, indent: usize, outer: &[&str]) {
        self.tabs(indent - 1);
        self.out.extend_from_slice(prefix.as_bytes());
        self.header(it);
        let all = self.frames(it, indent, outer);
        for suppressed in &it.suppressed {
            self.in_order(suppressed, SUPPRESSED, indent + 1, &all);
        }
        if let Some(cause) = &it.cause {
            self.in_order(cause, CAUSED_BY, indent, &all);
        }
    }

    fn root_first(&mut self, it: &Throwable<'_>, prefix: &str, indent: usize, outer: &[&str]) {
        let mut prefix = prefix;
        if let Some(cause) = &it.cause {
            self.root_first(cause, prefix, indent, &all_frames(it, outer));
            prefix = "";
        }
        self.tabs(indent - 1);
        self.out.extend_from_slice(prefix.as_bytes());
        if it.cause.is_some() {
            self.out.extend_from_slice(b"Wrapped by: ");
        }
        self.header(it);
        let all = self.frames(it, indent, outer);
        for suppressed in &it.suppressed {
            self.root_first(suppressed, SUPPRESSED, indent + 1, &all);
        }
    }

    fn header(&mut self, it: &Throwable<'_>) {
        self.out.extend_from_slice(it.header.as_bytes());
        if self.compat == Compat::Logback12 && !it.header.contains(": ") {
            self.out.extend_from_slice(b": null");
        }
        self.out.push(b'\n');
        for line in &it.more {
            self.out.extend_from_slice(line.as_bytes());
            self.out.push(b'\n');
        }
    }

    /// Prints the frames of `it`, and gives all that it has, those shared with `outer` included.
    fn frames<'a>(&mut self, it: &Throwable<'a>, indent: usize, outer: &[&'a str]) -> Vec<&'a str> {
        let all = all_frames(it, outer);
        let unrestricted = self.options.frames.is_none_or(|max| all.len() < max);
        let mut end = match self.options.frames {
            Some(max) if !unrestricted => max,
            _ => it.frames.len(),
        };
        let mut skipped = 0;
        let mut at = 0;
        while at < end {
            let Some(frame) = all.get(at) else { break };
            at += 1;
            if self.options.skip.iter().any(|skip| frame.contains(skip.as_str())) {
                skipped += 1;
                // Another one may take its place.
                end += usize::from(end < all.len());
                continue;
            }
            self.tabs(indent);
            self.out.extend_from_slice(frame.as_bytes());
            self.skipped(&mut skipped);
            self.out.push(b'\n');
        }
        if 0 < skipped {
            self.skipped(&mut skipped);
            self.out.push(b'\n');
        }
        if 0 < it.omitted && unrestricted {
            self.tabs(indent);
            let line = format!("... {} common frames omitted\n", it.omitted);
            self.out.extend_from_slice(line.as_bytes());
        }
        all
    }

    fn skipped(&mut self, count: &mut usize) {
        if 0 < *count {
            self.out.extend_from_slice(format!(" [{count} skipped]").as_bytes());
            *count = 0;
        }
    }

    fn tabs(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(b'\t', count));
    }
}

fn all_frames<'a>(it: &Throwable<'a>, outer: &[&'a str]) -> Vec<&'a str> {
    let shared = outer.get(outer.len().saturating_sub(it.omitted)..).unwrap_or_default();
    it.frames.iter().chain(shared).copied().collect()
}
