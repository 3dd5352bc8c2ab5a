//! The state of the world as planning asks for it: the log says what was made, the file system
//! whether it is still there.

use super::{adopt, spool};
use crate::bel::rows::PartitionRow;
use crate::bel::select::Selected;
use crate::bel::{Bel, QueryError};
use crate::plan::{PartitionState, PartitionStates, Recipe, RunNumber, SourceState, StateError};
use crate::spec::ProjectSpec;
use databuild_model::bel::transition;
use databuild_model::ids::PartitionRef;
use databuild_model::time::Timestamp;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// All that the log knows of partitions, read in one question when the first one is asked for: a
/// plan is then one consistent picture, and a large one costs one query.
pub(super) struct KnownStates<'a> {
    spec: &'a ProjectSpec,
    bel: &'a Bel,
    rows: OnceCell<HashMap<PartitionRef, PartitionRow>>,
    /// The store whose spools tell of runs that go on.
    logs_dir: Option<&'a Path>,
}

impl<'a> KnownStates<'a> {
    pub(super) fn new(spec: &'a ProjectSpec, bel: &'a Bel) -> Self {
        KnownStates { spec, bel, rows: OnceCell::new(), logs_dir: None }
    }

    /// Runs of dead builds that go on count as what they will be to a build: under way. A build itself has
    /// taken them over before it plans.
    pub(super) fn with_runs_in(self, logs_dir: &'a Path) -> Self {
        KnownStates { logs_dir: Some(logs_dir), ..self }
    }

    fn goes_on(&self, row: &PartitionRow) -> Result<bool, QueryError> {
        let Some(logs_dir) = self.logs_dir else { return Ok(false) };
        let wrapper = self.bel.wrapper_of(&row.last_run_id)?;
        Ok(adopt::goes_on(&spool::folder_of(logs_dir, &row.last_run_id), wrapper.as_ref()))
    }

    fn row(&self, partition: &PartitionRef) -> Result<Option<&PartitionRow>, QueryError> {
        if self.rows.get().is_none() {
            let rows = self.bel.all_partitions()?;
            let rows = rows.into_iter().map(|row| (row.partition.clone(), row)).collect();
            // Nobody else can have set it in between: the cell is of one thread.
            drop(self.rows.set(rows));
        }
        Ok(self.rows.get().and_then(|rows| rows.get(partition)))
    }
}

impl PartitionStates for KnownStates<'_> {
    fn made(&self, partition: &PartitionRef) -> Result<PartitionState, StateError> {
        let row = self.row(partition).map_err(|error| unknown(partition, error))?;
        let Some(row) = row else { return Ok(PartitionState::Missing) };
        let lost = row.state == transition::PartitionState::Failed && row.interrupted;
        if lost && self.goes_on(row).map_err(|error| unknown(partition, error))? {
            return Ok(PartitionState::Building { run: row.last_run });
        }
        Ok(match (row.state, row.made_at.zip(row.as_of), row.made_by) {
            (transition::PartitionState::Building, ..) => {
                PartitionState::Building { run: row.last_run }
            }
            (transition::PartitionState::Failed, ..) if row.interrupted => {
                PartitionState::Interrupted { run: row.last_run }
            }
            (transition::PartitionState::Failed, ..) => {
                PartitionState::Failed { at: row.changed_at, run: row.last_run }
            }
            (transition::PartitionState::Available, Some((made_at, as_of)), Some(run)) => {
                let path = self.spec.local_path(partition);
                let there = path.map_or(Ok(true), |path| path.try_exists());
                if there.map_err(|error| unreadable(partition, error))? {
                    PartitionState::Available { made_at, as_of, run }
                } else {
                    PartitionState::Missing
                }
            }
            (transition::PartitionState::Available | transition::PartitionState::Missing, ..) => {
                PartitionState::Missing
            }
        })
    }

    fn recipe(
        &self,
        partition: &PartitionRef,
        run: RunNumber,
    ) -> Result<Option<Recipe>, StateError> {
        let found =
            self.bel.find_run(&run.to_string()).map_err(|error| unknown(partition, error))?;
        Ok(match found {
            Selected::One(row) => Some(Recipe { command: row.command, inputs: row.inputs }),
            Selected::Nothing | Selected::Ambiguous(_) => None,
        })
    }

    fn source(&self, partition: &PartitionRef) -> Result<SourceState, StateError> {
        let Some(path) = self.spec.local_path(partition) else {
            return Ok(SourceState::Present { changed_at: None });
        };
        match fs::metadata(&path) {
            Ok(found) => {
                let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                let changed_at = since.map(|since| Timestamp::from_nanos(0).saturating_add(since));
                Ok(SourceState::Present { changed_at })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SourceState::Missing),
            Err(error) => Err(unreadable(partition, error)),
        }
    }
}

fn unknown(partition: &PartitionRef, error: QueryError) -> StateError {
    StateError { partition: partition.clone(), source: error.into() }
}

fn unreadable(partition: &PartitionRef, error: io::Error) -> StateError {
    StateError { partition: partition.clone(), source: error.into() }
}
