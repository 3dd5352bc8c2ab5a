//! What the wrapper keeps in the spool folder for others while the job runs: the state, and no more
//! bytes than need be.

use super::Wrapper;
use crate::channel::Channel;
use crate::exit::stop_word;
use crate::identity;
use crate::lifecycle::{Exit, Stop};
use crate::limits::{MARK_LOOK, MARK_LOOK_FULL, SPOOL_RETRY};
use crate::lines::Moment;
use crate::spool::{Spool, StateFile};
use crate::told::Told;
use crate::usage::Usage;
use databuild_model::spool::{Block, Phase, SpoolState};
use databuild_model::time::Timestamp;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A spool that is in use.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) spool: Spool,
    state: StateFile,
    /// What is stored of the run already.
    pub(crate) told: Told,
    /// The trace that the job belongs to.
    pub(super) traceparent: String,
    /// Whoever started us, if it is known who that is.
    executor: Option<OwnedFd>,
    /// Its name for ever.
    pub(crate) executor_name: Option<String>,
    /// It was named, and is gone.
    pub(crate) executor_gone: bool,
    /// When to look at the stored mark, or to write the state again.
    look_at: Option<Duration>,
}

impl Keeping {
    /// Of `spool`.
    pub(crate) fn new(spool: Spool, told: Told, traceparent: String) -> Keeping {
        let state = spool.state();
        let mut keeping = Keeping {
            spool,
            state,
            told,
            traceparent,
            executor: None,
            executor_name: None,
            executor_gone: false,
            look_at: None,
        };
        keeping.find_executor();
        keeping
    }

    /// Learns who collects what we tell now.
    pub(crate) fn find_executor(&mut self) {
        let named = self.spool.run().map(|run| run.executor).filter(|it| !it.is_empty());
        self.executor = named.as_deref().and_then(identity::open).map(|it| it.1);
        self.executor_gone = named.is_some() && self.executor.is_none();
        self.executor_name = named;
    }

    /// Whether whoever held the pipes when the command was started holds them still.
    pub(crate) fn same_executor(&self, state: &SpoolState) -> bool {
        !self.executor_gone && state.executor.is_some() && state.executor == self.executor_name
    }

    /// What another wrapper has left, or what this one has written.
    pub(crate) fn state(&self) -> &SpoolState {
        self.state.get()
    }

    /// Changes the state.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut SpoolState)) {
        self.state.change(change);
    }

    pub(super) fn executor(&self) -> Option<BorrowedFd<'_>> {
        self.executor.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.look_at
    }

    pub(super) fn stopped_for(&mut self, stop: Stop) {
        if self.state.get().stopped_for.is_none() {
            self.change(|state| state.stopped_for = Some(stop_word(stop).to_owned()));
        }
    }

    pub(super) fn ended(&mut self, exit: Exit, at: Timestamp, usage: &Usage) {
        self.change(|state| {
            if state.phase != Phase::Ended {
                state.ended_at_ns = Some(at.as_nanos());
            }
            state.phase = Phase::Ended;
            match exit {
                Exit::Code(code) => state.exit_code = Some(code),
                Exit::Signal(signal) => state.signal = Some(signal),
                Exit::Unknown => {}
            }
            state.memory_peak_bytes = Some(usage.memory_peak);
            state.cpu_seconds = Some(usage.cpu.as_secs_f64());
        });
    }
}

/// What the job waits for.
fn blocked(channels: &[Channel; 2], full: bool) -> Option<Block> {
    match channels.iter().find_map(Channel::refused) {
        Some(Errno::NOSPC) => Some(Block::NoSpace),
        Some(Errno::DQUOT) => Some(Block::OverQuota),
        Some(_) => Some(Block::WriteFailed),
        None => full.then_some(Block::SpoolFull),
    }
}

impl Wrapper<'_> {
    /// How much the spool may take.
    pub(super) fn room(&self) -> u64 {
        let Some(keeping) = &self.keeping else { return u64::MAX };
        let held: u64 = self.channels.iter().map(Channel::spooled).sum();
        keeping.spool.bytes_max.saturating_sub(held)
    }

    /// Removes what is stored, and says in the state what the job waits for.
    pub(super) fn keep(&mut self, at: Moment) {
        let full = self.room() == 0;
        let old = self.channels.iter().any(Channel::has_old);
        let Some(keeping) = &mut self.keeping else { return };
        if old
            && keeping.look_at.is_none_or(|due| due <= at.mono)
            && let Some(mark) = keeping.spool.stored_mark()
        {
            for channel in &mut self.channels {
                channel.stored(mark);
            }
        }
        let blocked = blocked(&self.channels, full).map(Block::as_str);
        if keeping.state().blocked.as_deref() != blocked {
            keeping.change(|state| {
                state.blocked = blocked.map(str::to_owned);
                state.blocked_since_ns = blocked.map(|_| at.wall.as_nanos());
            });
        }
        if keeping.state.is_unwritten() && keeping.look_at.is_none_or(|due| due <= at.mono) {
            keeping.state.write();
        }
        let old = self.channels.iter().any(Channel::has_old);
        let wait = match (full, old, keeping.state.is_unwritten()) {
            (true, ..) => Some(MARK_LOOK_FULL),
            (false, _, true) => Some(SPOOL_RETRY),
            (false, true, false) => Some(MARK_LOOK),
            (false, false, false) => None,
        };
        keeping.look_at = match (wait, keeping.look_at.filter(|due| at.mono < *due)) {
            (Some(wait), Some(due)) => Some(due.min(at.mono + wait)),
            (wait, _) => wait.map(|wait| at.mono + wait),
        };
    }
}
