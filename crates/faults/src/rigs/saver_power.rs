//! `saver-power`: a whole log saver on a bus and a place in memory, killed at any operation of its, or its
//! power cut there, or an operation fails, or it is stopped where it is while another saver comes. Then the
//! next one goes on, until one is left alone and everything is to be in the files, once and in order.
//!
//! A story is a function of its seed, but for the thread that compresses archives beside the pipeline's.

mod feed;
mod place;
mod plot;

use crate::chance::Chance;
use crate::clock::Stopwatch;
use crate::report::Figures;
use crate::saved::{self, Archives, Event, Files, Names};
use anyhow::{Context, Result, anyhow, bail, ensure};
use databuild_io::sink::model::{Fault, ModelSink};
use databuild_io::sink::{Sink, SinkErrorKind};
use databuild_plugin::processor::LogProcessor;
use databuild_saver::files::FileProcessor;
use databuild_saver::saver::{Pipeline, Saver};
use databuild_saver::settings::FilesSettings;
use databuild_saver::status::PipelineState;
use feed::{Feed, FeedBus, StoryClock};
pub(crate) use place::SaverBug;
use place::{Hasty, Place, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The pipeline: the folder of its checkpoint.
const PIPELINE: &str = "home";

/// Most savers that do not live to their end.
const LIVES_MAX: u64 = 6;

/// Most operations until something happens to a saver. All events of a story take about as many.
const STEPS_MAX: u64 = 220;

/// What takes longer than this really, never comes: a story has clocks of its own.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the story of `seed`, with a bug in the saver if one is given.
pub(crate) fn story(seed: u64, bug: Option<SaverBug>) -> Figures {
    let mut figures = Figures::default();
    let mut chance = Chance::new(seed);
    let played =
        Story::new(bug, &mut chance).and_then(|mut story| story.play(&mut chance, &mut figures));
    if let Err(error) = played {
        figures.find(seed, &error);
    }
    figures
}

struct Story {
    disk: ModelSink,
    feed: Feed,
    settings: FilesSettings,
    names: Names,
    bug: Option<SaverBug>,
    clock: Arc<StoryClock>,
    archives: Archives,
    wanted: BTreeMap<Event, u64>,
}

/// What ended the work of a saver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The operation that was to go wrong did.
    Fault,
    /// There was nothing more to do.
    Drained,
}

impl Story {
    fn new(bug: Option<SaverBug>, chance: &mut Chance) -> Result<Story> {
        let (settings, names) = plot::settings(chance)?;
        let runs = plot::runs(chance);
        let clock = Arc::new(StoryClock::default());
        let disk = ModelSink::new();
        disk.set_clock(plot::at(0));
        Ok(Story {
            disk,
            wanted: plot::wanted(&runs),
            feed: Feed::new(&runs, Arc::clone(&clock), chance),
            settings,
            names,
            bug,
            clock,
            archives: Archives::default(),
        })
    }

    fn play(&mut self, chance: &mut Chance, figures: &mut Figures) -> Result<()> {
        for life in 0..1 + chance.below(LIVES_MAX) {
            figures.cycles += 1;
            let told = || format!("life {life}");
            // What was to go wrong in an earlier one and did not is forgotten.
            self.disk.revive();
            if chance.one_in(6) {
                figures.faults += 1;
                self.two(chance).with_context(told)?;
            } else if self.broken(chance).with_context(told)? == End::Fault {
                figures.faults += 1;
                self.come_back(chance);
            }
            self.look().with_context(told)?;
        }
        figures.cycles += 1;
        self.alone().context("the one that is left alone")?;
        self.judge(figures).map_err(|error| anyhow!("{error:#}{}", self.shown()))?;
        // What was left to be compressed is found again; nothing else happens.
        self.alone().context("the one with nothing to do")?;
        self.judge(&mut Figures::default()).context("after one with nothing to do")
    }

    /// A saver whose work goes wrong at some operation, if it comes to it.
    fn broken(&mut self, chance: &mut Chance) -> Result<End> {
        let fault = match chance.below(6) {
            0 => Fault::Error(SinkErrorKind::Full),
            1 => Fault::Short,
            _ => Fault::Kill,
        };
        let at = self.disk.steps() + chance.below(STEPS_MAX);
        self.disk.fault_at(at, fault);
        let stage = Arc::new(Stage::with_fault_at(at));
        let saver = self.start(&stage);
        let ended = stage.wait(PATIENCE);
        stop(saver)?;
        match ended {
            Some(_) if stage.is_past() => Ok(End::Fault),
            Some(_) => Ok(End::Drained),
            None => bail!("it neither fails nor comes to its end"),
        }
    }

    /// A saver is stopped where it is; another one comes, and goes; then the first one goes on.
    fn two(&mut self, chance: &mut Chance) -> Result<()> {
        let stage = Arc::new(Stage::with_pause_at(self.disk.steps() + chance.below(STEPS_MAX)));
        let first = self.start(&stage);
        ensure!(stage.wait(PATIENCE).is_some(), "the first neither stops nor comes to its end");
        let others = Arc::new(Stage::default());
        let second = self.start(&others);
        let seen = others.wait(PATIENCE);
        stop(second)?;
        stage.go_on();
        ensure!(seen.is_some(), "the second is neither fenced nor comes to its end");
        // If another one could come, the first may find itself fenced: that is seen in the files.
        let watch = Stopwatch::start();
        let is_fenced = || first.status().iter().any(|it| it.state == PipelineState::Fenced);
        while stage.wait(Duration::from_millis(20)).is_none() && !is_fenced() {
            let said = || first.status().first().and_then(|it| it.last_error.clone());
            let in_time = watch.elapsed() < PATIENCE;
            ensure!(in_time, "the first does not come to its end: {:?}", said());
        }
        stop(first)
    }

    /// A saver to which nothing happens.
    fn alone(&mut self) -> Result<()> {
        self.disk.revive();
        let stage = Arc::new(Stage::default());
        let saver = self.start(&stage);
        let ended = stage.wait(PATIENCE);
        let said = saver.status().first().and_then(|it| it.last_error.clone());
        stop(saver)?;
        ensure!(ended.is_some(), "it does not come to its end: {said:?}");
        Ok(())
    }

    /// After a kill or a power cut.
    fn come_back(&self, chance: &mut Chance) {
        if chance.one_in(3) {
            self.disk.revive();
        } else {
            self.disk.cut_power(&mut |below| chance.index(below));
        }
    }

    fn start(&self, stage: &Arc<Stage>) -> Saver {
        let place = |of| -> Arc<dyn Sink> {
            Arc::new(Place::new(self.disk.clone(), Arc::clone(stage), of))
        };
        let home = place(self.bug);
        let mut saver = Saver::new("shop", home, self.clock.clone());
        let (feed, told) = (self.feed.clone(), Arc::clone(stage));
        let (settings, files, bug) = (self.settings.clone(), place(self.bug), self.bug);
        let pipeline = Pipeline {
            settings: plot::pipeline(PIPELINE, &self.settings),
            fingerprint: String::new(),
            make_bus: Box::new(move || Ok(Box::new(FeedBus::new(feed.clone(), Arc::clone(&told))))),
            make_processor: Box::new(move |_| {
                let files = FileProcessor::new(settings.clone(), Arc::clone(&files));
                let hasty = bug == Some(SaverBug::AcknowledgedEarly);
                let files: Box<dyn LogProcessor> = Box::new(files);
                Ok(if hasty { Box::new(Hasty::new(files)) } else { files })
            }),
        };
        saver.reload(vec![pipeline], PATIENCE);
        saver
    }

    /// The files, and those of the checkpoint.
    fn files(&self) -> Result<(Files, Files)> {
        let (own, files): (Files, Files) =
            self.disk.files().into_iter().partition(|(path, _)| path.starts_with(PIPELINE));
        Ok((own, saved::plain(&files)?))
    }

    /// Between two lives: archives are as they were, and the checkpoint is not ahead of the files.
    fn look(&mut self) -> Result<()> {
        let (own, files) = self.files()?;
        if self.names != Names::Window {
            self.archives.look(&files)?;
        }
        let checkpoints = own.iter().filter(|(path, _)| path.contains("/checkpoint."));
        let state = saved::recorded(checkpoints.map(|(_, bytes)| bytes.as_slice()))?;
        let Some(state) = state else { return Ok(()) };
        // What is behind the record may be torn.
        let found = saved::found_whole_lines(&files, "", self.names)?;
        saved::is_not_ahead(&state, &found, |run| Ok(plot::places(&self.wanted, run)))
    }

    /// The files, for people: each with the events that are in it.
    fn shown(&self) -> String {
        let (_, files) = self.files().unwrap_or_default();
        let line = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let file = |(path, bytes): (&String, &Vec<u8>)| {
            let events: Vec<_> = String::from_utf8_lossy(bytes).lines().map(line).collect();
            format!("\n    {path}: {}", events.join(", "))
        };
        files.iter().map(file).collect()
    }

    fn judge(&mut self, figures: &mut Figures) -> Result<()> {
        let files = self.files()?.1;
        if self.names != Names::Window {
            self.archives.look(&files)?;
        }
        let found = saved::found(&files, "", self.names)?;
        let (events, stored) = saved::held(&found, &self.wanted)?;
        figures.events.add(events);
        figures.account.wanted += self.wanted.values().sum::<u64>();
        figures.account.stored += stored;
        ensure!(events.lost == 0 && events.duplicated == 0, "{events}");
        Ok(())
    }
}

fn stop(saver: Saver) -> Result<()> {
    let late = saver.stop(PATIENCE).late;
    ensure!(late.is_empty(), "a saver does not end when it is told to");
    Ok(())
}

#[cfg(test)]
mod tests;
