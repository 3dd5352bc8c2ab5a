//! Events come once and in order, whatever the batches, the crashes and the streams.

use super::*;
use databuild_io::bus::model::ModelFeed;
use databuild_model::level::Level;
use databuild_model::query::LevelSet;
use databuild_policy::route::select::NamePattern;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::collections::HashMap;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos((1_737_979_200 + seconds) * 1_000_000_000)
}

fn line(run: &str, place: u64, seconds: i64, level: &str, extra: &str) -> String {
    format!(
        r#"{{"timestamp":"{}","job_id":"{run}","outputs":[],"sequence_number":{},"content":{{"log":{{"level":"{level}","message":"{run}.{place}"}}}}{extra}}}"#,
        at(seconds),
        place + 1,
    ) + "\n"
}

fn open(feed: &ModelFeed, selector: Selector, state: Option<&State>) -> Consumer {
    let options = ConsumerOptions {
        project: "shop".into(),
        selector,
        order: OrderLimits {
            window: Duration::from_secs(2),
            settle: Duration::ZERO,
            bytes_max: 1 << 20,
        },
        start: Start::Beginning,
    };
    Consumer::open(Box::new(feed.reader()), options, state).unwrap()
}

fn drain(consumer: &mut Consumer) -> Vec<Ready> {
    let mut all = Vec::new();
    loop {
        consumer.read(Duration::ZERO).unwrap();
        all.extend(consumer.ready(usize::MAX));
        if consumer.tally().is_caught_up {
            return all;
        }
    }
}

fn shown(ready: &[Ready]) -> String {
    let show = |it: &Ready| {
        let late = if it.late { "(late)" } else { "" };
        format!("{}.{}{late}", it.facts.run, it.place)
    };
    ready.iter().map(show).collect::<Vec<_>>().join(" ")
}

/// Runs `a` (application `x`) and `b` (application `y`) say things of two levels.
fn check(selector: Selector, expected: Expect) {
    let feed = ModelFeed::new();
    for (second, run, app, level) in [
        (1, "a", "x", "INFO"),
        (2, "b", "y", "ERROR"),
        (3, "a", "x", "ERROR"),
        (4, "b", "y", "INFO"),
    ] {
        feed.set_clock(at(second));
        let app = format!(r#","app":"{app}""#);
        let text = line(run, second.try_into().unwrap(), second, level, &app);
        feed.store_in("s", run, text.as_bytes(), false);
    }
    feed.set_clock(at(60));
    let mut consumer = open(&feed, selector, None);
    let ready = drain(&mut consumer);
    let open = consumer.state(&Outputs::default());
    consumer.acknowledge(Done::Upto(ready.len() as u64));
    let done = consumer.state(&Outputs::default());
    let text = format!(
        "{}\nbefore: {:?} {:?}\nafter: {:?} {:?}\n",
        shown(&ready),
        open.cursor.0,
        open.sources,
        done.cursor.0,
        done.sources
    );
    expected.assert_eq(&text);
}

#[test]
fn everything_comes_and_is_done_when_it_is_told() {
    check(
        Selector::default(),
        expect![[r#"
        a.0 b.0 a.1 b.1
        before: {"s": 0} {"a": Progress { low: 0, above: [] }, "b": Progress { low: 0, above: [] }}
        after: {"s": 4} {"a": Progress { low: 2, above: [] }, "b": Progress { low: 2, above: [] }}
    "#]],
    );
}

#[test]
fn what_is_not_selected_is_done_at_once() {
    let errors = LevelSet::at_least(Level::Error);
    check(
        Selector { levels: Some(errors), ..Selector::default() },
        expect![[r#"
        b.0 a.1
        before: {"s": 1} {"a": Progress { low: 1, above: [] }, "b": Progress { low: 0, above: [(1, 1)] }}
        after: {"s": 4} {"a": Progress { low: 2, above: [] }, "b": Progress { low: 2, above: [] }}
    "#]],
    );
    let app = vec![NamePattern::new("x")];
    check(
        Selector { app, ..Selector::default() },
        expect![[r#"
        a.0 a.1
        before: {"s": 0} {"a": Progress { low: 0, above: [] }, "b": Progress { low: 2, above: [] }}
        after: {"s": 4} {"a": Progress { low: 2, above: [] }, "b": Progress { low: 2, above: [] }}
    "#]],
    );
    let text = Some("b.2".to_owned());
    check(
        Selector { text, ..Selector::default() },
        expect![[r#"
        b.0
        before: {"s": 1} {"a": Progress { low: 2, above: [] }, "b": Progress { low: 0, above: [(1, 1)] }}
        after: {"s": 4} {"a": Progress { low: 2, above: [] }, "b": Progress { low: 2, above: [] }}
    "#]],
    );
}

#[test]
fn what_is_gone_is_passed_over_and_counted() {
    let feed = ModelFeed::new();
    for batch in 0..3_u64 {
        feed.set_clock(at(1));
        let text = line("a", 2 * batch, 1, "INFO", "") + &line("a", 2 * batch + 1, 1, "INFO", "");
        feed.store_in("s", "a", text.as_bytes(), batch == 2);
    }
    feed.lose("s", 1);
    feed.set_clock(at(60));
    let mut consumer = open(&feed, Selector::default(), None);
    let ready = drain(&mut consumer);
    assert_eq!(shown(&ready), "a.0 a.1 a.4 a.5");
    assert_eq!(consumer.tally().missing, 2);
    consumer.acknowledge(Done::Upto(4));
    let state = consumer.state(&Outputs::default());
    assert!(state.sources.is_empty(), "the run has ended, and is forgotten: {state:?}");
}

#[test]
fn streams_that_are_made_anew_bring_nothing_twice() {
    let feed = ModelFeed::new();
    feed.set_clock(at(1));
    feed.store_in("s", "ended", line("ended", 0, 1, "INFO", "").as_bytes(), true);
    feed.store_in("s", "open", line("open", 0, 1, "INFO", "").as_bytes(), false);
    feed.set_clock(at(60));
    let mut consumer = open(&feed, Selector::default(), None);
    assert_eq!(drain(&mut consumer).len(), 2);
    consumer.acknowledge(Done::Upto(2));
    let state = consumer.state(&Outputs::default());
    feed.make_anew();
    feed.store_in("s'", "open", line("open", 1, 60, "INFO", "").as_bytes(), false);
    feed.set_clock(at(120));
    let mut consumer = open(&feed, Selector::default(), Some(&state));
    assert_eq!(shown(&drain(&mut consumer)), "open.1");
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// A run stores so many events whose clock is so far off.
    Store(u8, u8, i8),
    /// A run ends.
    End(u8),
    /// The consumer reads and gives.
    Read,
    /// Every so many of the events that were given are done.
    Done(u8),
    /// All events that were given are done.
    AllDone,
    /// A record is written.
    Record,
    /// Everything since the last record is forgotten.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u8, 1..5_u8, -4..4_i8).prop_map(|(run, count, off)| Step::Store(run, count, off)),
        1 => (0..4_u8).prop_map(Step::End),
        4 => Just(Step::Read),
        2 => (2..5_u8).prop_map(Step::Done),
        1 => Just(Step::AllDone),
        2 => Just(Step::Record),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..60)
}

/// What is done of each event, and what a record has kept of that.
#[derive(Default)]
struct Ledger {
    /// Events that were given and are not done, by position.
    open: Vec<(u64, (String, u64))>,
    unrecorded: Vec<(String, u64)>,
    recorded: HashMap<(String, u64), u32>,
}

impl Ledger {
    fn give(&mut self, ready: Vec<Ready>) {
        let key = |it: Ready| (it.position, (it.facts.run.to_string(), it.place));
        self.open.extend(ready.into_iter().map(key));
    }

    fn finish(&mut self, consumer: &mut Consumer, every: usize) {
        let mut positions = Vec::new();
        let mut n = 0;
        self.open.retain(|(position, event)| {
            n += 1;
            let done = n % every == 0;
            if done {
                positions.push(*position);
                self.unrecorded.push(event.clone());
            }
            !done
        });
        consumer.acknowledge(Done::These(&positions));
    }

    fn record(&mut self) {
        for event in self.unrecorded.drain(..) {
            *self.recorded.entry(event).or_default() += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn each_event_is_done_once_whatever_crashes(steps in steps()) {
        let feed = ModelFeed::new();
        let mut stored: HashMap<String, u64> = HashMap::new();
        let mut ended = [false; 4];
        let mut now = 0;
        let mut saved = None;
        let mut consumer = open(&feed, Selector::default(), None);
        let mut ledger = Ledger::default();
        for step in steps {
            match step {
                Step::Store(run, count, off) if !ended[usize::from(run)] => {
                    now += 1;
                    feed.set_clock(at(now));
                    let name = format!("r{run}");
                    let places = stored.entry(name.clone()).or_default();
                    let lines: String = (0..u64::from(count))
                        .map(|n| line(&name, *places + n, now + i64::from(off), "INFO", ""))
                        .collect();
                    *places += u64::from(count);
                    // Two collectors, each with a journal of its own.
                    feed.store_in(&format!("s{}", run % 2), &name, lines.as_bytes(), false);
                }
                Step::End(run) if stored.contains_key(&format!("r{run}")) && !ended[usize::from(run)] => {
                    ended[usize::from(run)] = true;
                    feed.store_in(&format!("s{}", run % 2), &format!("r{run}"), b"", true);
                }
                Step::Store(..) | Step::End(_) => {}
                Step::Read => {
                    consumer.read(Duration::ZERO).unwrap();
                    ledger.give(consumer.ready(usize::MAX));
                }
                Step::Done(every) => ledger.finish(&mut consumer, usize::from(every)),
                Step::AllDone => ledger.finish(&mut consumer, 1),
                Step::Record => {
                    saved = Some(consumer.state(&Outputs::default()));
                    ledger.record();
                }
                Step::Crash => {
                    consumer = open(&feed, Selector::default(), saved.as_ref());
                    ledger.open.clear();
                    ledger.unrecorded.clear();
                }
            }
        }
        feed.set_clock(at(now + 600));
        let rest = drain(&mut consumer);
        ledger.give(rest);
        ledger.finish(&mut consumer, 1);
        ledger.record();
        let state = consumer.state(&Outputs::default());
        let expected: HashMap<(String, u64), u32> = stored
            .iter()
            .flat_map(|(run, count)| (0..*count).map(|place| ((run.clone(), place), 1)))
            .collect();
        prop_assert_eq!(ledger.recorded, expected);
        let open_runs = (0..4).filter(|run| !ended[*run] && stored.contains_key(&format!("r{run}")));
        prop_assert_eq!(state.sources.len(), open_runs.count(), "ended runs are forgotten");
    }
}
