//! How a run ended: its cause, the wrapper's own exit code, and the words for it. Pure.

use crate::lifecycle::{Exit, Stop, StopSignal};
use databuild_model::cause::Cause;
use databuild_model::entry::event;

/// A fault of ours, or of the configuration.
pub(crate) const OUR_FAULT: i32 = 125;
/// The command is there and cannot be executed.
pub(crate) const NOT_EXECUTABLE: i32 = 126;
/// The command is not there.
pub(crate) const NOT_FOUND: i32 = 127;
/// The command took longer than it may.
pub(crate) const TIMED_OUT: i32 = 124;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) cause: Cause,
    /// The command's own exit code, if it exited.
    pub(crate) exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
    /// What the wrapper ends with.
    pub(crate) wrapper_code: i32,
}

impl StopSignal {
    /// All of them.
    pub(crate) const ALL: [StopSignal; 3] =
        [StopSignal::Interrupt, StopSignal::Terminate, StopSignal::Hangup];

    /// The number that Linux gives it.
    pub(crate) fn number(self) -> i32 {
        match self {
            StopSignal::Interrupt => libc::SIGINT,
            StopSignal::Terminate => libc::SIGTERM,
            StopSignal::Hangup => libc::SIGHUP,
        }
    }
}

/// The outcome of a command that ran. `oom` if the kernel says that it killed for memory.
pub(crate) fn outcome(exit: Option<Exit>, stop: Option<Stop>, oom: bool) -> Outcome {
    let (exit_code, signal) = match exit {
        Some(Exit::Code(code)) => (Some(code), None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        Some(Exit::Unknown) => (None, None),
        None => (None, Some(libc::SIGKILL)),
    };
    let own_code = exit_code.unwrap_or_else(|| signal.map_or(OUR_FAULT, |signal| 128 + signal));
    // A shell whose last command was killed says 137 itself.
    let killed = signal == Some(libc::SIGKILL) || exit_code == Some(128 + libc::SIGKILL);
    let (cause, wrapper_code) = match stop {
        Some(Stop::Timeout) => (Cause::Timeout, TIMED_OUT),
        Some(Stop::OutputLost) => (Cause::Cancelled, OUR_FAULT),
        // Whoever stopped us must not read success into an orderly end.
        Some(Stop::Cancelled(sent)) if own_code == 0 => (Cause::Cancelled, 128 + sent.number()),
        Some(Stop::Cancelled(_)) => (Cause::Cancelled, own_code),
        None if exit == Some(Exit::Unknown) => (Cause::WrapperLost, OUR_FAULT),
        None if oom && killed => (Cause::Oom, own_code),
        None if signal.is_some() => (Cause::Signal, own_code),
        None if own_code == 0 => (Cause::Success, 0),
        None => (Cause::Exit, own_code),
    };
    Outcome { cause, exit_code, signal, wrapper_code }
}

/// Why the job was stopped, in a word for another wrapper.
pub(crate) fn stop_word(stop: Stop) -> &'static str {
    let cause = match stop {
        Stop::Timeout => Cause::Timeout,
        Stop::Cancelled(_) | Stop::OutputLost => Cause::Cancelled,
    };
    cause.as_str()
}

/// What [`stop_word`] means. Which signal it was is not known any more.
pub(crate) fn stop_of(word: Option<&str>) -> Option<Stop> {
    if word == Some(Cause::Timeout.as_str()) {
        Some(Stop::Timeout)
    } else if word == Some(Cause::Cancelled.as_str()) {
        Some(Stop::Cancelled(StopSignal::Terminate))
    } else {
        None
    }
}

/// The event that says how the command ended.
pub(crate) fn event_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Success => event::TASK_COMPLETED,
        Cause::Timeout => event::TASK_TIMEOUT,
        Cause::Cancelled => event::TASK_CANCELLED,
        Cause::Exit | Cause::Signal | Cause::Oom | Cause::WrapperLost => event::TASK_FAILED,
        Cause::LaunchFailed => event::TASK_LAUNCH_FAIL,
        Cause::ConfigInvalid => event::CONFIG_VALIDATE_FAIL,
    }
}

/// Whether another attempt at the same command may well succeed: by the cause, and for exit codes by
/// sysexits.h (69 unavailable, 74 input/output, 75 try again; 64–68, 70–73, 76–78 are permanent).
pub(crate) fn is_transient(outcome: &Outcome) -> bool {
    match outcome.exit_code {
        Some(69 | 74 | 75) => true,
        Some(64..=78) | Some(NOT_EXECUTABLE | NOT_FOUND) => false,
        Some(code) if outcome.cause == Cause::Exit => code != 0,
        Some(_) | None => outcome.cause.is_transient(),
    }
}

/// The usual name of a signal.
pub(crate) fn signal_name(number: i32) -> &'static str {
    match number {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => "a signal",
    }
}

/// One sentence for people.
pub(crate) fn reason(outcome: &Outcome) -> String {
    let signal = outcome.signal.map(|it| format!("{} ({it})", signal_name(it)));
    let how = match (&signal, outcome.exit_code) {
        (Some(signal), _) => format!("ended by {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "did not end".to_owned(),
    };
    match outcome.cause {
        Cause::Oom => format!("killed by the kernel for want of memory ({how})"),
        Cause::Timeout => format!("took longer than it may ({how})"),
        Cause::Cancelled => format!("was told to stop ({how})"),
        Cause::WrapperLost => "its wrapper was lost, and how it ended is not known".to_owned(),
        Cause::Success
        | Cause::Exit
        | Cause::Signal
        | Cause::LaunchFailed
        | Cause::ConfigInvalid => how,
    }
}

#[cfg(test)]
mod tests;
