//! The life of the job's processes as a state machine: what happened and what time it is come in,
//! what to do comes out. Pure; `wrapper.rs` has the hands.
//!
//! ```text
//! Running ──exit──▶ Draining ──both streams at their end──▶ Ended      (nobody is left)
//!    │                  └──deadline, with processes left──▶ Clearing ──▶ Ended
//!    └ stop (signal, timeout, nobody reads): polite signal, after the grace time SIGKILL
//! ```

use crate::limits::{KILL_AGAIN, KILL_ROUNDS_MAX, SETTLE};
use std::time::Duration;

/// Signals that we pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopSignal {
    Interrupt,
    Terminate,
    Hangup,
}

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    /// It has ended, and nobody is left who knows how.
    Unknown,
}

/// Everything that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Children were reaped; `command` if the command was among them, `left` if there are others.
    Reaped { command: Option<Exit>, left: bool },
    /// Both streams are at their end.
    StreamsEnded,
    /// Somebody wants us to stop.
    Signal(StopSignal),
    /// Nobody reads what we write.
    OutputLost,
    /// A deadline has passed.
    Time,
}

/// Why the job is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled(StopSignal),
    Timeout,
    OutputLost,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send a signal to the command's process group, and wake it if it is stopped.
    Ask(StopSignal),
    /// SIGKILL to the process group and to every descendant.
    Kill,
    /// Say who is left.
    NameLeft,
    /// SIGTERM to every descendant.
    AskLeft,
    /// Say that we live.
    Heartbeat,
    /// It is over: read what is there, and conclude.
    Conclude,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) drain: Duration,
    pub(crate) heartbeat: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The command runs.
    Running,
    /// It has ended; its streams have not.
    Draining {
        until: Duration,
    },
    /// What it left behind is being stopped.
    Clearing,
    Ended,
}

/// The state.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    times: Times,
    phase: Phase,
    stop: Option<Stop>,
    exit: Option<Exit>,
    left: bool,
    streams_ended: bool,
    timeout_at: Option<Duration>,
    heartbeat_at: Duration,
    kill_at: Option<Duration>,
    /// When what is left of a job that was told to stop has had its grace time.
    kill_left_at: Option<Duration>,
    kills: u32,
}

impl Lifecycle {
    /// The command was launched at `now`.
    pub(crate) fn new(times: Times, now: Duration) -> Self {
        Lifecycle {
            times,
            phase: Phase::Running,
            stop: None,
            exit: None,
            left: true,
            streams_ended: false,
            timeout_at: times.timeout.map(|timeout| now + timeout),
            heartbeat_at: now + times.heartbeat,
            kill_at: None,
            kill_left_at: None,
            kills: 0,
        }
    }

    /// The job was told to stop before `now`, for `stop`, by another wrapper.
    pub(crate) fn was_stopped(&mut self, stop: Stop, now: Duration) {
        self.stop = Some(stop);
        self.kill_at = Some(now + self.times.grace);
    }

    /// Why the job was stopped, if it was.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// How the command ended. `None` after [`Action::Conclude`] means that it could not be killed.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// When [`Event::Time`] is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Running => self.timeout_at.filter(|_| self.stop.is_none()),
            Phase::Draining { until } => Some(until),
            Phase::Clearing => None,
            Phase::Ended => return None,
        };
        [phase, self.kill_at, Some(self.heartbeat_at)].into_iter().flatten().min()
    }

    /// What to do, in order, now that `event` has happened.
    pub(crate) fn on(&mut self, event: Event, now: Duration) -> Vec<Action> {
        if self.phase == Phase::Ended {
            return Vec::new();
        }
        let mut actions = Vec::new();
        match event {
            Event::Reaped { command, left } => {
                self.left = left;
                if command.is_some() {
                    self.exit = command;
                    self.advance(now, &mut actions);
                    self.settle(now);
                }
            }
            Event::StreamsEnded => {
                self.streams_ended = true;
                self.settle(now);
            }
            Event::Signal(signal) => self.ask_to_stop(Stop::Cancelled(signal), now, &mut actions),
            Event::OutputLost => {
                if self.stop.is_none() {
                    self.ask_to_stop(Stop::OutputLost, now, &mut actions);
                }
            }
            Event::Time => self.time(now, &mut actions),
        }
        self.advance(now, &mut actions);
        actions
    }

    /// The first wish to stop is passed on politely, the second is SIGKILL.
    fn ask_to_stop(&mut self, stop: Stop, now: Duration, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Running if self.stop.is_none() => {
                self.stop = Some(stop);
                self.kill_at = Some(now + self.times.grace);
                actions.push(Action::Ask(match stop {
                    Stop::Cancelled(signal) => signal,
                    Stop::Timeout | Stop::OutputLost => StopSignal::Terminate,
                }));
            }
            // The command has ended as it has; only the waiting is cut short.
            Phase::Draining { .. } => self.phase = Phase::Draining { until: now },
            Phase::Running | Phase::Clearing => self.kill(now, actions),
            Phase::Ended => {}
        }
    }

    fn kill(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.kills += 1;
        self.kill_at = Some(now + KILL_AGAIN);
        actions.push(Action::Kill);
    }

    fn time(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.heartbeat_at <= now {
            // Not by adding up: after a pause of the machine one heartbeat is enough.
            self.heartbeat_at = now + self.times.heartbeat;
            actions.push(Action::Heartbeat);
        }
        if self.phase == Phase::Running
            && self.stop.is_none()
            && self.timeout_at.is_some_and(|at| at <= now)
        {
            self.ask_to_stop(Stop::Timeout, now, actions);
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill(now, actions);
        }
    }

    /// Nothing more can be said, but a process that ends closes its streams a moment before it is
    /// gone: such a one is not called a leftover.
    fn settle(&mut self, now: Duration) {
        if let Phase::Draining { until } = &mut self.phase
            && self.streams_ended
        {
            *until = (*until).min(now + SETTLE);
        }
    }

    /// Goes to the next phase if it is time.
    fn advance(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.phase == Phase::Running && self.exit.is_some() {
            // Whoever was told to stop with the command has had part of the grace time already.
            let until = now + self.times.drain;
            let until = self.kill_at.map_or(until, |at| until.min(at));
            self.kill_left_at = self.kill_at.take();
            self.phase = Phase::Draining { until };
            self.kills = 0;
        }
        if let Phase::Draining { until } = self.phase {
            if self.streams_ended && !self.left {
                self.conclude(actions);
            } else if until <= now {
                actions.push(Action::NameLeft);
                if self.left {
                    actions.push(Action::AskLeft);
                    self.phase = Phase::Clearing;
                    let at = self.kill_left_at.unwrap_or(now + self.times.grace);
                    self.kill_at = Some(at.max(now + KILL_AGAIN.min(self.times.grace)));
                } else {
                    // Somebody who is not ours holds a stream.
                    self.conclude(actions);
                }
            }
        }
        // Whoever still holds a stream now is not ours.
        let gave_up = KILL_ROUNDS_MAX < self.kills;
        if self.phase == Phase::Clearing && !self.left || gave_up {
            self.conclude(actions);
        }
    }

    fn conclude(&mut self, actions: &mut Vec<Action>) {
        self.phase = Phase::Ended;
        self.kill_at = None;
        actions.push(Action::Conclude);
    }
}

#[cfg(test)]
mod tests;
