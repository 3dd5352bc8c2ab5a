//! The settings of a process that lives long: the one place that reads the project's files again. Jobs and
//! keys are taken while it lives, pipelines of the log saver when it is told to; what is read only at the
//! start is named until the next one. Files that are not right change nothing.

use super::env::Environment;
use super::{Config, Invalid, Source, check, find, include, read};
use crate::saver::host::Board;
use crate::saver::pipelines::fingerprint;
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use databuild_saver::settings::PipelineSettings;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Where settings come from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The folder that the program stands in.
    pub(crate) start: PathBuf,
    /// The file that was named, if one was.
    pub(crate) file: Option<PathBuf>,
    /// The environment; it does not change.
    pub(crate) env: Environment,
}

/// The settings in use.
pub(crate) struct Current {
    origin: Origin,
    /// What the process began with: what cannot change while it lives is as here.
    began: Config,
    clock: Arc<dyn Clock>,
    /// Puts into use what can be.
    take: Box<dyn Fn(&Config) + Send + Sync>,
    /// What the log saver of this process goes by; none if it runs none.
    saver: Option<Arc<Board>>,
    last: Mutex<Last>,
}

/// The last time that the files were read.
struct Last {
    /// Patterns of the files that the project's file includes.
    patterns: Vec<String>,
    seen: Option<Vec<Stamp>>,
    /// What they said when they were right the last time.
    sound: Config,
    /// What tells its pipelines from others.
    pipelines: Vec<String>,
    says: ConfigNow,
}

/// What the files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigNow {
    /// Whether they can be used; if not, why.
    pub(crate) usable: Result<(), String>,
    /// Keys whose new values wait for the next start.
    pub(crate) for_start: Vec<&'static str>,
    /// Whether pipelines of the log saver wait for a signal.
    pub(crate) for_signal: bool,
    /// When the settings in use were read.
    pub(crate) since: Timestamp,
}

/// Tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    file: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Current {
    /// The settings that a process has begun with. `take` is given others, if they are right.
    pub(crate) fn new(
        origin: Origin,
        began: Config,
        clock: Arc<dyn Clock>,
        saver: Option<Arc<Board>>,
        take: Box<dyn Fn(&Config) + Send + Sync>,
    ) -> Arc<Self> {
        let says = ConfigNow {
            usable: Ok(()),
            for_start: Vec::new(),
            for_signal: false,
            since: clock.wall(),
        };
        let pipelines = began.saver.iter().map(fingerprint).collect();
        let last = Last { patterns: Vec::new(), seen: None, sound: began.clone(), pipelines, says };
        Arc::new(Current { origin, began, clock, take, saver, last: Mutex::new(last) })
    }

    /// Reads the files if they are others than before, and puts into use what can be: what is about to be
    /// done goes by them. Costs a look at their times as long as nobody changes them.
    pub(crate) fn look(&self) -> ConfigNow {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.stamps(&last.patterns);
        if seen.is_none() || seen != last.seen {
            last.seen = seen;
            self.read(&mut last);
        }
        let goes_by = |board: &Arc<Board>| board.goes_by(&last.pipelines);
        last.says.for_signal = !self.saver.as_ref().is_none_or(goes_by);
        last.says.clone()
    }

    /// What the last look found; none where no file was ever seen.
    pub(crate) fn says(&self) -> Option<ConfigNow> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.sound.file.as_ref().map(|_file| last.says.clone())
    }

    /// The pipelines of the files, as they were right the last time.
    pub(crate) fn pipelines(&self) -> Vec<PipelineSettings> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).sound.saver.clone()
    }

    /// The project's file: one that was there at the start stays the one.
    fn file(&self) -> Option<PathBuf> {
        let named = || self.origin.file.as_ref().map(|file| self.origin.start.join(file));
        self.began.file.clone().or_else(named).or_else(|| find(&self.origin.start))
    }

    fn read(&self, last: &mut Last) {
        let Some(file) = self.file() else { return };
        let read = read(&self.origin.start, Some(&file))
            .map_err(|problem| Invalid { source: None, problems: vec![*problem] });
        if let Ok(source) = &read {
            let patterns = include::patterns(&source.text);
            let patterns: Vec<String> = patterns.into_iter().map(|(pattern, _)| pattern).collect();
            if patterns != last.patterns {
                // These files were read before anybody looked at their times: once more, to be sure.
                last.seen = None;
                last.patterns = patterns;
            }
        }
        match read.and_then(|source| self.sound(source)) {
            Ok(new) => {
                (self.take)(&new);
                last.says.usable = Ok(());
                last.says.since = self.clock.wall();
                last.says.for_start = read_at_start(&self.began, &new);
                last.pipelines = new.saver.iter().map(fingerprint).collect();
                last.sound = new;
            }
            Err(invalid) => last.says.usable = Err(invalid.first()),
        }
    }

    fn sound(&self, source: Source) -> Result<Config, Invalid> {
        let (config, problems) = check(&source, &self.origin.env);
        config.ok_or_else(|| Invalid { source: Some(Box::new(source)), problems })
    }

    /// What each file is now; none if one cannot be looked at.
    fn stamps(&self, patterns: &[String]) -> Option<Vec<Stamp>> {
        let file = self.file()?;
        let folder = file.parent()?.to_owned();
        let mut stamps = vec![stamp(file)?];
        for pattern in patterns {
            for name in include::names(&folder, pattern).unwrap_or_default() {
                stamps.push(stamp(folder.join(name))?);
            }
        }
        Some(stamps)
    }
}

impl ConfigNow {
    /// Whether all of it is in use.
    pub(crate) fn in_use(&self) -> bool {
        self.usable.is_ok() && self.for_start.is_empty() && !self.for_signal
    }

    /// What puts into use what waits for the next start, if something does.
    pub(crate) fn start_again(&self) -> Option<String> {
        let keys = self.for_start.join(", ");
        (!keys.is_empty()).then(|| format!("start the service again for {keys}"))
    }

    /// What puts into use what is not in use, if something is not.
    pub(crate) fn remedy(&self) -> Option<String> {
        let signal = self.for_signal.then_some("send it a SIGHUP for the pipelines of [saver]");
        let all: Vec<String> =
            self.start_again().into_iter().chain(signal.map(str::to_owned)).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

fn stamp(path: PathBuf) -> Option<Stamp> {
    let found = std::fs::metadata(&path).ok()?;
    let changed = (found.ctime(), found.ctime_nsec());
    Some(Stamp { file: found.ino(), bytes: found.len(), changed, path })
}

/// Keys that are read once, and are others now.
fn read_at_start(began: &Config, new: &Config) -> Vec<&'static str> {
    // Each setting is named, so that a new one has to be put on one side or the other.
    let Config {
        file: _,
        spec,
        state_dir: _,
        logs_dir,
        refresh_interval,
        capture,
        spool_bytes_max,
        on_parent_death,
        durability,
        on_full,
        cache_runs,
        metric_labels,
        listen,
        saver: _,
        tests: _,
        warnings: _,
    } = began;
    let all = [
        ("project.name", spec.name == new.spec.name),
        ("project.on_parent_death", *on_parent_death == new.on_parent_death),
        ("logs.dir", *logs_dir == new.logs_dir),
        ("logs.refresh_interval", *refresh_interval == new.refresh_interval),
        ("logs.cache_runs", *cache_runs == new.cache_runs),
        ("logs.capture", *capture == new.capture),
        ("logs.spool_bytes_max", *spool_bytes_max == new.spool_bytes_max),
        ("logs.durability", *durability == new.durability),
        ("logs.on_full", *on_full == new.on_full),
        ("metrics.labels", *metric_labels == new.metric_labels),
        ("serve.listen", *listen == new.listen),
    ];
    all.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests;
