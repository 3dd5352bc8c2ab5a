//! A named pipe that the job writes into, and the way from it into a segment: by splice(2), which
//! leaves nothing in a process that could be killed with it, and where a file system refuses that, by
//! reading and writing.

use super::expect_fifo;
use super::segments::Segments;
use crate::limits::{PIPE_BYTES, READ_BYTES};
use databuild_model::entry::Stream;
use databuild_model::spool::fifo_name;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The reading end.
#[derive(Debug)]
pub(crate) struct Fifo {
    reading: OwnedFd,
    /// A second way to the same pipe, to open it for writing.
    folder: OwnedFd,
    name: String,
    /// The file system of the spool has refused splice(2).
    copies: bool,
    /// Read and not written yet; only when `copies`.
    held: Vec<u8>,
}

/// What moving has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes went from the pipe into the spool.
    Bytes(usize),
    /// There is nothing for now.
    Nothing,
    /// Nobody can write into the pipe any more, and it is empty.
    End,
    /// The spool takes nothing; the bytes stay where they are.
    Refused(Errno),
}

impl Fifo {
    /// Opens the pipe of `stream`, and makes it if it is not there.
    pub(super) fn open(folder: &OwnedFd, stream: Stream) -> io::Result<Fifo> {
        let name = fifo_name(stream);
        match rustix::fs::mkfifoat(folder, &*name, Mode::RUSR | Mode::WUSR) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let reading = rustix::fs::openat(folder, &*name, flags, Mode::empty())?;
        expect_fifo(&reading)?;
        Ok(Fifo { reading, folder: folder.try_clone()?, name, copies: false, held: Vec::new() })
    }

    /// Makes the pipe as large as a job may want it. A smaller one is only slower.
    pub(crate) fn enlarge(&self) -> u64 {
        rustix::pipe::fcntl_setpipe_size(&self.reading, PIPE_BYTES).ok();
        self.size()
    }

    /// How much the pipe holds. A pipe that nobody had open meanwhile is a new one, of the usual size.
    pub(crate) fn size(&self) -> u64 {
        rustix::pipe::fcntl_getpipe_size(&self.reading).map_or(0, |size| size as u64)
    }

    /// An end for the job: an ordinary, blocking one, open in this `way`.
    pub(super) fn writer(&self, way: OFlags) -> io::Result<OwnedFd> {
        let flags = way | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.folder, &*self.name, flags, Mode::empty())?)
    }

    /// Whether there are bytes in it or somebody can write into it. Takes nothing out.
    pub(crate) fn is_open(&self) -> bool {
        let Ok((_scratch, end)) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC) else { return true };
        rustix::pipe::tee(&self.reading, &end, 1, SpliceFlags::NONBLOCK) != Ok(0)
    }

    /// What to wait for.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.reading.as_fd()
    }

    /// Whether bytes pass through our memory, where they die with us.
    pub(crate) fn copies(&self) -> bool {
        self.copies
    }

    /// Moves at most `room` bytes into `segments`.
    pub(crate) fn move_into(&mut self, segments: &mut Segments, room: u64) -> Moved {
        loop {
            let moved =
                if self.copies { self.copy(segments, room) } else { self.splice(segments, room) };
            match moved {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Moved::Nothing,
                // The file system has no splice_write, or the file is of a kind that cannot.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if !self.copies => {
                    self.copies = true;
                }
                Err(error) => return Moved::Refused(error),
                Ok(0) => return Moved::End,
                Ok(count) => {
                    segments.wrote(count);
                    return Moved::Bytes(count);
                }
            }
        }
    }

    fn splice(&self, segments: &mut Segments, room: u64) -> Result<usize, Errno> {
        let (file, mut at, space) = segments.writer()?;
        let most = PIPE_BYTES.min(usize::try_from(space.min(room)).unwrap_or(PIPE_BYTES));
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        rustix::pipe::splice(&self.reading, None, file, Some(&mut at), most, flags)
    }

    fn copy(&mut self, segments: &mut Segments, room: u64) -> Result<usize, Errno> {
        if self.held.is_empty() {
            let most = READ_BYTES.min(usize::try_from(room).unwrap_or(READ_BYTES));
            self.held.resize(most, 0);
            let count = rustix::io::read(&self.reading, &mut self.held);
            self.held.truncate(*count.as_ref().unwrap_or(&0));
            if count? == 0 {
                return Ok(0);
            }
        }
        let (file, at, space) = segments.writer()?;
        let most = self.held.len().min(usize::try_from(space).unwrap_or(usize::MAX));
        let count = rustix::io::pwrite(file, self.held.get(..most).unwrap_or_default(), at)?;
        self.held.drain(..count.min(most));
        Ok(count)
    }
}
