//! Taking over what a dead process held: its builds get a living owner until their last runs have
//! ended, so that nobody else takes their partitions meanwhile.

use super::owner::Owner;
use super::{Hold, hold, is_open, write};
use crate::bel::{AppendError, Bel, Writer};
use databuild_model::ids::BuildId;
use databuild_model::time::Timestamp;
use rusqlite::{OptionalExtension, params};

impl Bel {
    /// Makes `owner` responsible for a build that nobody works on any more, until `until`. `false` if
    /// the build is over, or has somebody: of two who ask at once, one gets it.
    pub fn take_over(
        &self,
        build: &BuildId,
        owner: &Owner,
        until: Timestamp,
    ) -> Result<bool, AppendError> {
        self.write(|writer| {
            if !is_open(writer.tx, build)? || hold(writer.tx, build, writer.now)? == Hold::Live {
                return Ok(false);
            }
            write(writer.tx, build, owner, until)?;
            Ok(true)
        })
    }

    /// Writes the last events of a build that `owner` took over, as [`Bel::end_lost`] does. `false` if
    /// it is over or somebody else has it.
    pub fn end_taken_over(&self, build: &BuildId, owner: &Owner) -> Result<bool, AppendError> {
        self.write(|writer| {
            let ours = is_open(writer.tx, build)? && writer.is_owner(build, owner)?;
            if ours {
                writer.end_as_lost(build)?;
            }
            Ok(ours)
        })
    }

    /// Gives a build back that `owner` took over: nobody works on it, as before.
    pub fn give_back(&self, build: &BuildId, owner: &Owner) -> Result<(), AppendError> {
        self.write(|writer| {
            writer
                .tx
                .prepare_cached("UPDATE leases SET until_ns = 0 WHERE build_id = ? AND owner = ?")?
                .execute(params![build.as_str(), owner.0])?;
            Ok(())
        })
    }
}

impl Writer<'_> {
    fn is_owner(&self, build: &BuildId, owner: &Owner) -> Result<bool, AppendError> {
        let found = self
            .tx
            .prepare_cached("SELECT owner FROM leases WHERE build_id = ?")?
            .query_row([build.as_str()], |row| row.get::<_, String>(0))
            .optional()?;
        Ok(found.is_some_and(|found| found == owner.0))
    }
}
