//! The floor on which the tasks of one build are run: takes what is ready, keeps at most so many
//! runs going, and takes in what comes of them. All decisions and all calls to the observer are made
//! on the thread that builds.

mod results;

pub(super) use results::Tally;

use super::drive::{Begun, Manner};
use super::engine::BuildError;
use super::note::Note;
use super::observe::{Progress, TaskInfo};
use super::outcome::BuildOutcome;
use super::process::Control;
use super::run::{self, Run, RunResult};
use super::schedule::Schedule;
use super::stop::StopLevel;
use super::work::{Launch, Work};
use crate::bel::claim::Claim;
use crate::limits;
use crate::plan::RunNumber;
use databuild_model::bel::{BuildEvent, RunScheduled, RunSummary, TaskEnd, TaskEnded};
use databuild_model::ids::{BuildId, JobLabel, JobRunId};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;
use std::time::Duration;

/// How often the floor looks at what does not announce itself: the stop flag, notes of runs, requests
/// of other processes to stop, and partitions that other builds make. A person notices 200 ms.
const TICK: Duration = Duration::from_millis(100);

/// How long a wrapper may take to kill its job after the second signal, before it is killed itself.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A run that goes on.
struct Running {
    run: u32,
    job_run_id: JobRunId,
    attempt: u32,
    launch: Launch,
    info: Arc<TaskInfo>,
    control: Arc<Control>,
    note: Arc<Mutex<Note>>,
    told: Note,
}

/// See the module.
pub(super) struct Floor<'a> {
    begun: &'a Begun<'a>,
    work: &'a Work<'a>,
    manner: &'a Manner,
    outcome: &'a mut BuildOutcome,
    schedule: Schedule,
    parallel: usize,
    running: BTreeMap<usize, Running>,
    attempts: HashMap<usize, u32>,
    waiting_on: HashMap<usize, BuildId>,
    usual: HashMap<JobLabel, Option<Duration>>,
    stopping: StopLevel,
    kill_at: Option<Duration>,
    last: Option<Tally>,
}

impl<'a> Floor<'a> {
    /// Runs all tasks of `work`, and fills in `outcome`. When this returns, no process and no thread
    /// of the build is left, also if it returns an error.
    pub(super) fn run(
        begun: &'a Begun<'a>,
        work: &'a Work<'a>,
        manner: &'a Manner,
        outcome: &'a mut BuildOutcome,
    ) -> Result<Option<Tally>, BuildError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let parallel = manner.parallel.map_or(cores, NonZeroUsize::get);
        let mut floor = Floor {
            begun,
            work,
            manner,
            outcome,
            schedule: Schedule::new(work.needs().into_iter()),
            parallel: parallel.min(limits::PARALLEL_MAX),
            running: BTreeMap::new(),
            attempts: HashMap::new(),
            waiting_on: HashMap::new(),
            usual: HashMap::new(),
            stopping: StopLevel::Go,
            kill_at: None,
            last: None,
        };
        let parallel = floor.parallel;
        // Every run sends one result, so nobody ever waits for room.
        let (sender, results) = sync_channel(parallel);
        std::thread::scope(|scope| {
            let done = floor.go_on(scope, &sender, &results);
            if done.is_err() {
                floor.abandon(&results);
            }
            done
        })?;
        Ok(floor.last)
    }

    fn go_on<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        sender: &SyncSender<RunResult>,
        results: &Receiver<RunResult>,
    ) -> Result<(), BuildError>
    where
        'a: 'scope,
    {
        loop {
            self.heed_stop()?;
            self.launch_ready(scope, sender)?;
            if self.schedule.is_over() && self.running.is_empty() {
                return Ok(());
            }
            match results.recv_timeout(TICK) {
                Ok(result) => {
                    self.take_in(result)?;
                    while let Ok(result) = results.try_recv() {
                        self.take_in(result)?;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.tell_notes();
            self.look_at_held()?;
        }
    }

    /// Stops all runs at once and waits for them; the log has nothing more to say.
    fn abandon(&mut self, results: &Receiver<RunResult>) {
        for running in self.running.values() {
            running.control.ask(2);
        }
        let clock = &self.begun.engine.parts.clock;
        let kill_at = clock.mono() + AT_ONCE;
        while !self.running.is_empty() {
            match results.recv_timeout(TICK) {
                Ok(result) => drop(self.running.remove(&result.task)),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if kill_at < clock.mono() => {
                    self.running.values().for_each(|running| running.control.kill());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Follows the stop flag, requests of other processes, and the loss of the lease.
    fn heed_stop(&mut self) -> Result<(), BuildError> {
        if self.begun.heartbeat.is_taken_over() {
            return Err(BuildError::TakenOver { number: self.begun.number });
        }
        if self.begun.stop.level() == StopLevel::Go
            && self.begun.bel().is_cancel_requested(self.begun.build)?
        {
            self.begun.stop.raise_to(StopLevel::InOrder);
        }
        let level = self.begun.stop.level();
        if self.stopping < level {
            self.stopping = level;
            let at_once = level == StopLevel::AtOnce;
            self.begun.observer.on_progress(&Progress::Stopping { at_once });
            for running in self.running.values() {
                running.control.ask(level as u8);
            }
            let dropped = self.schedule.give_up();
            self.drop_tasks(&dropped)?;
        }
        if self.stopping == StopLevel::AtOnce {
            let now = self.begun.engine.parts.clock.mono();
            if *self.kill_at.get_or_insert(now + AT_ONCE) <= now {
                self.running.values().for_each(|running| running.control.kill());
            }
        }
        Ok(())
    }

    fn launch_ready<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        sender: &SyncSender<RunResult>,
    ) -> Result<(), BuildError>
    where
        'a: 'scope,
    {
        while self.running.len() < self.parallel {
            let Some(task) = self.schedule.next() else { return Ok(()) };
            let Some(run) = self.claim(task)? else { continue };
            let sender = sender.clone();
            let parts = &self.begun.engine.parts;
            scope.spawn(move || {
                // The floor takes in one result a run before it ends, so it is there.
                sender.send(run::perform(parts, &run)).ok();
            });
        }
        Ok(())
    }

    /// Asks for the outputs of a task; `None` if there is nothing to run (yet).
    fn claim(&mut self, task: usize) -> Result<Option<Run>, BuildError> {
        let (Some(launch), Some(info)) = (self.work.launch(task), self.info(task)) else {
            return Ok(None);
        };
        let now = self.begun.engine.parts.clock.wall();
        let job_run_id = JobRunId::parse(crate::bel::uuid_v7(now))
            .map_err(|error| crate::bel::AppendError::Damaged { what: error.to_string() })?;
        let attempt = self.attempts.get(&task).map_or(1, |attempt| attempt + 1);
        let scheduled = RunScheduled {
            run: 0,
            job_run_id: job_run_id.clone(),
            task: number(task),
            attempt,
            job_label: launch.job_label.clone(),
            app: launch.app.clone(),
            job_type: launch.job_type.clone(),
            outputs: launch.outputs.clone(),
            inputs: launch.inputs.clone(),
            command: launch.command.args.clone(),
        };
        loop {
            let claim = self
                .begun
                .bel()
                .claim(self.begun.build, scheduled.clone(), self.manner.planned_at)
                .map_err(|error| self.begun.explain(error))?;
            match claim {
                Claim::Granted { run } => {
                    self.waiting_on.remove(&task);
                    self.attempts.insert(task, attempt);
                    let new = Running {
                        run,
                        job_run_id,
                        attempt,
                        launch,
                        info,
                        control: Arc::default(),
                        note: Arc::default(),
                        told: Note::default(),
                    };
                    return Ok(Some(self.started(task, new, now)?));
                }
                Claim::Held { by } => {
                    self.schedule.hold(task);
                    self.tell_waiting(task, info, by)?;
                    return Ok(None);
                }
                // Then it is over, or somebody has it, who may be us.
                Claim::HolderLost { by } => self.begun.take_over(&by)?,
                Claim::Made => {
                    self.schedule.done(task);
                    self.outcome.delegated += 1;
                    self.end_task(task, TaskEnd::Delegated, None)?;
                    self.tell_finished(info, TaskEnd::Delegated, None, None, None);
                    return Ok(None);
                }
            }
        }
    }

    fn started(
        &mut self,
        task: usize,
        new: Running,
        now: databuild_model::time::Timestamp,
    ) -> Result<Run, BuildError> {
        let label = &new.launch.job_label;
        if !self.usual.contains_key(label) {
            let usual = self.begun.bel().usual_duration(label)?;
            self.usual.insert(label.clone(), usual);
        }
        self.begun.observer.on_progress(&Progress::TaskStarted {
            task: Arc::clone(&new.info),
            run: self.run_number(new.run),
            job_run_id: new.job_run_id.clone(),
            attempt: new.attempt,
            usual: self.usual.get(label).copied().flatten(),
        });
        let run = Run {
            build: self.begun.build.clone(),
            task,
            run: new.run,
            job_run_id: new.job_run_id.clone(),
            attempt: new.attempt,
            started_at: now,
            launch: new.launch.clone(),
            control: Arc::clone(&new.control),
            note: Arc::clone(&new.note),
        };
        self.running.insert(task, new);
        Ok(run)
    }

    fn tell_waiting(
        &mut self,
        task: usize,
        info: Arc<TaskInfo>,
        by: BuildId,
    ) -> Result<(), BuildError> {
        if self.waiting_on.get(&task) == Some(&by) {
            return Ok(());
        }
        if let Some(row) = self.begun.bel().build(&by)? {
            let on = row.number;
            self.begun.observer.on_progress(&Progress::TaskWaiting { task: info, on });
        }
        self.waiting_on.insert(task, by);
        Ok(())
    }

    fn end_task(
        &self,
        task: usize,
        end: TaskEnd,
        reason: Option<String>,
    ) -> Result<(), BuildError> {
        self.begun.append([BuildEvent::TaskEnded(TaskEnded { task: number(task), end, reason })])
    }

    /// Lets tasks try again whose partitions nobody makes any more.
    fn look_at_held(&mut self) -> Result<(), BuildError> {
        self.begun.go_on_with_kept()?;
        let held: Vec<usize> = self.schedule.held().collect();
        for task in held {
            let Some((_, outputs)) = self.work.about(task) else { continue };
            if !self.begun.bel().is_held(self.begun.build, &outputs)? {
                self.schedule.again(task);
            }
        }
        Ok(())
    }

    fn tell_notes(&mut self) {
        let mut running = std::mem::take(&mut self.running);
        for one in running.values_mut() {
            if let Some(note) = self.tell_note(one) {
                one.told = note;
            }
        }
        self.running = running;
    }

    fn tell_note(&self, running: &Running) -> Option<Note> {
        let note = running.note.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if note == running.told {
            return None;
        }
        self.begun.observer.on_progress(&Progress::TaskNote {
            task: Arc::clone(&running.info),
            run: self.run_number(running.run),
            progress: note.progress.clone(),
            warnings: note.warnings,
            errors: note.errors,
            rows: note.rows,
        });
        Some(note)
    }

    fn tell_finished(
        &self,
        task: Arc<TaskInfo>,
        end: TaskEnd,
        run: Option<RunNumber>,
        summary: Option<RunSummary>,
        reason: Option<String>,
    ) {
        let progress = Progress::TaskFinished { task, end, run, summary, reason };
        self.begun.observer.on_progress(&progress);
    }

    fn info(&self, task: usize) -> Option<Arc<TaskInfo>> {
        let (job_label, outputs) = self.work.about(task)?;
        Some(Arc::new(TaskInfo { task, job_label, outputs }))
    }

    fn run_number(&self, run: u32) -> RunNumber {
        RunNumber { build: self.begun.number, run }
    }
}

fn number(task: usize) -> u32 {
    // A plan has at most limits::PLAN_PARTITIONS_MAX tasks.
    u32::try_from(task).unwrap_or(u32::MAX)
}
