//! The hands of the wrapper: one thread, one loop over poll(2). What to do is decided in
//! `lifecycle.rs`, what lines mean in `lines.rs` and `structured.rs`.

mod children;
mod delivery;
mod keeping;
mod resuming;
mod waiting;

pub(crate) use delivery::drive;
pub(crate) use keeping::Keeping;

use crate::channel::{Channel, Missing};
use crate::clock_watch::ClockWatch;
use crate::config::Checked;
use crate::emit::Emitter;
use crate::exit::{Outcome, outcome};
use crate::job::Job;
use crate::lifecycle::{Action, Event, Exit, Lifecycle, Stop, StopSignal};
use crate::lines::{Capture, Moment, Sink};
use crate::oom::MemoryWatch;
use crate::rate::Rate;
use crate::report::{self, Left};
use crate::signals::Signals;
use crate::sink::Output;
use crate::terminal::Terminal;
use crate::usage::Usage;
use databuild_model::clock::Clock;
use databuild_model::spool;
use std::time::Duration;

/// What a shell says of a command that SIGINT ended.
const INTERRUPTED: i32 = 128 + libc::SIGINT;

/// A run in progress.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all combine")]
pub(crate) struct Wrapper<'a> {
    clock: &'a dyn Clock,
    emitter: &'a mut Emitter,
    output: &'a mut Output,
    signals: &'a Signals,
    checked: &'a Checked,
    /// The spool, if there is one.
    keeping: Option<&'a mut Keeping>,
    life: Lifecycle,
    begun: Begun,
    ended_at: Option<Duration>,
    job: Job,
    own: i32,
    channels: [Channel; 2],
    terminal: Option<Terminal>,
    streams_ended: bool,
    /// Nobody reads what we write. With a spool that stays there, without it is forgotten.
    lost: bool,
    clock_watch: ClockWatch,
    /// How much is taken from the job in a second, if there is a bound.
    rate: Option<Rate>,
    /// When to look again who is left of a job that another wrapper has started.
    look_at: Option<Duration>,
    usage: Usage,
    memory: MemoryWatch,
    killed: Vec<i32>,
    left: Option<Vec<Left>>,
    cut: bool,
    /// What was in the pipes when nobody had them open is lost.
    broken: bool,
    over: bool,
    /// Somebody did not want to wait for the file system of the spool any longer.
    gave_up: bool,
}

/// When the command was launched: so long before a moment of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub(crate) at: Moment,
    pub(crate) before: Duration,
}

/// What the run was, for the last entries.
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) duration: Duration,
    pub(crate) captures: [Capture; 2],
    pub(crate) capture: spool::Capture,
    pub(crate) usage: Usage,
    pub(crate) left: Option<Vec<Left>>,
    /// Something that the job has written is not in the entries.
    pub(crate) cut: bool,
    pub(crate) lost: bool,
}

/// A command and its streams.
pub(crate) struct Attended {
    pub(crate) job: Job,
    pub(crate) channels: [Channel; 2],
    pub(crate) terminal: Option<Terminal>,
    pub(crate) begun: Begun,
    /// How it ended, and after how long, if that is known already.
    pub(crate) ended: Option<(Exit, Duration)>,
    /// Why another wrapper has told it to stop, if one has.
    pub(crate) stop: Option<Stop>,
    /// What was in the pipes when nobody had them open is lost.
    pub(crate) broken: bool,
    pub(crate) usage: Usage,
}

/// What the loop needs from outside.
pub(crate) struct Surroundings<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) emitter: &'a mut Emitter,
    pub(crate) output: &'a mut Output,
    pub(crate) signals: &'a Signals,
    pub(crate) checked: &'a Checked,
    pub(crate) keeping: Option<&'a mut Keeping>,
    pub(crate) memory: MemoryWatch,
}

/// One reading of the clock.
pub(crate) fn now(clock: &dyn Clock) -> Moment {
    Moment { wall: clock.wall(), mono: clock.mono() }
}

/// Stays with a launched command until it and everything that it left behind are gone.
pub(crate) fn attend(attended: Attended, around: Surroundings<'_>) -> Finished {
    let at = now(around.clock);
    let mut times = around.checked.times;
    times.timeout = times.timeout.map(|it| it.saturating_sub(attended.begun.before));
    let mut life = Lifecycle::new(times, attended.begun.at.mono);
    if let Some(stop) = attended.stop {
        life.was_stopped(stop, at.mono);
    }
    let mut wrapper = Wrapper {
        clock: around.clock,
        emitter: around.emitter,
        output: around.output,
        signals: around.signals,
        checked: around.checked,
        keeping: around.keeping,
        life,
        begun: attended.begun,
        ended_at: None,
        job: attended.job,
        own: i32::try_from(std::process::id()).unwrap_or(0),
        channels: attended.channels,
        terminal: attended.terminal,
        streams_ended: false,
        lost: false,
        clock_watch: ClockWatch::new(attended.begun.at),
        rate: around.checked.config.output_bytes_per_second_max.map(|it| Rate::new(it, at.mono)),
        look_at: None,
        usage: attended.usage,
        memory: around.memory,
        killed: Vec::new(),
        left: None,
        cut: false,
        broken: attended.broken,
        over: false,
        gave_up: false,
    };
    if let Some((exit, after)) = attended.ended {
        wrapper.has_ended(exit, after, at);
    }
    while !wrapper.over || wrapper.is_stuck() {
        wrapper.turn();
    }
    wrapper.finish()
}

impl Wrapper<'_> {
    fn turn(&mut self) {
        self.flush();
        let ready = self.wait();
        let at = now(self.clock);
        if ready.output_gone {
            self.lose(at);
        }
        self.watch_clock(at);
        self.emitter.tick(at);
        for n in 0..2 {
            let open = self.opens_at(at.mono).is_none();
            let readable = open && ready.streams.get(n).copied().unwrap_or(false);
            let room = if open { self.room() } else { 0 };
            self.serve_stream(n, readable, room, at);
        }
        self.note_ends(at);
        if ready.job_ended {
            let exit = self.job.adopted_exit();
            let after = self.elapsed(at);
            self.has_ended(exit, after, at);
        }
        if ready.signals {
            if self.signals.child_changed() {
                self.reap(at);
            }
            for signal in self.signals.stops() {
                self.gave_up |= self.over;
                self.happened(Event::Signal(signal), at);
            }
            if self.signals.resumed() {
                self.resume(at);
            }
        }
        if self.look_at.is_some_and(|due| due <= at.mono) {
            self.look_who_is_left(at);
        }
        if self.usage.next <= at.mono {
            self.usage.sample(&self.job, self.own, at.mono);
        }
        if self.life.deadline().is_some_and(|deadline| deadline <= at.mono) {
            self.happened(Event::Time, at);
        }
        self.keep(at);
    }

    /// Whether output is made into entries. Without a reader it stays in the spool, if there is one.
    fn parses(&self) -> bool {
        !self.emitter.full() && !self.is_detached()
    }

    fn is_detached(&self) -> bool {
        self.lost && self.keeping.is_some()
    }

    /// Whether all is over but that bytes wait in a pipe for the spool to take them.
    fn is_stuck(&self) -> bool {
        let waits = |it: &Channel| it.refused().is_some() && !it.is_closed();
        !self.gave_up && self.channels.iter().any(waits)
    }

    fn serve_stream(&mut self, n: usize, readable: bool, room: u64, at: Moment) {
        let detached = self.is_detached();
        if readable
            && !detached
            && let Some(other) = self.channels.get_mut(1 - n)
        {
            other.capture.go_before(at, self.emitter);
        }
        let Some(channel) = self.channels.get_mut(n) else { return };
        let before = channel.written();
        channel.take_in(readable, room, at.mono);
        let missing = if detached { None } else { channel.parse(readable, at, self.emitter) };
        if let Some(rate) = &mut self.rate {
            rate.take(channel.written().saturating_sub(before), at.mono);
        }
        if let Some(missing) = missing {
            self.miss(missing, "the file that it was in cannot be read, or was made shorter", at);
        }
    }

    /// Says that a range is in no entry.
    fn miss(&mut self, missing: Missing, reason: &str, at: Moment) {
        self.cut = true;
        report::gap(self.emitter, at.wall, missing, reason);
    }

    /// When more is taken from the job than now; `None` if it is taken now. What a job has left behind
    /// is taken at once.
    fn opens_at(&self, now: Duration) -> Option<Duration> {
        self.rate.filter(|_| self.life.exit().is_none())?.opens_at(now)
    }

    fn watch_clock(&mut self, at: Moment) {
        if self.parses()
            && let Some(step) = self.clock_watch.look(at)
        {
            report::clock_step(self.emitter, at.wall, step);
        }
    }

    fn note_ends(&mut self, at: Moment) {
        let detached = self.is_detached();
        let ended = |it: &Channel| if detached { it.is_closed() } else { it.has_ended() };
        if !self.streams_ended && self.channels.iter().all(ended) {
            self.streams_ended = true;
            self.happened(Event::StreamsEnded, at);
        }
    }

    fn happened(&mut self, event: Event, at: Moment) {
        for action in self.life.on(event, at.mono) {
            match action {
                Action::Ask(signal) => self.ask(signal),
                Action::Kill => self.kill(),
                Action::NameLeft => self.name_left(),
                Action::AskLeft => self.ask_left(),
                Action::Heartbeat => self.heartbeat(at),
                Action::Conclude => self.over = true,
            }
        }
        if let (Some(keeping), Some(stop)) = (&mut self.keeping, self.life.stop()) {
            keeping.stopped_for(stop);
        }
    }

    fn elapsed(&self, at: Moment) -> Duration {
        self.begun.before + at.mono.saturating_sub(self.begun.at.mono)
    }

    fn heartbeat(&mut self, at: Moment) {
        // A reader who is behind must not find a pile of heartbeats.
        if !self.emitter.full() && !self.is_detached() {
            self.usage.sample(&self.job, self.own, at.mono);
            let elapsed = self.elapsed(at);
            let [stdout, stderr] = &self.channels;
            let captures = [&stdout.capture, &stderr.capture];
            report::heartbeat(self.emitter, at.wall, elapsed, &self.usage, captures);
        }
    }

    /// Takes in and reads what is there, whatever room the emitter and the spool have.
    fn finish(mut self) -> Finished {
        let at = now(self.clock);
        for n in 0..2 {
            self.drain(n, at);
        }
        if let (Some(keeping), true) =
            (&mut self.keeping, self.channels.iter().all(Channel::is_closed))
        {
            keeping.change(|state| state.drained = true);
        }
        if !self.is_detached() {
            self.emitter.tell_left_out(at.wall);
            self.name_cuts(at);
        }
        self.usage.finish();
        let ended_at = self.ended_at.unwrap_or_else(|| self.elapsed(at));
        let mut died = self.killed.clone();
        died.extend(self.job.pid());
        let stop = self.life.stop().or_else(|| self.interrupted());
        let oom = self.memory.kills() != 0 || self.memory.kernel_named(&died);
        let capture = self.capture();
        let [stdout, stderr] = self.channels;
        Finished {
            outcome: outcome(self.life.exit(), stop, oom),
            duration: ended_at,
            captures: [stdout.capture, stderr.capture],
            capture,
            usage: self.usage,
            left: self.left,
            cut: self.cut,
            lost: self.lost || stop == Some(Stop::OutputLost),
        }
    }

    /// Says which streams were not read to their ends.
    fn name_cuts(&mut self, at: Moment) {
        for n in 0..2 {
            let Some(channel) = self.channels.get_mut(n) else { continue };
            let stream = channel.stream;
            let reason = match channel.refused() {
                Some(_) => "the spool could not be written, and somebody ended the waiting",
                None => "a process that could not be stopped still holds the stream",
            };
            if let Some(missing) = channel.cut(self.emitter) {
                self.miss(missing, reason, at);
            }
            if self.broken {
                let from = self.channels.get(n).map_or(0, |it| it.capture.bytes());
                let reason = "nobody was left to hold what had not been taken out of the pipe";
                self.miss(Missing { stream, from, to: from }, reason, at);
            }
        }
    }

    fn drain(&mut self, n: usize, at: Moment) {
        loop {
            let before = self.progress_of(n);
            let had_backlog = self.channels.get(n).is_some_and(Channel::has_backlog);
            self.serve_stream(n, true, u64::MAX, at);
            self.flush();
            let Some(channel) = self.channels.get(n) else { return };
            let (backlog, ended) = (channel.has_backlog(), channel.has_ended());
            if backlog && self.emitter.full() && !self.lost {
                self.wait_for_reader(at);
            }
            let backlog = (backlog || had_backlog) && !self.is_detached();
            if ended || !backlog && before == self.progress_of(n) {
                return;
            }
        }
    }

    fn progress_of(&self, n: usize) -> (u64, u64, bool) {
        let of = |it: &Channel| (it.written(), it.capture.bytes(), it.is_closed());
        self.channels.get(n).map_or((0, 0, true), of)
    }

    /// How output was captured, by its weakest stream.
    fn capture(&self) -> spool::Capture {
        let copied = self.channels.iter().any(Channel::was_copied);
        let of = |keeping: &&mut Keeping| keeping.spool.capture;
        self.keeping.as_ref().filter(|_| !copied).map_or(spool::Capture::Pipe, of)
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
}
