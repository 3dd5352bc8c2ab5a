//! Who makes a partition: decided in one transaction, before anything is started.

use super::lease::{self, Hold};
use super::{AppendError, Bel, Writer};
use databuild_model::bel::{BuildEvent, PartitionSet, RunScheduled};
use databuild_model::ids::{BuildId, PartitionRef};
use databuild_model::time::Timestamp;
use rusqlite::{OptionalExtension, params};

/// The answer to [`Bel::claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The outputs are this build's to make, as run number `run`.
    Granted {
        /// The number of the run within the build.
        run: u32,
    },
    /// Another build makes one of them now.
    Held {
        /// That build.
        by: BuildId,
    },
    /// Another build was making one of them, and its process is gone. End it with
    /// [`Bel::end_lost`] and ask again.
    HolderLost {
        /// That build.
        by: BuildId,
    },
    /// All of them were made since the plan was made, from nothing that is newer.
    Made,
}

impl Bel {
    /// Asks for the outputs of `scheduled` (whose `run` is filled in) on behalf of `build`, which
    /// knows the state of the world as of `planned_at`. If they are granted, the run is scheduled
    /// and holds them; if another build has them, the task waits.
    pub fn claim(
        &self,
        build: &BuildId,
        scheduled: RunScheduled,
        planned_at: Timestamp,
    ) -> Result<Claim, AppendError> {
        self.write(|writer| {
            match writer.obstacle(build, &scheduled.outputs)? {
                Some(Claim::Held { by }) => {
                    let event = BuildEvent::TaskWaiting { task: scheduled.task, on: by.clone() };
                    writer.append(build, event)?;
                    return Ok(Claim::Held { by });
                }
                Some(other) => return Ok(other),
                None => {}
            }
            if writer.made_since(&scheduled, planned_at)? {
                return Ok(Claim::Made);
            }
            let run = writer
                .tx
                .prepare_cached("SELECT coalesce(max(run), 0) + 1 FROM runs WHERE build_id = ?")?
                .query_row([build.as_str()], |row| row.get(0))?;
            let partitions = scheduled.outputs.clone();
            writer.append(build, BuildEvent::RunScheduled(RunScheduled { run, ..scheduled }))?;
            if !partitions.is_empty() {
                let set = PartitionSet { run, partitions };
                writer.append(build, BuildEvent::PartitionsClaimed(set))?;
            }
            Ok(Claim::Granted { run })
        })
    }

    /// Whether a claim on `outputs` would have to wait now. Reads only, so that waiting costs the
    /// others nothing.
    pub fn is_held(&self, build: &BuildId, outputs: &[PartitionRef]) -> Result<bool, AppendError> {
        let now = self.now();
        self.read(|connection| {
            let writer = Writer { tx: connection, now };
            Ok(writer.obstacle(build, outputs))
        })?
        .map(|obstacle| matches!(obstacle, Some(Claim::Held { .. })))
    }
}

impl Writer<'_> {
    fn obstacle(
        &self,
        build: &BuildId,
        outputs: &[PartitionRef],
    ) -> Result<Option<Claim>, AppendError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT runs.build_id FROM partitions
             JOIN runs ON runs.job_run_id = partitions.last_run
             WHERE partition = ? AND partitions.state = 'building'",
        )?;
        for partition in outputs {
            let holder: Option<String> =
                statement.query_row([partition.as_str()], |row| row.get(0)).optional()?;
            let Some(holder) = holder.filter(|holder| holder != build.as_str()) else { continue };
            let by = BuildId::parse(holder)
                .map_err(|error| AppendError::Damaged { what: error.to_string() })?;
            return Ok(Some(match lease::hold(self.tx, &by, self.now)? {
                Hold::Live => Claim::Held { by },
                Hold::Lost => Claim::HolderLost { by },
            }));
        }
        Ok(None)
    }

    /// Whether all outputs were made after `planned_at`, and no input after the run for the first of
    /// them began.
    fn made_since(
        &self,
        scheduled: &RunScheduled,
        planned_at: Timestamp,
    ) -> Result<bool, AppendError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT coalesce(started_ns, scheduled_ns) FROM partitions
             JOIN runs ON job_run_id = made_by
             WHERE partition = ?1 AND partitions.state = 'available' AND made_ns > ?2",
        )?;
        let mut as_of = i64::MAX;
        for output in &scheduled.outputs {
            let began: Option<i64> = statement
                .query_row(params![output.as_str(), planned_at.as_nanos()], |row| row.get(0))
                .optional()?;
            let Some(began) = began else { return Ok(false) };
            as_of = as_of.min(began);
        }
        for input in &scheduled.inputs {
            if statement.exists(params![input.as_str(), as_of])? {
                return Ok(false);
            }
        }
        Ok(!scheduled.outputs.is_empty())
    }
}
