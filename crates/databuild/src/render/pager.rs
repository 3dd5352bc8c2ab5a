//! A pager between us and the terminal, for long results that people read.

use super::terminal::Wishes;
use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

/// Most bytes that are held: a reader does not wait for the end of a large log.
const HELD_BYTES_MAX: usize = 4 << 20;

/// Where a result goes: into a pager, or to stdout.
pub(crate) enum Screen {
    /// A pager that is started when it is known where the reader should begin.
    Held { pager: String, text: Vec<u8> },
    /// A pager that must be waited for.
    Pager(Child),
    /// Stdout, buffered by whole writes.
    Direct(io::BufWriter<io::Stdout>),
}

impl Screen {
    /// Stdout as it is.
    pub(crate) fn direct() -> Self {
        Screen::Direct(io::BufWriter::with_capacity(1 << 16, io::stdout()))
    }

    /// The user's pager if stdout is a terminal and there is one, else stdout.
    pub(crate) fn paged(wishes: &Wishes) -> Self {
        if !io::stdout().is_terminal() {
            return Self::direct();
        }
        let pager = wishes.pager.as_deref().unwrap_or("less");
        if pager.trim().is_empty() || pager.trim() == "cat" {
            return Self::direct();
        }
        start(pager, None).map_or_else(|_| Self::direct(), Screen::Pager)
    }

    /// As [`Screen::paged`], and what is written is held until [`Screen::begin_here`] or until it is
    /// too much.
    pub(crate) fn held(wishes: &Wishes) -> Self {
        let pager = wishes.pager.as_deref().unwrap_or("less");
        let is_less = pager.split_whitespace().next().is_some_and(|name| name.ends_with("less"));
        if io::stdout().is_terminal() && is_less {
            return Screen::Held { pager: pager.to_owned(), text: Vec::new() };
        }
        Self::paged(wishes)
    }

    /// The reader is to see first what is written next.
    pub(crate) fn begin_here(&mut self) -> io::Result<()> {
        let Screen::Held { text, .. } = self else { return Ok(()) };
        let line = 1 + text.iter().filter(|byte| **byte == b'\n').count();
        self.open(Some(line))
    }

    fn open(&mut self, line: Option<usize>) -> io::Result<()> {
        let Screen::Held { pager, text } = self else { return Ok(()) };
        let text = std::mem::take(text);
        *self = start(pager, line).map_or_else(|_| Self::direct(), Screen::Pager);
        self.write_all(&text)
    }

    /// Ends the output and waits until the reader has seen it.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.open(None)?;
        match self {
            Screen::Held { .. } => Ok(()),
            Screen::Pager(mut child) => {
                drop(child.stdin.take());
                child.wait().map(drop)
            }
            Screen::Direct(mut out) => out.flush(),
        }
    }
}

/// `less` gets the options that make it a guest: it leaves short results on the screen, passes our
/// colours and shows everything else. A `LESS` of the user's own wins.
#[expect(clippy::disallowed_methods, reason = "the pager is the user's program, not a job")]
fn start(pager: &str, line: Option<usize>) -> io::Result<Child> {
    let line = line.map_or_else(String::new, |line| format!(" +{line}"));
    Command::new("sh")
        .args(["-c", &format!("LESS=${{LESS-FRX}} exec {pager}{line}")])
        .env("LESSSECURE", "1")
        .stdin(Stdio::piped())
        .spawn()
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Screen::Held { text, .. } if text.len() < HELD_BYTES_MAX => {
                text.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            Screen::Held { .. } => {
                self.open(None)?;
                self.write(bytes)
            }
            Screen::Pager(child) => match &mut child.stdin {
                Some(stdin) => stdin.write(bytes),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
            Screen::Direct(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Screen::Held { .. } => Ok(()),
            Screen::Pager(child) => child.stdin.as_mut().map_or(Ok(()), Write::flush),
            Screen::Direct(out) => out.flush(),
        }
    }
}
