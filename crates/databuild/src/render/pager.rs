//! A pager between us and the terminal, for long results that people read.

use super::terminal::Wishes;
use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

/// Where a result goes: into a pager, or to stdout.
pub(crate) enum Screen {
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
        start(pager).map_or_else(|_| Self::direct(), Screen::Pager)
    }

    /// Ends the output and waits until the reader has seen it.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
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
fn start(pager: &str) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", &format!("LESS=${{LESS-FRX}} exec {pager}")])
        .env("LESSSECURE", "1")
        .stdin(Stdio::piped())
        .spawn()
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Screen::Pager(child) => match &mut child.stdin {
                Some(stdin) => stdin.write(bytes),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
            Screen::Direct(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Screen::Pager(child) => child.stdin.as_mut().map_or(Ok(()), Write::flush),
            Screen::Direct(out) => out.flush(),
        }
    }
}
