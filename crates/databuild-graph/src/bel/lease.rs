//! Who is alive: a build holds its partitions as long as it renews its lease and its process is
//! there. Leases are no history, so they are no events.

mod keep;
pub mod owner;

use super::query::text_list;
use super::{AppendError, Bel, QueryError, Writer};
use databuild_model::bel::transition::RunState;
use databuild_model::bel::{
    BuildEnd, BuildEnded, BuildEvent, PartitionSet, RunEnd, RunEnded, RunSummary, TaskEnd,
    TaskEnded,
};
use databuild_model::cause::Cause;
use databuild_model::ids::{BuildId, JobRunId, PartitionRef};
use databuild_model::time::Timestamp;
use owner::{Liveness, Owner};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// How long past its end a lease still counts while it cannot be known whether its process lives:
/// renewal is a write that may wait for others, and two machines' clocks differ.
pub const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// What a build that ended lost says of itself.
const LOST: &str = "its process is gone";

/// A build's word that it is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Until when, by the wall clock.
    pub until: Timestamp,
    /// Who gave it.
    pub owner: Owner,
}

/// Whether a build that is not over still has somebody who works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It has.
    Live,
    /// It has not: its partitions are free to take, after what it left running is stopped.
    Lost,
}

/// Whether a lease holds at `now`. A process that is known to be gone loses it at once; one that is
/// there but says nothing (stopped, hung) loses it like one that cannot be asked.
pub fn judge(lease: Option<&Lease>, liveness: Liveness, now: Timestamp) -> Hold {
    let Some(lease) = lease else { return Hold::Lost };
    let in_time = now <= lease.until.saturating_add(LEASE_MARGIN);
    match liveness {
        Liveness::Gone => Hold::Lost,
        Liveness::Alive | Liveness::Unknown if in_time => Hold::Live,
        Liveness::Alive | Liveness::Unknown => Hold::Lost,
    }
}

impl Bel {
    /// Says that `build` is alive until `until`. `false` if it is over: somebody ended it as lost,
    /// and whoever calls this has to stop.
    pub fn renew(&self, build: &BuildId, until: Timestamp) -> Result<bool, AppendError> {
        self.write(|writer| {
            let n = writer
                .tx
                .prepare_cached(
                    "UPDATE leases SET until_ns = max(until_ns, ?2) WHERE build_id = ?1
                     AND EXISTS (SELECT 1 FROM builds WHERE build_id = ?1 AND ended_ns IS NULL)",
                )?
                .execute(params![build.as_str(), until.as_nanos()])?;
            Ok(n == 1)
        })
    }

    /// Builds that are not over and have nobody who works on them.
    pub fn lost_builds(&self) -> Result<Vec<BuildId>, QueryError> {
        let now = self.now();
        self.read(|connection| {
            let ids = text_list(connection, "SELECT build_id FROM builds WHERE ended_ns IS NULL")?;
            let mut lost = Vec::new();
            for id in ids {
                let build = BuildId::parse(id.as_str())
                    .map_err(|_| QueryError::Damaged { what: format!("build id {id:?}") })?;
                if hold(connection, &build, now)? == Hold::Lost {
                    lost.push(build);
                }
            }
            Ok(lost)
        })
    }

    /// The wrapper of a run that is not over, as it was when the run was started.
    pub fn wrapper_of(&self, run: &JobRunId) -> Result<Option<Owner>, QueryError> {
        self.read(|connection| {
            let process = connection
                .prepare_cached(
                    "SELECT process FROM runs WHERE job_run_id = ? AND ended_ns IS NULL",
                )?
                .query_row([run.as_str()], |row| row.get::<_, Option<String>>(0))
                .optional()?;
            Ok(process.flatten().map(Owner))
        })
    }

    /// Writes the last events of a build that nobody works on any more: its runs are lost, their
    /// partitions failed. Stop its wrappers before. Answers whether there was something to write:
    /// not if the build is over or came back to life.
    pub fn end_lost(&self, build: &BuildId) -> Result<bool, AppendError> {
        self.write(|writer| {
            if !is_open(writer.tx, build)? || hold(writer.tx, build, writer.now)? == Hold::Live {
                return Ok(false);
            }
            writer.end_as_lost(build)?;
            Ok(true)
        })
    }

    /// Ends a build of ours that cannot go on, with all of it that is open: what it was making is nobody's
    /// then, and the next build may make it. Nothing happens if it is over.
    pub fn end_failed(&self, build: &BuildId, reason: &str) -> Result<(), AppendError> {
        self.write(|writer| {
            if is_open(writer.tx, build)? {
                writer.end_open(build, BuildEnd::Failed, reason)?;
            }
            Ok(())
        })
    }
}

impl Writer<'_> {
    /// The last events of a build that is not over and that nobody goes on with.
    fn end_as_lost(&self, build: &BuildId) -> Result<(), AppendError> {
        self.end_open(build, BuildEnd::Lost, LOST)
    }

    fn end_open(&self, build: &BuildId, end: BuildEnd, reason: &str) -> Result<(), AppendError> {
        let writer = self;
        for open in open_runs(writer.tx, build)? {
            let mut summary = RunSummary::of(Cause::WrapperLost);
            summary.duration_seconds = writer.now.since(open.since).as_secs_f64();
            summary.reason = Some(reason.to_owned());
            let ended = RunEnded { run: open.run, end: RunEnd::Lost, summary };
            writer.append(build, BuildEvent::RunEnded(ended))?;
            if !open.partitions.is_empty() {
                let set = PartitionSet { run: open.run, partitions: open.partitions };
                writer.append(build, BuildEvent::PartitionsFailed(set))?;
            }
        }
        for task in running_tasks(writer.tx, build)? {
            let ended = TaskEnded { task, end: TaskEnd::Failed, reason: Some(reason.to_owned()) };
            writer.append(build, BuildEvent::TaskEnded(ended))?;
        }
        let ended = BuildEnded { end, reason: Some(reason.to_owned()) };
        writer.append(build, BuildEvent::BuildEnded(ended))?;
        Ok(())
    }
}

pub(super) fn write(
    tx: &Connection,
    build: &BuildId,
    owner: &Owner,
    until: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO leases (build_id, until_ns, owner) VALUES (?, ?, ?)",
    )?
    .execute(params![build.as_str(), until.as_nanos(), owner.0])?;
    Ok(())
}

/// Whether somebody works on a build that is not over.
pub(super) fn hold(
    connection: &Connection,
    build: &BuildId,
    now: Timestamp,
) -> rusqlite::Result<Hold> {
    let lease = connection
        .prepare_cached("SELECT until_ns, owner FROM leases WHERE build_id = ?")?
        .query_row([build.as_str()], |row| {
            Ok(Lease { until: Timestamp::from_nanos(row.get(0)?), owner: Owner(row.get(1)?) })
        })
        .optional()?;
    let liveness = lease.as_ref().map_or(Liveness::Gone, |lease| lease.owner.liveness());
    Ok(judge(lease.as_ref(), liveness, now))
}

/// Whether a build is not over.
fn is_open(tx: &Connection, build: &BuildId) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM builds WHERE build_id = ? AND ended_ns IS NULL")?
        .exists([build.as_str()])
}

struct OpenRun {
    run: u32,
    since: Timestamp,
    partitions: Vec<PartitionRef>,
}

fn open_runs(tx: &Connection, build: &BuildId) -> Result<Vec<OpenRun>, AppendError> {
    let mut statement = tx.prepare_cached(
        "SELECT run, coalesce(started_ns, scheduled_ns), job_run_id, state FROM runs
         WHERE build_id = ? AND ended_ns IS NULL ORDER BY run",
    )?;
    let rows = statement
        .query_map([build.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut runs = Vec::new();
    for (run, since, job_run_id, state) in rows {
        if RunState::parse(&state).is_none() {
            return Err(AppendError::Damaged { what: format!("run state {state:?}") });
        }
        let mut held = tx.prepare_cached(
            "SELECT partition FROM partition_runs JOIN partitions USING (partition)
             WHERE job_run_id = ?1 AND last_run = ?1 AND state = 'building' ORDER BY partition",
        )?;
        let partitions = held
            .query_map([job_run_id], |row| row.get::<_, String>(0))?
            .filter_map(|text| text.ok().and_then(|text| PartitionRef::parse(text).ok()))
            .collect();
        runs.push(OpenRun { run, since: Timestamp::from_nanos(since), partitions });
    }
    Ok(runs)
}

fn running_tasks(tx: &Connection, build: &BuildId) -> rusqlite::Result<Vec<u32>> {
    tx.prepare_cached("SELECT task FROM tasks WHERE build_id = ? AND state = 'running'")?
        .query_map([build.as_str()], |row| row.get(0))?
        .collect()
}
