//! `-f`: what is there, then what comes, each entry once, until every run has ended.
//!
//! Each run has a thread that waits for it; what they see meets in one bounded queue, so that a slow
//! terminal slows the reading and nothing piles up.

use super::sink::Sink;
use super::target::{Target, Targets};
use crate::cli::args::FollowChoice;
use crate::cli::outcome::{Exit, Failure};
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::RunFilter;
use databuild_logs::read::{Cursor, Follower, LogReader, ReadError, Step};
use databuild_model::ids::{BuildId, JobRunId};
use databuild_model::query::LogFilter;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Scope;
use std::time::Duration;

/// Most runs that are followed at once: each has a thread.
const FOLLOWED_MAX: usize = 128;

/// Batches between the runs and the terminal; a batch has at most 1 MiB.
const QUEUE_MAX: usize = 16;

/// How long a thread waits before it looks whether it is still wanted, and how often new runs of a
/// build are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long a run that has a number but no file yet is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a thread saw of the `n`th run.
enum Seen {
    Lines(usize, Vec<Vec<u8>>),
    End(usize),
    Failed(ReadError),
}

/// Entries that were there when following began.
const TAIL_OF_MANY: u32 = 10;

/// What is followed, and from where.
pub(crate) struct Following<'a> {
    /// The log of builds, for runs that begin later.
    pub(crate) bel: Option<&'a Bel>,
    /// The store.
    pub(crate) reader: &'a LogReader,
    /// What of it.
    pub(crate) filter: &'a LogFilter,
    /// Only so many of the entries that are there already. All if absent, but few for many runs.
    pub(crate) tail: Option<u32>,
    /// Until when.
    pub(crate) how: FollowChoice,
}

impl Following<'_> {
    /// Follows until all has ended.
    pub(crate) fn run(&self, targets: &Targets, sink: &mut Sink) -> Result<(), Failure> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let result = self.watch(scope, targets, sink, &stop);
            // The threads look at this before they wait again.
            stop.store(true, Ordering::Release);
            result
        })
    }

    fn watch<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        targets: &Targets,
        sink: &mut Sink,
        stop: &'env AtomicBool,
    ) -> Result<(), Failure> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let mut known = BTreeSet::new();
        let mut live: BTreeMap<usize, Option<TaskOf>> = BTreeMap::new();
        let mut waiting = VecDeque::new();
        let mut place = targets.runs.len();
        let many = 1 < targets.runs.len();
        for (place, target) in targets.runs.iter().enumerate() {
            known.insert(target.id.clone());
            let after = self.start(&target.id, many)?;
            self.spawn(scope, place, &target.id, after, &sender, stop)?;
            live.insert(place, task_of(target));
        }
        loop {
            for ended in take(&receiver, sink)? {
                live.remove(&ended);
            }
            let (begun, open) = self.newly_begun(targets, &mut known)?;
            waiting.extend(begun);
            for target in std::mem::take(&mut waiting) {
                let task = task_of(&target);
                // One attempt after the other, also when all of them are over already.
                if task.is_some() && live.values().any(|other| *other == task) {
                    waiting.push_back(target);
                    continue;
                }
                sink.add(&target);
                self.spawn(scope, place, &target.id, Cursor::START, &sender, stop)?;
                live.insert(place, task);
                place += 1;
            }
            if live.is_empty() && waiting.is_empty() && !open {
                return Ok(());
            }
        }
    }

    /// Where to begin with a run: before its last entries, or at its beginning.
    fn start(&self, run: &JobRunId, many: bool) -> Result<Cursor, Failure> {
        let tail = match (self.tail, many) {
            (Some(tail), _) => tail,
            (None, true) => TAIL_OF_MANY,
            (None, false) => return Ok(Cursor::START),
        };
        match self.reader.tail_cursor(run, self.filter, tail) {
            Ok((cursor, _)) => Ok(cursor),
            // It has a number and no file yet.
            Err(ReadError::RunNotFound { .. }) => Ok(Cursor::START),
            Err(error) => Err(error.into()),
        }
    }

    fn spawn<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        place: usize,
        run: &JobRunId,
        after: Cursor,
        sender: &SyncSender<Seen>,
        stop: &'env AtomicBool,
    ) -> Result<(), Failure> {
        if FOLLOWED_MAX <= place {
            return Err(Failure::text(
                Exit::Usage,
                format!("at most {FOLLOWED_MAX} runs are followed at once"),
            )
            .remedy("name a job, a partition or single runs"));
        }
        let follower = self.reader.follow(run, self.filter.clone(), after).with_patience(PATIENCE);
        let sender = sender.clone();
        scope.spawn(move || pump(follower, place, &sender, stop));
        Ok(())
    }

    /// Builds that may begin further runs to follow, and which of their tasks; all of them if `None`.
    fn to_watch(&self, targets: &Targets) -> BTreeMap<BuildId, Option<BTreeSet<u32>>> {
        let mut builds = BTreeMap::new();
        if self.how == FollowChoice::Always {
            for row in targets.runs.iter().filter_map(|target| target.row.as_ref()) {
                let tasks =
                    builds.entry(row.build_id.clone()).or_insert_with(|| Some(BTreeSet::new()));
                if let Some(tasks) = tasks {
                    tasks.insert(row.task);
                }
            }
        }
        builds.extend(targets.builds.iter().map(|id| (id.clone(), None)));
        builds
    }

    /// Runs of the followed builds that began since, and whether more may begin.
    fn newly_begun(
        &self,
        targets: &Targets,
        known: &mut BTreeSet<JobRunId>,
    ) -> Result<(Vec<Target>, bool), Failure> {
        let (mut begun, mut open) = (Vec::new(), false);
        let Some(bel) = self.bel else { return Ok((begun, open)) };
        for (id, tasks) in self.to_watch(targets) {
            // Asked before the runs, so that a build that ends meanwhile is looked at once more.
            open |= bel.build(&id)?.is_some_and(|build| build.state.is_live());
            let filter = RunFilter { build: Some(id), limit: Some(1_000), ..RunFilter::default() };
            for row in bel.runs(&filter)?.into_iter().rev() {
                let is_of = tasks.as_ref().is_none_or(|tasks| tasks.contains(&row.task));
                if is_of && known.insert(row.id.clone()) {
                    begun.push(Target { id: row.id.clone(), row: Some(row) });
                }
            }
        }
        Ok((begun, open))
    }
}

/// A task of a build, whose attempts come one after the other.
type TaskOf = (BuildId, u32);

fn task_of(target: &Target) -> Option<TaskOf> {
    target.row.as_ref().map(|row| (row.build_id.clone(), row.task))
}

/// Writes what was seen until nothing more is there for a moment. Returns the runs that ended.
fn take(receiver: &Receiver<Seen>, sink: &mut Sink) -> Result<Vec<usize>, Failure> {
    let mut next = receiver.recv_timeout(LOOK_INTERVAL);
    let mut ended = Vec::new();
    loop {
        match next {
            Ok(Seen::Lines(place, lines)) => {
                for line in &lines {
                    sink.push(place, line)?;
                }
            }
            Ok(Seen::End(place)) => ended.push(place),
            Ok(Seen::Failed(error)) => return Err(error.into()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
        match receiver.try_recv() {
            Ok(seen) => next = Ok(seen),
            Err(_) => break,
        }
    }
    sink.flush()?;
    Ok(ended)
}

fn pump(mut follower: Follower, place: usize, sender: &SyncSender<Seen>, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let seen = match follower.next(LOOK_INTERVAL) {
            Ok(Step::Idle) => continue,
            Ok(Step::Lines(found)) => {
                Seen::Lines(place, found.lines.iter().map(<[u8]>::to_vec).collect())
            }
            Ok(Step::End(_)) => Seen::End(place),
            Err(error) => Seen::Failed(error),
        };
        let is_last = matches!(seen, Seen::End(_) | Seen::Failed(_));
        // Nobody receives any more: then nobody is interested.
        if sender.send(seen).is_err() || is_last {
            return;
        }
    }
}
