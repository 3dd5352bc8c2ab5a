//! The processes of a job: the command, be it a child of ours or of a wrapper that is gone, and all
//! that came from it.

use crate::identity;
use crate::lifecycle::Exit;
use crate::process_tree::{self, Process};
use crate::sys;
use databuild_model::ids::JobRunId;
use rustix::process::{Pid, Signal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How its command stands to us.
#[derive(Debug)]
pub(crate) enum Job {
    /// A child of ours.
    Child {
        /// Its number, which is ours until we reap it.
        pid: i32,
    },
    /// Another wrapper has started it, and it runs.
    Adopted {
        /// Its number.
        pid: i32,
        /// Its name for ever.
        identity: String,
        /// A handle of it.
        handle: OwnedFd,
        /// Marks its descendants.
        run: JobRunId,
    },
    /// It had ended when we came.
    Gone {
        /// Marks its descendants.
        run: JobRunId,
    },
}

impl Job {
    /// The number of the command.
    pub(crate) fn pid(&self) -> Option<i32> {
        match self {
            Job::Child { pid } | Job::Adopted { pid, .. } => Some(*pid),
            Job::Gone { .. } => None,
        }
    }

    /// What tells that it has ended, if its end is not told by a signal.
    pub(crate) fn handle(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Job::Adopted { handle, .. } => Some(handle.as_fd()),
            Job::Child { .. } | Job::Gone { .. } => None,
        }
    }

    /// Whether those that it leaves behind are not descendants of ours.
    pub(crate) fn is_of_another(&self) -> bool {
        match self {
            Job::Adopted { .. } | Job::Gone { .. } => true,
            Job::Child { .. } => false,
        }
    }

    /// How an adopted command has ended. To be called when its handle says that it has.
    pub(crate) fn adopted_exit(&self) -> Exit {
        let Job::Adopted { pid, identity, handle, .. } = self else { return Exit::Unknown };
        // Before anybody reaps it /proc knows, and the kernel's word is there from then on.
        let zombie = process_tree::process(*pid).and_then(|it| it.status);
        let status = zombie.filter(|_| identity::of(*pid) == *identity);
        status.or_else(|| sys::exit_status(handle.as_fd())).map_or(Exit::Unknown, exit_of)
    }

    /// All its processes, as far as they are known without a walk over all there are.
    pub(crate) fn processes(&self, own: i32) -> Vec<Process> {
        let mut found = process_tree::descendants(own);
        if let Job::Adopted { pid, .. } = self {
            found.extend(process_tree::process(*pid));
            found.extend(process_tree::descendants(*pid));
        }
        found
    }

    /// All its processes that have not ended.
    pub(crate) fn members(&self, own: i32) -> Vec<Process> {
        let mut found = self.processes(own);
        if let Job::Adopted { run, .. } | Job::Gone { run } = self {
            for process in process_tree::marked(run) {
                if found.iter().all(|it| it.pid != process.pid) {
                    found.push(process);
                }
            }
        }
        found.retain(|it| !it.zombie);
        found
    }

    /// Sends `signal` to one of [`Job::members`], if it still is one.
    pub(crate) fn signal_member(&self, pid: i32, signal: Signal) {
        match self {
            Job::Child { .. } => process_tree::signal_descendant(pid, signal),
            Job::Adopted { run, .. } | Job::Gone { run } => {
                process_tree::signal_marked(pid, run, signal);
            }
        }
    }

    /// Sends `signal` to the process group of the command, which has not been reaped.
    pub(crate) fn signal_group(&self, signal: Signal) {
        let (pid, is_it) = match self {
            Job::Child { pid } => (*pid, true),
            Job::Adopted { pid, identity, handle, .. } => {
                if sys::signal_group(handle.as_fd(), signal) {
                    return;
                }
                (*pid, identity::of(*pid) == *identity)
            }
            Job::Gone { .. } => return,
        };
        if let Some(group) = Pid::from_raw(pid).filter(|_| is_it) {
            // Between its end and our reaping it there is nobody to be told.
            rustix::process::kill_process_group(group, signal).ok();
        }
    }
}

/// From the form that waitpid(2) gives.
fn exit_of(status: i32) -> Exit {
    if libc::WIFEXITED(status) {
        Exit::Code(libc::WEXITSTATUS(status))
    } else {
        Exit::Signal(libc::WTERMSIG(status))
    }
}

#[cfg(test)]
mod tests;
