//! What is between a saver of a story and its place: it says when something has happened there, can stop the
//! saver at an operation, and can do other than it is told, in the way of a saver with a bug.

use databuild_io::sink::model::ModelSink;
use databuild_io::sink::{FilePlace, Listed, Sink, SinkError, SinkFile, SinkLock, Stat};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{
    Checkpointer, Done, LogEvent, LogProcessor, Loss, ProcessorError, Properties, Tally,
};
use databuild_policy::commit::Outputs;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SaverBug {
    /// Files are never synced.
    FilesNotSynced,
    /// The record is synced, and then what it tells of.
    RecordBeforeFiles,
    /// A file is renamed before the record that says so is synced.
    IntentNotSynced,
    /// Records are never synced.
    RecordsNotSynced,
    /// Names of files and archives are never synced.
    NamesNotSynced,
    /// What is behind the recorded length stays.
    TailKept,
    /// An archive gets a name that is taken.
    ArchiveNameReused,
    /// What an archive was compressed from goes before the rest is synced.
    CompressedNotSynced,
    /// The lock of another saver is not looked at.
    FenceIgnored,
    /// Events are recorded as done when they are taken.
    AcknowledgedEarly,
}

impl SaverBug {
    pub(crate) const ALL: [SaverBug; 10] = [
        SaverBug::FilesNotSynced,
        SaverBug::RecordBeforeFiles,
        SaverBug::IntentNotSynced,
        SaverBug::RecordsNotSynced,
        SaverBug::NamesNotSynced,
        SaverBug::TailKept,
        SaverBug::ArchiveNameReused,
        SaverBug::CompressedNotSynced,
        SaverBug::FenceIgnored,
        SaverBug::AcknowledgedEarly,
    ];
}

/// What happens to one saver, told to whoever plays the story.
#[derive(Debug, Default)]
pub(super) struct Stage {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    fault_at: Option<u64>,
    pause_at: Option<u64>,
    paused: bool,
    seen: Option<Seen>,
}

/// What a saver has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The operation that was to go wrong did.
    Fault,
    /// Another one has the lock.
    Refused,
    /// There is nothing more to do.
    Drained,
}

impl Stage {
    pub(super) fn with_fault_at(step: u64) -> Stage {
        Stage { told: Told { fault_at: Some(step), ..Told::default() }.into(), ..Stage::default() }
    }

    pub(super) fn with_pause_at(step: u64) -> Stage {
        Stage { told: Told { pause_at: Some(step), ..Told::default() }.into(), ..Stage::default() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has happened: a fault, a pause, a lock that another has, or the end of all that
    /// there is to do. Nothing if it takes longer than `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Option<()> {
        let nothing = |told: &mut Told| !told.paused && told.seen.is_none();
        let waited = self.changed.wait_timeout_while(self.told(), patience, nothing);
        let (told, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(told);
        (!timeout.timed_out()).then_some(())
    }

    /// Whether the fault has happened.
    pub(super) fn is_past(&self) -> bool {
        self.told().seen == Some(Seen::Fault)
    }

    pub(super) fn drained(&self) {
        self.see(Seen::Drained);
    }

    /// What was seen first counts.
    fn see(&self, seen: Seen) {
        self.told().seen.get_or_insert(seen);
        self.changed.notify_all();
    }

    /// Ends a pause.
    pub(super) fn go_on(&self) {
        let mut told = self.told();
        (told.paused, told.pause_at) = (false, None);
        self.changed.notify_all();
    }

    /// Before an operation, `steps` of which were done: stops here if it is to be stopped, all its threads.
    fn before(&self, steps: u64) {
        let mut told = self.told();
        if told.pause_at.is_some_and(|at| at <= steps) && !told.paused {
            told.paused = true;
            self.changed.notify_all();
        }
        drop(self.changed.wait_while(told, |told| told.paused));
    }

    fn after(&self, steps: u64) {
        if self.told().fault_at.is_some_and(|at| at < steps) {
            self.see(Seen::Fault);
        }
    }
}

/// The place of a saver.
#[derive(Debug, Clone)]
pub(super) struct Place {
    disk: ModelSink,
    stage: Arc<Stage>,
    bug: Option<SaverBug>,
    /// Files whose sync was put off.
    held: Arc<Mutex<Vec<Shared>>>,
}

/// A file that is open, also for a sync that was put off.
type Shared = Arc<Mutex<Box<dyn SinkFile>>>;

/// Where the saver keeps what is its own.
const OWN: &str = "home/";

impl Place {
    pub(super) fn new(disk: ModelSink, stage: Arc<Stage>, bug: Option<SaverBug>) -> Place {
        Place { disk, stage, bug, held: Arc::default() }
    }

    fn doing<T>(&self, work: impl FnOnce(&ModelSink) -> T) -> T {
        self.stage.before(self.disk.steps());
        let done = work(&self.disk);
        self.stage.after(self.disk.steps());
        done
    }

    fn has(&self, bug: SaverBug) -> bool {
        self.bug == Some(bug)
    }
}

impl Sink for Place {
    fn identity(&self) -> Result<String, SinkError> {
        self.disk.identity()
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>, SinkError> {
        self.doing(|disk| disk.stat(path))
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, SinkError> {
        let listed = self.doing(|disk| disk.list(folder))?;
        // Whoever does not see the archives takes their names.
        let blind = self.has(SaverBug::ArchiveNameReused) && !OWN.starts_with(folder);
        Ok(if blind { Vec::new() } else { listed })
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        self.doing(|disk| disk.folders(folder))
    }

    fn append_from(&self, path: &str, at: u64) -> Result<Box<dyn SinkFile>, SinkError> {
        let kept = self.has(SaverBug::TailKept) && !path.starts_with(OWN);
        let there = if kept { self.disk.stat(path)?.map_or(0, |stat| stat.bytes) } else { 0 };
        let at = at.max(there);
        let file = self.doing(|disk| disk.append_from(path, at))?;
        let (place, path) = (self.clone(), path.to_owned());
        let file = Arc::new(Mutex::new(file));
        Ok(Box::new(PlaceFile { place, path, file, length: at, intends: false }))
    }

    fn read(&self, path: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SinkError> {
        self.doing(|disk| disk.read(path, offset, bytes_max))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        if self.has(SaverBug::ArchiveNameReused) && self.disk.files().contains_key(to) {
            self.doing(|disk| disk.remove(to))?;
        }
        self.doing(|disk| disk.rename(from, to))
    }

    fn remove(&self, path: &str) -> Result<(), SinkError> {
        self.doing(|disk| disk.remove(path))
    }

    fn sync_names(&self, path: &str) -> Result<(), SinkError> {
        if self.has(SaverBug::NamesNotSynced) && !path.starts_with(OWN) {
            return Ok(());
        }
        self.doing(|disk| disk.sync_names(path))
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn SinkLock>>, SinkError> {
        let lock = self.doing(|disk| disk.lock(path))?;
        if lock.is_none() && self.has(SaverBug::FenceIgnored) {
            return Ok(Some(Box::new(NoLock)));
        }
        if lock.is_none() {
            self.stage.see(Seen::Refused);
        }
        Ok(lock)
    }
}

#[derive(Debug)]
struct NoLock;

impl SinkLock for NoLock {}

#[derive(Debug)]
struct PlaceFile {
    place: Place,
    path: String,
    file: Shared,
    length: u64,
    /// It has a record of renames that is not synced.
    intends: bool,
}

impl PlaceFile {
    fn file(&self) -> MutexGuard<'_, Box<dyn SinkFile>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the bug is that this file is not synced now.
    fn is_forgotten(&mut self) -> bool {
        let Some(bug) = self.place.bug else { return false };
        let (own, temporary) = (self.path.starts_with(OWN), self.path.ends_with(".tmp"));
        match bug {
            SaverBug::FilesNotSynced => !own && !temporary,
            SaverBug::CompressedNotSynced => temporary,
            SaverBug::RecordsNotSynced => own,
            SaverBug::IntentNotSynced => std::mem::take(&mut self.intends),
            SaverBug::RecordBeforeFiles if !own && !temporary => {
                let held = &self.place.held;
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                held.push(Arc::clone(&self.file));
                true
            }
            SaverBug::RecordBeforeFiles
            | SaverBug::NamesNotSynced
            | SaverBug::TailKept
            | SaverBug::ArchiveNameReused
            | SaverBug::FenceIgnored
            | SaverBug::AcknowledgedEarly => false,
        }
    }
}

impl SinkFile for PlaceFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let intent = b"\"intents\":";
        self.intends |= bytes.windows(intent.len()).any(|some| some == intent);
        self.place.doing(|_| self.file().append(bytes))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<u64, SinkError> {
        if self.is_forgotten() {
            return Ok(self.length);
        }
        let length = self.place.doing(|_| self.file().sync())?;
        let held =
            std::mem::take(&mut *self.place.held.lock().unwrap_or_else(PoisonError::into_inner));
        for file in held {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            self.place.doing(|_| file.sync())?;
        }
        Ok(length)
    }

    fn place(&self) -> Result<FilePlace, SinkError> {
        self.place.doing(|_| self.file().place())
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        // One whose sync was put off is still open.
        self.place.doing(|_| self.file().place()).map(drop)
    }
}

/// A processor that says of events that they are done when it gets them.
pub(super) struct Hasty {
    files: Box<dyn LogProcessor>,
    outputs: Outputs,
}

/// Looks what a processor writes down.
struct Overheard<'a> {
    checkpoints: &'a mut dyn Checkpointer,
    outputs: &'a mut Outputs,
}

impl Checkpointer for Overheard<'_> {
    fn checkpoint(&mut self, done: Done<'_>, outputs: &Outputs) -> Result<(), ProcessorError> {
        self.outputs.clone_from(outputs);
        self.checkpoints.checkpoint(done, outputs)
    }

    fn reject(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError> {
        self.checkpoints.reject(position, reason)
    }

    fn lost(&mut self, loss: &Loss) {
        self.checkpoints.lost(loss);
    }
}

impl Hasty {
    pub(super) fn new(files: Box<dyn LogProcessor>) -> Hasty {
        Hasty { files, outputs: Outputs::default() }
    }
}

impl LogProcessor for Hasty {
    fn initialize(
        &mut self,
        properties: &Properties,
        recovered: &Outputs,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let mut overheard = Overheard { checkpoints, outputs: &mut self.outputs };
        self.files.initialize(properties, recovered, &mut overheard)
    }

    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if let Some(last) = events.last() {
            checkpoints.checkpoint(Done::Upto(last.position), &self.outputs)?;
        }
        let mut overheard = Overheard { checkpoints, outputs: &mut self.outputs };
        self.files.process(events, now, &mut overheard)
    }

    fn flush(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let mut overheard = Overheard { checkpoints, outputs: &mut self.outputs };
        self.files.flush(now, &mut overheard)
    }

    fn tally(&self) -> Tally {
        self.files.tally()
    }

    fn destroy(
        &mut self,
        now: Timestamp,
        deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let mut overheard = Overheard { checkpoints, outputs: &mut self.outputs };
        self.files.destroy(now, deadline, &mut overheard)
    }
}
