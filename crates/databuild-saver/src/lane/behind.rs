//! How far a pipeline is behind while it processes nothing: it is paused, has stopped, or waits until it is
//! tried again. Reads as a try would, from the last record on, and gives nothing to anybody.

use super::Parts;
use super::attempt::options;
use crate::checkpoint;
use crate::consume::Consumer;
use databuild_model::time::Timestamp;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Reads of one look: what a selector leaves out is passed over, and the lane has orders to look at.
const READS_MAX: usize = 64;

/// What a lane that processes nothing has found. Begun anew with each wait.
#[derive(Default)]
pub(super) struct Behind {
    /// When the oldest event became durable that waits: the same until something is processed.
    oldest: Option<Timestamp>,
    /// Looks for it. What it holds is no more than the window of the pipeline, and gone when it is found.
    consumer: Option<Consumer>,
}

impl Behind {
    /// When the oldest event became durable that waits, if there is one. What cannot be read is told by the
    /// next try; here it is as if nothing was there.
    pub(super) fn look(&mut self, parts: &Parts) -> Option<Timestamp> {
        if self.oldest.is_none() {
            let consumer = self.consumer.take();
            // Of a bus that panics nothing is kept; the lane goes on.
            let looked = catch_unwind(AssertUnwindSafe(|| {
                let mut consumer = consumer.or_else(|| open(parts))?;
                let oldest = oldest(&mut consumer);
                Some((consumer, oldest))
            }));
            if let Ok(Some((consumer, oldest))) = looked {
                self.oldest = oldest;
                self.consumer = Some(consumer).filter(|_| oldest.is_none());
            }
        }
        self.oldest
    }
}

fn open(parts: &Parts) -> Option<Consumer> {
    let state = checkpoint::peek(parts.home.as_ref(), &parts.settings.name).ok()?;
    let bus = (parts.make_bus)().ok()?;
    let settings = &parts.settings;
    Consumer::open(bus, options(&parts.project, settings, settings.start), state.as_ref()).ok()
}

fn oldest(consumer: &mut Consumer) -> Option<Timestamp> {
    for _ in 0..READS_MAX {
        if let Some(oldest) = consumer.oldest_open() {
            return Some(oldest);
        }
        consumer.read(Duration::ZERO).ok()?;
        if consumer.tally().is_caught_up {
            break;
        }
    }
    consumer.oldest_open()
}
