//! Saves files of entries, for measuring: each file is a run, read in stretches as a journal would tell of
//! them, merged by time, and written into a file for each run with a pattern layout, rolled at 10 MB.
//!
//! `save HOME BASE FILE…`: checkpoints go into HOME, files into BASE.

use databuild_io::bus::{Bus, BusBatch, BusError, Cursor, From, Polled, Start, Waker};
use databuild_io::sink::{LocalSink, Modes, Sink};
use databuild_model::clock::Clock;
use databuild_model::scan::Scanner;
use databuild_model::time::Timestamp;
use databuild_policy::circuit::ErrorBudget;
use databuild_policy::layout::{Layout, LayoutOptions};
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::Zone;
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;
use databuild_policy::route::select::Selector;
use databuild_saver::files::FileProcessor;
use databuild_saver::saver::{Pipeline, Saver};
use databuild_saver::settings::{FilesSettings, OnError, PipelineSettings, ProcessorSettings};
use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a collector stores at once when many runs are busy.
const STRETCH_BYTES: usize = 64 << 10;

struct SystemClock(Instant);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Files of entries.
struct FileBus {
    runs: Vec<Run>,
    done: Arc<Done>,
}

struct Run {
    name: Arc<str>,
    file: std::fs::File,
    offset: u64,
    lines: u64,
    /// What was read of a line whose end was not.
    rest: Vec<u8>,
    scanner: Scanner,
    next: Option<BusBatch>,
}

/// All was read; and nobody waits.
#[derive(Default)]
struct Done {
    read: AtomicBool,
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Waker for Done {
    fn wake(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl Run {
    fn open(path: &Path) -> std::io::Result<Run> {
        let name = path.file_stem().map(|it| it.to_string_lossy().into_owned());
        let file = std::fs::File::open(path)?;
        let name = name.unwrap_or_default().into();
        let (rest, scanner) = (Vec::new(), Scanner::new());
        let mut run = Run { name, file, offset: 0, lines: 0, rest, scanner, next: None };
        run.advance()?;
        Ok(run)
    }

    /// Reads the next stretch.
    fn advance(&mut self) -> std::io::Result<()> {
        // A journal says how long a stretch is and when it became durable; here its last line says that.
        let mut bytes = Vec::with_capacity(STRETCH_BYTES + self.rest.len());
        bytes.append(&mut self.rest);
        (&self.file).take(STRETCH_BYTES as u64).read_to_end(&mut bytes)?;
        let Some(end) = memchr::memrchr(b'\n', &bytes) else {
            self.next = None;
            return Ok(());
        };
        self.rest.extend_from_slice(bytes.get(end + 1..).unwrap_or_default());
        bytes.truncate(end + 1);
        let last = bytes.get(..end).and_then(|text| text.rsplit(|byte| *byte == b'\n').next());
        let time = last.and_then(|line| self.scanner.scan(line)).map(|scan| scan.timestamp);
        let count = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let next = self.offset + bytes.len() as u64;
        self.next = Some(BusBatch {
            stream: Arc::clone(&self.name),
            offset: self.offset,
            next,
            source: Arc::clone(&self.name),
            journalled: time.unwrap_or_default(),
            first_place: self.lines,
            lines: bytes.into(),
            ended: false,
        });
        self.offset = next;
        self.lines += count;
        Ok(())
    }
}

impl Bus for FileBus {
    fn seek(&mut self, _from: &From) -> Result<(), BusError> {
        Ok(())
    }

    fn poll(&mut self, bytes_max: usize, wait: Duration) -> Result<Polled, BusError> {
        let trouble = |source| BusError { what: "a file".to_owned(), transient: false, source };
        let mut polled = Polled::default();
        let mut bytes = 0;
        let journalled = |run: &Run| run.next.as_ref().map(|batch| batch.journalled);
        while bytes < bytes_max {
            let some = self.runs.iter_mut().filter(|run| run.next.is_some());
            let Some(first) = some.min_by_key(|run| journalled(run)) else { break };
            if let Some(batch) = first.next.take() {
                bytes += batch.lines.len();
                polled.batches.push(batch);
            }
            first.advance().map_err(trouble)?;
        }
        polled.more = self.runs.iter().any(|run| run.next.is_some());
        let next = self.runs.iter().filter_map(journalled).min();
        polled.complete_until = Some(next.unwrap_or(Timestamp::MAX));
        if polled.batches.is_empty() {
            self.done.read.store(true, Ordering::SeqCst);
            let asked = self.done.asked.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.done.changed.wait_timeout_while(asked, wait, |asked| !*asked));
        }
        Ok(polled)
    }

    fn commit(&mut self, _cursor: &Cursor) -> Result<(), BusError> {
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Waker> {
        Arc::clone(&self.done) as Arc<dyn Waker>
    }
}

fn settings(base: &str) -> Result<PipelineSettings, Box<dyn Error>> {
    let wrong = |problems: Vec<_>| format!("{problems:?}");
    let path = PathTemplate::parse(&format!("{base}/{{run}}.log")).map_err(wrong)?;
    let layout = "%d %-5level [%thread] %logger - %msg%n";
    let files = FilesSettings {
        own: path.clone(),
        path,
        layout: Layout::parse(layout, &LayoutOptions::default()).map_err(wrong)?,
        rotation: RotationPolicy { bytes_max: Some(10_000_000), ..RotationPolicy::default() },
        archive: Some(ArchiveNaming::Dated(
            ArchiveName::parse("{name}.%i{ext}", &Zone::UTC).map_err(wrong)?,
        )),
        roll_on_start: false,
        keep: KeepPolicy::default(),
        open_files_max: 1_024,
        close_idle: Duration::from_secs(1_800),
        file_mode: 0o640,
        folder_mode: 0o750,
    };
    Ok(PipelineSettings {
        name: "bench".to_owned(),
        selector: Selector::default(),
        start: Start::Beginning,
        order_window: Duration::from_secs(2),
        window_bytes_max: databuild_saver::limits::WINDOW_BYTES_DEFAULT,
        flush_interval: Duration::from_secs(1),
        on_error: OnError::Stop,
        errors: ErrorBudget { stop_after: 1, within: Duration::from_secs(60) },
        processor: ProcessorSettings::Files(Box::new(files)),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: save HOME BASE FILE…";
    let (home, base) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let files: Vec<PathBuf> = args.collect();
    #[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
    let clock = Arc::new(SystemClock(Instant::now()));
    let home: Arc<dyn Sink> = Arc::new(LocalSink::open(&home, Modes::default())?);
    let settings = settings(&base.display().to_string())?;
    let ProcessorSettings::Files(ours) = settings.processor.clone() else {
        return Err(usage.into());
    };
    let sink: Arc<dyn Sink> = Arc::new(LocalSink::open(&base, Modes::default())?);
    let done = Arc::new(Done::default());
    let theirs = Arc::clone(&done);
    let mut saver = Saver::new("bench", home, clock);
    let pipeline = Pipeline {
        settings,
        fingerprint: String::new(),
        make_bus: Box::new(move || {
            let opened: std::io::Result<Vec<Run>> =
                files.iter().map(|path| Run::open(path)).collect();
            let trouble = |source| BusError { what: "a file".to_owned(), transient: false, source };
            Ok(Box::new(FileBus { runs: opened.map_err(trouble)?, done: Arc::clone(&theirs) }))
        }),
        make_processor: Box::new(move |_| {
            Ok(Box::new(FileProcessor::new(ours.as_ref().clone(), Arc::clone(&sink))))
        }),
    };
    saver.reload(vec![pipeline], Duration::ZERO);
    let asked = Mutex::new(());
    let never = Condvar::new();
    let status = loop {
        let guard = asked.lock().unwrap_or_else(PoisonError::into_inner);
        drop(never.wait_timeout(guard, Duration::from_millis(20)));
        let status = saver.status().into_iter().next().unwrap_or_default();
        let is_over = done.read.load(Ordering::SeqCst) && status.waiting_events == 0;
        if is_over || status.last_error.is_some() {
            break status;
        }
    };
    saver.stop(Duration::from_secs(60));
    let (events, rolled) = (status.events_in, status.rotations);
    writeln!(std::io::stdout(), "{events} events, {rolled} rolled, {:?}", status.last_error)?;
    Ok(())
}
