//! One output stream of the job: from where its bytes come, through the parser, to the emitter. When
//! to do what is decided in `wrapper.rs`.

use crate::emit::Emitter;
use crate::limits::{SPOOL_RETRY, TAIL_FIRST, TAIL_MAX};
use crate::lines::{Capture, Moment};
use crate::spool::{Fifo, Got, Moved, Segments};
use databuild_model::entry::Stream;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Where the bytes of a stream come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A pipe that we read; nothing once it has ended.
    Pipe(Option<OwnedFd>),
    /// A named pipe, by way of the spool.
    Spool(Spooled),
    /// A file that the job itself writes.
    File(Tailed),
}

/// A stream that goes through the spool.
#[derive(Debug)]
pub(crate) struct Spooled {
    segments: Segments,
    fifo: Option<Fifo>,
    /// The spool took nothing, and why; not to be tried before.
    refused: Option<(Errno, Duration)>,
    faults: u32,
    /// To be looked at although poll(2) says nothing: a pipe that nobody has open for writing since
    /// we opened it tells only those who read it.
    look: bool,
    copied: bool,
}

/// A file that grows.
#[derive(Debug)]
pub(crate) struct Tailed {
    segments: Segments,
    /// Nobody is left who writes it.
    closed: bool,
    /// The job has made it shorter, and that was not told yet; and whether it ever was.
    shortened: (bool, bool),
    /// When to look at it again, and how long to wait then if it has not grown.
    look_at: Duration,
    wait: Duration,
}

/// A range of bytes that are not in the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) stream: Stream,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// A stream and what has become of it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) stream: Stream,
    pub(crate) capture: Capture,
    source: Source,
    /// Whether the capture may have pieces that the emitter had no room for.
    backlog: bool,
    ended: bool,
}

impl Source {
    /// A stream that goes through the spool.
    pub(crate) fn spool(segments: Segments, fifo: Fifo) -> Source {
        let copied = fifo.copies();
        let fifo = Some(fifo);
        Source::Spool(Spooled { segments, fifo, refused: None, faults: 0, look: true, copied })
    }

    /// A file that the job writes.
    pub(crate) fn file(segments: Segments) -> Source {
        let (look_at, wait) = (Duration::ZERO, TAIL_FIRST);
        let shortened = (false, false);
        Source::File(Tailed { segments, closed: false, shortened, look_at, wait })
    }

    /// Tells `capture` what was before it, as far as that is kept.
    fn recall(&mut self, capture: &mut Capture) {
        if capture.bytes() != 0
            && let Some(segments) = self.segments()
        {
            capture.recall(|at, space| segments.recall(at, space));
        }
    }

    fn segments(&mut self) -> Option<&mut Segments> {
        match self {
            Source::Pipe(_) => None,
            Source::Spool(spooled) => Some(&mut spooled.segments),
            Source::File(tailed) => Some(&mut tailed.segments),
        }
    }
}

impl Spooled {
    /// Moves what is in the pipe into the spool, as far as there is `room`.
    fn move_in(&mut self, room: u64, now: Duration) {
        let Some(fifo) = &mut self.fifo else { return };
        if room == 0 || self.refused.is_some_and(|it| now < it.1) {
            return;
        }
        self.look = false;
        match fifo.move_into(&mut self.segments, room) {
            Moved::Bytes(_) => {
                (self.refused, self.faults) = (None, 0);
                self.copied |= fifo.copies();
            }
            Moved::Nothing => self.refused = None,
            Moved::End => self.fifo = None,
            // The job waits until there is room again.
            Moved::Refused(error @ (Errno::NOSPC | Errno::DQUOT)) => {
                self.refused = Some((error, now + SPOOL_RETRY));
                self.look = true;
            }
            Moved::Refused(error) => {
                self.segments.give_up_writer();
                self.faults += 1;
                // The first other file is tried at once.
                let wait = if self.faults == 1 { Duration::ZERO } else { SPOOL_RETRY };
                self.refused = Some((error, now + wait));
                self.look = true;
            }
        }
    }
}

impl Tailed {
    /// Looks how far it is, when it is time.
    fn look(&mut self, now: Duration) {
        if now < self.look_at {
            return;
        }
        let before = self.segments.written();
        if !self.segments.look() && !self.shortened.1 {
            self.shortened = (true, true);
        }
        let grew = before < self.segments.written();
        self.wait = if grew { TAIL_FIRST } else { (self.wait * 2).min(TAIL_MAX) };
        self.look_at = now + self.wait;
    }
}

impl Channel {
    /// `stream`, which comes from `source`.
    pub(crate) fn new(mut capture: Capture, stream: Stream, mut source: Source) -> Channel {
        source.recall(&mut capture);
        Channel { stream, capture, source, backlog: false, ended: false }
    }

    /// What tells that there are bytes, if they are wanted: `parse` if the parser may take some, `room`
    /// is what the spool may take.
    pub(crate) fn awaited(&self, parse: bool, room: u64) -> Option<BorrowedFd<'_>> {
        match &self.source {
            Source::Pipe(pipe) => pipe.as_ref().filter(|_| parse && !self.backlog).map(AsFd::as_fd),
            Source::Spool(it) if room == 0 || it.refused.is_some() => None,
            Source::Spool(it) => it.fifo.as_ref().map(Fifo::descriptor),
            Source::File(_) => None,
        }
    }

    /// When there is something to do although nothing comes; zero is now.
    pub(crate) fn due(&self, parse: bool, room: u64) -> Option<Duration> {
        let (unread, look) = match &self.source {
            Source::Pipe(_) => (false, None),
            Source::Spool(it) => {
                let at = it.refused.map_or(Duration::ZERO, |it| it.1);
                (
                    it.segments.has_unread(),
                    (it.look && room != 0 && it.fifo.is_some()).then_some(at),
                )
            }
            Source::File(it) => (it.segments.has_unread(), (!it.closed).then_some(it.look_at)),
        };
        let busy = (parse && (self.backlog || unread)).then_some(Duration::ZERO);
        let held = if parse { self.capture.deadline() } else { None };
        [busy, held, look].into_iter().flatten().min()
    }

    /// Takes in what there is for the spool.
    pub(crate) fn take_in(&mut self, readable: bool, room: u64, now: Duration) {
        match &mut self.source {
            Source::Pipe(_) => {}
            Source::Spool(it) if readable || it.look => it.move_in(room, now),
            Source::Spool(_) => {}
            Source::File(it) => it.look(now),
        }
    }

    /// Reads once and gives the emitter what it has room for. `readable` is for pipes. Gives a range
    /// of bytes that cannot be read, if there is one.
    pub(crate) fn parse(
        &mut self,
        readable: bool,
        at: Moment,
        emitter: &mut Emitter,
    ) -> Option<Missing> {
        let mut missing = None;
        if !self.backlog && !self.ended {
            missing = self.fill(readable, at, emitter);
        }
        if self.backlog {
            self.backlog = self.capture.step(emitter);
        }
        if self.capture.deadline().is_some_and(|due| due <= at.mono) && !self.backlog {
            self.capture.tick(at, emitter);
        }
        if !self.ended && !self.backlog && self.is_drained() {
            self.capture.finish(emitter);
            self.ended = true;
        }
        let consumed = self.capture.consumed();
        let told = emitter.untold_from(self.stream).unwrap_or(consumed);
        if let Some(segments) = self.source.segments() {
            segments.mark(emitter.last_sequence(), told);
        }
        missing
    }

    fn fill(&mut self, readable: bool, at: Moment, emitter: &mut Emitter) -> Option<Missing> {
        let got = match &mut self.source {
            Source::Pipe(pipe) => {
                let open = pipe.as_ref().filter(|_| readable)?;
                match rustix::io::read(open, self.capture.space()) {
                    Ok(count) if 0 < count => Got::Bytes(count),
                    Err(Errno::AGAIN | Errno::INTR) => Got::Nothing,
                    // Nothing else can be read from a pipe of ours.
                    Ok(_) | Err(_) => {
                        *pipe = None;
                        Got::Nothing
                    }
                }
            }
            Source::Spool(it) => it.segments.read(self.capture.space()),
            Source::File(it) if it.shortened.0 => {
                it.shortened.0 = false;
                Got::Missing(self.capture.bytes())
            }
            Source::File(it) => it.segments.read(self.capture.space()),
        };
        match got {
            Got::Nothing => None,
            Got::Bytes(count) => {
                self.capture.filled(count, at);
                self.backlog = true;
                None
            }
            Got::Missing(to) => {
                let from = self.capture.bytes();
                self.capture.skip_to(to, emitter);
                Some(Missing { stream: self.stream, from, to })
            }
        }
    }

    /// Whether no more bytes can come, and all were read.
    fn is_drained(&self) -> bool {
        match &self.source {
            Source::Pipe(pipe) => pipe.is_none(),
            Source::Spool(it) => it.fifo.is_none() && !it.segments.has_unread(),
            Source::File(it) => it.closed && !it.shortened.0 && !it.segments.has_unread(),
        }
    }

    /// Whether no more bytes can come.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.source {
            Source::Pipe(pipe) => pipe.is_none(),
            Source::Spool(it) => it.fifo.is_none(),
            Source::File(it) => it.closed,
        }
    }

    /// Whether everything of it is in the entries.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the emitter had no room for all.
    pub(crate) fn has_backlog(&self) -> bool {
        self.backlog
    }

    /// Nobody is left who could write the file that this is.
    pub(crate) fn close_file(&mut self) {
        if let Source::File(it) = &mut self.source {
            it.look_at = Duration::ZERO;
            it.look(Duration::ZERO);
            it.closed = true;
        }
    }

    /// What is left of it is not waited for: gives away what there is, and the place up to which the
    /// stream was read, if it was not to its end.
    pub(crate) fn cut(&mut self, emitter: &mut Emitter) -> Option<Missing> {
        if self.ended {
            return None;
        }
        self.capture.finish(emitter);
        self.ended = true;
        let from = self.capture.bytes();
        Some(Missing { stream: self.stream, from, to: from })
    }

    /// Bytes that it holds in the spool.
    pub(crate) fn spooled(&self) -> u64 {
        match &self.source {
            Source::Spool(it) => it.segments.held(),
            Source::Pipe(_) | Source::File(_) => 0,
        }
    }

    /// Bytes of it that have come so far, read or not.
    pub(crate) fn written(&self) -> u64 {
        match &self.source {
            Source::Pipe(_) => self.capture.bytes(),
            Source::Spool(it) => it.segments.written(),
            Source::File(it) => it.segments.written(),
        }
    }

    /// Why the spool takes nothing, if it does not.
    pub(crate) fn refused(&self) -> Option<Errno> {
        match &self.source {
            Source::Spool(it) => it.refused.filter(|_| it.faults != 1).map(|it| it.0),
            Source::Pipe(_) | Source::File(_) => None,
        }
    }

    /// Whether there is something in the spool that may be removed when it is stored.
    pub(crate) fn has_old(&self) -> bool {
        match &self.source {
            Source::Pipe(_) => false,
            Source::Spool(it) => it.segments.has_old(),
            Source::File(it) => it.segments.has_marks(),
        }
    }

    /// Whether bytes of it passed through our memory without being in the spool.
    pub(crate) fn was_copied(&self) -> bool {
        match &self.source {
            Source::Pipe(_) => true,
            Source::Spool(it) => it.copied,
            Source::File(_) => false,
        }
    }

    /// Entries up to `sequence` are stored and synced.
    pub(crate) fn stored(&mut self, sequence: u64) {
        match &mut self.source {
            Source::Pipe(_) => {}
            Source::Spool(it) => it.segments.stored(sequence),
            Source::File(it) => it.segments.punch(sequence),
        }
    }

    /// Goes back to the byte up to which entries are stored, the last of them being `sequence`.
    pub(crate) fn rewind(&mut self, mut capture: Capture, sequence: u64) {
        self.source.recall(&mut capture);
        if capture.hash().is_none() {
            capture.inherit_hash(&mut self.capture);
        }
        let consumed = capture.consumed();
        if let Some(segments) = self.source.segments() {
            segments.rewind(consumed, sequence);
        }
        self.capture = capture;
        (self.backlog, self.ended) = (false, false);
    }

    /// The pipe of it, to know who else holds it.
    pub(crate) fn pipe(&self) -> Option<&OwnedFd> {
        match &self.source {
            Source::Pipe(pipe) => pipe.as_ref(),
            Source::Spool(_) | Source::File(_) => None,
        }
    }
}
