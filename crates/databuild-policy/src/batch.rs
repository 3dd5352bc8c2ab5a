//! When to read a pipe again: the adaptive batching of the collector.
//!
//! Reading at every wake-up costs a system call and a write for each line; waiting costs latency and,
//! when the pipe fills up meanwhile, the speed of the job. So: what comes after silence is taken at
//! once; a pipe that trickles is emptied by the clock, often enough that it stays mostly empty; a
//! pipe that is full at every look is read without any wait, because it batches itself.

use std::time::Duration;

/// The bounds of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The longest wait for more.
    pub wait_max: Duration,
    /// Waits below this are not worth a timer.
    pub wait_min: Duration,
}

/// What is remembered of a pipe between two reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchState {
    /// When it was last read, successfully or not; nothing before the first read.
    last_read: Option<Duration>,
    /// Reads in a row that took a good part of the pipe.
    large_reads: u32,
}

/// One look at a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Bytes taken.
    pub bytes: usize,
    /// Bytes that the pipe holds when it is full.
    pub capacity: usize,
    /// When, on the clock that never goes back.
    pub now: Duration,
}

/// What to do with the pipe next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read as soon as there is something.
    OnEvent,
    /// Do not look before this moment, unless the pipe is closed.
    At(Duration),
}

/// A verdict: what to do, and whether a larger pipe would pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// When to read again.
    pub next: Next,
    /// Several reads in a row found the pipe well filled: ask the kernel for a larger one, once.
    pub hot: bool,
}

/// Reads in a row that found the pipe well filled before it counts as hot.
const HOT_READS: u32 = 4;

/// A pipe is read again before it is expected to be filled beyond one part in this many, so that a
/// job which speeds up to twice its rate meanwhile still does not wait.
const FILL_PARTS: usize = 2;

/// A pipe that was not read for this many of the longest waits was silent. More than one, because a
/// timer is never exact.
const SILENCE_WAITS: u32 = 4;

/// The first wait after silence, as a part of the longest.
const PROBE_PART: u32 = 10;

/// Decides when to read again after `look`.
pub fn judge(state: &mut BatchState, look: Look, limits: BatchLimits) -> Verdict {
    let silence = state.last_read.map(|last| look.now.saturating_sub(last));
    state.last_read = Some(look.now);
    let fill = (look.capacity / FILL_PARTS).max(1);
    if fill <= look.bytes {
        state.large_reads = state.large_reads.saturating_add(1);
        return Verdict { next: Next::OnEvent, hot: HOT_READS <= state.large_reads };
    }
    state.large_reads = 0;
    if look.bytes == 0 {
        return Verdict { next: Next::OnEvent, hot: false };
    }
    let wait = match silence {
        Some(silence) if silence < limits.wait_max.saturating_mul(SILENCE_WAITS) => {
            let nanos = silence.as_nanos().saturating_mul(fill as u128) / look.bytes as u128;
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(limits.wait_max)
        }
        // Nothing is known yet of a pipe that was silent: look soon, to learn how fast it is.
        Some(_) | None => limits.wait_max / PROBE_PART,
    };
    let next = if wait < limits.wait_min { Next::OnEvent } else { Next::At(look.now + wait) };
    Verdict { next, hot: false }
}

#[cfg(test)]
mod tests;
