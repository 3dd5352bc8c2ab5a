//! Why a run ended: the cause of death as data, not as a line of text.

use std::fmt;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Exit code 0.
    Success,
    /// The command ended with another exit code.
    Exit,
    /// A signal that we did not send.
    Signal,
    /// The kernel killed it for memory.
    Oom,
    /// It took longer than it may.
    Timeout,
    /// It was told to stop.
    Cancelled,
    /// It could not be started.
    LaunchFailed,
    /// Its configuration cannot be run.
    ConfigInvalid,
    /// The wrapper died before it could say how the run ended.
    WrapperLost,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 9] = [
        Cause::Success,
        Cause::Exit,
        Cause::Signal,
        Cause::Oom,
        Cause::Timeout,
        Cause::Cancelled,
        Cause::LaunchFailed,
        Cause::ConfigInvalid,
        Cause::WrapperLost,
    ];

    /// The word in records: `success`, `exit`, `signal`, `oom` …
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Success => "success",
            Cause::Exit => "exit",
            Cause::Signal => "signal",
            Cause::Oom => "oom",
            Cause::Timeout => "timeout",
            Cause::Cancelled => "cancelled",
            Cause::LaunchFailed => "launch_failed",
            Cause::ConfigInvalid => "config_invalid",
            Cause::WrapperLost => "wrapper_lost",
        }
    }

    /// Reads the word of a cause.
    pub fn parse(text: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| cause.as_str() == text)
    }

    /// Whether the same command may well succeed when it is run again without a change.
    pub fn is_transient(self) -> bool {
        match self {
            Cause::Timeout | Cause::Oom | Cause::Signal | Cause::WrapperLost => true,
            Cause::Success
            | Cause::Exit
            | Cause::Cancelled
            | Cause::LaunchFailed
            | Cause::ConfigInvalid => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Cause {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Cause::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("not a cause of the end of a run"))
    }
}

/// Names of the metadata of a `run_end` event.
pub mod run_end {
    /// Sequence number of the `run_end` entry itself.
    pub const LAST_SEQUENCE: &str = "last_sequence";
    /// A word of [`super::Cause`].
    pub const CAUSE: &str = "cause";
    /// The number of the signal that ended the command, if one did.
    pub const SIGNAL: &str = "signal";
    /// Seconds from launch to end, as a decimal number.
    pub const DURATION_SECONDS: &str = "duration_seconds";
    /// Bytes read from standard output.
    pub const STDOUT_BYTES: &str = "stdout_bytes";
    /// Lines read from standard output.
    pub const STDOUT_LINES: &str = "stdout_lines";
    /// Bytes read from standard error.
    pub const STDERR_BYTES: &str = "stderr_bytes";
    /// Lines read from standard error.
    pub const STDERR_LINES: &str = "stderr_lines";
    /// BLAKE3 of all bytes of standard output, hexadecimal; absent if another wrapper read the
    /// beginning, or bytes are missing.
    pub const STDOUT_BLAKE3: &str = "stdout_blake3";
    /// The same of standard error.
    pub const STDERR_BLAKE3: &str = "stderr_blake3";
    /// How many states of progress lines were replaced by later ones and are not kept; absent if none.
    pub const PROGRESS_STATES_REPLACED: &str = "progress_states_replaced";
    /// How output was captured: `spool`, `pipe` or `file`.
    pub const CAPTURE: &str = "capture";
    /// How often another wrapper went on with the run; absent if none did.
    pub const WRAPPER_RESTARTS: &str = "wrapper_restarts";
    /// How many log lines were left out because only some were to be kept; absent if none.
    pub const LINES_LEFT_OUT: &str = "lines_left_out";
    /// The bytes of these.
    pub const BYTES_LEFT_OUT: &str = "bytes_left_out";
    /// `true` if every byte that was read is in the entries before.
    pub const COMPLETE: &str = "complete";
}
