//! The terminal, when it is our standard input: a job in a group of its own may only read it while
//! that group is in the foreground. The group becomes that as it starts, in `sys.rs`; here is who may
//! have the terminal, and how it comes back.

use rustix::process::{Pid, getpgid, getpgrp, getppid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// Whose the terminal is that our standard input may be.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It is no terminal, or none that controls us: anybody may read it.
    Open,
    /// It is with us, or with whoever started us: the job may have it.
    Ours(Terminal),
    /// Somebody else has it. A job that read it would be stopped.
    Background,
}

/// A terminal that was handed on.
#[derive(Debug)]
pub(crate) struct Terminal {
    before: Pid,
}

/// Finds out whose the terminal is.
pub(crate) fn standing() -> Standing {
    let Ok(before) = tcgetpgrp(std::io::stdin()) else { return Standing::Open };
    // A graph starts us in a group of our own, so that a Ctrl-C is first for it.
    let parent = getppid().and_then(|parent| getpgid(Some(parent)).ok());
    if before == getpgrp() || Some(before) == parent {
        Standing::Ours(Terminal { before })
    } else {
        Standing::Background
    }
}

impl Terminal {
    /// Gives the terminal back to those who had it. Needs SIGTTOU to be ignored.
    pub(crate) fn take_back(&self) {
        if tcgetpgrp(std::io::stdin()).is_ok_and(|now| now != self.before) {
            // Whoever had it may be gone; then whoever started them sees to it.
            tcsetpgrp(std::io::stdin(), self.before).ok();
        }
    }
}
