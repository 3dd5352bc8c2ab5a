//! The raw bytes of one stream in files, each of which begins at the byte that its name says. Written
//! at the end, read from where entries stand, removed at the start.

use crate::limits::MARKS_MAX;
use databuild_model::entry::Stream;
use databuild_model::spool::{parse_segment_name, segment_name};
use rustix::fs::{AtFlags, Dir, FallocateFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// The files of one stream.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: Rc<OwnedFd>,
    stream: Stream,
    /// A segment is full when it has so many bytes.
    size: u64,
    /// Oldest first.
    list: VecDeque<Segment>,
    /// The last of the list, if bytes go into it.
    writing: Option<OwnedFd>,
    /// Nothing more goes into the last of the list.
    faulty: bool,
    /// One of the list, by its offset.
    reading: Option<(u64, OwnedFd)>,
    /// Bytes of the stream that are in the files or were.
    written: u64,
    /// Bytes that were read out.
    read: u64,
    /// Sequence numbers of entries, and up to which byte of the stream they and all before them go.
    marks: VecDeque<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    offset: u64,
    length: u64,
}

impl Segment {
    fn end(self) -> u64 {
        self.offset + self.length
    }
}

/// What reading has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// All that was written is read.
    Nothing,
    /// The bytes up to there are in no file, or cannot be read.
    Missing(u64),
}

impl Segments {
    /// What there is of `stream` in `folder`, read from the byte `consumed` on.
    pub(super) fn open(
        folder: Rc<OwnedFd>,
        stream: Stream,
        size: u64,
        consumed: u64,
    ) -> io::Result<Segments> {
        let mut offsets = Vec::new();
        for entry in Dir::read_from(&*folder)? {
            let entry = entry?;
            let name = entry.file_name().to_str().ok().and_then(parse_segment_name);
            offsets.extend(name.filter(|name| name.0 == stream).map(|name| name.1));
        }
        offsets.sort_unstable();
        let mut list: VecDeque<Segment> = VecDeque::new();
        for offset in offsets {
            let name = segment_name(stream, offset);
            let stat = rustix::fs::statat(&*folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            // After a fault the next one begins where the one before is known to be good.
            if let Some(before) = list.back_mut() {
                before.length = before.length.min(offset - before.offset);
            }
            list.push_back(Segment { offset, length: u64::try_from(stat.st_size).unwrap_or(0) });
        }
        let written = list.back().map_or(consumed, |last| last.end());
        let mut segments = Segments {
            folder,
            stream,
            size,
            list,
            writing: None,
            faulty: false,
            reading: None,
            // Entries can be ahead of the files only if the files were lost.
            written: written.max(consumed),
            read: consumed,
            marks: VecDeque::new(),
        };
        if written < consumed {
            segments.list.clear();
        }
        Ok(segments)
    }

    /// Bytes that the files hold.
    pub(crate) fn held(&self) -> u64 {
        self.list.iter().map(|segment| segment.length).sum()
    }

    /// Whether there is something to be removed when it is stored.
    pub(crate) fn has_old(&self) -> bool {
        1 < self.list.len()
    }

    /// Whether entries wait to be stored.
    pub(crate) fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether something was written and not read.
    pub(crate) fn has_unread(&self) -> bool {
        self.read < self.written
    }

    /// Bytes of the stream that have come so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Reads from the byte `offset` on again.
    pub(crate) fn rewind(&mut self, offset: u64, sequence: u64) {
        self.read = offset;
        self.marks.clear();
        self.mark(sequence, offset);
    }

    /// The file that is written, where in it, and how much it takes.
    pub(super) fn writer(&mut self) -> Result<(&OwnedFd, u64, u64), Errno> {
        let full = self.list.back().is_none_or(|last| self.size <= last.length);
        if full || self.writing.is_none() {
            self.writing = Some(self.begin(full || self.faulty)?);
            self.faulty = false;
        }
        let last = self.list.back().copied().unwrap_or(Segment { offset: 0, length: 0 });
        let file = self.writing.as_ref().ok_or(Errno::BADF)?;
        Ok((file, last.length, self.size.saturating_sub(last.length)))
    }

    /// Opens the file that is to be written: a new one, or the last one of another wrapper.
    fn begin(&mut self, new: bool) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Some(last) = self.list.back().filter(|_| !new) {
            let name = segment_name(self.stream, last.offset);
            return rustix::fs::openat(&*self.folder, name, flags, Mode::empty());
        }
        let name = segment_name(self.stream, self.written);
        // Of an empty one only the name is of use.
        if self.list.pop_back_if(|last| last.length == 0).is_some() {
            rustix::fs::unlinkat(&*self.folder, &*name, AtFlags::empty()).ok();
        }
        let flags = flags | OFlags::CREATE | OFlags::TRUNC;
        let file = rustix::fs::openat(&*self.folder, name, flags, Mode::RUSR | Mode::WUSR)?;
        self.list.push_back(Segment { offset: self.written, length: 0 });
        Ok(file)
    }

    /// So many bytes went into the file.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        if let Some(last) = self.list.back_mut() {
            last.length += count as u64;
        }
    }

    /// The file that is written has a fault: the next byte goes into another one.
    pub(crate) fn give_up_writer(&mut self) {
        self.writing = None;
        self.faulty = true;
    }

    /// Looks how far the job itself has written its one file. `false` if it is shorter than it was, so
    /// that nobody can say any more what was in it.
    pub(crate) fn look(&mut self) -> bool {
        let name = segment_name(self.stream, 0);
        let stat = rustix::fs::statat(&*self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let length = stat.map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        let is_whole = self.written <= length;
        self.written = self.written.max(length);
        match self.list.back_mut() {
            Some(only) => only.length = only.length.max(length),
            None => self.list.push_back(Segment { offset: 0, length }),
        }
        is_whole
    }

    /// Reads into `space`.
    pub(crate) fn read(&mut self, space: &mut [u8]) -> Got {
        if self.written <= self.read {
            return Got::Nothing;
        }
        let holds = |it: &&Segment| it.offset <= self.read && self.read < it.end();
        let Some(segment) = self.list.iter().find(holds).copied() else {
            let next = self.list.iter().map(|it| it.offset).find(|offset| self.read < *offset);
            self.read = next.unwrap_or(self.written);
            return Got::Missing(self.read);
        };
        let most = usize::try_from(segment.end() - self.read).unwrap_or(usize::MAX);
        let most = most.min(space.len());
        let space = space.get_mut(..most).unwrap_or_default();
        let count = self.read_file(segment, space);
        match count {
            Ok(count) if 0 < count => {
                self.read += count as u64;
                Got::Bytes(count)
            }
            // Shorter than it was, or it cannot be read: the rest of it is lost.
            Ok(_) | Err(_) => {
                self.read = segment.end();
                Got::Missing(self.read)
            }
        }
    }

    /// Reads bytes at `at` that were read before, if they are still kept.
    pub(crate) fn recall(&self, at: u64, space: &mut [u8]) -> Option<usize> {
        let segment = self.list.iter().find(|it| it.offset <= at && at < it.end())?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = segment_name(self.stream, segment.offset);
        let file = rustix::fs::openat(&*self.folder, name, flags, Mode::empty()).ok()?;
        // Of a file that the job writes the start may have been given back.
        let kept = rustix::fs::seek(&file, SeekFrom::Hole(0)).ok()?;
        let most = usize::try_from(segment.end().min(segment.offset + kept).checked_sub(at)?);
        let most = most.unwrap_or(usize::MAX).min(space.len());
        rustix::io::pread(&file, space.get_mut(..most)?, at - segment.offset).ok()
    }

    fn read_file(&mut self, segment: Segment, space: &mut [u8]) -> Result<usize, Errno> {
        if self.reading.as_ref().is_none_or(|open| open.0 != segment.offset) {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let name = segment_name(self.stream, segment.offset);
            let file = rustix::fs::openat(&*self.folder, name, flags, Mode::empty())?;
            self.reading = Some((segment.offset, file));
        }
        let (offset, file) = self.reading.as_ref().ok_or(Errno::BADF)?;
        loop {
            match rustix::io::pread(file, &mut *space, self.read - offset) {
                Err(Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// Entries up to `sequence` stand for all bytes up to `consumed`.
    pub(crate) fn mark(&mut self, sequence: u64, consumed: u64) {
        let last = self.marks.back().map_or(0, |mark| mark.1);
        // One for each segment is as good as all.
        let full = self.list.iter().take(self.list.len().saturating_sub(1));
        let due = full.map(|it| it.end()).any(|end| last < end && end <= consumed)
            || last + self.size <= consumed;
        if due && self.marks.len() < MARKS_MAX {
            self.marks.push_back((sequence, consumed));
        } else if due && let Some(last) = self.marks.back_mut() {
            *last = (sequence, consumed);
        }
    }

    /// Entries up to `sequence` are stored and synced: removes what they stand for.
    pub(crate) fn stored(&mut self, sequence: u64) {
        let Some(until) = self.stored_until(sequence) else { return };
        while let Some(first) = self.list.front().copied() {
            // The last one may still be written.
            if until < first.end() || !self.has_old() {
                break;
            }
            let name = segment_name(self.stream, first.offset);
            // One that stays is in nobody's way.
            rustix::fs::unlinkat(&*self.folder, name, AtFlags::empty()).ok();
            self.list.pop_front();
        }
        let first = self.list.front().map_or(0, |first| first.offset);
        self.reading.take_if(|open| open.0 < first);
    }

    fn stored_until(&mut self, sequence: u64) -> Option<u64> {
        let mut until = None;
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.0 <= sequence) {
            until = Some(mark.1);
        }
        until
    }

    /// The same for the one file that the job itself writes: its blocks go, its length stays.
    pub(crate) fn punch(&mut self, sequence: u64) {
        let Some(until) = self.stored_until(sequence) else { return };
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = segment_name(self.stream, 0);
        if let Ok(file) = rustix::fs::openat(&*self.folder, name, flags, Mode::empty()) {
            let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // Only room is lost where a file system cannot do it.
            rustix::fs::fallocate(&file, holes, 0, until).ok();
        }
    }
}
