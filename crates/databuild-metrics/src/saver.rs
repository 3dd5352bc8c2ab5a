//! What the log saver tells of its pipelines, as series. It fills [`SaverStats`] when it is asked; how
//! pipelines work is not known here.

use crate::label::LabelValue;
use crate::metric_templates as templates;
use crate::own::float;
use crate::registry::Registry;
use databuild_model::ids::PipelineName;
use databuild_model::time::Timestamp;

/// A log saver, at the moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SaverStats {
    /// Its pipelines, each once; all that are configured, whatever their state.
    pub pipelines: Vec<PipelineStats>,
}

/// A pipeline. Counts are from the start of the process on, or from earlier if they are kept; they
/// never fall while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineStats {
    /// Its name in the project file.
    pub pipeline: PipelineName,
    /// What it does.
    pub state: PipelineState,
    /// Events that came to it.
    pub events_in: u64,
    /// Events that it delivered.
    pub events_out: u64,
    /// Events that it set aside.
    pub events_rejected: u64,
    /// Seconds since the oldest event that it has not delivered was stored; 0 if there is none.
    pub lag_seconds: f64,
    /// Bytes of events that it has taken and not delivered.
    pub queue_bytes: u64,
    /// Attempts to deliver, to make durable or to roll that failed.
    pub errors: u64,
    /// Events that were delivered out of order.
    pub late_events: u64,
    /// Events that the store did not have any more when it came to them.
    pub missing_events: u64,
    /// Files of which somebody else took something away.
    pub lost_files: u64,
    /// Files that it finished.
    pub rotations: u64,
    /// Events that it gave up.
    pub dead_letters: u64,
    /// Seconds since it last made durable how far it has come; nothing if it never did.
    pub checkpoint_age_seconds: Option<f64>,
}

/// What a pipeline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineState {
    /// It takes events and delivers them.
    Running,
    /// What it delivers to fails: it tries again by and by, and its cursor stays.
    Waiting,
    /// Somebody paused it.
    Paused,
    /// It failed too often, or on an event that it must not pass over, and does not go on by itself.
    Stopped,
    /// Another saver has taken the pipeline over; this one writes nothing any more.
    Fenced,
}

impl PipelineState {
    /// Every state.
    pub const ALL: [PipelineState; 5] = [
        PipelineState::Running,
        PipelineState::Waiting,
        PipelineState::Paused,
        PipelineState::Stopped,
        PipelineState::Fenced,
    ];

    /// The state in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            PipelineState::Running => "running",
            PipelineState::Waiting => "waiting",
            PipelineState::Paused => "paused",
            PipelineState::Stopped => "stopped",
            PipelineState::Fenced => "fenced",
        }
    }
}

impl PipelineStats {
    /// A pipeline that has done nothing yet.
    pub fn new(pipeline: PipelineName) -> Self {
        PipelineStats {
            pipeline,
            state: PipelineState::Running,
            events_in: 0,
            events_out: 0,
            events_rejected: 0,
            lag_seconds: 0.0,
            queue_bytes: 0,
            errors: 0,
            late_events: 0,
            missing_events: 0,
            lost_files: 0,
            rotations: 0,
            dead_letters: 0,
            checkpoint_age_seconds: None,
        }
    }

    /// Counters are told at zero, too: without that the first increase would not be one.
    fn tell(&self, registry: &mut Registry, now: Timestamp) {
        let name = self.pipeline.label();
        let pipeline = [("pipeline", name.as_str())];
        let stages =
            [("in", self.events_in), ("out", self.events_out), ("rejected", self.events_rejected)];
        for (stage, events) in stages {
            let labels = [("pipeline", name.as_str()), ("stage", stage)];
            registry.add(&templates::SAVER_EVENTS_TOTAL, &labels, float(events), None);
        }
        let counts = [
            (&templates::SAVER_ERRORS_TOTAL, self.errors),
            (&templates::SAVER_LATE_EVENTS_TOTAL, self.late_events),
            (&templates::SAVER_MISSING_EVENTS_TOTAL, self.missing_events),
            (&templates::SAVER_LOST_FILES_TOTAL, self.lost_files),
            (&templates::SAVER_ROTATIONS_TOTAL, self.rotations),
            (&templates::SAVER_DEAD_LETTERS_TOTAL, self.dead_letters),
        ];
        for (family, count) in counts {
            registry.add(family, &pipeline, float(count), None);
        }
        registry.set(&templates::SAVER_LAG_SECONDS, &pipeline, self.lag_seconds, now);
        registry.set(&templates::SAVER_QUEUE_BYTES, &pipeline, float(self.queue_bytes), now);
        if let Some(age) = self.checkpoint_age_seconds {
            registry.set(&templates::SAVER_CHECKPOINT_AGE_SECONDS, &pipeline, age, now);
        }
        for state in PipelineState::ALL {
            let word = state.label();
            let labels = [("pipeline", name.as_str()), ("state", word.as_str())];
            let is = float(u64::from(state == self.state));
            registry.set(&templates::SAVER_STATE, &labels, is, now);
        }
    }
}

impl SaverStats {
    /// Puts the series of all pipelines into `registry`, which has none of them yet.
    pub(crate) fn tell(&self, registry: &mut Registry, now: Timestamp) {
        self.pipelines.iter().for_each(|pipeline| pipeline.tell(registry, now));
    }
}

#[cfg(test)]
mod tests;
