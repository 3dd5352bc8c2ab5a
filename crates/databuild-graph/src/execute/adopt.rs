//! One run whose executor died, from the moment that it is ours to the seal of its entries. Runs on a
//! thread of its own; which runs are taken over is decided in `keeper.rs`.

use super::course::{Attended, Course, Ended};
use super::engine::EngineParts;
use super::process::{self, Control, Leftover};
use super::request::CommandStdin;
use super::spool::{self, SpoolFolder};
use super::verdict::{self, Evidence};
use super::wrapper::WrapperEnd;
use crate::bel::lease::owner::Owner;
use crate::bel::rows::RunRow;
use databuild_logs::collect::RunContext;
use databuild_model::bel::{RunEnd, RunSummary};
use databuild_model::entry::event;
use databuild_model::ids::PartitionRef;
use databuild_model::spool::{Phase, Resume, SpoolRun, SpoolState};
use databuild_model::time::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a living wrapper has to go on telling after it was told to. One that takes longer hangs:
/// it is replaced, and nothing is lost by that.
const REACH_MAX: Duration = Duration::from_secs(30);

/// How long after its start a wrapper may take to write down that it keeps a spool: it is the first
/// thing that it does.
const STATE_MAX: Duration = Duration::from_secs(3);

/// Why a run has no end whose command was never started; nobody starts it for a dead build.
const UNBORN: &str = "its build was killed before its command was started";

/// How often something is looked at that does not announce itself.
const LOOK: Duration = Duration::from_millis(50);

/// A run that is ours now.
pub(super) struct Adopted {
    pub(super) row: RunRow,
    pub(super) folder: SpoolFolder,
    pub(super) described: SpoolRun,
    /// Where outputs have to be found afterwards, if on this machine.
    pub(super) paths: Vec<(PartitionRef, PathBuf)>,
    /// The wrapper that the build event log knows.
    pub(super) first_wrapper: Option<Owner>,
}

/// Whether a run that nobody watches still has something that runs: its wrapper or its command.
pub(super) fn goes_on(dir: &Path, first_wrapper: Option<&Owner>) -> bool {
    let lives = |process: &str| Owner(process.to_owned()).pid_here().is_some();
    match spool::read_state(dir) {
        Some(SpoolState { phase: Phase::Ended, .. }) => false,
        Some(state) => lives(&state.wrapper) || state.job.is_some_and(|job| lives(&job)),
        None => first_wrapper.is_some_and(|wrapper| wrapper.pid_here().is_some()),
    }
}

impl Adopted {
    /// Goes on with the run to its end.
    pub(super) fn go_on(self, parts: &EngineParts, control: Arc<Control>) -> (RunEnd, RunSummary) {
        let Adopted { row, folder, described, paths, first_wrapper } = self;
        let started_at = Timestamp::from_nanos(described.started_at_ns);
        let course = Course {
            parts,
            context: RunContext {
                job_run_id: row.id.clone(),
                job_label: Some(row.job_label.clone()),
                job_type: row.job_type.clone(),
                app: row.app.clone(),
                build_id: Some(row.build_id.clone()),
                started_at,
                continues: true,
                stored_mark: Some(folder.stored_mark()),
            },
            config: described.config,
            stdin: CommandStdin::Null,
            control: Arc::clone(&control),
            note: Arc::default(),
            made: Arc::default(),
            spool: Some(folder),
        };
        let ended = course.adopt(first_wrapper.as_ref());
        let gone = paths.iter().filter(|(_, path)| !path.exists());
        let missing = match &ended.record {
            Ok(record) if super::run::succeeded(record) => gone.map(|(it, _)| it.clone()).collect(),
            Ok(_) | Err(_) => Vec::new(),
        };
        verdict::judge(Evidence {
            record: ended.record.as_ref().map_err(String::clone),
            complaint: ended.wrapper.complaint,
            stopped: control.was_asked(),
            declared: &row.outputs,
            made: ended.made,
            missing,
            took: parts.clock.wall().since(started_at),
            // What was said before is not known here, and a part of it would be wrong.
            rows: None,
        })
    }
}

impl Course<'_> {
    /// Goes on with a run that somebody else started and that is ours now.
    fn adopt(mut self, first_wrapper: Option<&Owner>) -> Ended {
        let last = WrapperEnd::default();
        let resume = match self.resume_point() {
            Ok(resume) => resume,
            // Its spool stays, for whoever comes next.
            Err(why) => return self.ended(Err(why), last),
        };
        if resume.events.iter().any(|name| name == event::RUN_END) {
            let record = self.seal();
            if let (true, Some(spool)) = (record.is_ok(), self.spool.take()) {
                spool.remove();
            }
            return self.ended(record, last);
        }
        let state = self.wait_for_state(first_wrapper);
        if state.is_none() {
            self.stop(first_wrapper);
        }
        let wrapper = state.and_then(|state| process::open_owner(&Owner(state.wrapper)));
        if let Some(wrapper) = wrapper
            && let Some(attended) = self.reach(wrapper, &resume)
        {
            return self.finish(attended);
        }
        let launched = resume.events.iter().any(|name| name == event::TASK_LAUNCHED);
        let unborn = (!launched).then(|| UNBORN.to_owned());
        let mut deaths = 0;
        match self.another(&last, &mut deaths) {
            Ok(attended) => self.finish(attended),
            Err(why) => self.give_up(Err(UNBORN.to_owned()), last, why.or(unborn)),
        }
    }

    /// The state that its wrapper left, which one that was just started may be about to write.
    fn wait_for_state(&self, first_wrapper: Option<&Owner>) -> Option<SpoolState> {
        let dir = self.spool.as_ref()?.dir();
        let deadline = self.context.started_at.saturating_add(STATE_MAX);
        loop {
            // Asked before the state is looked for: what it wrote before it died is seen.
            let lives = first_wrapper.is_some_and(|wrapper| wrapper.pid_here().is_some());
            let state = spool::read_state(dir);
            if state.is_some() || !lives || deadline < self.parts.clock.wall() {
                return state;
            }
            self.control.pause(LOOK);
        }
    }

    /// Stops a wrapper that keeps no spool: nobody could go on with what it holds in memory.
    fn stop(&self, wrapper: Option<&Owner>) {
        let run = &self.context.job_run_id;
        let Some(mut left) = wrapper.and_then(|wrapper| Leftover::open(run, wrapper)) else {
            return;
        };
        while !left.step(self.parts.clock.mono()) {
            Control::default().pause(LOOK);
        }
    }

    /// Makes a living wrapper tell us what it has to tell. `None` if it died or does not answer, and
    /// then it is dead.
    fn reach(&self, wrapper: OwnedFd, resume: &Resume) -> Option<Attended> {
        let entries = self.spool.as_ref()?.prepare_resume(resume).ok()?;
        let deadline = self.parts.clock.mono() + REACH_MAX;
        let mut told = process::tell_to_resume(&wrapper);
        while told && self.parts.clock.mono() < deadline {
            let mut fds =
                [PollFd::new(&entries, PollFlags::IN), PollFd::new(&wrapper, PollFlags::IN)];
            let second = Timespec { tv_sec: 1, tv_nsec: 0 };
            // An interruption is as good as an answer: both are looked at again.
            poll(&mut fds, Some(&second)).ok();
            let [answers, ended] = fds.map(|fd| !fd.revents().is_empty());
            if answers {
                let handle = wrapper.try_clone().ok()?;
                return self.attend(wrapper, entries, handle).ok();
            }
            told = !ended;
        }
        process::kill(&wrapper);
        process::wait_for_end(&wrapper);
        None
    }
}
