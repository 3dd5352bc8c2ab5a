//! A talk with a program, frame by frame, in which also wrong things can be said.

use super::Conformance;
use crate::limits;
use crate::process::Complaints;
use crate::process::child::PluginChild;
use crate::process::failure::ProcessFailure;
use databuild_model::clock::Clock;
use databuild_model::plugin_frame::{About, FromPlugin, Hello, PROTOCOL, write_hello};
use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// What comes from a program.
#[derive(Debug)]
pub(super) enum Heard {
    /// A frame.
    Frame(FromPlugin),
    /// It has ended.
    Ended(ExitStatus),
    /// Nothing in time.
    Silence,
    /// What is no frame, or an end of its pipes.
    Wrong(String),
}

pub(super) struct Talk {
    child: PluginChild,
    clock: Arc<dyn Clock>,
    hello: Hello,
    deadline: Duration,
    frames: VecDeque<FromPlugin>,
    end: Option<ProcessFailure>,
}

impl Talk {
    pub(super) fn begin(of: &Conformance, complaints: Complaints) -> Result<Talk, String> {
        let child = PluginChild::start(&of.settings, &of.confiner, complaints)
            .map_err(|failure| in_full(&failure))?;
        let hello = Hello {
            protocol: PROTOCOL,
            pipeline: of.properties.pipeline.clone(),
            settings: of.properties.settings.clone(),
            deadline_ms: u64::try_from(of.settings.deadline.as_millis()).unwrap_or(u64::MAX),
            unacknowledged_max: of.settings.unacknowledged_max,
        };
        let (clock, deadline) = (Arc::clone(&of.clock), of.settings.deadline);
        Ok(Talk { child, clock, hello, deadline, frames: VecDeque::new(), end: None })
    }

    /// Says hello and hears one.
    pub(super) fn greet(&mut self) -> Result<About, String> {
        match self.hello(PROTOCOL) {
            Heard::Frame(FromPlugin::Hello(about)) if about.protocol == PROTOCOL => Ok(about),
            other @ (Heard::Frame(_) | Heard::Ended(_) | Heard::Silence | Heard::Wrong(_)) => {
                Err(format!("hello is answered by {}", shown(&other)))
            }
        }
    }

    /// Says hello in a version of the protocol, and hears what comes.
    pub(super) fn hello(&mut self, protocol: u32) -> Heard {
        let hello = Hello { protocol, ..self.hello.clone() };
        let mut frame = Vec::new();
        write_hello(&hello, &mut frame);
        self.say(&frame);
        self.hear(self.deadline.max(limits::START_TIME_MIN))
    }

    /// Says anything. Only what it hears later tells whether somebody listened.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.child.outbox().extend_from_slice(bytes);
        let late = self.clock.mono() + self.deadline;
        while self.end.is_none() && self.child.is_writing() {
            let left = late.saturating_sub(self.clock.mono());
            if left.is_zero() {
                return;
            }
            self.turn(left);
        }
    }

    /// What comes next, within the deadline.
    pub(super) fn answer(&mut self) -> Heard {
        self.hear(self.deadline)
    }

    pub(super) fn hear(&mut self, patience: Duration) -> Heard {
        let late = self.clock.mono() + patience;
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Heard::Frame(frame);
            }
            match &self.end {
                Some(ProcessFailure::Ended { status, .. }) => return Heard::Ended(*status),
                Some(failure) => return Heard::Wrong(in_full(failure)),
                None => {}
            }
            let left = late.saturating_sub(self.clock.mono());
            if left.is_zero() {
                return Heard::Silence;
            }
            self.turn(left);
        }
    }

    /// Ends its input, as it ends when the saver dies.
    pub(super) fn leave(&mut self) {
        self.child.close_input();
    }

    fn turn(&mut self, patience: Duration) {
        let mut frames = Vec::new();
        self.end = self.child.turn(patience, &mut frames).err();
        self.frames.extend(frames);
    }
}

/// A failure with what is behind it.
fn in_full(failure: &ProcessFailure) -> String {
    let because = std::error::Error::source(failure).map(|source| format!(": {source}"));
    format!("{failure}{}", because.unwrap_or_default())
}

/// What was heard, for people.
pub(super) fn shown(heard: &Heard) -> String {
    match heard {
        Heard::Frame(frame) => {
            let mut line = Vec::new();
            frame.write(&mut line);
            String::from_utf8_lossy(&line).trim_end().to_owned()
        }
        Heard::Ended(status) => format!("its end ({status})"),
        Heard::Silence => "silence until the deadline".to_owned(),
        Heard::Wrong(what) => format!("something else: {what}"),
    }
}
