//! What the floor makes of a run that is over: a record, and the fate of the tasks that it decides.

use super::{Floor, Running, number};
use crate::execute::engine::BuildError;
use crate::execute::observe::Progress;
use crate::execute::outcome::{BuildOutcome, CommandOutcome, FailedTask, NotStartedTask};
use crate::execute::request::OnFailure;
use crate::execute::run::RunResult;
use crate::execute::schedule::Dropped;
use crate::execute::stop::StopLevel;
use crate::limits;
use crate::plan::RunNumber;
use databuild_model::bel::{
    BuildEnd, BuildEvent, PartitionSet, RunEnd, RunEnded, RunSummary, TaskEnd, TaskEnded,
};
use databuild_model::cause::Cause;
use databuild_model::ids::JobRunId;
use std::sync::Arc;

/// The last run of a build, as far as whoever ran one command is told.
pub(in crate::execute) struct Tally {
    run: RunNumber,
    job_run_id: JobRunId,
    attempt: u32,
    end: RunEnd,
    summary: RunSummary,
    wrapper_exit: Option<i32>,
}

impl Floor<'_> {
    /// Records what came of a run, and decides what that means for the others.
    pub(super) fn take_in(&mut self, result: RunResult) -> Result<(), BuildError> {
        let task = result.task;
        let Some(running) = self.running.remove(&task) else { return Ok(()) };
        if let Some(error) = result.refused {
            return Err(self.begun.explain(error));
        }
        let (end, summary) = (result.end, result.summary);
        self.tell_note(&running);
        self.outcome.warnings += summary.warnings;
        self.last = Some(Tally {
            run: self.run_number(running.run),
            job_run_id: running.job_run_id.clone(),
            attempt: running.attempt,
            end,
            summary: summary.clone(),
            wrapper_exit: result.wrapper_exit,
        });
        let again = matches!(end, RunEnd::Failed | RunEnd::Lost)
            && running.attempt < running.launch.attempts
            && self.stopping == StopLevel::Go;
        let task_end = match end {
            RunEnd::Completed => Some(TaskEnd::Made),
            RunEnd::Cancelled => Some(TaskEnd::Cancelled),
            RunEnd::Failed | RunEnd::Lost if again => None,
            RunEnd::Failed | RunEnd::Lost => Some(TaskEnd::Failed),
        };
        self.record(task, &running, end, &summary, task_end)?;
        match task_end {
            None => self.retry(task, running, summary),
            Some(task_end) => self.conclude(task, running, task_end, summary)?,
        }
        Ok(())
    }

    /// The end of a run, of its hold on partitions, and perhaps of its task: one transaction.
    fn record(
        &self,
        task: usize,
        running: &Running,
        end: RunEnd,
        summary: &RunSummary,
        task_end: Option<TaskEnd>,
    ) -> Result<(), BuildError> {
        let ended = RunEnded { run: running.run, end, summary: summary.clone() };
        let mut events = vec![BuildEvent::RunEnded(ended)];
        if !running.launch.outputs.is_empty() {
            let set = PartitionSet { run: running.run, partitions: running.launch.outputs.clone() };
            events.push(match end {
                RunEnd::Completed => BuildEvent::PartitionsMade(set),
                RunEnd::Failed | RunEnd::Cancelled | RunEnd::Lost => {
                    BuildEvent::PartitionsFailed(set)
                }
            });
        }
        if let Some(end) = task_end {
            let ended = TaskEnded { task: number(task), end, reason: summary.reason.clone() };
            events.push(BuildEvent::TaskEnded(ended));
        }
        self.begun.append(events)
    }

    fn retry(&mut self, task: usize, running: Running, summary: RunSummary) {
        self.begun.observer.on_progress(&Progress::RetryScheduled {
            task: running.info,
            run: RunNumber { build: self.begun.number, run: running.run },
            attempt: running.attempt,
            attempts: running.launch.attempts,
            summary,
        });
        self.schedule.again(task);
    }

    fn conclude(
        &mut self,
        task: usize,
        running: Running,
        end: TaskEnd,
        summary: RunSummary,
    ) -> Result<(), BuildError> {
        let run = self.run_number(running.run);
        let reason = summary.reason.clone();
        let info = Arc::clone(&running.info);
        self.tell_finished(info, end, Some(run), Some(summary.clone()), reason);
        let dropped = match end {
            TaskEnd::Made | TaskEnd::Delegated => {
                self.outcome.made += 1;
                self.schedule.done(task);
                return Ok(());
            }
            TaskEnd::Failed => {
                self.outcome.failed.push(failed_task(task, run, running, summary));
                let mut dropped = self.schedule.failed(task);
                if self.manner.on_failure == OnFailure::FailFast {
                    dropped.extend(self.schedule.give_up());
                }
                dropped
            }
            TaskEnd::Cancelled | TaskEnd::NotStarted => {
                self.outcome.not_started.push(NotStartedTask {
                    task,
                    job_label: running.info.job_label.clone(),
                    outputs: running.info.outputs.clone(),
                    needs_failed: None,
                    run: Some(run),
                });
                let dropped = self.schedule.failed(task);
                dropped.into_iter().map(|drop| Dropped { needs_failed: None, ..drop }).collect()
            }
        };
        self.drop_tasks(&dropped)
    }

    /// Records that tasks will not be started.
    pub(super) fn drop_tasks(&mut self, dropped: &[Dropped]) -> Result<(), BuildError> {
        for some in dropped.chunks(limits::TASKS_PER_EVENT_MAX) {
            let mut events = Vec::with_capacity(some.len());
            for drop in some {
                let Some(info) = self.info(drop.task) else { continue };
                let (end, reason) = self.why_dropped(*drop);
                let task = number(drop.task);
                events.push(BuildEvent::TaskEnded(TaskEnded { task, end, reason: reason.clone() }));
                self.outcome.not_started.push(NotStartedTask {
                    task: drop.task,
                    job_label: info.job_label.clone(),
                    outputs: info.outputs.clone(),
                    needs_failed: drop.needs_failed,
                    run: None,
                });
                self.tell_finished(info, end, None, None, reason);
            }
            self.begun.append(events)?;
        }
        Ok(())
    }

    fn why_dropped(&self, drop: Dropped) -> (TaskEnd, Option<String>) {
        let attempted = self.attempts.contains_key(&drop.task);
        match drop.needs_failed.and_then(|task| self.info(task)) {
            Some(needed) => {
                let first = needed.outputs.first().map(ToString::to_string).unwrap_or_default();
                (TaskEnd::NotStarted, Some(format!("it needs {first}, which failed")))
            }
            None if StopLevel::Go < self.stopping || attempted => (TaskEnd::Cancelled, None),
            None => (TaskEnd::NotStarted, Some("the build stops at the first failure".to_owned())),
        }
    }
}

impl Tally {
    pub(in crate::execute) fn command_outcome(self, outcome: &BuildOutcome) -> CommandOutcome {
        let Tally { run, job_run_id, attempt, end, summary, wrapper_exit } = self;
        let exit_code = match (end, summary.cause, wrapper_exit) {
            (RunEnd::Completed, ..) => 0,
            (_, Cause::Timeout, _) => 124,
            (_, _, Some(code)) if code != 0 => code,
            // It ended well, and yet did not make what it said it would.
            (_, Cause::Success, _) => 1,
            _ => 125,
        };
        let build = outcome.build.clone();
        let end = if end == RunEnd::Completed { BuildEnd::Completed } else { outcome.end };
        CommandOutcome { build, run, job_run_id, attempt, end, summary, exit_code }
    }
}

fn failed_task(task: usize, run: RunNumber, running: Running, summary: RunSummary) -> FailedTask {
    FailedTask {
        task,
        job_label: running.launch.job_label,
        outputs: running.launch.outputs,
        run,
        job_run_id: running.job_run_id,
        attempt: running.attempt,
        attempts: running.launch.attempts,
        command: running.launch.command.args,
        summary,
    }
}
