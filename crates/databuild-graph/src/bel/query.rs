//! Questions to the log. None of them writes.

use super::condition::{Where, fill};
use super::lease::{self, Hold};
use super::rows::{
    BuildFilter, BuildRow, EventFilter, EventPage, PartitionFilter, PartitionRow, RunFilter,
    RunRow, TaskRow,
};
use super::{Bel, QueryError};
use crate::limits;
use crate::plan::RunNumber;
use databuild_model::bel::record::EventRecord;
use databuild_model::bel::transition::{BuildState, PartitionState, RunState, TaskState};
use databuild_model::bel::{BuildEnd, BuildEvent, RunEnd, RunSummary};
use databuild_model::cause::Cause;
use databuild_model::ids::{BuildId, JobLabel, PartitionRef};
use databuild_model::time::Timestamp;
use rusqlite::{Connection, Row};
use std::time::Duration;

pub(super) const EVENT_COLUMNS: &str =
    "SELECT idx, event_id, ts_ns, build_id, type, version, payload FROM events";

const BUILD_COLUMNS: &str =
    "SELECT build_id, number, state, kind, origin, wanted, retry_of, forced,
  received_ns, ended_ns, up_to_date, runs, warnings, errors, cancel_by, reason FROM builds";

const RUN_COLUMNS: &str = "SELECT job_run_id, build_number, run, build_id, task, attempt, job_label,
  app, job_type, outputs, inputs, command, state, scheduled_ns, started_ns, ended_ns, cause, exit_code,
  signal, duration_seconds, entries, warnings, errors, rows, reason FROM runs";

const PARTITION_COLUMNS: &str = "SELECT partition, partitions.state, instance, made_ns,
  made.build_number, made.run, last.build_number, last.run, last.job_run_id, changed_ns, last.build_id,
  coalesce(made.started_ns, made.scheduled_ns), last.state
  FROM partitions JOIN runs last ON last.job_run_id = last_run
  LEFT JOIN runs made ON made.job_run_id = made_by";

impl Bel {
    /// Builds, the newest first.
    pub fn builds(&self, filter: &BuildFilter) -> Result<Vec<BuildRow>, QueryError> {
        let now = self.now();
        // What is shown as lost may be stored as live, so those are looked at one by one.
        let wants_lost = filter.states.contains(&BuildState::Ended(BuildEnd::Lost));
        let stored =
            |state: &BuildState| filter.states.contains(state) || (wants_lost && state.is_live());
        let mut which = Where::default();
        if !filter.states.is_empty() {
            let words = BuildState::ALL.into_iter().filter(stored);
            which.and_one_of("state", words.map(|state| state.to_string()));
        }
        if let Some(since) = filter.since {
            which.and("received_ns >= ?", since.as_nanos());
        }
        if let Some(before) = filter.before {
            which.and("number < ?", before);
        }
        let wanted =
            |row: &BuildRow| filter.states.is_empty() || filter.states.contains(&row.state);
        self.read(|connection| {
            fill(limit(filter.limit), wanted, |page, last: Option<&BuildRow>| {
                let mut which = which.clone();
                if let Some(last) = last {
                    which.and("number < ?", last.number);
                }
                let rest = format!(" ORDER BY number DESC LIMIT {page}");
                let mut rows = which.select(connection, BUILD_COLUMNS, &rest, build_row)?;
                finish_builds(connection, &mut rows, now)?;
                Ok(rows)
            })
        })
    }

    /// The build with this id.
    pub fn build(&self, id: &BuildId) -> Result<Option<BuildRow>, QueryError> {
        let mut which = Where::default();
        which.and("build_id = ?", id.as_str().to_owned());
        self.one_build(&which)
    }

    /// The build with this number.
    pub fn build_numbered(&self, number: u64) -> Result<Option<BuildRow>, QueryError> {
        let mut which = Where::default();
        which.and("number = ?", number);
        self.one_build(&which)
    }

    fn one_build(&self, which: &Where) -> Result<Option<BuildRow>, QueryError> {
        let now = self.now();
        self.read(|connection| {
            let mut rows = which.select(connection, BUILD_COLUMNS, " LIMIT 1", build_row)?;
            finish_builds(connection, &mut rows, now)?;
            Ok(rows.pop())
        })
    }

    /// The tasks of a build in order, or those in one of `states`.
    pub fn tasks(&self, build: &BuildId, states: &[TaskState]) -> Result<Vec<TaskRow>, QueryError> {
        let mut which = Where::default();
        which.and("build_id = ?", build.as_str().to_owned());
        which.and_one_of("state", states.iter().map(ToString::to_string));
        let columns =
            "SELECT task, state, job_label, outputs, reason, waiting_on, detail FROM tasks";
        self.read(|connection| which.select(connection, columns, " ORDER BY task", task_row))
    }

    /// Job runs, the newest first.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, QueryError> {
        let wants_lost = filter.states.contains(&RunState::Ended(RunEnd::Lost));
        let stored =
            |state: &RunState| filter.states.contains(state) || (wants_lost && state.is_live());
        let mut which = Where::default();
        if !filter.states.is_empty() {
            let words = RunState::ALL.into_iter().filter(stored);
            which.and_one_of("state", words.map(|state| state.to_string()));
        }
        if let Some(job) = &filter.job {
            which.and("job_label = ?", job.as_str().to_owned());
        }
        if let Some(build) = &filter.build {
            which.and("build_id = ?", build.as_str().to_owned());
        }
        if let Some(partition) = &filter.partition {
            which.and(
                "job_run_id IN (SELECT job_run_id FROM partition_runs WHERE partition = ?)",
                partition.as_str().to_owned(),
            );
        }
        if let Some(since) = filter.since {
            which.and("scheduled_ns >= ?", since.as_nanos());
        }
        if let Some(before) = filter.before {
            which.before_run(before);
        }
        let wanted = |row: &RunRow| filter.states.is_empty() || filter.states.contains(&row.state);
        fill(limit(filter.limit), wanted, |page, last: Option<&RunRow>| {
            let mut which = which.clone();
            if let Some(last) = last {
                which.before_run(last.number);
            }
            let rest = format!(" ORDER BY build_number DESC, run DESC LIMIT {page}");
            self.select_runs(&which, &rest)
        })
    }

    pub(super) fn select_runs(&self, which: &Where, rest: &str) -> Result<Vec<RunRow>, QueryError> {
        let now = self.now();
        self.read(|connection| {
            let mut rows = which.select(connection, RUN_COLUMNS, rest, run_row)?;
            for row in rows.iter_mut().filter(|row| row.state.is_live()) {
                if lease::hold(connection, &row.build_id, now)? == Hold::Lost {
                    row.state = RunState::Ended(RunEnd::Lost);
                }
            }
            Ok(rows)
        })
    }

    /// What is known of a partition; `None` if no run ever tried to make it.
    pub fn partition(&self, partition: &PartitionRef) -> Result<Option<PartitionRow>, QueryError> {
        let mut which = Where::default();
        which.and("partition = ?", partition.as_str().to_owned());
        Ok(self.select_partitions(&which, "")?.pop())
    }

    /// Partitions that a run ever tried to make, in the order of their refs.
    pub fn partitions(&self, filter: &PartitionFilter) -> Result<Vec<PartitionRow>, QueryError> {
        let mut which = Where::default();
        if let Some(prefix) = &filter.prefix {
            which.and("partition >= ?", prefix.clone());
            // Refs have no control characters, and none of them sorts after the last one of all.
            which.and("partition < ?", format!("{prefix}\u{10FFFF}"));
        }
        let wants_failed = filter.states.contains(&PartitionState::Failed);
        let stored = |state: &PartitionState| {
            filter.states.contains(state) || (wants_failed && *state == PartitionState::Building)
        };
        if !filter.states.is_empty() {
            let words = PartitionState::ALL.into_iter().filter(stored);
            which.and_one_of("partitions.state", words.map(|state| state.to_string()));
        }
        if let Some(after) = &filter.after {
            which.and("partition > ?", after.as_str().to_owned());
        }
        let wanted =
            |row: &PartitionRow| filter.states.is_empty() || filter.states.contains(&row.state);
        fill(limit(filter.limit), wanted, |page, last: Option<&PartitionRow>| {
            let mut which = which.clone();
            if let Some(last) = last {
                which.and("partition > ?", last.partition.as_str().to_owned());
            }
            self.select_partitions(&which, &format!(" ORDER BY partition LIMIT {page}"))
        })
    }

    /// All partitions that a run ever tried to make: for planning, in one question.
    pub(crate) fn all_partitions(&self) -> Result<Vec<PartitionRow>, QueryError> {
        self.select_partitions(&Where::default(), "")
    }

    fn select_partitions(
        &self,
        which: &Where,
        rest: &str,
    ) -> Result<Vec<PartitionRow>, QueryError> {
        let now = self.now();
        self.read(|connection| {
            let rows = which.select(connection, PARTITION_COLUMNS, rest, partition_row)?;
            let mut found = Vec::with_capacity(rows.len());
            for (mut row, holder) in rows {
                if row.state == PartitionState::Building
                    && lease::hold(connection, &holder, now)? == Hold::Lost
                {
                    row.state = PartitionState::Failed;
                    row.interrupted = true;
                }
                found.push(row);
            }
            Ok(found)
        })
    }

    /// Events after the place `since`, in order. `limit` counts events that match.
    pub fn events(
        &self,
        since: u64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<EventPage, QueryError> {
        let limit = limit.clamp(1, limits::EVENTS_PAGE_MAX);
        let mut which = Where::default();
        which.and("idx > ?", since);
        if let Some(build) = &filter.build {
            which.and("build_id = ?", build.as_str().to_owned());
        }
        which.and_one_of("type", filter.types.iter().cloned());
        let rest = format!(" ORDER BY idx LIMIT {}", limit + 1);
        self.read(|connection| {
            let mut events = which.select(connection, EVENT_COLUMNS, &rest, event_of)?;
            let has_more = events.len() > usize::try_from(limit).unwrap_or(usize::MAX);
            if has_more {
                events.pop();
            }
            let next_idx = events.last().map_or(since, |event| event.idx);
            Ok(EventPage { events, next_idx, has_more })
        })
    }

    /// How long the job usually takes: the median of its last successful runs.
    pub fn usual_duration(&self, job: &JobLabel) -> Result<Option<Duration>, QueryError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT duration_seconds FROM runs WHERE job_label = ? AND state = 'completed'
                 ORDER BY build_number DESC, run DESC LIMIT ?",
            )?;
            let mut durations = statement
                .query_map((job.as_str(), limits::USUAL_DURATION_RUNS), |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<f64>>>()?;
            durations.sort_by(f64::total_cmp);
            let middle = durations.get(durations.len() / 2);
            Ok(middle.and_then(|seconds| Duration::try_from_secs_f64(*seconds).ok()))
        })
    }

    /// Whether somebody asked a build to stop.
    pub fn is_cancel_requested(&self, build: &BuildId) -> Result<bool, QueryError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT 1 FROM builds WHERE build_id = ? AND cancel_by IS NOT NULL",
            )?;
            Ok(statement.exists([build.as_str()])?)
        })
    }

    /// A number that changes whenever another process or another part of this one wrote something.
    pub fn data_version(&self) -> Result<i64, QueryError> {
        self.read(|connection| {
            Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
        })
    }
}

fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(limits::ROWS_DEFAULT).min(limits::ROWS_MAX)
}

fn finish_builds(
    connection: &Connection,
    rows: &mut [BuildRow],
    now: Timestamp,
) -> Result<(), QueryError> {
    let mut counts =
        connection.prepare_cached("SELECT state, n FROM task_counts WHERE build_id = ?")?;
    for row in rows {
        let mut found = counts.query([row.id.as_str()])?;
        while let Some(next) = found.next()? {
            let word: String = next.get(0)?;
            let state = TaskState::parse(&word).ok_or_else(|| damaged("task state", &word))?;
            *row.tasks.of(state) = next.get(1)?;
        }
        if row.state.is_live() && lease::hold(connection, &row.id, now)? == Hold::Lost {
            row.state = BuildState::Ended(BuildEnd::Lost);
        }
    }
    Ok(())
}

fn build_row(row: &Row<'_>) -> Result<BuildRow, QueryError> {
    let state: String = row.get("state")?;
    Ok(BuildRow {
        id: id(row, "build_id")?,
        number: row.get("number")?,
        state: BuildState::parse(&state).ok_or_else(|| damaged("build state", &state))?,
        kind: from_json(&format!("\"{}\"", row.get::<_, String>("kind")?))?,
        origin: row.get("origin")?,
        wanted: json(row, "wanted")?,
        retry_of: optional_id(row, "retry_of")?,
        forced: row.get("forced")?,
        received_at: Timestamp::from_nanos(row.get("received_ns")?),
        ended_at: row.get::<_, Option<i64>>("ended_ns")?.map(Timestamp::from_nanos),
        tasks: super::rows::TaskCounts::default(),
        up_to_date: row.get("up_to_date")?,
        runs: row.get("runs")?,
        warnings: row.get("warnings")?,
        errors: row.get("errors")?,
        cancel_by: row.get("cancel_by")?,
        reason: row.get("reason")?,
    })
}

fn task_row(row: &Row<'_>) -> Result<TaskRow, QueryError> {
    let state: String = row.get("state")?;
    Ok(TaskRow {
        task: row.get("task")?,
        state: TaskState::parse(&state).ok_or_else(|| damaged("task state", &state))?,
        job_label: id(row, "job_label")?,
        outputs: json(row, "outputs")?,
        reason: row.get("reason")?,
        waiting_on: optional_id(row, "waiting_on")?,
        detail: row.get("detail")?,
    })
}

fn run_row(row: &Row<'_>) -> Result<RunRow, QueryError> {
    let state: String = row.get("state")?;
    let cause: Option<String> = row.get("cause")?;
    let cause =
        cause.map(|word| Cause::parse(&word).ok_or_else(|| damaged("cause", &word))).transpose()?;
    let summary = match cause {
        None => None,
        Some(cause) => Some(RunSummary {
            cause,
            exit_code: row.get("exit_code")?,
            signal: row.get("signal")?,
            duration_seconds: row.get("duration_seconds")?,
            entries: row.get("entries")?,
            warnings: row.get("warnings")?,
            errors: row.get("errors")?,
            rows: row.get("rows")?,
            reason: row.get("reason")?,
        }),
    };
    Ok(RunRow {
        id: id(row, "job_run_id")?,
        number: RunNumber { build: row.get("build_number")?, run: row.get("run")? },
        build_id: id(row, "build_id")?,
        task: row.get("task")?,
        attempt: row.get("attempt")?,
        job_label: id(row, "job_label")?,
        app: optional_id(row, "app")?,
        job_type: row.get("job_type")?,
        outputs: json(row, "outputs")?,
        inputs: json(row, "inputs")?,
        command: json(row, "command")?,
        state: RunState::parse(&state).ok_or_else(|| damaged("run state", &state))?,
        scheduled_at: Timestamp::from_nanos(row.get("scheduled_ns")?),
        started_at: row.get::<_, Option<i64>>("started_ns")?.map(Timestamp::from_nanos),
        ended_at: row.get::<_, Option<i64>>("ended_ns")?.map(Timestamp::from_nanos),
        summary,
    })
}

/// A partition and the build of the last run that tried.
fn partition_row(row: &Row<'_>) -> Result<(PartitionRow, BuildId), QueryError> {
    let state: String = row.get(1)?;
    let made_by = match (row.get::<_, Option<u64>>(4)?, row.get::<_, Option<u32>>(5)?) {
        (Some(build), Some(run)) => Some(RunNumber { build, run }),
        _ => None,
    };
    let last: String = row.get(12)?;
    let last = RunState::parse(&last).ok_or_else(|| damaged("run state", &last))?;
    let partition = PartitionRow {
        partition: id(row, "partition")?,
        state: PartitionState::parse(&state).ok_or_else(|| damaged("partition state", &state))?,
        instance: row.get(2)?,
        made_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_nanos),
        as_of: row.get::<_, Option<i64>>(11)?.map(Timestamp::from_nanos),
        made_by,
        interrupted: matches!(last, RunState::Ended(RunEnd::Cancelled | RunEnd::Lost)),
        last_run: RunNumber { build: row.get(6)?, run: row.get(7)? },
        last_run_id: id(row, "job_run_id")?,
        changed_at: Timestamp::from_nanos(row.get(9)?),
    };
    Ok((partition, id(row, "build_id")?))
}

pub(super) fn event_of(row: &Row<'_>) -> Result<EventRecord, QueryError> {
    let idx: u64 = row.get(0)?;
    let type_name: String = row.get(4)?;
    let payload: String = row.get(6)?;
    Ok(EventRecord {
        idx,
        event_id: row.get(1)?,
        timestamp: Timestamp::from_nanos(row.get(2)?),
        build_id: id(row, "build_id")?,
        event: BuildEvent::from_parts(&type_name, row.get(5)?, &payload)
            .map_err(|error| QueryError::Damaged { what: format!("event {idx}: {error}") })?,
    })
}

pub(super) fn text_list(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn id<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> Result<T, QueryError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| damaged(column, &text))
}

fn optional_id<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> Result<Option<T>, QueryError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|_| damaged(column, &text))).transpose()
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, QueryError> {
    from_json(&row.get::<_, String>(column)?)
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, QueryError> {
    serde_json::from_str(text).map_err(|_| damaged("list", text))
}

fn damaged(what: &str, word: &str) -> QueryError {
    QueryError::Damaged { what: format!("{what} {word:?}") }
}
