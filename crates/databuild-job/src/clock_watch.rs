//! Whether the wall clock was set while the run went on. Pure.

use crate::limits::CLOCK_STEP_MIN;
use crate::lines::Moment;

/// Compares what the two clocks say from look to look.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    /// The wall clock less the other one, in nanoseconds.
    between: i128,
}

fn between(at: Moment) -> i128 {
    i128::from(at.wall.as_nanos()) - i128::try_from(at.mono.as_nanos()).unwrap_or(i128::MAX)
}

impl ClockWatch {
    /// From `at` on.
    pub(crate) fn new(at: Moment) -> Self {
        ClockWatch { between: between(at) }
    }

    /// By how many nanoseconds the wall clock was set since the last look, if it was. A clock that is
    /// merely slow or fast is followed.
    pub(crate) fn look(&mut self, at: Moment) -> Option<i128> {
        let now = between(at);
        let step = now - std::mem::replace(&mut self.between, now);
        let min = i128::try_from(CLOCK_STEP_MIN.as_nanos()).unwrap_or(i128::MAX);
        (min < step.abs()).then_some(step)
    }
}

#[cfg(test)]
mod tests;
