//! What a plain line of output tells by its form: how severe it is, and whether it belongs to the
//! line above. Pure, and cheap for the line that tells nothing.

use databuild_model::level::Level;

/// How much of a line is searched for a level. Levels stand in front.
const LOOK_BYTES: usize = 128;

/// Words looked at after a time: thread, logger name, process id and the like come before the level.
const WORDS_AFTER_TIME: usize = 5;

/// The header of a Python traceback; exception groups and chained ones end with it too.
const PYTHON_HEADER: &[u8] = b"Traceback (most recent call last):";

/// The level that a line states in front: a level word (`ERROR …`, `error: …`, `[warn]`), a time and
/// then a level, logfmt's `level=`, glog's `E0127`, or the first line of a crash report. `INFO` if it
/// states none.
pub(crate) fn level(line: &[u8]) -> Level {
    let line = without_colour(line);
    let look = line.get(..LOOK_BYTES).unwrap_or(line);
    let Some(&first) = look.first() else { return Level::Info };
    let found = match first {
        b'0'..=b'9' => after_time(look),
        b'[' | b'<' | b'(' => bracketed(look).or_else(|| after_time(look)),
        b'A'..=b'Z' => leading_word(look)
            .or_else(|| glog(look))
            .or_else(|| crash_header(line).then_some(Level::Error)),
        b'a'..=b'z' => leading_word(look)
            .or_else(|| logfmt(look))
            .or_else(|| crash_header(line).then_some(Level::Error)),
        _ => crash_header(line).then_some(Level::Error),
    };
    found.unwrap_or(Level::Info)
}

/// Whether `line` begins a crash report of a language runtime.
fn crash_header(line: &[u8]) -> bool {
    is_python_header(line)
        || line.starts_with(b"Exception in thread \"")
        || is_rust_header(line)
        || line.starts_with(b"panic: ")
        || line.starts_with(b"fatal error: ")
}

fn is_python_header(line: &[u8]) -> bool {
    line.ends_with(PYTHON_HEADER)
}

fn is_rust_header(line: &[u8]) -> bool {
    line.starts_with(b"thread '") && memchr::memmem::find(line, b"panicked at ").is_some()
}

/// Skips colour sequences (`ESC [ … m`) in front.
fn without_colour(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_prefix(b"\x1b[") {
        let Some(end) = rest.iter().take(16).position(|&byte| byte == b'm') else { break };
        line = rest.get(end + 1..).unwrap_or_default();
    }
    line
}

fn word_end(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len())
}

/// A level word, in capitals or not. Numbers are not words.
fn word(text: &[u8]) -> Option<Level> {
    // The shortest level word has three letters, the longest eleven; few letters begin one.
    let first = text.first()? | 0x20;
    if !(3..=11).contains(&text.len()) || memchr::memchr(first, b"iwensdtfcpa").is_none() {
        return None;
    }
    std::str::from_utf8(text).ok().and_then(Level::parse)
}

fn is_capitals(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_uppercase)
}

/// `ERROR something`, `ERROR:root:x`, `error: x`, `Warning: x`: a capital word needs a delimiter
/// after it, any other needs a colon, for people begin sentences with such words.
fn leading_word(look: &[u8]) -> Option<Level> {
    let end = word_end(look);
    let (name, rest) = look.split_at_checked(end)?;
    let level = word(name)?;
    let stated = match rest.first() {
        None | Some(b' ' | b'\t' | b']' | b'|' | b'-' | b'(' | b'[' | 0x1b) => is_capitals(name),
        Some(b':') => true,
        Some(_) => false,
    };
    stated.then_some(level)
}

/// `[error]`, `<WARN>`, `(info)`.
fn bracketed(look: &[u8]) -> Option<Level> {
    let inside = without_colour(look.get(1..)?);
    let inside = inside.get(inside.iter().position(|&byte| byte != b' ')?..)?;
    let (name, rest) = inside.split_at_checked(word_end(inside))?;
    let closed = matches!(rest.first(), Some(b']' | b'>' | b')' | b' ' | b':' | 0x1b));
    if closed { word(name) } else { None }
}

/// `2025-01-27 10:30:45,123 - name - ERROR - …`, `10:31:07.402 [main] WARN …`,
/// `[2025-01-27T10:30:45Z] error: …`.
fn after_time(look: &[u8]) -> Option<Level> {
    let in_time = |byte: u8| TIME_BYTES.get(usize::from(byte)).copied().unwrap_or(false);
    let time_end = look.iter().position(|&byte| !in_time(byte))?;
    let (time, mut rest) = look.split_at_checked(time_end)?;
    // A date or a clock: digits and at least one of the marks between them.
    if time.len() < 5 || !time.iter().any(|byte| matches!(byte, b':' | b'-' | b'/')) {
        return None;
    }
    for n in 0..WORDS_AFTER_TIME {
        let begin = rest.iter().position(u8::is_ascii_alphabetic)?;
        let token = rest.get(begin..)?;
        let (name, after) = token.split_at_checked(word_end(token))?;
        // Right after the time any spelling is a level; further on only capitals are.
        let ends = matches!(
            after.first(),
            None | Some(b' ' | b'\t' | b'|' | b']' | b':' | b'>' | b')' | b',' | 0x1b)
        );
        // The letter that ends a colour is not part of the word.
        let bare = name.strip_prefix(b"m").unwrap_or(name);
        if ends && (n == 0 || is_capitals(bare)) {
            let level = word(bare);
            if level.is_some() {
                return level;
            }
        }
        let next = after.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'|' | 0x1b))?;
        rest = after.get(next..)?;
    }
    None
}

/// The bytes of which dates and clocks consist, with what stands between and around them.
#[expect(clippy::indexing_slicing, reason = "a constant: the compiler has run it")]
const TIME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"0123456789-:.,/TZ+ \t[]";
    let mut n = 0;
    while n < bytes.len() {
        table[bytes[n] as usize] = true;
        n += 1;
    }
    table
};

/// `time=… level=error msg=…`: only in lines that begin as logfmt lines do.
fn logfmt(look: &[u8]) -> Option<Level> {
    let key = look.get(..look.iter().take(16).position(|&byte| byte == b'=')?)?;
    if !matches!(
        key,
        b"time" | b"ts" | b"timestamp" | b"t" | b"level" | b"lvl" | b"logger" | b"msg"
    ) {
        return None;
    }
    let after = if key == b"level" || key == b"lvl" {
        look.get(key.len() + 1..)?
    } else {
        let at = memchr::memmem::find(look, b" level=").map(|at| at + 7);
        look.get(at.or_else(|| memchr::memmem::find(look, b" lvl=").map(|at| at + 5))?..)?
    };
    let after = after.strip_prefix(b"\"").unwrap_or(after);
    word(after.get(..word_end(after))?)
}

/// `E0127 10:30:45.123456 …`.
fn glog(look: &[u8]) -> Option<Level> {
    let [letter, digits @ ..] = look.get(..5)? else { return None };
    if !digits.iter().all(u8::is_ascii_digit) || look.get(5) != Some(&b' ') {
        return None;
    }
    if !look.get(6).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    match letter {
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        _ => None,
    }
}

/// Which crash report the lines of a stream are in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    None,
    /// A Python header was seen; frames follow, and then the exception.
    PythonFrames,
    /// The exception was seen; a chained report may follow.
    PythonEnd,
    /// `thread 'x' panicked at`: the message follows.
    RustMessage,
    /// Notes and a backtrace may follow.
    RustNotes,
}

/// Decides line by line what belongs to the entry above. One per stream.
#[derive(Debug)]
pub(crate) struct Joiner {
    report: Report,
    level: Level,
    head_indented: bool,
    head_empty: bool,
    last_indented: bool,
}

fn is_indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

impl Joiner {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Joiner {
            report: Report::None,
            level: Level::Info,
            head_indented: true,
            head_empty: true,
            last_indented: false,
        }
    }

    /// Forgets the line above: what comes next joins nothing.
    pub(crate) fn reset(&mut self) {
        *self = Joiner::new();
    }

    /// `line` begins an entry of its own, of the level given back. A line that would have joined, had
    /// its entry not been let go already, has the level of that entry.
    pub(crate) fn head(&mut self, line: &[u8]) -> Level {
        let in_report = self.report != Report::None && self.in_report(line);
        if !in_report {
            self.report = Report::None;
            self.level = level(line);
            if self.level == Level::Error {
                if is_python_header(line) {
                    self.report = Report::PythonFrames;
                } else if is_rust_header(line) {
                    self.report = Report::RustMessage;
                }
            }
        }
        self.head_indented = is_indented(line);
        self.head_empty = line.is_empty();
        self.last_indented = false;
        self.level
    }

    /// Whether the entry is the beginning of something that surely goes on: a crash report without its
    /// message yet.
    pub(crate) fn expects_more(&self) -> bool {
        matches!(self.report, Report::PythonFrames | Report::RustMessage)
    }

    /// Whether `line` belongs to the entry that the last [`Joiner::head`] began. To be asked once per
    /// line.
    pub(crate) fn continues(&mut self, line: &[u8]) -> bool {
        if self.report != Report::None {
            return self.in_report(line);
        }
        let Some(&first) = line.first() else { return false };
        let joins = match first {
            b' ' | b'\t' => !self.head_indented && !self.head_empty,
            // The closing bracket of something printed over several lines.
            b'}' | b']' | b')' => self.last_indented && line.len() <= 2,
            b'C' => self.last_indented && line.starts_with(b"Caused by: "),
            _ => false,
        };
        self.last_indented = joins && matches!(first, b' ' | b'\t');
        joins
    }

    /// Whether `line` goes on with the crash report, and what can follow it.
    fn in_report(&mut self, line: &[u8]) -> bool {
        let (joins, next) = match self.report {
            Report::None => (false, Report::None),
            Report::PythonFrames if is_indented(line) || line.is_empty() => {
                (true, Report::PythonFrames)
            }
            Report::PythonFrames => (true, Report::PythonEnd),
            Report::PythonEnd if is_python_header(line) => (true, Report::PythonFrames),
            Report::PythonEnd => {
                let chained = line.starts_with(b"During handling of the above exception")
                    || line.starts_with(b"The above exception was the direct cause");
                let goes_on = chained || is_indented(line) || line.is_empty();
                (goes_on, if goes_on { Report::PythonEnd } else { Report::None })
            }
            Report::RustMessage => (true, Report::RustNotes),
            Report::RustNotes => {
                let goes_on = is_indented(line)
                    || line.starts_with(b"note: ")
                    || line.starts_with(b"stack backtrace:");
                (goes_on, if goes_on { Report::RustNotes } else { Report::None })
            }
        };
        self.report = next;
        joins
    }
}

#[cfg(test)]
mod tests;
