//! What every bus does, as a suite: called by the tests of each, with something that stores entries.

use super::{Bus, BusBatch, Cursor, From, Polled, Start};
use std::time::Duration;

/// A store with readers, empty at first.
pub trait Rig {
    /// A reader that was not told yet where to read.
    fn bus(&self) -> Box<dyn Bus>;

    /// Stores lines of a source, durably, so that the next poll finds them.
    fn store(&mut self, source: &str, lines: &[&str]);

    /// The source has nothing more to say.
    fn end(&mut self, source: &str);
}

/// One thing that every bus does.
pub type Claim = (&'static str, fn(&mut dyn Rig) -> Result<(), String>);

/// All of them. Each wants an empty store.
pub const CLAIMS: &[Claim] = &[
    ("what is stored comes, in the order of its source", brings),
    ("a reader goes on where its cursor is", resumes),
    ("a reader that begins at the end gets what is new", begins_at_the_end),
    ("readers do not disturb each other", separate),
    ("the end of a source is told", ends),
    ("little is given if little is asked for", little),
    ("a wait ends when somebody wakes it", wakes),
];

/// Checks each claim on a store of its own; the first that does not hold, with what was seen.
pub fn check(mut empty: impl FnMut() -> Box<dyn Rig>) -> Result<(), String> {
    CLAIMS.iter().try_for_each(|(name, claim)| {
        claim(empty().as_mut()).map_err(|seen| format!("{name}: {seen}"))
    })
}

const MUCH: usize = 1 << 20;
/// Longest wait for what is there already. No test waits for it unless it fails.
const WAIT: Duration = Duration::from_secs(10);

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

/// `source place line` of each entry until `count` of them came.
fn take(bus: &mut dyn Bus, count: usize) -> Result<(Vec<String>, Cursor), String> {
    let (mut lines, mut cursor) = (Vec::new(), Cursor::default());
    while lines.len() < count {
        let Polled { batches, .. } = bus.poll(MUCH, WAIT).map_err(text)?;
        if batches.is_empty() {
            return Err(format!("nothing more after {lines:?}"));
        }
        for batch in &batches {
            lines.extend(shown(batch)?);
            cursor.0.insert(batch.stream.to_string(), batch.next);
        }
    }
    Ok((lines, cursor))
}

fn shown(batch: &BusBatch) -> Result<Vec<String>, String> {
    let lines = std::str::from_utf8(&batch.lines).map_err(text)?;
    let numbered = (batch.first_place..).zip(lines.split_terminator('\n'));
    Ok(numbered.map(|(place, line)| format!("{} {place} {line}", batch.source)).collect())
}

fn of(lines: &[String], source: &str) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with(source)).cloned().collect()
}

fn started(rig: &dyn Rig, start: Start) -> Result<Box<dyn Bus>, String> {
    let mut bus = rig.bus();
    bus.seek(&From::Start(start)).map_err(text)?;
    Ok(bus)
}

fn brings(rig: &mut dyn Rig) -> Result<(), String> {
    rig.store("a", &["1", "2"]);
    rig.store("b", &["1"]);
    rig.store("a", &["3"]);
    let mut bus = started(rig, Start::Beginning)?;
    let (lines, _) = take(bus.as_mut(), 4)?;
    same(of(&lines, "a"), vec!["a 0 1".into(), "a 1 2".into(), "a 2 3".into()])?;
    same(of(&lines, "b"), vec!["b 0 1".into()])?;
    same(bus.poll(MUCH, Duration::ZERO).map_err(text)?.batches, Vec::new())
}

fn resumes(rig: &mut dyn Rig) -> Result<(), String> {
    rig.store("a", &["1", "2"]);
    let (_, cursor) = take(started(rig, Start::Beginning)?.as_mut(), 2)?;
    rig.store("a", &["3"]);
    rig.store("b", &["1"]);
    let mut bus = rig.bus();
    for _ in 0..2 {
        bus.seek(&From::Cursor(cursor.clone())).map_err(text)?;
        bus.commit(&cursor).map_err(text)?;
        let (mut lines, _) = take(bus.as_mut(), 2)?;
        lines.sort();
        same(lines, vec!["a 2 3".into(), "b 0 1".into()])?;
    }
    Ok(())
}

fn begins_at_the_end(rig: &mut dyn Rig) -> Result<(), String> {
    rig.store("a", &["1", "2"]);
    let mut bus = started(rig, Start::End)?;
    same(bus.poll(MUCH, Duration::ZERO).map_err(text)?.batches, Vec::new())?;
    rig.store("a", &["3"]);
    same(take(bus.as_mut(), 1)?.0, vec!["a 2 3".into()])
}

fn separate(rig: &mut dyn Rig) -> Result<(), String> {
    rig.store("a", &["1"]);
    let (mut one, mut two) = (started(rig, Start::Beginning)?, started(rig, Start::Beginning)?);
    same(take(one.as_mut(), 1)?.0, vec!["a 0 1".into()])?;
    rig.store("a", &["2"]);
    same(take(two.as_mut(), 2)?.0, vec!["a 0 1".into(), "a 1 2".into()])?;
    same(take(one.as_mut(), 1)?.0, vec!["a 1 2".into()])
}

fn ends(rig: &mut dyn Rig) -> Result<(), String> {
    rig.store("a", &["1"]);
    rig.end("a");
    let mut bus = started(rig, Start::Beginning)?;
    let mut ended = false;
    while !ended {
        let polled = bus.poll(MUCH, WAIT).map_err(text)?;
        if polled.batches.is_empty() {
            return Err("it was not told".to_owned());
        }
        ended = polled.batches.iter().any(|batch| batch.ended && &*batch.source == "a");
    }
    Ok(())
}

fn little(rig: &mut dyn Rig) -> Result<(), String> {
    for _ in 0..3 {
        rig.store("a", &["one line"]);
    }
    let mut bus = started(rig, Start::Beginning)?;
    let mut lines = 0;
    while lines < 3 {
        let polled = bus.poll(1, WAIT).map_err(text)?;
        same(polled.batches.len(), 1)?;
        lines += polled.batches.iter().map(|batch| batch.lines.len() / 9).sum::<usize>();
    }
    Ok(())
}

fn wakes(rig: &mut dyn Rig) -> Result<(), String> {
    let mut bus = started(rig, Start::Beginning)?;
    let waker = bus.waker();
    waker.wake();
    // Nothing is there, so this waits for a day unless it was woken.
    same(bus.poll(MUCH, Duration::from_secs(86_400)).map_err(text)?.batches, Vec::new())?;
    std::thread::scope(|scope| {
        scope.spawn(|| waker.wake());
        same(bus.poll(MUCH, Duration::from_secs(86_400)).map_err(text)?.batches, Vec::new())
    })
}
