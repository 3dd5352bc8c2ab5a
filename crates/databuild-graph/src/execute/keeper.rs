//! What dead processes left behind: runs that can be gone on with are taken over, other wrappers are
//! stopped in small steps, and a build of which nothing is left gets its last events. Nobody has to wait
//! for any of it but the tasks that make the same partitions.

use super::adopt::{self, Adopted};
use super::engine::EngineParts;
use super::heartbeat::Leases;
use super::observe::{BuildObserver, Progress};
use super::process::{Control, Leftover};
use super::spool::{self, Found, SpoolFolder};
use super::stop::{StopFlag, StopLevel};
use crate::bel::lease::owner::{Liveness, Owner};
use crate::bel::rows::{RunFilter, RunRow};
use crate::bel::select::Selected;
use crate::bel::{AppendError, Bel};
use crate::limits;
use databuild_model::bel::transition::RunState;
use databuild_model::bel::{
    BuildEvent, BuildKind, PartitionSet, RunEnd, RunEnded, RunSummary, TaskEnd, TaskEnded,
};
use databuild_model::cause::Cause;
use databuild_model::ids::BuildId;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Which runs of dead processes are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// All of them.
    All,
    /// Only those of which nothing runs any more: what they said is collected, and they are closed.
    Ended,
}

/// How long a wrapper may take to kill its job after the second signal, before it is killed itself.
const AT_ONCE: Duration = Duration::from_secs(5);

/// All that an engine has of dead processes.
#[derive(Default)]
pub(super) struct Adoptions {
    pub(super) keeper: Mutex<Keeper>,
    pub(super) leases: Leases,
    pub(super) stop: StopFlag,
}

/// What is kept of dead processes.
#[derive(Default)]
pub(super) struct Keeper {
    builds: Vec<Kept>,
    kill_at: Option<Duration>,
}

/// A build of a dead process, or one that is over with a run that is not wholly stored.
struct Kept {
    build: BuildId,
    number: u64,
    leftovers: Vec<Leftover>,
    runs: Vec<KeptRun>,
    fate: Fate,
}

/// What becomes of a build when nothing of it is left here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It gets its last events.
    End,
    /// Something of it goes on that nobody keeps.
    GiveBack,
    /// It was over before.
    Over,
}

struct KeptRun {
    row: RunRow,
    control: Arc<Control>,
    thread: JoinHandle<(RunEnd, RunSummary)>,
}

/// What a keeper works with.
#[derive(Clone, Copy)]
pub(super) struct Hands<'a> {
    pub(super) parts: &'a Arc<EngineParts>,
    pub(super) leases: &'a Leases,
    pub(super) observer: &'a dyn BuildObserver,
}

impl Keeper {
    /// Takes over what all dead processes left, as far as `which` says.
    pub(super) fn take_all(&mut self, hands: Hands<'_>, which: Adopt) -> Result<(), AppendError> {
        for lost in hands.parts.bel.lost_builds()? {
            self.take(hands, &lost, which)?;
        }
        self.take_unstored(hands)?;
        self.step(hands)
    }

    /// Takes over what a dead build left. Nothing happens if it is over, or somebody has it.
    pub(super) fn take(
        &mut self,
        hands: Hands<'_>,
        build: &BuildId,
        which: Adopt,
    ) -> Result<(), AppendError> {
        let bel = &hands.parts.bel;
        let goes_on = |row: &RunRow| -> Result<bool, AppendError> {
            let dir = spool::folder_of(&hands.parts.capture.logs_dir, &row.id);
            Ok(adopt::goes_on(&dir, bel.wrapper_of(&row.id)?.as_ref()))
        };
        if which == Adopt::Ended {
            let rows = open_runs(bel, build)?;
            let mut all = true;
            for row in &rows {
                all &= goes_on(row)?;
            }
            if all && !rows.is_empty() {
                return Ok(());
            }
        }
        let until = hands.parts.clock.wall().saturating_add(hands.parts.lease);
        if !bel.take_over(build, &Owner::this_process(), until)? {
            return Ok(());
        }
        hands.leases.keep(build);
        let Some(found) = bel.build(build)? else { return Ok(()) };
        let mut kept = Kept {
            build: build.clone(),
            number: found.number,
            leftovers: Vec::new(),
            runs: Vec::new(),
            fate: Fate::End,
        };
        for row in open_runs(bel, build)? {
            if which == Adopt::Ended && goes_on(&row)? {
                kept.fate = Fate::GiveBack;
            } else {
                kept.take_run(hands, row, found.kind)?;
            }
        }
        self.builds.push(kept);
        self.step(hands)
    }

    /// Takes over runs that are over in the log and not in the store: whoever ended them died in
    /// between, or could not store all of it.
    fn take_unstored(&mut self, hands: Hands<'_>) -> Result<(), AppendError> {
        let logs_dir = &hands.parts.capture.logs_dir;
        for run in spool::runs_with_spool(logs_dir) {
            let described = spool::read_run(&spool::folder_of(logs_dir, &run));
            let Some(executor) = described.map(|described| Owner(described.executor)) else {
                continue;
            };
            let gone = executor.liveness() == Liveness::Gone;
            let found =
                if gone { hands.parts.bel.find_run(run.as_str())? } else { Selected::Nothing };
            if let Selected::One(row) = found
                && row.id == run
                && row.ended_at.is_some()
            {
                let mut kept = Kept {
                    build: row.build_id.clone(),
                    number: row.number.build,
                    leftovers: Vec::new(),
                    runs: Vec::new(),
                    fate: Fate::Over,
                };
                kept.take_run(hands, row, BuildKind::Command)?;
                self.builds.push(kept);
            }
        }
        Ok(())
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.builds.is_empty()
    }

    /// Whether all that is kept goes on by itself, and may go on for long.
    pub(super) fn is_settled(&self, logs_dir: &std::path::Path) -> bool {
        let settled =
            |run: &KeptRun| adopt::goes_on(&spool::folder_of(logs_dir, &run.row.id), None);
        self.builds.iter().all(|kept| kept.leftovers.is_empty() && kept.runs.iter().all(settled))
    }

    /// Tells the runs that are kept how urgently to stop: in order when their build was told to.
    pub(super) fn heed(&mut self, hands: Hands<'_>, stop: &StopFlag) -> Result<(), AppendError> {
        let level = stop.level();
        if StopLevel::Go < level {
            self.each_run(|run| run.control.ask(level as u8));
        }
        if level == StopLevel::AtOnce {
            let now = hands.parts.clock.mono();
            if *self.kill_at.get_or_insert(now + AT_ONCE) <= now {
                self.each_run(|run| run.control.kill());
            }
        }
        for kept in self.builds.iter().filter(|kept| kept.fate != Fate::Over) {
            if hands.parts.bel.is_cancel_requested(&kept.build)? {
                kept.runs.iter().for_each(|run| run.control.ask(1));
            }
        }
        Ok(())
    }

    fn each_run(&self, tell: impl Fn(&KeptRun)) {
        self.builds.iter().flat_map(|kept| &kept.runs).for_each(tell);
    }

    /// Does what is due now: the next step of stopping what is not adopted, the ends of runs, and the
    /// last events of builds of which nothing is left.
    pub(super) fn step(&mut self, hands: Hands<'_>) -> Result<(), AppendError> {
        let parts = hands.parts;
        let now = parts.clock.mono();
        hands.leases.renew(&parts.bel, &*parts.clock, parts.lease);
        let mut at = 0;
        while let Some(kept) = self.builds.get_mut(at) {
            kept.leftovers.retain_mut(|wrapper| !wrapper.step(now));
            kept.take_in(hands)?;
            if kept.leftovers.is_empty() && kept.runs.is_empty() {
                let kept = self.builds.remove(at);
                kept.conclude(hands)?;
            } else {
                at += 1;
            }
        }
        Ok(())
    }
}

impl Kept {
    /// Takes one run over, or begins to stop its wrapper.
    fn take_run(
        &mut self,
        hands: Hands<'_>,
        row: RunRow,
        kind: BuildKind,
    ) -> Result<(), AppendError> {
        let logs_dir = &hands.parts.capture.logs_dir;
        let first_wrapper = hands.parts.bel.wrapper_of(&row.id)?;
        match SpoolFolder::adopt(logs_dir, &row.id) {
            Ok(Found::Ours(folder, described)) => {
                let paths = match (kind, hands.parts.spec.get()) {
                    (BuildKind::Partitions, Some(spec)) => row
                        .outputs
                        .iter()
                        .filter_map(|output| Some((output.clone(), spec.local_path(output)?)))
                        .collect::<Vec<(_, PathBuf)>>(),
                    (BuildKind::Partitions, None) | (BuildKind::Command, _) => Vec::new(),
                };
                hands.observer.on_progress(&Progress::RunAdopted {
                    run: row.number,
                    job_label: row.job_label.clone(),
                    outputs: row.outputs.clone(),
                });
                let wrapper = first_wrapper.clone();
                let described = *described;
                let run =
                    Adopted { row: row.clone(), folder, described, paths, first_wrapper: wrapper };
                if self.begin(hands, run) {
                    return Ok(());
                }
            }
            Ok(Found::Others | Found::Nothing) | Err(_) => {}
        }
        // Its executor hangs, or there is no way to go on with it: its wrapper has to go.
        let state = spool::read_state(&spool::folder_of(logs_dir, &row.id));
        let wrappers = first_wrapper.into_iter().chain(state.map(|it| Owner(it.wrapper)));
        let left = wrappers.filter_map(|wrapper| Leftover::open(&row.id, &wrapper));
        self.leftovers.extend(left);
        Ok(())
    }

    /// `false` if the system has no thread left for it.
    fn begin(&mut self, hands: Hands<'_>, adopted: Adopted) -> bool {
        let control: Arc<Control> = Arc::default();
        let row = adopted.row.clone();
        let (parts, theirs) = (Arc::clone(hands.parts), Arc::clone(&control));
        let thread = std::thread::Builder::new().name("adopted-run".to_owned());
        let Ok(thread) = thread.spawn(move || adopted.go_on(&parts, theirs)) else { return false };
        self.runs.push(KeptRun { row, control, thread });
        true
    }

    /// Records the runs that have ended.
    fn take_in(&mut self, hands: Hands<'_>) -> Result<(), AppendError> {
        let mut at = 0;
        while let Some(run) = self.runs.get(at) {
            if !run.thread.is_finished() {
                at += 1;
                continue;
            }
            let KeptRun { row, thread, .. } = self.runs.remove(at);
            let (end, summary) = thread.join().unwrap_or_else(|_panic| {
                (
                    RunEnd::Lost,
                    RunSummary {
                        reason: Some("a defect in databuild".to_owned()),
                        ..RunSummary::of(Cause::WrapperLost)
                    },
                )
            });
            if self.fate != Fate::Over {
                record(&hands.parts.bel, &row, end, &summary)?;
            }
            hands.observer.on_progress(&Progress::AdoptedEnded { run: row.number, end, summary });
        }
        Ok(())
    }

    fn conclude(self, hands: Hands<'_>) -> Result<(), AppendError> {
        let owner = Owner::this_process();
        let bel = &hands.parts.bel;
        match self.fate {
            Fate::Over => return Ok(()),
            Fate::GiveBack => bel.give_back(&self.build, &owner)?,
            Fate::End => {
                if bel.end_taken_over(&self.build, &owner)? {
                    let number = self.number;
                    hands.observer.on_progress(&Progress::LostBuildEnded { number });
                }
            }
        }
        hands.leases.let_go(&self.build);
        Ok(())
    }
}

/// The runs of a build that are not over.
fn open_runs(bel: &Bel, build: &BuildId) -> Result<Vec<RunRow>, AppendError> {
    let rows = bel.runs(&RunFilter {
        build: Some(build.clone()),
        // Whose build is lost, is shown as lost.
        states: vec![RunState::Scheduled, RunState::Running, RunState::Ended(RunEnd::Lost)],
        limit: Some(limits::ROWS_MAX),
        ..RunFilter::default()
    })?;
    Ok(rows.into_iter().filter(|row| row.ended_at.is_none()).collect())
}

/// The end of a run, of its hold on partitions, and of its task, as the build itself would have
/// recorded it; a task is not tried again.
fn record(bel: &Bel, row: &RunRow, end: RunEnd, summary: &RunSummary) -> Result<(), AppendError> {
    let run = row.number.run;
    let mut events = Vec::new();
    if row.started_at.is_none() {
        events.push(BuildEvent::RunStarted { run, process: Owner::this_process().0 });
    }
    events.push(BuildEvent::RunEnded(RunEnded { run, end, summary: summary.clone() }));
    let set = PartitionSet { run, partitions: row.outputs.clone() };
    let task_end = match end {
        RunEnd::Completed => TaskEnd::Made,
        RunEnd::Cancelled => TaskEnd::Cancelled,
        RunEnd::Failed | RunEnd::Lost => TaskEnd::Failed,
    };
    if !set.partitions.is_empty() {
        events.push(match end {
            RunEnd::Completed => BuildEvent::PartitionsMade(set),
            RunEnd::Failed | RunEnd::Cancelled | RunEnd::Lost => BuildEvent::PartitionsFailed(set),
        });
    }
    let reason = summary.reason.clone();
    events.push(BuildEvent::TaskEnded(TaskEnded { task: row.task, end: task_end, reason }));
    match bel.append(&row.build_id, events) {
        // Somebody took us for dead and ended it.
        Err(AppendError::Illegal { .. } | AppendError::NotHeld { .. }) => Ok(()),
        done => done.map(drop),
    }
}
