//! A new reader for a wrapper that had lost the one before.

use super::Wrapper;
use crate::lines::Moment;
use crate::report;
use crate::sink::Output;
use crate::told::Told;
use databuild_model::entry::event;

impl Wrapper<'_> {
    /// Goes on telling on the pipe that was made for it, from where the stored entries end. If there is
    /// none, whoever asked sees that nothing comes.
    pub(super) fn resume(&mut self, at: Moment) {
        let Some(keeping) = &mut self.keeping else { return };
        let (Ok(resume), Ok(pipe)) = (keeping.spool.resume(), keeping.spool.entries()) else {
            return;
        };
        *self.output = Output::new(pipe);
        self.lost = false;
        keeping.find_executor();
        keeping.told = Told::new(Some(resume.clone()));
        self.emitter.go_on_from(&resume);
        let last = resume.next_sequence.saturating_sub(1);
        for (channel, capture) in self.channels.iter_mut().zip(keeping.told.captures()) {
            channel.rewind(capture, last);
        }
        let (began, told) = (self.begun.at.wall, &keeping.told);
        if !told.has(event::JOB_CONFIG_STARTED) {
            report::config_started(self.emitter, began, self.checked, &keeping.traceparent);
        }
        if !told.has(event::TASK_LAUNCHED) {
            report::launched(self.emitter, began, self.checked, self.job.pid().unwrap_or(0));
        }
        report::resumed(self.emitter, at.wall, &resume);
    }
}
