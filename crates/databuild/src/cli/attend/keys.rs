//! Keys that are typed while a build draws its block. The terminal is put back as it was at the end.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr,
};
use std::io::{self, Stdin};

/// Most keys that are taken at one look; a held key types about thirty a second.
const KEYS_AT_ONCE: usize = 64;

/// A terminal that hands over each key at once and does not print it. Ctrl-C stays a signal.
pub(super) struct Keys {
    stdin: Stdin,
    before: Termios,
}

impl Keys {
    /// Keys from stdin; `None` where it is no terminal or belongs to somebody else now.
    pub(super) fn listen() -> Option<Keys> {
        let stdin = io::stdin();
        if !isatty(&stdin) || !is_ours(&stdin) {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut at_once = before.clone();
        at_once.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &at_once).ok()?;
        Some(Keys { stdin, before })
    }

    /// Whether `key` was typed since the last look. Never waits.
    pub(super) fn typed(&self, key: u8) -> bool {
        // Whoever reads from a terminal in the background is stopped.
        if !is_ours(&self.stdin) {
            return false;
        }
        let mut fds = [PollFd::new(&self.stdin, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if !matches!(poll(&mut fds, Some(&at_once)), Ok(1)) {
            return false;
        }
        let mut keys = [0; KEYS_AT_ONCE];
        let count = rustix::io::read(&self.stdin, &mut keys).unwrap_or(0);
        keys.iter().take(count).any(|typed| typed.eq_ignore_ascii_case(&key))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if is_ours(&self.stdin) {
            // A terminal that went away needs nothing back.
            tcsetattr(&self.stdin, OptionalActions::Now, &self.before).ok();
        }
    }
}

/// Whether we are in the foreground of the terminal.
fn is_ours(stdin: &Stdin) -> bool {
    tcgetpgrp(stdin).is_ok_and(|group| group == getpgrp())
}
