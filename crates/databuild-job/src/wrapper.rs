//! The hands of the wrapper: one thread, one loop over poll(2). What to do is decided in
//! `lifecycle.rs`, what lines mean in `lines.rs` and `structured.rs`.

use crate::config::Checked;
use crate::emit::Emitter;
use crate::exit::{Outcome, outcome};
use crate::launch::Launched;
use crate::lifecycle::{Action, Event, Exit, Lifecycle, Stop, StopSignal};
use crate::lines::{Capture, Moment, Sink};
use crate::oom::MemoryWatch;
use crate::process_tree;
use crate::report::{self, Left};
use crate::signals::Signals;
use crate::sink::Output;
use crate::terminal::Terminal;
use crate::usage::Usage;
use databuild_model::clock::Clock;
use databuild_model::entry::Stream;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Most children that died of SIGKILL and are remembered, to find them in the kernel's log.
const KILLED_MAX: usize = 64;

/// What a shell says of a command that SIGINT ended.
const INTERRUPTED: i32 = 128 + libc::SIGINT;

/// A run in progress.
pub(crate) struct Wrapper<'a> {
    clock: &'a dyn Clock,
    emitter: &'a mut Emitter,
    output: &'a mut Output,
    signals: &'a Signals,
    checked: &'a Checked,
    life: Lifecycle,
    launched_at: Moment,
    ended_at: Option<Duration>,
    pid: i32,
    own: i32,
    captures: [Capture; 2],
    pipes: [Option<OwnedFd>; 2],
    terminal: Option<Terminal>,
    /// Whether a capture may have pieces that the emitter had no room for.
    backlog: [bool; 2],
    ended: [bool; 2],
    lost: bool,
    usage: Usage,
    memory: MemoryWatch,
    killed: Vec<i32>,
    left: Option<Vec<Left>>,
    over: bool,
}

/// What the run was, for the last entries.
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) duration: Duration,
    pub(crate) captures: [Capture; 2],
    pub(crate) usage: Usage,
    pub(crate) left: Option<Vec<Left>>,
    /// Streams that could not be read to their end.
    pub(crate) cut: Vec<(Stream, u64)>,
    pub(crate) lost: bool,
}

/// What the loop needs from outside.
pub(crate) struct Surroundings<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) emitter: &'a mut Emitter,
    pub(crate) output: &'a mut Output,
    pub(crate) signals: &'a Signals,
    pub(crate) checked: &'a Checked,
    pub(crate) memory: MemoryWatch,
}

/// One reading of the clock.
pub(crate) fn now(clock: &dyn Clock) -> Moment {
    Moment { wall: clock.wall(), mono: clock.mono() }
}

/// Stays with a launched command until it and everything that it left behind are gone.
pub(crate) fn attend(launched: Launched, at: Moment, around: Surroundings<'_>) -> Finished {
    let [stdout, stderr] = launched.pipes;
    let mut wrapper = Wrapper {
        clock: around.clock,
        emitter: around.emitter,
        output: around.output,
        signals: around.signals,
        checked: around.checked,
        life: Lifecycle::new(around.checked.times, at.mono),
        launched_at: at,
        ended_at: None,
        pid: launched.pid,
        own: i32::try_from(std::process::id()).unwrap_or(0),
        captures: [Capture::new(Stream::Stdout), Capture::new(Stream::Stderr)],
        pipes: [Some(stdout), Some(stderr)],
        terminal: launched.terminal,
        backlog: [false; 2],
        ended: [false; 2],
        lost: false,
        usage: Usage::start(at.mono),
        memory: around.memory,
        killed: Vec::new(),
        left: None,
        over: false,
    };
    while !wrapper.over {
        wrapper.turn();
    }
    wrapper.finish()
}

/// What poll(2) said.
#[derive(Default)]
struct Ready {
    signals: bool,
    output_gone: bool,
    streams: [bool; 2],
}

impl Wrapper<'_> {
    fn turn(&mut self) {
        self.flush();
        let ready = self.wait();
        let at = now(self.clock);
        if ready.output_gone {
            self.lose(at);
        }
        for n in 0..2 {
            self.serve_stream(n, ready.streams.get(n).copied().unwrap_or(false), at);
        }
        if ready.signals {
            if self.signals.child_changed() {
                self.reap(at);
            }
            for signal in self.signals.stops() {
                self.happened(Event::Signal(signal), at);
            }
        }
        if self.usage.next <= at.mono {
            self.usage.sample(self.own, at.mono);
        }
        if self.life.deadline().is_some_and(|deadline| deadline <= at.mono) {
            self.happened(Event::Time, at);
        }
    }

    /// The longest time that nothing need be done.
    fn patience(&self) -> Duration {
        let room = !self.emitter.full();
        if room && self.backlog.contains(&true) {
            return Duration::ZERO;
        }
        let captures = self.captures.iter().filter_map(Capture::deadline).filter(|_| room);
        let due = captures
            .chain(self.life.deadline())
            .chain(self.output.retry_at())
            .chain([self.usage.next])
            .min();
        due.map_or(Duration::ZERO, |due| due.saturating_sub(self.clock.mono()))
    }

    fn wait(&self) -> Ready {
        let patience = self.patience();
        let room = !self.emitter.full();
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(8);
        let mut readers = [None; 2];
        for (n, pipe) in self.pipes.iter().enumerate() {
            let wanted = room && !self.backlog.get(n).copied().unwrap_or(false);
            if let (Some(pipe), true, Some(slot)) = (pipe, wanted, readers.get_mut(n)) {
                *slot = Some(fds.len());
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
        }
        let output = (!self.lost).then(|| {
            let wants = !self.emitter.waiting().is_empty() && self.output.retry_at().is_none();
            let flags = if wants { PollFlags::OUT } else { PollFlags::empty() };
            fds.push(PollFd::from_borrowed_fd(self.output.descriptor(), flags));
            fds.len() - 1
        });
        let signals = fds.len();
        for fd in self.signals.descriptors() {
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        // Rounded up, or the last millisecond before a deadline would be spent turning.
        let patience = patience + Duration::from_micros(100);
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        if rustix::event::poll(&mut fds, Some(&timeout)).is_err() {
            // Interrupted by a signal, which has put a byte into its socket.
            return Ready { signals: true, ..Ready::default() };
        }
        let said = |n: usize| fds.get(n).map_or(PollFlags::empty(), PollFd::revents);
        let error = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        Ready {
            signals: (signals..fds.len()).any(|n| !said(n).is_empty()),
            output_gone: output.is_some_and(|n| said(n).intersects(error)),
            streams: readers.map(|slot| slot.is_some_and(|n| !said(n).is_empty())),
        }
    }

    fn flush(&mut self) {
        while !self.lost && !self.emitter.waiting().is_empty() {
            let at = self.clock.mono();
            match self.output.write(self.emitter.waiting(), at) {
                Ok(0) => return,
                Ok(count) => self.emitter.written(count),
                Err(_) => {
                    let at = now(self.clock);
                    self.lose(at);
                }
            }
        }
    }

    fn lose(&mut self, at: Moment) {
        self.lost = true;
        self.emitter.lose();
        self.happened(Event::OutputLost, at);
    }

    /// Reads once and gives the emitter what it has room for.
    fn serve_stream(&mut self, n: usize, readable: bool, at: Moment) {
        if readable && let Some(other) = self.captures.get_mut(1 - n) {
            other.go_before(at, self.emitter);
        }
        let (Some(capture), Some(pipe), Some(backlog), Some(ended)) = (
            self.captures.get_mut(n),
            self.pipes.get_mut(n),
            self.backlog.get_mut(n),
            self.ended.get_mut(n),
        ) else {
            return;
        };
        if readable && let Some(open) = pipe {
            match rustix::io::read(&*open, capture.space()) {
                Ok(0) => *pipe = None,
                Ok(count) => {
                    capture.filled(count, at);
                    *backlog = true;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Nothing else can be read from a pipe of ours.
                Err(_) => *pipe = None,
            }
        }
        if *backlog {
            *backlog = capture.step(self.emitter);
        }
        if capture.deadline().is_some_and(|due| due <= at.mono) && !*backlog {
            capture.tick(at, self.emitter);
        }
        if pipe.is_none() && !*backlog && !*ended {
            capture.finish(self.emitter);
            *ended = true;
            if self.ended == [true; 2] {
                self.happened(Event::StreamsEnded, at);
            }
        }
    }

    /// Takes in all children that have ended.
    fn reap(&mut self, at: Moment) {
        let mut command = None;
        let stops =
            if self.terminal.is_some() { WaitOptions::UNTRACED } else { WaitOptions::empty() };
        let left = loop {
            match rustix::process::wait(WaitOptions::NOHANG | stops) {
                // A Ctrl-Z. Nobody else could take the terminal now, so nobody could wake it.
                Ok(Some((pid, status))) if status.stopped() => {
                    if pid.as_raw_nonzero().get() == self.pid
                        && status.stopping_signal() == Some(libc::SIGTSTP)
                    {
                        self.signal_group(Signal::CONT);
                    }
                }
                Ok(Some((pid, status))) => {
                    let pid = pid.as_raw_nonzero().get();
                    let signal = status.terminating_signal();
                    if signal == Some(libc::SIGKILL) && self.killed.len() < KILLED_MAX {
                        self.killed.push(pid);
                    }
                    if pid == self.pid {
                        let code = status.exit_status().map(Exit::Code);
                        command = code.or(signal.map(Exit::Signal));
                        self.ended_at = Some(at.mono);
                        if let Some(terminal) = &self.terminal {
                            terminal.take_back();
                        }
                    }
                }
                Ok(None) => break true,
                Err(Errno::INTR) => {}
                // There are no children.
                Err(_) => break false,
            }
        };
        self.happened(Event::Reaped { command, left }, at);
    }

    fn happened(&mut self, event: Event, at: Moment) {
        for action in self.life.on(event, at.mono) {
            match action {
                Action::Ask(signal) => self.ask(signal),
                Action::Kill => self.kill(),
                Action::NameLeft => self.name_left(),
                Action::AskLeft => {
                    for process in process_tree::descendants(self.own) {
                        process_tree::signal_descendant(process.pid, Signal::TERM);
                        process_tree::signal_descendant(process.pid, Signal::CONT);
                    }
                }
                Action::Heartbeat => self.heartbeat(at),
                Action::Conclude => self.over = true,
            }
        }
    }

    fn ask(&self, signal: StopSignal) {
        let signal = match signal {
            StopSignal::Interrupt => Signal::INT,
            StopSignal::Terminate => Signal::TERM,
            StopSignal::Hangup => Signal::HUP,
        };
        self.signal_group(signal);
        // A stopped process would keep the signal and never see it.
        self.signal_group(Signal::CONT);
    }

    /// Only while the command is not reaped: its number is ours until then.
    fn signal_group(&self, signal: Signal) {
        if self.life.exit().is_none()
            && let Some(group) = Pid::from_raw(self.pid)
        {
            // Between its end and our reaping it there is nobody to be told.
            rustix::process::kill_process_group(group, signal).ok();
        }
    }

    fn kill(&self) {
        self.signal_group(Signal::KILL);
        for process in process_tree::descendants(self.own) {
            process_tree::signal_descendant(process.pid, Signal::KILL);
        }
    }

    fn name_left(&mut self) {
        let pipes: Vec<(Stream, u64)> = [Stream::Stdout, Stream::Stderr]
            .into_iter()
            .zip(&self.pipes)
            .filter_map(|(stream, pipe)| {
                Some((stream, rustix::fs::fstat(pipe.as_ref()?).ok()?.st_ino))
            })
            .collect();
        let mut left: Vec<Left> = process_tree::descendants(self.own)
            .into_iter()
            .filter(|it| !it.zombie)
            .map(|it| it.pid)
            .map(|pid| Left {
                pid,
                command: process_tree::command(pid),
                holds: Vec::new(),
                ours: true,
            })
            .collect();
        for (pid, stream) in process_tree::holders(&pipes) {
            if let Some(known) = left.iter_mut().find(|it| it.pid == pid) {
                known.holds.push(stream);
            } else {
                let command = process_tree::command(pid);
                left.push(Left { pid, command, holds: vec![stream], ours: false });
            }
        }
        self.left = (!left.is_empty()).then_some(left);
    }

    fn heartbeat(&mut self, at: Moment) {
        // A reader who is behind must not find a pile of heartbeats.
        if !self.emitter.full() {
            self.usage.sample(self.own, at.mono);
            let elapsed = at.mono.saturating_sub(self.launched_at.mono);
            report::heartbeat(self.emitter, at.wall, elapsed, &self.usage, &self.captures);
        }
    }

    /// Reads what is there, whatever room the emitter has: a pipe holds little.
    fn finish(mut self) -> Finished {
        let at = now(self.clock);
        let mut cut = Vec::new();
        for n in 0..2 {
            let mut was_read = true;
            while was_read && self.ended.get(n) == Some(&false) {
                let before = self.captures.get(n).map_or(0, Capture::bytes);
                let pipe_open = self.pipes.get(n).is_some_and(Option::is_some);
                self.serve_stream(n, true, at);
                self.flush();
                let backlog = self.backlog.get(n) == Some(&true);
                was_read = backlog
                    || before != self.captures.get(n).map_or(0, Capture::bytes)
                    || pipe_open && self.pipes.get(n).is_some_and(Option::is_none);
                if backlog && self.emitter.full() && !self.lost {
                    self.wait_for_reader();
                }
            }
            if self.ended.get(n) == Some(&false)
                && let Some(capture) = self.captures.get_mut(n)
            {
                capture.finish(self.emitter);
                let stream = if n == 0 { Stream::Stdout } else { Stream::Stderr };
                cut.push((stream, capture.bytes()));
            }
        }
        self.usage.finish();
        let ended_at = self.ended_at.unwrap_or(at.mono);
        let mut died = self.killed.clone();
        died.push(self.pid);
        let stop = self.life.stop().or_else(|| self.interrupted());
        let oom = self.memory.kills() != 0 || self.memory.kernel_named(&died);
        Finished {
            outcome: outcome(self.life.exit(), stop, oom),
            duration: ended_at.saturating_sub(self.launched_at.mono),
            captures: self.captures,
            usage: self.usage,
            left: self.left,
            cut,
            lost: self.lost || stop == Some(Stop::OutputLost),
        }
    }

    /// A Ctrl-C in a terminal that the job has reaches the job alone.
    fn interrupted(&self) -> Option<Stop> {
        let by_interrupt = matches!(
            self.life.exit(),
            Some(Exit::Signal(libc::SIGINT)) | Some(Exit::Code(INTERRUPTED))
        );
        let stop = Stop::Cancelled(StopSignal::Interrupt);
        (self.terminal.is_some() && by_interrupt).then_some(stop)
    }

    fn wait_for_reader(&mut self) {
        drive(self.output, self.emitter, self.signals, self.clock, self.checked.times.grace);
        self.lost = self.lost || self.emitter.full();
        if self.lost {
            self.emitter.lose();
        }
    }
}

/// Writes all that waits. Gives up when the reader is gone, or has not taken it within `grace` after
/// somebody asked us to stop. `true` if all was written.
pub(crate) fn drive(
    output: &mut Output,
    emitter: &mut Emitter,
    signals: &Signals,
    clock: &dyn Clock,
    grace: Duration,
) -> bool {
    let mut give_up: Option<Duration> = None;
    while !emitter.waiting().is_empty() {
        let at = clock.mono();
        match output.write(emitter.waiting(), at) {
            Ok(0) => {}
            Ok(count) => {
                emitter.written(count);
                continue;
            }
            Err(_) => return false,
        }
        if give_up.is_some_and(|deadline| deadline <= at) {
            return false;
        }
        let mut fds = Vec::with_capacity(5);
        if output.retry_at().is_none() {
            fds.push(PollFd::from_borrowed_fd(output.descriptor(), PollFlags::OUT));
        }
        fds.extend(signals.descriptors().map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN)));
        let due = [give_up, output.retry_at()].into_iter().flatten().min();
        let timeout = due.map(|due| due.saturating_sub(at)).map(|it| Timespec {
            tv_sec: i64::try_from(it.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(it.subsec_nanos()),
        });
        // An interruption is as good as an answer: everything is tried again.
        rustix::event::poll(&mut fds, timeout.as_ref()).ok();
        drop(fds);
        signals.child_changed();
        for _ in signals.stops() {
            let deadline = if give_up.is_some() { at } else { at + grace };
            give_up = Some(give_up.map_or(deadline, |old| old.min(deadline)));
        }
    }
    true
}
