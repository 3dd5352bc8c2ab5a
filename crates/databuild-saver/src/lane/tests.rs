//! Lanes with processors that work and that do not, on a bus and a disk in memory.

mod beside;

use super::*;
use crate::saver::{Pipeline, Saver};
use crate::settings::{ErrorBudget, ProcessorSettings};
use crate::status::PipelineStatus;
use databuild_io::bus::Start;
use databuild_io::bus::model::{BusFault, ModelFeed};
use databuild_io::sink::model::{Fault as DiskFault, ModelSink};
use databuild_plugin::process::ProcessSettings;
use databuild_plugin::testing::{
    Fault, FaultyProcessor, Gate, Mailbox, MemoryProcessor, Trouble, When,
};
use databuild_policy::route::select::{NamePattern, Selector};
use std::sync::atomic::{AtomicI64, Ordering};

/// Time goes on by 20 ms whenever somebody looks at it.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

const STEP: i64 = 20_000_000;
const NOON: i64 = 1_737_979_200_000_000_000;

impl Clock for Ticking {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(NOON + self.0.fetch_add(STEP, Ordering::SeqCst))
    }

    fn mono(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.fetch_add(STEP, Ordering::SeqCst)).unwrap())
    }
}

/// A saver with its world.
struct World {
    feed: ModelFeed,
    disk: ModelSink,
    saver: Saver,
    said: u64,
    now: i64,
}

impl World {
    fn new() -> World {
        let disk = ModelSink::new();
        let clock: Arc<dyn Clock> = Arc::new(Ticking::default());
        let saver = Saver::new("shop", Arc::new(disk.clone()), clock);
        let feed = ModelFeed::new();
        feed.set_clock(Timestamp::from_nanos(NOON));
        World { feed, disk, saver, said: 0, now: NOON }
    }

    /// A run says this, and that is stored.
    fn say(&mut self, messages: &[&str]) {
        let mut lines = Vec::new();
        for message in messages {
            self.said += 1;
            let second = self.said % 60;
            let line = format!(
                r#"{{"timestamp":"2025-01-27T11:00:{second:02}Z","job_id":"r1","outputs":[],"sequence_number":{},"content":{{"log":{{"level":"INFO","message":"{message}"}}}}}}"#,
                self.said
            );
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
        self.feed.store_in("s", "r1", &lines, false);
        // The journal goes on, so that nobody is waited for any more.
        self.now += 10_000_000_000;
        self.feed.set_clock(Timestamp::from_nanos(self.now));
    }

    fn pipeline(
        &self,
        name: &str,
        on_error: OnError,
        make: impl Fn() -> Box<dyn LogProcessor> + Send + 'static,
    ) -> Pipeline {
        let feed = self.feed.clone();
        Pipeline {
            settings: settings(name, on_error),
            fingerprint: "1".to_owned(),
            make_bus: Box::new(move || Ok(Box::new(feed.reader()))),
            make_processor: Box::new(move |_| Ok(make())),
        }
    }

    fn reload(&mut self, pipelines: Vec<Pipeline>) {
        self.saver.reload(pipelines, Duration::from_secs(60));
    }

    fn start(
        &mut self,
        name: &str,
        on_error: OnError,
        make: impl Fn() -> Box<dyn LogProcessor> + Send + 'static,
    ) {
        let pipeline = self.pipeline(name, on_error, make);
        self.reload(vec![pipeline]);
    }

    fn status(&self, name: &str) -> PipelineStatus {
        self.saver.status().into_iter().find(|status| status.name == name).unwrap()
    }

    fn wait(&self, name: &str, what: impl Fn(&PipelineStatus) -> bool) -> PipelineStatus {
        loop {
            let status = self.status(name);
            if what(&status) {
                return status;
            }
            std::thread::yield_now();
        }
    }

    fn orders<'a>(&'a self, name: &'a str) -> Orders<'a> {
        Orders::new(&self.disk, name)
    }
}

fn settings(name: &str, on_error: OnError) -> PipelineSettings {
    PipelineSettings {
        name: name.to_owned(),
        selector: Selector::default(),
        start: Start::Beginning,
        order_window: Duration::from_millis(200),
        window_bytes_max: 1 << 20,
        flush_interval: Duration::from_millis(100),
        on_error,
        errors: ErrorBudget {
            stop_after: if on_error == OnError::Stop { 3 } else { 10 },
            within: Duration::from_secs(600),
        },
        processor: ProcessorSettings::Process(ProcessSettings::new(
            Vec::new(),
            std::path::PathBuf::new(),
        )),
    }
}

fn arrives(mailbox: &Mailbox, expected: &[&str]) {
    while mailbox.messages().len() < expected.len() {
        std::thread::yield_now();
    }
    assert_eq!(mailbox.messages(), expected);
}

fn memory(mailbox: &Mailbox) -> impl Fn() -> Box<dyn LogProcessor> + Send + 'static {
    let mailbox = mailbox.clone();
    move || Box::new(MemoryProcessor::new(&mailbox))
}

fn faulty(mailbox: &Mailbox, fault: Fault) -> impl Fn() -> Box<dyn LogProcessor> + Send + 'static {
    let mailbox = mailbox.clone();
    move || Box::new(FaultyProcessor::new(&mailbox, fault.clone()))
}

#[test]
fn a_lane_goes_on_where_it_was() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1", "2"]);
    world.start("a", OnError::Block, memory(&mailbox));
    arrives(&mailbox, &["1", "2"]);
    world.say(&["3"]);
    arrives(&mailbox, &["1", "2", "3"]);
    world.reload(Vec::new());
    world.say(&["4"]);
    world.start("a", OnError::Block, memory(&mailbox));
    arrives(&mailbox, &["1", "2", "3", "4"]);
    let status = world.wait("a", |status| status.events_out == 1 && status.lag.is_zero());
    assert_eq!((status.events_in, status.errors, status.state), (1, 0, PipelineState::Running));
    assert_eq!(world.saver.stop(Duration::from_secs(60)).late, Vec::<String>::new());
}

#[test]
fn one_that_hangs_delays_nobody_else() {
    let mut world = World::new();
    let (good, bad, gate) = (Mailbox::default(), Mailbox::default(), Gate::default());
    let hangs = Fault::Event(When::Always, Trouble::Hangs(gate.clone()));
    let pipelines = vec![
        world.pipeline("good", OnError::Block, memory(&good)),
        world.pipeline("bad", OnError::Block, faulty(&bad, hangs)),
    ];
    world.reload(pipelines);
    world.say(&["1"]);
    gate.wait_for_somebody();
    world.say(&["2", "3"]);
    arrives(&good, &["1", "2", "3"]);
    assert!(world.status("bad").busy_since.is_some());
    let late = world.saver.stop(Duration::from_millis(1)).late;
    assert!(late.contains(&"bad".to_owned()), "{late:?}");
    gate.open();
}

#[test]
fn what_cannot_be_processed_is_set_aside_if_that_is_wanted() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1", "bad", "2"]);
    let theirs = mailbox.clone();
    world.start("a", OnError::SkipToDlq, move || {
        Box::new(MemoryProcessor::refusing(&theirs, "bad"))
    });
    arrives(&mailbox, &["1", "2"]);
    let status = world.wait("a", |status| status.events_out == 2);
    assert_eq!((status.rejected, status.dead_letters), (1, 1));
    let letters = world.disk.files()["a/dead-letters.jsonl"].clone();
    let letter = crate::format::dead_letter::DeadLetter::read(&letters).unwrap();
    assert_eq!((letter.run.as_str(), letter.place, letter.pipeline.as_str()), ("r1", 1, "a"));
    assert!(letter.entry.unwrap().get().contains("bad"), "{}", letter.reason);
}

#[test]
fn an_event_that_kills_the_processor_is_found_and_set_aside() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1", "bad", "2"]);
    let panics = Fault::Event(When::Saying("bad".to_owned()), Trouble::Panics);
    world.start("a", OnError::SkipToDlq, faulty(&mailbox, panics));
    // An owner who does not want to wait for the next try.
    while mailbox.messages().len() < 2 {
        world.orders("a").resume().unwrap();
    }
    let status = world.wait("a", |status| status.rejected == 1);
    assert!(status.last_error.unwrap().what.contains("panicked"));
    assert_eq!(mailbox.messages(), ["1", "2"]);
}

#[test]
fn too_many_failures_stop_it_until_somebody_resumes() {
    let mut world = World::new();
    let (mailbox, mended) =
        (Mailbox::default(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let (theirs, is_mended) = (mailbox.clone(), Arc::clone(&mended));
    world.say(&["1"]);
    world.start("a", OnError::Stop, move || {
        let fails = Fault::Flush(Trouble::Fails(ProcessorErrorKind::Transient));
        if is_mended.load(Ordering::SeqCst) {
            Box::new(MemoryProcessor::new(&theirs))
        } else {
            Box::new(FaultyProcessor::new(&theirs, fails))
        }
    });
    let status = world.wait("a", |status| status.state == PipelineState::Stopped);
    assert_eq!((status.errors, status.errors_recent, status.errors_max), (3, 3, 3));
    assert_eq!(status.last_error.unwrap().what, databuild_plugin::testing::FAILURE);
    mended.store(true, Ordering::SeqCst);
    world.orders("a").resume().unwrap();
    arrives(&mailbox, &["1"]);
}

#[test]
fn it_can_be_paused_and_replayed() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1"]);
    world.start("a", OnError::Block, memory(&mailbox));
    arrives(&mailbox, &["1"]);
    world.orders("a").pause().unwrap();
    world.wait("a", |status| status.state == PipelineState::Paused);
    world.say(&["2"]);
    world.orders("a").resume().unwrap();
    arrives(&mailbox, &["1", "2"]);
    world.orders("a").replay(Start::Beginning).unwrap();
    arrives(&mailbox, &["1", "2", "1", "2"]);
    world.wait("a", |_| !world.disk.files().contains_key("a/replay"));
}

#[test]
fn of_two_savers_one_is_fenced_and_takes_over_later() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1"]);
    world.start("a", OnError::Block, memory(&mailbox));
    arrives(&mailbox, &["1"]);
    let clock: Arc<dyn Clock> = Arc::new(Ticking::default());
    let mut other = Saver::new("shop", Arc::new(world.disk.clone()), clock);
    other.reload(vec![world.pipeline("a", OnError::Block, memory(&mailbox))], Duration::ZERO);
    while other.status()[0].state != PipelineState::Fenced {
        std::thread::yield_now();
    }
    assert_eq!(
        other.status()[0].last_error.as_ref().unwrap().what,
        "another saver runs this pipeline"
    );
    world.reload(Vec::new());
    world.say(&["2"]);
    arrives(&mailbox, &["1", "2"]);
    assert_eq!(other.status()[0].state, PipelineState::Running);
}

#[test]
fn trouble_of_the_world_passes() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1"]);
    world.feed.fail([BusFault::Transient, BusFault::Panic]);
    world.disk.fault_at(3, DiskFault::Error(databuild_io::sink::SinkErrorKind::Full));
    world.start("a", OnError::Block, memory(&mailbox));
    arrives(&mailbox, &["1"]);
    assert!(3 <= world.status("a").errors);
}

#[test]
fn a_reload_leaves_alone_what_did_not_change() {
    let mut world = World::new();
    let (one, two) = (Mailbox::default(), Mailbox::default());
    let pipelines = |world: &World, fingerprint: &str| {
        let mut changed = world.pipeline("two", OnError::Block, memory(&two));
        changed.fingerprint = fingerprint.to_owned();
        vec![world.pipeline("one", OnError::Block, memory(&one)), changed]
    };
    let first = pipelines(&world, "1");
    let done = world.saver.reload(first, Duration::from_secs(60));
    assert_eq!(done.started, ["one", "two"]);
    let since = world.wait("one", |status| status.state == PipelineState::Running).since;
    let second = pipelines(&world, "2");
    let done = world.saver.reload(second, Duration::from_secs(60));
    assert_eq!((done.changed.as_slice(), done.started.len()), (["two".to_owned()].as_slice(), 0));
    assert_eq!(world.status("one").since, since);
    world.say(&["1"]);
    arrives(&one, &["1"]);
    arrives(&two, &["1"]);
}

#[test]
fn what_waits_is_told_while_nothing_is_processed() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1"]);
    world.orders("paused").pause().unwrap();
    world.orders("aside").pause().unwrap();
    let mut aside = world.pipeline("aside", OnError::Block, memory(&mailbox));
    aside.settings.selector.app = vec![NamePattern::new("another")];
    let fails = Fault::Start(Trouble::Fails(ProcessorErrorKind::Transient));
    let pipelines = vec![
        world.pipeline("paused", OnError::Block, memory(&mailbox)),
        world.pipeline("fails", OnError::Block, faulty(&Mailbox::default(), fails)),
        aside,
    ];
    world.reload(pipelines);
    for (name, state) in [("paused", PipelineState::Paused), ("fails", PipelineState::Retrying)] {
        world.wait(name, |status| status.state == state && !status.lag.is_zero());
    }
    // What it does not take does not wait for it.
    assert_eq!(world.status("aside").lag, Duration::ZERO);
    world.orders("paused").resume().unwrap();
    arrives(&mailbox, &["1"]);
    world.wait("paused", |status| status.lag.is_zero());
}

#[test]
fn a_bus_that_panics_when_it_is_only_looked_at_ends_no_lane() {
    let mut world = World::new();
    let mailbox = Mailbox::default();
    world.say(&["1"]);
    let mut pipeline = world.pipeline("a", OnError::Block, memory(&mailbox));
    let (feed, calls) = (world.feed.clone(), AtomicI64::new(0));
    pipeline.make_bus = Box::new(move || match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Err(BusError {
            what: "the model".to_owned(),
            transient: true,
            source: std::io::ErrorKind::ConnectionReset.into(),
        }),
        1 => panic!("looked at"),
        _ => Ok(Box::new(feed.reader())),
    });
    world.reload(vec![pipeline]);
    arrives(&mailbox, &["1"]);
}
