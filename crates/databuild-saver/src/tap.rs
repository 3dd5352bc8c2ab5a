//! Watching the events of a pipeline pass: with its filters and its layout, by a reader of its own, so that
//! the pipeline does not notice. As they became durable; putting them in order is the pipeline's business.

use crate::event::{Line, RunFacts, Views, with_view};
use crate::limits;
use crate::settings::{FilesSettings, PipelineSettings, ProcessorSettings};
use databuild_io::bus::{Bus, BusBatch, BusError, From, Start};
use databuild_model::scan::Scanner;
use databuild_policy::layout::Scratch;
use databuild_policy::route::select::Selector;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One event that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tapped {
    /// The run.
    pub run: Arc<str>,
    /// Its place in the run: the number of its line, from 0.
    pub place: u64,
    /// The entry as it is stored.
    pub entry: Vec<u8>,
    /// Where it is written, and what; nothing if a program gets the event.
    pub written: Option<Written>,
}

/// What a pipeline writes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub path: String,
    /// The text, with its line feed.
    pub text: Vec<u8>,
}

/// Watches a pipeline.
pub struct Tap {
    bus: Box<dyn Bus>,
    project: Arc<str>,
    selector: Selector,
    files: Option<Box<FilesSettings>>,
    /// What is known of runs that were met and did not end.
    runs: HashMap<Arc<str>, RunFacts>,
    scanner: Scanner,
    views: Views,
    scratch: Scratch,
}

impl Tap {
    /// Watches what `settings` take, from `start` on.
    pub fn open(
        project: &str,
        settings: &PipelineSettings,
        mut bus: Box<dyn Bus>,
        start: Start,
    ) -> Result<Tap, BusError> {
        bus.seek(&From::Start(start))?;
        let files = match &settings.processor {
            ProcessorSettings::Files(files) => Some(files.clone()),
            ProcessorSettings::Process(_) => None,
        };
        Ok(Tap {
            bus,
            project: project.into(),
            selector: settings.selector.clone(),
            files,
            runs: HashMap::new(),
            scanner: Scanner::new(),
            views: Views::default(),
            scratch: Scratch::default(),
        })
    }

    /// What passed; if nothing did, waits up to `wait`.
    pub fn next(&mut self, wait: Duration) -> Result<Vec<Tapped>, BusError> {
        let polled = self.bus.poll(limits::POLL_BYTES, wait)?;
        let mut tapped = Vec::new();
        for batch in &polled.batches {
            self.take(batch, &mut tapped);
        }
        Ok(tapped)
    }

    fn take(&mut self, batch: &BusBatch, tapped: &mut Vec<Tapped>) {
        let mut from = 0;
        for (end, place) in memchr::memchr_iter(b'\n', &batch.lines).zip(batch.first_place..) {
            let range = from..end;
            from = end + 1;
            let line = Line::read(&mut self.scanner, &batch.lines, range, place, batch.journalled);
            let project = &self.project;
            let facts = self
                .runs
                .entry(Arc::clone(&batch.source))
                .or_insert_with(|| RunFacts::of(project, &batch.source, line.text()));
            if !self.selector.takes_run(&facts.app, &facts.job, &facts.partition) {
                break;
            }
            if !self.selector.takes_head(line.head.kind, line.head.level) {
                continue;
            }
            let (selector, files, scratch) = (&self.selector, &self.files, &mut self.scratch);
            let written = with_view(&mut self.views, &line, facts, |view| {
                selector.takes(line.head.kind, view).then(|| {
                    files.as_ref().map(|files| {
                        let (mut path, mut text) = (String::new(), Vec::new());
                        files.path.render(view, &mut path);
                        files.layout.render(view, scratch, &mut text);
                        Written { path, text }
                    })
                })
            });
            if let Some(written) = written.flatten() {
                let (run, entry) = (Arc::clone(&batch.source), line.text().to_vec());
                tapped.push(Tapped { run, place, entry, written });
            }
        }
        if batch.ended {
            self.runs.remove(&batch.source);
        }
    }
}
