//! A lane whose processor does not do what it should, beside one that does: the other gets everything as it
//! comes, the bad one holds no more than its window, and once it is mended it has everything once.

use super::*;
use databuild_plugin::processor::{Checkpointer, LogEvent, Properties, Tally};
use databuild_policy::commit::Outputs;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};

/// Messages, each large enough that all of them are more than a lane may hold; a second apart, within a minute.
const MESSAGES: usize = 50;
const MESSAGE_BYTES: usize = 64 << 10;
/// What is read before the window is looked at again, and what one batch has beyond it.
const READ_BYTES: usize = crate::limits::POLL_BYTES + 2 * MESSAGE_BYTES;

type Make = Box<dyn Fn(&Mailbox) -> Box<dyn LogProcessor> + Send>;

/// A good and a bad lane. The bad one is made by `make` until it is mended.
struct Pair {
    world: World,
    good: Mailbox,
    bad: Mailbox,
    mended: Arc<AtomicBool>,
    said: Vec<String>,
}

impl Pair {
    fn start(make: Make) -> Pair {
        let mut world = World::new();
        let (good, bad) = (Mailbox::default(), Mailbox::default());
        let mended = Arc::new(AtomicBool::new(false));
        let (theirs, is_mended) = (bad.clone(), Arc::clone(&mended));
        let pipelines = vec![
            world.pipeline("good", OnError::Block, memory(&good)),
            world.pipeline("bad", OnError::Block, move || {
                if is_mended.load(Ordering::SeqCst) {
                    Box::new(MemoryProcessor::new(&theirs))
                } else {
                    make(&theirs)
                }
            }),
        ];
        world.reload(pipelines);
        Pair { world, good, bad, mended, said: Vec::new() }
    }

    /// Says one thing more; it comes to the good lane, whatever the bad one does.
    fn say(&mut self) {
        let number = self.said.len();
        let message = format!("{number} {}", "x".repeat(MESSAGE_BYTES));
        self.world.say(&[&message]);
        self.said.push(message);
        let said: Vec<&str> = self.said.iter().map(String::as_str).collect();
        arrives(&self.good, &said);
        let good = self.world.wait("good", |status| status.lag < Duration::from_secs(1));
        assert_eq!((good.errors, good.missing, good.late), (0, 0, 0));
        let bad = self.world.status("bad");
        let held = usize::try_from(bad.waiting_bytes).unwrap();
        assert!(held <= (1 << 20) + READ_BYTES, "the bad lane holds {held} bytes");
    }

    /// Says all of it while the bad lane is in trouble, and has it mended.
    fn check(mut self, mend: impl FnOnce()) {
        self.say();
        self.world.wait("bad", |status| 0 < status.errors || status.busy_since.is_some());
        while self.said.len() < MESSAGES {
            self.say();
        }
        assert!(self.bad.messages().len() < MESSAGES);
        self.mended.store(true, Ordering::SeqCst);
        mend();
        while self.bad.messages().len() < MESSAGES {
            // An owner who does not want to wait for the next try.
            self.world.orders("bad").resume().unwrap();
            std::thread::yield_now();
        }
        assert!(self.bad.messages() == self.said, "all of it, once and in order");
        let bad = self.world.wait("bad", |status| status.lag.is_zero());
        assert_eq!((bad.rejected, bad.missing), (0, 0));
    }
}

fn faulty(fault: Fault) -> Make {
    Box::new(move |mailbox| Box::new(FaultyProcessor::new(mailbox, fault.clone())))
}

#[test]
fn one_that_sleeps_for_ever() {
    let gate = Gate::default();
    let hangs = Fault::Event(When::Always, Trouble::Hangs(gate.clone()));
    Pair::start(faulty(hangs)).check(|| gate.open());
}

#[test]
fn one_that_sleeps_when_it_is_flushed() {
    let gate = Gate::default();
    Pair::start(faulty(Fault::Flush(Trouble::Hangs(gate.clone())))).check(|| gate.open());
}

#[test]
fn one_that_panics_at_each_event() {
    Pair::start(faulty(Fault::Event(When::Always, Trouble::Panics))).check(|| {});
}

#[test]
fn one_that_fails_always() {
    let fails = Trouble::Fails(ProcessorErrorKind::Transient);
    Pair::start(faulty(Fault::Event(When::Always, fails))).check(|| {});
}

#[test]
fn one_that_cannot_be_started() {
    let fails = Trouble::Fails(ProcessorErrorKind::Transient);
    Pair::start(faulty(Fault::Start(fails))).check(|| {});
}

/// Takes one event for each ticket, and all of them when there are no more tickets to come.
struct Slow {
    inner: MemoryProcessor,
    tickets: Arc<Mutex<Receiver<()>>>,
}

impl LogProcessor for Slow {
    fn initialize(
        &mut self,
        properties: &Properties,
        recovered: &Outputs,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.inner.initialize(properties, recovered, checkpoints)
    }

    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        for event in events {
            self.tickets.lock().unwrap().recv().ok();
            self.inner.process(std::slice::from_ref(event), now, checkpoints)?;
            self.inner.flush(now, checkpoints)?;
        }
        Ok(())
    }

    fn flush(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.inner.flush(now, checkpoints)
    }

    fn tally(&self) -> Tally {
        self.inner.tally()
    }

    fn destroy(
        &mut self,
        now: Timestamp,
        deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.inner.destroy(now, deadline, checkpoints)
    }
}

#[test]
fn one_that_takes_an_event_while_others_take_ten() {
    let (tickets, taken) = sync_channel(1);
    let taken = Arc::new(Mutex::new(taken));
    let mut pair = Pair::start(Box::new(move |mailbox| {
        Box::new(Slow { inner: MemoryProcessor::new(mailbox), tickets: Arc::clone(&taken) })
    }));
    for round in 1..=4 {
        for _ in 0..10 {
            pair.say();
        }
        tickets.send(()).unwrap();
        while pair.bad.messages().len() < round {
            std::thread::yield_now();
        }
        assert_eq!(pair.bad.messages().len(), round, "it is as slow as it is");
    }
    pair.check(|| drop(tickets));
}

/// What it says is nonsense: that events are done which it was not given.
#[test]
fn one_that_returns_garbage() {
    let mut pair = Pair::start(faulty(Fault::RecordsTooMuch));
    for _ in 0..20 {
        pair.say();
    }
    // What it took counts as done, and nothing that it was not given.
    let status = pair.world.wait("bad", |status| status.events_out == 20);
    assert_eq!((status.events_in, status.rejected), (20, 0));
    pair.mended.store(true, Ordering::SeqCst);
    pair.world.orders("bad").pause().unwrap();
    pair.world.wait("bad", |status| status.state == PipelineState::Paused);
    pair.say();
    pair.world.orders("bad").resume().unwrap();
    while pair.bad.messages().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(pair.bad.messages().last(), pair.said.last());
}
