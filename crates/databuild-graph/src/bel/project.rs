//! What an event changes: each one visits the tables here, and nothing else writes them. The step
//! is checked against the state diagram first, so live tables and rebuilt ones cannot differ.

use super::AppendError;
use databuild_model::bel::record::EventRecord;
use databuild_model::bel::transition::{
    self, BuildState, BuildStep, PartitionState, PartitionStep, RunState, RunStep, Settled,
    TaskState, TaskStep,
};
use databuild_model::bel::{
    BuildEvent, BuildReceived, PartitionSet, PlannedTask, RunEnded, RunScheduled, TaskEnded,
};
use rusqlite::{Connection, OptionalExtension, Params, ToSql, params};

struct Step<'a> {
    tx: &'a Connection,
    record: &'a EventRecord,
}

/// Changes the tables as `record` says, or says why it cannot be.
pub(super) fn apply(tx: &Connection, record: &EventRecord) -> Result<(), AppendError> {
    let step = Step { tx, record };
    match &record.event {
        BuildEvent::BuildReceived(received) => step.receive(received),
        BuildEvent::BuildPlanning {} => step.build(BuildStep::Plan),
        BuildEvent::TasksPlanned { tasks } => step.plan_tasks(tasks),
        BuildEvent::BuildPlanned { up_to_date, .. } => {
            step.build(BuildStep::FinishPlan)?;
            step.set_build("up_to_date", up_to_date)
        }
        BuildEvent::BuildExecuting {} => step.build(BuildStep::Execute),
        BuildEvent::BuildCancelRequested { by } => {
            step.build(BuildStep::RequestCancel)?;
            step.set_build("cancel_by", by)
        }
        BuildEvent::BuildEnded(ended) => {
            step.build(BuildStep::End(ended.end))?;
            step.set_build("ended_ns", &record.timestamp.as_nanos())?;
            step.set_build("reason", &ended.reason)
        }
        BuildEvent::TaskWaiting { task, on } => {
            step.task(*task, TaskStep::Wait)?;
            step.execute(
                "UPDATE tasks SET waiting_on = ? WHERE build_id = ? AND task = ?",
                params![on.as_str(), step.build_id(), task],
            )
        }
        BuildEvent::TaskEnded(ended) => step.end_task(ended),
        BuildEvent::RunScheduled(scheduled) => step.schedule(scheduled),
        BuildEvent::RunStarted { run, process } => step.start_run(*run, process),
        BuildEvent::RunEnded(ended) => step.end_run(ended),
        BuildEvent::PartitionsClaimed(set) => step.claim(set),
        BuildEvent::PartitionsMade(set) => step.settle(set, |_| PartitionStep::Make),
        BuildEvent::PartitionsFailed(set) => step.settle(set, |_| PartitionStep::Fail),
        BuildEvent::PartitionsReleased(set) => {
            step.settle(set, |back_to| PartitionStep::Release { back_to })
        }
    }
}

impl Step<'_> {
    fn build_id(&self) -> &str {
        self.record.build_id.as_str()
    }

    fn now(&self) -> i64 {
        self.record.timestamp.as_nanos()
    }

    fn execute(&self, sql: &str, values: impl Params) -> Result<(), AppendError> {
        self.tx.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn illegal(&self, source: transition::Illegal) -> AppendError {
        AppendError::Illegal { event: self.record.event.type_name(), source }
    }

    fn build_state(&self) -> Result<Option<BuildState>, AppendError> {
        let word = self
            .tx
            .prepare_cached("SELECT state FROM builds WHERE build_id = ?")?
            .query_row([self.build_id()], |row| row.get::<_, String>(0))
            .optional()?;
        word.map(|word| BuildState::parse(&word).ok_or_else(|| damaged("build state", &word)))
            .transpose()
    }

    /// The events of tasks, runs and partitions need a build that is executing.
    fn need_executing(&self) -> Result<(), AppendError> {
        match self.build_state()? {
            Some(BuildState::Executing) => Ok(()),
            state => Err(self.illegal(transition::Illegal {
                what: "build",
                state: state.map_or_else(|| "unknown".to_owned(), |state| state.to_string()),
                step: self.record.event.type_name().to_owned(),
            })),
        }
    }

    fn build(&self, step: BuildStep) -> Result<(), AppendError> {
        let next = transition::build(self.build_state()?, step).map_err(|e| self.illegal(e))?;
        self.set_build("state", &next.as_str())
    }

    fn set_build(&self, column: &'static str, value: &dyn ToSql) -> Result<(), AppendError> {
        self.execute(
            &format!("UPDATE builds SET {column} = ? WHERE build_id = ?"),
            params![value, self.build_id()],
        )
    }

    fn receive(&self, received: &BuildReceived) -> Result<(), AppendError> {
        let next = transition::build(self.build_state()?, BuildStep::Receive)
            .map_err(|e| self.illegal(e))?;
        let kind = json(&received.kind)?;
        let done = self.tx.prepare_cached(
            "INSERT OR IGNORE INTO builds
               (build_id, number, state, kind, origin, wanted, retry_of, forced, received_ns)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let mut done = done;
        let n = done.execute(params![
            self.build_id(),
            received.number,
            next.as_str(),
            kind.trim_matches('"'),
            received.origin,
            json(&received.wanted)?,
            received.retry_of.as_ref().map(|id| id.as_str()),
            received.forced,
            self.now(),
        ])?;
        if n == 0 {
            return Err(AppendError::Taken { what: format!("a build {}", received.number) });
        }
        Ok(())
    }

    fn plan_tasks(&self, tasks: &[PlannedTask]) -> Result<(), AppendError> {
        self.build(BuildStep::AddTasks)?;
        for planned in tasks {
            let next = transition::task(self.task_state(planned.task)?, TaskStep::Plan)
                .map_err(|e| self.illegal(e))?;
            self.execute(
                "INSERT INTO tasks (build_id, task, state, job_label, outputs, reason)
                 VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    self.build_id(),
                    planned.task,
                    next.as_str(),
                    planned.job_label.as_str(),
                    json(&planned.outputs)?,
                    planned.reason,
                ],
            )?;
        }
        self.count(TaskState::Planned, i64::try_from(tasks.len()).unwrap_or(i64::MAX))
    }

    fn task_state(&self, task: u32) -> Result<Option<TaskState>, AppendError> {
        let word = self
            .tx
            .prepare_cached("SELECT state FROM tasks WHERE build_id = ? AND task = ?")?
            .query_row(params![self.build_id(), task], |row| row.get::<_, String>(0))
            .optional()?;
        word.map(|word| TaskState::parse(&word).ok_or_else(|| damaged("task state", &word)))
            .transpose()
    }

    fn task(&self, task: u32, step: TaskStep) -> Result<(), AppendError> {
        self.need_executing()?;
        let state = self.task_state(task)?;
        let next = transition::task(state, step).map_err(|e| self.illegal(e))?;
        if state == Some(next) {
            return Ok(());
        }
        self.execute(
            "UPDATE tasks SET state = ?, waiting_on = NULL WHERE build_id = ? AND task = ?",
            params![next.as_str(), self.build_id(), task],
        )?;
        if let Some(state) = state {
            self.count(state, -1)?;
        }
        self.count(next, 1)
    }

    fn count(&self, state: TaskState, by: i64) -> Result<(), AppendError> {
        self.execute(
            "INSERT INTO task_counts (build_id, state, n) VALUES (?, ?, ?)
             ON CONFLICT (build_id, state) DO UPDATE SET n = n + excluded.n",
            params![self.build_id(), state.as_str(), by],
        )
    }

    fn end_task(&self, ended: &TaskEnded) -> Result<(), AppendError> {
        self.task(ended.task, TaskStep::End(ended.end))?;
        self.execute(
            "UPDATE tasks SET detail = ? WHERE build_id = ? AND task = ?",
            params![ended.reason, self.build_id(), ended.task],
        )
    }

    fn run_state(&self, run: u32) -> Result<Option<RunState>, AppendError> {
        let word = self
            .tx
            .prepare_cached("SELECT state FROM runs WHERE build_id = ? AND run = ?")?
            .query_row(params![self.build_id(), run], |row| row.get::<_, String>(0))
            .optional()?;
        word.map(|word| RunState::parse(&word).ok_or_else(|| damaged("run state", &word)))
            .transpose()
    }

    fn schedule(&self, scheduled: &RunScheduled) -> Result<(), AppendError> {
        self.task(scheduled.task, TaskStep::Attempt)?;
        let next = transition::run(self.run_state(scheduled.run)?, RunStep::Schedule)
            .map_err(|e| self.illegal(e))?;
        let n = self
            .tx
            .prepare_cached(
                "INSERT OR IGNORE INTO runs
                   (job_run_id, build_id, build_number, run, task, attempt, job_label, app, job_type,
                    outputs, inputs, command, state, scheduled_ns)
                 SELECT ?1, build_id, number, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
                 FROM builds WHERE build_id = ?2",
            )?
            .execute(params![
                scheduled.job_run_id.as_str(),
                self.build_id(),
                scheduled.run,
                scheduled.task,
                scheduled.attempt,
                scheduled.job_label.as_str(),
                scheduled.app.as_ref().map(|app| app.as_str()),
                scheduled.job_type,
                json(&scheduled.outputs)?,
                json(&scheduled.inputs)?,
                json(&scheduled.command)?,
                next.as_str(),
                self.now(),
            ])?;
        if n == 0 {
            return Err(AppendError::Taken { what: format!("job run {}", scheduled.job_run_id) });
        }
        self.execute(
            "UPDATE builds SET runs = runs + 1 WHERE build_id = ?",
            params![self.build_id()],
        )
    }

    fn start_run(&self, run: u32, process: &str) -> Result<(), AppendError> {
        self.need_executing()?;
        let next =
            transition::run(self.run_state(run)?, RunStep::Start).map_err(|e| self.illegal(e))?;
        self.execute(
            "UPDATE runs SET state = ?, process = ?, started_ns = ? WHERE build_id = ? AND run = ?",
            params![next.as_str(), process, self.now(), self.build_id(), run],
        )
    }

    fn end_run(&self, ended: &RunEnded) -> Result<(), AppendError> {
        self.need_executing()?;
        let next = transition::run(self.run_state(ended.run)?, RunStep::End(ended.end))
            .map_err(|e| self.illegal(e))?;
        let summary = &ended.summary;
        self.execute(
            "UPDATE runs SET state = ?, ended_ns = ?, cause = ?, exit_code = ?, signal = ?,
               duration_seconds = ?, entries = ?, warnings = ?, errors = ?, rows = ?, reason = ?
             WHERE build_id = ? AND run = ?",
            params![
                next.as_str(),
                self.now(),
                summary.cause.as_str(),
                summary.exit_code,
                summary.signal,
                summary.duration_seconds,
                summary.entries,
                summary.warnings,
                summary.errors,
                summary.rows,
                summary.reason,
                self.build_id(),
                ended.run,
            ],
        )?;
        self.execute(
            "UPDATE builds SET warnings = warnings + ?, errors = errors + ? WHERE build_id = ?",
            params![summary.warnings, summary.errors, self.build_id()],
        )
    }

    /// The id of a run of this build that is not over.
    fn live_run(&self, run: u32) -> Result<String, AppendError> {
        self.need_executing()?;
        let found = self
            .tx
            .prepare_cached("SELECT job_run_id FROM runs WHERE build_id = ? AND run = ?")?
            .query_row(params![self.build_id(), run], |row| row.get::<_, String>(0))
            .optional()?;
        found.ok_or_else(|| AppendError::Unknown { what: format!("run {run} of this build") })
    }

    fn claim(&self, set: &PartitionSet) -> Result<(), AppendError> {
        let job_run_id = self.live_run(set.run)?;
        for partition in &set.partitions {
            let found = self.held(partition.as_str())?;
            let state = found.map_or(PartitionState::Missing, |held| held.state);
            let next =
                transition::partition(state, PartitionStep::Claim).map_err(|e| self.illegal(e))?;
            self.execute(
                "INSERT INTO partitions (partition, state, settled, last_run, changed_ns)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (partition) DO UPDATE SET
                   state = ?2, settled = ?3, last_run = ?4, changed_ns = ?5",
                params![partition.as_str(), next.as_str(), state.as_str(), job_run_id, self.now()],
            )?;
            self.execute(
                "INSERT OR IGNORE INTO partition_runs (partition, job_run_id) VALUES (?, ?)",
                params![partition.as_str(), job_run_id],
            )?;
        }
        Ok(())
    }

    fn settle(
        &self,
        set: &PartitionSet,
        step: impl Fn(Settled) -> PartitionStep,
    ) -> Result<(), AppendError> {
        let job_run_id = self.live_run(set.run)?;
        for partition in &set.partitions {
            let not_held =
                || AppendError::NotHeld { partition: partition.to_string(), run: set.run };
            let held = self.held(partition.as_str())?.ok_or_else(not_held)?;
            let next = transition::partition(held.state, step(held.settled))
                .map_err(|e| self.illegal(e))?;
            if held.last_run != job_run_id {
                return Err(not_held());
            }
            self.execute(
                "UPDATE partitions SET state = ?, settled = ?, changed_ns = ? WHERE partition = ?",
                params![next.as_str(), next.as_str(), self.now(), partition.as_str()],
            )?;
            if matches!(self.record.event, BuildEvent::PartitionsMade(_)) {
                self.execute(
                    "UPDATE partitions SET instance = instance + 1, made_ns = ?, made_by = ?
                     WHERE partition = ?",
                    params![self.now(), job_run_id, partition.as_str()],
                )?;
            }
        }
        Ok(())
    }

    fn held(&self, partition: &str) -> Result<Option<Held>, AppendError> {
        let row = self
            .tx
            .prepare_cached("SELECT state, settled, last_run FROM partitions WHERE partition = ?")?
            .query_row([partition], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((state, settled, last_run)) = row else { return Ok(None) };
        Ok(Some(Held {
            state: partition_state(&state)?,
            settled: match partition_state(&settled)? {
                PartitionState::Missing => Settled::Missing,
                PartitionState::Available => Settled::Available,
                PartitionState::Failed => Settled::Failed,
                PartitionState::Building => return Err(damaged("settled state", &settled)),
            },
            last_run,
        }))
    }
}

struct Held {
    state: PartitionState,
    settled: Settled,
    last_run: String,
}

fn partition_state(word: &str) -> Result<PartitionState, AppendError> {
    PartitionState::parse(word).ok_or_else(|| damaged("partition state", word))
}

fn damaged(what: &str, word: &str) -> AppendError {
    AppendError::Damaged { what: format!("{what} {word:?}") }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, AppendError> {
    serde_json::to_string(value)
        .map_err(|_| AppendError::Damaged { what: "a value without a JSON form".to_owned() })
}
