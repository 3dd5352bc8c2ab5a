//! Streams into one collector: one process speaks on all of them, another collects, and what was said
//! is held against what is stored by the hash of each stream.

use super::{LAG_MAX, Size, memory, quantile};
use crate::chance::Chance;
use crate::check;
use crate::clock::{RealClock, Stopwatch};
use crate::job;
use crate::report::Figures;
use crate::world::{World, wait};
use anyhow::{Context, Result, ensure};
use databuild_logs::collect::{
    BatchNote, CollectorOptions, LogCollector, RunContext, RunTicket, RunWatch,
};
use databuild_logs::fs::OsFs;
use databuild_logs::store::RunPaths;
use databuild_model::clock::Clock;
use databuild_model::ids::{JobLabel, JobRunId};
use databuild_model::time::{Day, Timestamp};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// `faults collect`: a collector of many streams.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CollectArguments {
    /// A folder for all of it
    #[arg(long)]
    place: PathBuf,
    /// How many streams
    #[arg(long)]
    streams: u64,
}

/// `faults speak`: who speaks on them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SpeakArguments {
    /// The folder of the collector
    #[arg(long)]
    place: PathBuf,
    /// How many streams
    #[arg(long)]
    streams: u64,
    /// How long, a line a second on each
    #[arg(long)]
    seconds: u64,
}

/// What the collector puts behind each line.
const LABEL: &str = r#","job_label":"load"}"#;

/// The longest that all of it may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What comes into one collector, and how soon.
pub(super) fn many(world: &World, size: Size, figures: &mut Figures) -> Result<()> {
    let place = world.place().to_owned();
    let streams = size.streams.to_string();
    let mut command = world.rig("collect");
    command.arg("--place").arg(&place).args(["--streams", &streams]).stdout(Stdio::piped());
    let mut collecting = world.start(&mut command)?;
    let mut said = BufReader::new(collecting.stdout.take().context("no pipe")?).lines();
    let mut next = || said.next().context("the collector ended").and_then(|line| Ok(line?));
    next().with_context(|| world.said())?;
    let mut command = world.rig("speak");
    command.arg("--place").arg(&place).args(["--streams", &streams]);
    command.args(["--seconds", &size.seconds.to_string()]);
    let mut speaking = world.start(&mut command)?;
    for child in [&mut speaking, &mut collecting] {
        let status = wait(child, PATIENCE)?.context("it does not end")?;
        ensure!(status.success(), "it ends with {status}: {}", world.said());
    }
    let told = next()?;
    let day = Day::parse(told.split_whitespace().next().context("no day")?)?;
    let stored = stored_lag(told.split_whitespace().skip(1))?;
    figures.notes.push(format!("streams: {}", stored.text));
    let bytes = compare(&place, day)?;
    figures.account.wanted += bytes;
    figures.account.stored += bytes;
    let mut durable = Vec::new();
    check::each_batch(&OsFs, &logs_dir(&place), |batch| {
        // The first lines come all at once, and are not part of it.
        if let Some(synced) = batch.synced.filter(|_| 0 < batch.entries && 0 < batch.first_line) {
            durable.push((synced.at.since(batch.min_time), batch.entries));
        }
    })?;
    let lag = quantile(&mut durable, 990);
    figures.notes.push(format!("streams: 99 % of entries durable within {lag:.0?} of being due"));
    if size.judges_times {
        ensure!(stored.lag <= LAG_MAX, "99 % of entries are stored within {:?} only", stored.lag);
    }
    Ok(())
}

fn logs_dir(place: &Path) -> PathBuf {
    place.join("logs")
}

fn run_id(n: u64) -> Result<JobRunId> {
    Ok(JobRunId::parse(format!("stream-{n:05}"))?)
}

/// What the collecting process tells: numbers in the order of [`collect`].
struct Stored {
    lag: Duration,
    text: String,
}

fn stored_lag<'a>(numbers: impl Iterator<Item = &'a str>) -> Result<Stored> {
    let numbers: Vec<u64> = numbers.map(str::parse).collect::<Result<_, _>>()?;
    let [streams, idle, peak, descriptors, half, most, all] = *numbers.as_slice() else {
        anyhow::bail!("the collector tells {} numbers", numbers.len());
    };
    let ms = Duration::from_millis;
    let text = format!(
        "{streams} at once, {idle} bytes of memory for each that is idle, {peak} MiB at most, \
         {descriptors} descriptors; stored within {:?} (half), {:?} (99 %), {:?} (all) of being due",
        ms(half),
        ms(most),
        ms(all)
    );
    Ok(Stored { lag: ms(most), text })
}

/// Holds what was said against what is stored; answers how many bytes.
fn compare(place: &Path, day: Day) -> Result<u64> {
    let said = std::fs::read_to_string(place.join("said"))?;
    let mut bytes = 0;
    for (n, line) in (0..).zip(said.lines()) {
        let (count, hash) = line.split_once(' ').context("no hash")?;
        let run = run_id(n)?;
        let stored = std::fs::read(RunPaths::new(&logs_dir(place), day, &run).entries)?;
        let found = without_label(&stored).with_context(|| format!("stream {n}"))?;
        ensure!(
            found.0 == count.parse::<u64>()?,
            "stream {n}: {} lines of {count} are stored",
            found.0
        );
        ensure!(found.1 == hash, "stream {n}: what is stored is not what was said");
        check::file_is_sealed(&OsFs, &logs_dir(place), day, &run, &stored)
            .with_context(|| format!("stream {n}"))?;
        bytes += stored.len() as u64;
    }
    Ok(bytes)
}

/// The lines of a stored file without what the collector added, and their hash; the last one, which
/// says that the run has ended, is left out.
fn without_label(stored: &[u8]) -> Result<(u64, String)> {
    let text = std::str::from_utf8(stored)?;
    let (mut count, mut hash) = (0, blake3::Hasher::new());
    for line in text.lines() {
        if !line.contains(r#""job_event""#) {
            let said = line.strip_suffix(LABEL).context("a line has no label")?;
            hash.update(said.as_bytes());
            hash.update(b"}\n");
            count += 1;
        }
    }
    Ok((count, hash.finalize().to_hex().to_string()))
}

/// What the collector's thread tells of.
#[derive(Default)]
struct Seen {
    spoken: AtomicU64,
    lags: Mutex<Vec<(Duration, u64)>>,
}

struct Watch {
    seen: Arc<Seen>,
    clock: RealClock,
    spoke: bool,
}

impl RunWatch for Watch {
    fn on_batch(&mut self, note: &BatchNote) {
        if !std::mem::replace(&mut self.spoke, true) {
            self.seen.spoken.fetch_add(1, Ordering::AcqRel);
        }
        let now = self.clock.wall();
        let mut lags = self.seen.lags.lock().unwrap_or_else(PoisonError::into_inner);
        for point in &note.metrics {
            lags.push((Duration::from_secs_f64((seconds(now) - point.value).max(0.0)), 1));
        }
    }
}

/// Seconds since a moment in 2023: as a number with a fraction it is exact to the microsecond.
fn seconds(time: Timestamp) -> f64 {
    time.since(Timestamp::from_nanos(1_700_000_000_000_000_000)).as_secs_f64()
}

/// Collects what is said on as many streams, and tells on stdout: that it is ready; then its figures.
pub(crate) fn collect(arguments: &CollectArguments) -> Result<()> {
    let (place, seen) = (&arguments.place, Arc::new(Seen::default()));
    let clock = RealClock::start();
    let options = CollectorOptions::new(logs_dir(place));
    let collector = LogCollector::start(options, Arc::new(OsFs), Arc::new(clock))?;
    let before = memory("/proc/self/status", "VmRSS")?;
    let started_at = clock.wall();
    let mut tickets: Vec<RunTicket> = Vec::new();
    for n in 0..arguments.streams {
        let run = RunContext {
            job_run_id: run_id(n)?,
            job_label: Some(JobLabel::parse("load")?),
            job_type: None,
            app: None,
            build_id: None,
            started_at,
            continues: false,
            stored_mark: None,
        };
        let watch = Watch { seen: Arc::clone(&seen), clock, spoke: false };
        let stream = make_stream(place, n)?;
        tickets.push(collector.consume_job_output(run, stream, Some(Box::new(watch)))?);
    }
    println!("ready");
    // Each has said a line, which is durable, and says nothing.
    while seen.spoken.load(Ordering::Acquire) < arguments.streams {
        job::pause(Duration::from_millis(50))?;
    }
    job::pause(Duration::from_secs(2))?;
    let idle = memory("/proc/self/status", "VmRSS")?.saturating_sub(before);
    let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
    File::create(place.join("go"))?;
    for ticket in tickets {
        ticket.wait()?;
    }
    collector.stop()?;
    let mut lags = std::mem::take(&mut *seen.lags.lock().unwrap_or_else(PoisonError::into_inner));
    let mut told =
        format!("{} {} {}", started_at.day(), arguments.streams, idle / arguments.streams);
    let peak = memory("/proc/self/status", "VmHWM")?.div_ceil(1 << 20);
    write!(told, " {peak} {descriptors}")?;
    for thousandths in [500, 990, 1000] {
        write!(told, " {}", quantile(&mut lags, thousandths).as_millis())?;
    }
    println!("{told}");
    Ok(())
}

fn stream_path(place: &Path, n: u64) -> PathBuf {
    place.join(format!("stream-{n}"))
}

fn make_stream(place: &Path, n: u64) -> Result<OwnedFd> {
    let path = stream_path(place, n);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // A pipe with a name keeps the time of its last read on the disk; those of real wrappers have none.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOATIME | OFlags::CLOEXEC;
    let reader = rustix::fs::open(&path, flags, Mode::empty())?;
    Ok(reader)
}

/// One that speaks.
struct Speaker {
    pipe: File,
    lines: u64,
    hash: blake3::Hasher,
}

impl Speaker {
    /// A line that is due at `due`; every fourth is a measurement of when that was.
    fn say(&mut self, n: u64, due: Timestamp, chance: &mut Chance) -> Result<()> {
        self.lines += 1;
        let content = if self.lines % 4 == 2 {
            format!(r#""metric":{{"name":"due","value":{:.6},"unit":"s"}}"#, seconds(due))
        } else {
            let message = "x".repeat(usize::try_from(20 + chance.below(200))?);
            format!(r#""log":{{"level":"INFO","message":"{:016x}{message}"}}"#, chance.next())
        };
        let line = self.line(n, due, &content);
        self.hash.update(line.as_bytes());
        Ok(self.pipe.write_all(line.as_bytes())?)
    }

    fn end(&mut self, n: u64, due: Timestamp) -> Result<()> {
        self.lines += 1;
        let content = format!(
            r#""job_event":{{"event_type":"run_end","metadata":{{"cause":"success","complete":"true","duration_seconds":"1","last_sequence":"{}"}},"exit_code":0}}"#,
            self.lines
        );
        let line = self.line(n, due, &content);
        self.lines -= 1;
        Ok(self.pipe.write_all(line.as_bytes())?)
    }

    fn line(&self, n: u64, due: Timestamp, content: &str) -> String {
        let seq = self.lines;
        format!(
            "{{\"timestamp\":\"{due}\",\"job_id\":\"stream-{n:05}\",\"outputs\":[],\
             \"sequence_number\":{seq},\"content\":{{{content}}}}}\n"
        )
    }
}

/// Speaks a line a second on each stream, each at its own moment of the second.
pub(crate) fn speak(arguments: &SpeakArguments) -> Result<()> {
    let place = &arguments.place;
    let (clock, mut chance) = (RealClock::start(), Chance::new(1));
    let mut speakers = Vec::new();
    for n in 0..arguments.streams {
        let pipe = File::options().write(true).open(stream_path(place, n))?;
        speakers.push(Speaker { pipe, lines: 0, hash: blake3::Hasher::new() });
    }
    for (n, speaker) in (0..).zip(&mut speakers) {
        speaker.say(n, clock.wall(), &mut chance)?;
    }
    while !place.join("go").exists() {
        job::pause(Duration::from_millis(20))?;
    }
    let (watch, from) = (Stopwatch::start(), clock.wall());
    for second in 0..arguments.seconds {
        for (n, speaker) in (0..).zip(&mut speakers) {
            let part = Duration::from_secs(n) / u32::try_from(arguments.streams)?;
            let due = Duration::from_secs(second) + part;
            job::pause(due.saturating_sub(watch.elapsed()))?;
            speaker.say(n, from.saturating_add(due), &mut chance)?;
        }
    }
    let mut said = String::new();
    for (n, speaker) in (0..).zip(&mut speakers) {
        speaker.end(n, clock.wall())?;
        writeln!(said, "{} {}", speaker.lines, speaker.hash.finalize().to_hex())?;
    }
    std::fs::write(place.join("said"), said)?;
    Ok(())
}
