//! A job whose every byte is known: what it prints is a function of a seed and a place, and how far it
//! came is in a file, so that nobody has to believe the capture about it.

use crate::chance::Chance;
use anyhow::{Context, Result};
use databuild_model::entry::Stream;
use rustix::event::{Timespec, poll};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `faults job`: prints, and tells in a file how far it came.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JobArguments {
    /// Which words
    #[arg(long)]
    seed: u64,
    /// How much of them, on both streams together
    #[arg(long)]
    bytes: u64,
    /// The longest pause between two writes, in milliseconds
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// The folder for the file of how far it came, which is called after the job run
    #[arg(long)]
    told: PathBuf,
    /// The longest line, so that there are many of them
    #[arg(long, default_value_t = LINE_BYTES_MAX)]
    longest: u64,
    /// A named pipe that somebody opens for writing when it may begin
    #[arg(long)]
    gate: Option<PathBuf>,
}

/// How far a job came with a stream, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// What it began to write.
    pub(crate) tried: u64,
    /// What was taken: the kernel had it.
    pub(crate) accepted: u64,
}

/// No line is longer than this: a few fragments. [`all_of`] knows jobs without a limit of their own.
pub(crate) const LINE_BYTES_MAX: u64 = 400_000;

/// The next words, about `longest` bytes of them at most, and where to.
fn words(chance: &mut Chance, n: u64, longest: u64) -> (Stream, Vec<u8>) {
    let stream = if chance.one_in(3) { Stream::Stderr } else { Stream::Stdout };
    let mut line = format!("{n:08} ").into_bytes();
    let length = match chance.below(100) {
        0 => chance.below(LINE_BYTES_MAX),
        1..=9 => chance.below(3_000),
        _ => chance.below(90),
    };
    let length = length.min(longest);
    while (line.len() as u64) < length {
        line.extend_from_slice(format!("{:016x}", chance.next()).as_bytes());
    }
    match chance.below(24) {
        0 => line = format!(r#"{{"level":"warn","msg":"row {n}","n":{n}}}"#).into_bytes(),
        1 => {
            line = format!(r#"__DATABUILD_METRIC__::{{"metric":"rows","value":{n}}}"#).into_bytes()
        }
        2 => line.extend_from_slice(&[0xff, 0xfe, 0]),
        3 => line.push(b'\r'),
        4 => line.clear(),
        5 => line.extend_from_slice(b" 10%\r 20%\r 30%"),
        6 => line = format!("    joins the line above {n}").into_bytes(),
        7 => line = format!("{n:08} ERROR it went wrong").into_bytes(),
        _ => {}
    }
    line.push(b'\n');
    (stream, line)
}

/// All that a job of this seed prints on one stream, up to `bytes` bytes of it.
pub(crate) fn all_of(seed: u64, stream: Stream, bytes: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut all = Vec::new();
    for n in 0.. {
        if bytes <= all.len() as u64 {
            break;
        }
        let (to, line) = words(&mut chance, n, LINE_BYTES_MAX);
        if to == stream {
            all.extend_from_slice(&line);
        }
    }
    all.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
    all
}

/// Prints, and makes its partition. Ends when nobody listens any more.
pub(crate) fn run(arguments: &JobArguments, run: &str) -> Result<()> {
    let path = arguments.told.join(run);
    let told = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    if let Some(gate) = &arguments.gate {
        drop(File::open(gate)?);
    }
    let mut so_far = [Told::default(); 2];
    let mut words_chance = Chance::new(arguments.seed);
    let mut pauses = Chance::new(arguments.seed ^ 1);
    let (mut stdout, mut stderr) = (raw(&std::io::stdout())?, raw(&std::io::stderr())?);
    for n in 0.. {
        if arguments.bytes <= so_far.iter().map(|told| told.accepted).sum() {
            break;
        }
        let (stream, line) = words(&mut words_chance, n, arguments.longest);
        let (mine, file) = match stream {
            Stream::Stdout => (&mut so_far[0], &mut stdout),
            Stream::Stderr => (&mut so_far[1], &mut stderr),
        };
        mine.tried += line.len() as u64;
        write_told(&told, &so_far)?;
        file.write_all(&line)?;
        let mine = match stream {
            Stream::Stdout => &mut so_far[0],
            Stream::Stderr => &mut so_far[1],
        };
        mine.accepted = mine.tried;
        write_told(&told, &so_far)?;
        if pauses.one_in(8) {
            pause(Duration::from_millis(pauses.below(arguments.pause + 1)))?;
        }
    }
    // The partition, in the folder of the project.
    File::create(format!("talk-{}", arguments.seed))?;
    Ok(())
}

/// The stream itself: a buffer would tell of bytes that nobody took.
fn raw(stream: &(impl std::os::fd::AsFd + IsTerminal)) -> Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

/// Waits without an event to wait for.
pub(crate) fn pause(time: Duration) -> Result<()> {
    if !time.is_zero() {
        match poll(&mut [], Some(&Timespec::try_from(time)?)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn write_told(file: &File, told: &[Told; 2]) -> Result<()> {
    let mut bytes = Vec::with_capacity(TOLD_BYTES);
    for told in told {
        bytes.extend_from_slice(&told.tried.to_le_bytes());
        bytes.extend_from_slice(&told.accepted.to_le_bytes());
    }
    Ok(file.write_all_at(&bytes, 0)?)
}

const TOLD_BYTES: usize = 32;

/// How far the job of a run came, stdout and stderr. Nowhere, if it never began.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_told(told: &Path, run: &str) -> Result<[Told; 2]> {
    let bytes = match std::fs::read(told.join(run)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    let number = |at: usize| {
        let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok());
        word.map_or(0, u64::from_le_bytes)
    };
    Ok([0, 16].map(|at| Told { tried: number(at), accepted: number(at + 8) }))
}
