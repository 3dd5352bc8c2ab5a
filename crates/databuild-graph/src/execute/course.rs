//! The course of a run from its first wrapper to the seal of its entries, whoever its wrapper is by
//! then: one that dies is replaced, as long as that makes sense.

use super::engine::EngineParts;
use super::note::{Made, Note, Tally};
use super::process::{self, Control};
use super::request::CommandStdin;
use super::spool::{self, SpoolFolder};
use super::takeover::{self, Death, Verdict};
use super::wrapper::{Started, Wrapper, WrapperEnd};
use crate::bel::AppendError;
use databuild_logs::collect::{ConsumeError, RunContext, RunTicket};
use databuild_logs::format::RunRecord;
use databuild_model::entry::event;
use databuild_model::ids::PartitionRef;
use databuild_model::job_config::JobConfig;
use databuild_model::spool::Resume;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// What stays the same while a run goes on.
pub(super) struct Course<'a> {
    pub(super) parts: &'a EngineParts,
    pub(super) context: RunContext,
    /// What its first wrapper is told.
    pub(super) config: JobConfig,
    pub(super) stdin: CommandStdin,
    pub(super) control: Arc<Control>,
    pub(super) note: Arc<Mutex<Note>>,
    pub(super) made: Arc<Mutex<Made>>,
    pub(super) spool: Option<SpoolFolder>,
}

/// A run whose wrapper is at work.
pub(super) struct Attended {
    wrapper: Wrapper,
    ticket: RunTicket,
}

/// A run that is over.
pub(super) struct Ended {
    /// The record of its sealed entries, or why they are not wholly stored.
    pub(super) record: Result<RunRecord, String>,
    /// What became of its last wrapper.
    pub(super) wrapper: WrapperEnd,
    /// What its manifest says that it made, if there is one.
    pub(super) made: Made,
}

/// Why a wrapper could not be started.
pub(super) enum Stillborn {
    Launch(String),
    /// There is no space for what it would say.
    Full(String),
    Refused(AppendError),
}

/// Which wrapper: the first one, or one that goes on from there.
pub(super) enum From {
    Start,
    Resume(Box<Resume>),
}

impl Course<'_> {
    /// Starts a wrapper. `announce` is told its number before it can do anything.
    pub(super) fn start(
        &self,
        from: From,
        announce: impl FnOnce(u32) -> Result<(), AppendError>,
    ) -> Result<Attended, Stillborn> {
        let (continues, resume) = match from {
            From::Start => (false, None),
            From::Resume(resume) => (true, Some(*resume)),
        };
        let config = JobConfig { resume, ..self.config.clone() };
        let run = &self.context.job_run_id;
        let Started { mut wrapper, entries, pid } =
            Wrapper::start(self.parts, run, self.stdin, &config).map_err(Stillborn::Launch)?;
        let handle = process::open(pid);
        // One that goes on with a job must not be killed by a signal that comes before it listens; one
        // that was told nothing yet may be.
        let (now, later) = if continues { (None, handle) } else { (handle, None) };
        let begun = self.consume(entries, continues, later);
        let begun = begun.map(|ticket| (ticket, announce(pid)));
        match begun {
            Ok((ticket, Err(refused))) => {
                wrapper.discard();
                drop(ticket.wait());
                // Nobody goes on with a run that never began, so its file must not wait for anybody.
                if !continues && self.spool.is_some() {
                    drop(self.seal());
                }
                Err(Stillborn::Refused(refused))
            }
            Ok((ticket, Ok(()))) => {
                if !continues {
                    self.control.attach(now);
                }
                wrapper.configure(&config);
                Ok(Attended { wrapper, ticket })
            }
            Err(error) => {
                wrapper.discard();
                Err(error)
            }
        }
    }

    /// Goes on with a wrapper that lives and tells its entries into `entries` from now on.
    pub(super) fn attend(
        &self,
        wrapper: OwnedFd,
        entries: OwnedFd,
        handle: OwnedFd,
    ) -> Result<Attended, Stillborn> {
        let ticket = self.consume(entries, true, None)?;
        self.control.attach(Some(handle));
        Ok(Attended { wrapper: Wrapper::found(wrapper), ticket })
    }

    fn consume(
        &self,
        entries: OwnedFd,
        continues: bool,
        wrapper: Option<OwnedFd>,
    ) -> Result<RunTicket, Stillborn> {
        let context = RunContext { continues, ..self.context.clone() };
        let watch = Tally {
            note: Arc::clone(&self.note),
            made: Arc::clone(&self.made),
            wrapper: wrapper.map(|wrapper| (Arc::clone(&self.control), wrapper)),
        };
        self.parts.collector.consume_job_output(context, entries, Some(Box::new(watch))).map_err(
            |error| {
                let why = chain(&error);
                if error.is_full() { Stillborn::Full(why) } else { Stillborn::Launch(why) }
            },
        )
    }

    /// Stays with the run until its entries are sealed. Nothing of it is left when this returns: no
    /// process, no open pipe, no spool.
    pub(super) fn finish(mut self, first: Attended) -> Ended {
        let mut attended = first;
        let mut deaths = 0;
        let mut settling = None;
        loop {
            // Before the wrapper is reaped: of its job nobody forgets how it ended from now on.
            settling = attended.wrapper.wait_for_end().or(settling);
            let wrapper = attended.wrapper.wait();
            self.control.detach();
            let record = attended.ticket.wait().map_err(|error| chain(&error));
            if !record.as_ref().is_ok_and(|record| record.end.is_none()) {
                // What could not be stored stays in the spool, for whoever comes next.
                if record.is_ok()
                    && let Some(spool) = self.spool.take()
                {
                    spool.remove();
                }
                return self.ended(record, wrapper);
            }
            match self.another(&wrapper, &mut deaths) {
                Ok(next) => attended = next,
                Err(why) => return self.give_up(record, wrapper, why),
            }
        }
    }

    /// The next wrapper, or why there is none.
    pub(super) fn another(
        &self,
        last: &WrapperEnd,
        deaths: &mut u32,
    ) -> Result<Attended, Option<String>> {
        let Some(spool) = &self.spool else { return Err(None) };
        let mut why_not = None;
        loop {
            *deaths += 1;
            if self.control.was_killed() {
                process::kill_left_by(&self.context.job_run_id);
            }
            let resume = self.resume_point().map_err(Some)?;
            let state = spool::read_state(spool.dir());
            let death = Death {
                state: state.as_ref(),
                launched: resume.events.iter().any(|name| name == event::TASK_LAUNCHED),
                by_signal: last.by_signal,
                stopping: self.control.was_asked(),
                deaths: *deaths,
            };
            match takeover::judge(death) {
                Verdict::GiveUp(why) => return Err(why_not.or(why)),
                Verdict::Again(wait) => self.control.pause(wait),
            }
            match self.start(From::Resume(Box::new(resume)), |_pid| Ok(())) {
                Ok(next) => return Ok(next),
                Err(Stillborn::Launch(why) | Stillborn::Full(why)) => why_not = Some(why),
                Err(Stillborn::Refused(error)) => return Err(Some(chain(&error))),
            }
        }
    }

    /// Where the next wrapper has to go on.
    pub(super) fn resume_point(&self) -> Result<Resume, String> {
        let day = self.context.started_at.day();
        let run = &self.context.job_run_id;
        let resume = self.parts.collector.resume_point(run, day).map_err(|error| chain(&error))?;
        if resume.manifest {
            // It was told to somebody who is gone; it names what the wrapper was told to name.
            let outputs = &self.config.outputs;
            let outputs = outputs.iter().filter_map(|it| PartitionRef::parse(&*it.path).ok());
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.get_or_insert_with(|| outputs.collect());
        }
        Ok(resume)
    }

    /// Nobody goes on with the run: what is left of it is ended, and what it said is sealed as it is.
    pub(super) fn give_up(
        mut self,
        record: Result<RunRecord, String>,
        mut wrapper: WrapperEnd,
        why: Option<String>,
    ) -> Ended {
        process::kill_left_by(&self.context.job_run_id);
        let Some(spool) = self.spool.take() else { return self.ended(record, wrapper) };
        let record = self.seal();
        let dir = spool.abandon();
        if let Some(mut why) = why {
            if dir.exists() {
                why.push_str("; what it had not told yet is kept in ");
                why.push_str(&dir.display().to_string());
            }
            wrapper.complaint = Some(why);
        }
        self.ended(record, wrapper)
    }

    /// Seals the run as it is.
    pub(super) fn seal(&self) -> Result<RunRecord, String> {
        let ticket = self.parts.collector.close_run(self.context.clone());
        let ticket = ticket.map_err(|error: ConsumeError| chain(&error))?;
        ticket.wait().map_err(|error| chain(&error))
    }

    pub(super) fn ended(self, record: Result<RunRecord, String>, wrapper: WrapperEnd) -> Ended {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ended { record, wrapper, made }
    }
}

/// An error with all that is behind it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
