//! The spool folder of a run, as the wrapper uses it: raw output on its way into entries, and what
//! another wrapper needs to go on. Page: `docs/formats/spool.md`. What the bytes mean is not known here.

mod fifo;
mod segments;
mod state;

pub(crate) use fifo::{Fifo, Moved};
pub(crate) use segments::{Got, Segments};
pub(crate) use state::StateFile;

use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SPOOL_BYTES_DEFAULT, SPOOL_BYTES_MIN};
use crate::process_tree;
use databuild_model::entry::Stream;
use databuild_model::job_config::JobConfig;
use databuild_model::spool::{
    Capture, LAUNCHED_FILE, OnParentDeath, RESUME_FILE, RUN_FILE, Resume, STORED_FILE,
    STORED_MARK_BYTES, SpoolRun, decode_stored_mark, segment_name,
};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Longest of the small JSON files that is read; a configuration is most of it.
const FILE_BYTES_MAX: usize = 64 << 20;

/// An open spool folder.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: Rc<OwnedFd>,
    path: PathBuf,
    pub(crate) capture: Capture,
    pub(crate) bytes_max: u64,
    /// How the job has its ends of the named pipes open.
    job_end: OFlags,
}

/// One stream of the job, ready for it to be started.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What has come of it so far.
    pub(crate) segments: Segments,
    /// The named pipe; with [`Capture::File`] there is none.
    pub(crate) fifo: Option<Fifo>,
    /// What the job writes into.
    pub(crate) writer: OwnedFd,
}

impl Spool {
    /// Opens the folder that `config` names, and makes it if it is not there. `None` if output is not
    /// to be spooled.
    pub(crate) fn open(config: &JobConfig) -> io::Result<Option<Spool>> {
        let capture = config.capture.unwrap_or_default();
        let Some(path) = config.spool_dir.as_deref().map(Path::new) else { return Ok(None) };
        if capture == Capture::Pipe {
            return Ok(None);
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        let bytes_max = config.spool_bytes_max.unwrap_or(SPOOL_BYTES_DEFAULT);
        Ok(Some(Spool {
            folder: Rc::new(folder),
            path: path.to_owned(),
            capture,
            bytes_max: bytes_max.max(SPOOL_BYTES_MIN),
            job_end: job_end(config.on_parent_death.unwrap_or_default()),
        }))
    }

    /// The state of the run in this folder.
    pub(crate) fn state(&self) -> StateFile {
        StateFile::open(&self.folder)
    }

    /// The spool of `stream`, from the byte `consumed` on, to be filled by a job that is started now.
    pub(crate) fn stream(&self, stream: Stream, consumed: u64) -> io::Result<Opened> {
        let (segments, fifo) = self.rest_of(stream, consumed)?;
        let writer = match &fifo {
            Some(fifo) => fifo.writer(self.job_end)?,
            None => {
                let flags = OFlags::WRONLY
                    | OFlags::APPEND
                    | OFlags::CREATE
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let name = segment_name(stream, 0);
                rustix::fs::openat(&self.folder, name, flags, Mode::RUSR | Mode::WUSR)?
            }
        };
        Ok(Opened { segments, fifo, writer })
    }

    /// The same of a job that was started already.
    pub(crate) fn rest_of(
        &self,
        stream: Stream,
        consumed: u64,
    ) -> io::Result<(Segments, Option<Fifo>)> {
        let size = (self.bytes_max / 8).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        let segments = Segments::open(Rc::clone(&self.folder), stream, size, consumed)?;
        let fifo = match self.capture {
            Capture::Spool => Some(Fifo::open(&self.folder, stream)?),
            Capture::File | Capture::Pipe => None,
        };
        Ok((segments, fifo))
    }

    /// Where the job's stream is found by others, to tell who holds it.
    pub(crate) fn stream_path(&self, stream: Stream) -> PathBuf {
        let name = match self.capture {
            Capture::Spool | Capture::Pipe => databuild_model::spool::fifo_name(stream),
            Capture::File => segment_name(stream, 0),
        };
        // What /proc shows is the path without links.
        self.path.canonicalize().unwrap_or_else(|_| self.path.clone()).join(name)
    }

    /// Whether the process `pid` itself holds the pipe of `stream`: nothing in it can have been lost.
    pub(crate) fn is_kept_by(&self, pid: i32, stream: Stream) -> bool {
        process_tree::keeps(pid, &self.stream_path(stream))
    }

    /// The file into which a command that is started now writes its number.
    pub(crate) fn note_launch(&self) -> io::Result<OwnedFd> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::openat(&self.folder, LAUNCHED_FILE, flags, mode)?)
    }

    /// The number that it wrote, if it came so far.
    pub(crate) fn launched(&self) -> Option<i32> {
        let bytes = read_file(&self.folder, LAUNCHED_FILE).ok()?;
        Some(i32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// The sequence number up to which all entries are stored and synced.
    pub(crate) fn stored_mark(&self) -> Option<u64> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, STORED_FILE, flags, Mode::empty()).ok()?;
        let mut bytes = [0; STORED_MARK_BYTES];
        let count = rustix::io::pread(&file, &mut bytes, 0).ok()?;
        decode_stored_mark(bytes.get(..count)?)
    }

    /// What the run is, if whoever started us has written it down.
    pub(crate) fn run(&self) -> Option<SpoolRun> {
        serde_json::from_slice(&read_file(&self.folder, RUN_FILE).ok()?).ok()
    }

    /// Where to go on telling.
    pub(crate) fn resume(&self) -> io::Result<Resume> {
        Ok(serde_json::from_slice(&read_file(&self.folder, RESUME_FILE)?)?)
    }

    /// The pipe to go on telling on. Its reader is there already, or this fails.
    pub(crate) fn entries(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = databuild_model::spool::ENTRIES_FIFO;
        let pipe = rustix::fs::openat(&self.folder, name, flags, Mode::empty())?;
        expect_fifo(&pipe)?;
        Ok(pipe)
    }
}

/// A job that has its pipes open for reading as well keeps them itself: when all of us are killed at once
/// it is not told that nobody reads, it waits when a pipe is full, and what is in them stays until
/// somebody takes the run over. A job that shall not outlive us is better told.
fn job_end(on_parent_death: OnParentDeath) -> OFlags {
    match on_parent_death {
        OnParentDeath::Continue => OFlags::RDWR,
        OnParentDeath::Stop => OFlags::WRONLY,
    }
}

/// The file `name` in `folder`, which is one of our small ones.
fn read_file(folder: &OwnedFd, name: &str) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Another kind of file of that name is not ours, and could hang us.
fn expect_fifo(file: &OwnedFd) -> io::Result<()> {
    let mode = rustix::fs::fstat(file)?.st_mode;
    if FileType::from_raw_mode(mode) == FileType::Fifo { Ok(()) } else { Err(Errno::NXIO.into()) }
}

#[cfg(test)]
mod tests;
