//! Our decisions on a folder in memory; and, one by one, what logback does in their place. With all its
//! habits this is logback, with none it is what our files are.

use super::logback;
use super::scenario::{Scenario, Step, at, content, padded};
use databuild_model::time::Timestamp;
use databuild_policy::roll::keep::{Archive, KeepPolicy};
use databuild_policy::roll::name::Compression;
use databuild_policy::roll::plan::{ArchiveNaming, plan};
use databuild_policy::roll::{ActiveFile, RollCause, RotationPolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What logback does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Habit {
    Dated,
    Periods,
    Blind,
    IndexInMemory,
    Unquoted,
    Empty,
    LastRoll,
    HourTwice,
    Reached,
    Gate,
    Holes,
    OneForm,
    Leftovers,
}

impl Habit {
    /// All, in the order in which it is tried to explain a difference without them.
    pub(super) const ALL: [(Habit, &'static str); 13] = [
        (
            Habit::Dated,
            "without a `<file>` it appends to a dated file that is there, and what a restart leaves is not compressed",
        ),
        (
            Habit::Periods,
            "it removes by computed names, of the periods that are over at the first event after them",
        ),
        (
            Habit::Blind,
            "an archive whose name is taken is overwritten, or, compressed, never gets its name",
        ),
        (
            Habit::IndexInMemory,
            "an index is counted in memory and begins at 0 in another period, whatever is there",
        ),
        (
            Habit::Unquoted,
            "the name is a regular expression, by which its own archives are not found",
        ),
        (Habit::Empty, "an empty file is rolled"),
        (
            Habit::LastRoll,
            "the period is that of the last roll or start, not that of the first event",
        ),
        (
            Habit::HourTwice,
            "in the hour that comes twice in autumn it takes the first for the second",
        ),
        (Habit::Reached, "a file is rolled when it has reached the limit, and so may be larger"),
        (Habit::Gate, "the size is looked at every sixteenth time or less"),
        (
            Habit::Holes,
            "a window moves up over its holes, and the oldest goes although there is room",
        ),
        (
            Habit::OneForm,
            "of a window with compression files that are not compressed yet are not seen",
        ),
        (Habit::Leftovers, "what an earlier process left uncompressed stays so"),
    ];
}

pub(super) type Habits = BTreeSet<Habit>;

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    lines: Vec<String>,
    pub(super) bytes: u64,
    pub(super) changed: i64,
}

pub(super) type Folder = BTreeMap<String, File>;

pub(super) fn run(scenario: &Scenario, habits: &Habits) -> Result<String, String> {
    let naming = scenario.naming()?;
    let rotation = scenario.rotation(&naming);
    let keep = scenario.keep();
    let ending = naming.compression().map_or("", Compression::ending);
    let mut run = Run {
        habits,
        scenario,
        active: scenario.active.clone().unwrap_or_else(|| "active".to_owned()),
        folder: Folder::new(),
        naming,
        rotation,
        keep,
        ending,
        period: 0,
        index: 0,
        length: 0,
        began: 0,
        gate: logback::Gate::default(),
        cleaned: None,
        looked: None,
        last: None,
    };
    for (n, (name, changed, bytes)) in scenario.before.iter().enumerate() {
        run.append(name, padded(&format!("p{n}"), *bytes), *bytes, *changed);
    }
    let mut event = 0;
    for step in &scenario.script {
        match *step {
            Step::Start(now) => run.start(now),
            Step::Event { at, bytes, by_hand } => {
                run.event(at, bytes, by_hand, event);
                event += 1;
            }
        }
    }
    run.end();
    let shown = run
        .folder
        .iter()
        .map(|(name, file)| format!("{name}={}", content(file.lines.iter().map(String::as_str))));
    Ok(shown.collect::<Vec<_>>().join(" "))
}

struct Run<'s> {
    habits: &'s Habits,
    scenario: &'s Scenario,
    active: String,
    folder: Folder,
    naming: ArchiveNaming,
    rotation: RotationPolicy,
    keep: KeepPolicy,
    ending: &'static str,
    /// When the last roll or start was.
    period: i64,
    index: u64,
    /// Bytes of the active file as its writer counts them.
    length: u64,
    began: i64,
    gate: logback::Gate,
    cleaned: Option<i64>,
    looked: Option<Timestamp>,
    /// The file that was rolled last.
    last: Option<String>,
}

impl Run<'_> {
    fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    /// Logback writes into the dated file.
    fn is_dated(&self) -> bool {
        self.scenario.active.is_none() && self.has(Habit::Dated)
    }

    fn append(&mut self, name: &str, line: String, bytes: u64, changed: i64) {
        let file = self.folder.entry(name.to_owned()).or_default();
        file.lines.push(line);
        file.bytes += bytes;
        file.changed = changed;
    }

    fn start(&mut self, now: i64) {
        self.gate = logback::Gate::default();
        self.cleaned = None;
        self.looked = None;
        self.last = None;
        let there = self.folder.get(&self.active).filter(|_| !self.is_dated());
        self.period = there.map_or(now, |file| file.changed);
        if !self.scenario.has("window") {
            self.index = logback::first_index(
                self.scenario,
                self.naming.name(),
                self.period,
                &self.folder,
                self.habits,
            );
        }
        if self.is_dated() {
            self.active = self.naming.name().render(at(self.period), self.index);
        }
        if self.has(Habit::Empty) || self.is_dated() {
            self.folder
                .entry(self.active.clone())
                .or_insert(File { changed: now, ..File::default() });
        }
        self.length = self.folder.get(&self.active).map_or(0, |file| file.bytes);
        self.began = self.folder.get(&self.active).map_or(now, |file| file.changed);
        if self.scenario.has("clean") && self.has(Habit::Periods) {
            self.clean(now);
        }
        self.look_now_and_then(now);
    }

    fn event(&mut self, now: i64, bytes: u64, by_hand: bool, event: u64) {
        if by_hand {
            self.forget();
        }
        self.look_now_and_then(now - 1);
        if let Some(cause) = self.should_rotate(now, bytes, by_hand) {
            self.roll(now, cause);
        }
        if self.length == 0 && self.folder.get(&self.active).is_none_or(|file| file.bytes == 0) {
            self.began = now;
        }
        self.length += bytes;
        let active = self.active.clone();
        self.append(&active, padded(&event.to_string(), bytes), bytes, now);
        self.look_now_and_then(now);
        if by_hand {
            self.forget();
        }
    }

    /// Who rolls by hand does it by a restart.
    fn forget(&mut self) {
        (self.looked, self.last) = (None, None);
    }

    fn should_rotate(&mut self, now: i64, bytes: u64, by_hand: bool) -> Option<RollCause> {
        let is_empty = self.folder.get(&self.active).is_none_or(|file| file.bytes == 0);
        let rolls_empty = self.has(Habit::Empty) || self.is_dated();
        if is_empty && !rolls_empty {
            return None;
        }
        if by_hand {
            return Some(RollCause::Idle);
        }
        let from =
            if self.has(Habit::LastRoll) || self.is_dated() { self.period } else { self.began };
        let over = match &self.rotation.every {
            Some((period, zone)) if self.has(Habit::HourTwice) => {
                logback::next(*period, zone, at(from)) <= at(now)
            }
            Some((period, zone)) => period.next(at(from), zone) <= at(now),
            None => false,
        };
        if over {
            return Some(RollCause::Time);
        }
        if self.has(Habit::Gate) && self.scenario.has("size") && self.gate.is_too_soon(now) {
            return None;
        }
        let (max, next) = if self.has(Habit::Reached) {
            (self.rotation.bytes_max.map(|max| max - 1), 0)
        } else {
            (self.rotation.bytes_max, bytes)
        };
        let sizes = RotationPolicy { bytes_max: max, ..RotationPolicy::default() };
        let file = ActiveFile { bytes: self.length, began: at(from), written: at(now) };
        sizes.should_rotate(&file, next, at(now))
    }

    fn listing(&self) -> Vec<Archive> {
        let archive = |(name, file): (&String, &File)| Archive {
            name: name.clone(),
            changed: at(file.changed),
            bytes: file.bytes,
        };
        self.folder.iter().map(archive).collect()
    }

    fn rename(&mut self, from: &str, to: &str) {
        if let Some(file) = self.folder.remove(from) {
            self.folder.insert(to.to_owned(), file);
        }
    }

    fn roll(&mut self, now: i64, cause: RollCause) {
        if let ArchiveNaming::Window { name, min, max } = &self.naming {
            let (name, min, max) = (name.clone(), *min, *max);
            if self.has(Habit::Holes) || self.has(Habit::OneForm) {
                logback::shift(&name, min, max, &mut self.folder, self.habits);
                let to = name.render_whole(at(now), min);
                let active = self.active.clone();
                self.rename(&active, &to);
            } else {
                self.roll_as_planned(now);
            }
        } else {
            self.roll_dated(now, cause);
        }
        // Newer ones count what they wrote, older ones ask for the length.
        let older = self.has(Habit::Gate).then(|| self.folder.get(&self.active)).flatten();
        self.length = older.map_or(0, |file| file.bytes);
        self.began = now;
        if self.has(Habit::Empty) || self.is_dated() {
            self.folder.entry(self.active.clone()).or_default();
        }
        if self.has(Habit::Periods) && self.scenario.has("history") {
            self.clean(now);
        }
        self.look(now);
    }

    fn roll_as_planned(&mut self, now: i64) {
        let bytes = self.folder[&self.active].bytes;
        let when = if self.has(Habit::LastRoll) { self.period } else { self.began };
        let plan = plan(&self.naming, &self.listing(), &self.active, bytes, at(when));
        plan.remove.iter().for_each(|name| drop(self.folder.remove(name)));
        for step in plan.renames {
            self.rename(&step.from, &step.to);
            self.compress(&step.to);
        }
        self.period = now;
    }

    /// Gives the file at `path` its compressed name, if it is to have one.
    fn compress(&mut self, path: &str) {
        let whole = format!("{path}{}", self.ending);
        if !path.ends_with(self.ending) && !self.folder.contains_key(&whole) {
            self.rename(path, &whole);
            self.last = Some(whole);
        } else {
            self.last = Some(path.to_owned());
        }
    }

    fn roll_dated(&mut self, now: i64, cause: RollCause) {
        let is_over = cause == RollCause::Time;
        let name = self.naming.name().clone();
        let when =
            if self.has(Habit::LastRoll) || self.is_dated() { self.period } else { self.began };
        let blind = self.has(Habit::Blind) || self.is_dated();
        let counted = self.has(Habit::IndexInMemory) || self.is_dated();
        let names = self.folder.keys().map(String::as_str);
        let mut to = name.render(
            at(when),
            if counted { self.index } else { name.next_index(at(when), names.clone()) },
        );
        let taken = |folder: &Folder, to: &str| {
            [to.to_owned(), format!("{to}.gz")].iter().any(|name| folder.contains_key(name))
        };
        if !blind && taken(&self.folder, &to) {
            to = name.free(at(when), names);
        }
        let active = self.active.clone();
        let whole = format!("{to}{}", self.ending);
        if self.ending.is_empty() || !blind {
            self.rename(&active, &to);
            self.compress(&to);
        } else if !self.folder.contains_key(&whole) {
            self.rename(&active, &whole);
        } else if !self.is_dated() {
            // Another one that waits for ever is another file; they are shown as one.
            let waiting = format!("{}N.tmp", to.trim_end_matches(|c: char| c.is_ascii_digit()));
            let file = self.folder.remove(&active).unwrap_or_default();
            let before = self.folder.entry(waiting).or_default();
            if !before.lines.is_empty() {
                before.lines.push("+".to_owned());
            }
            before.lines.extend(file.lines);
        }
        self.index = if is_over { 0 } else { self.index + 1 };
        if is_over || !self.has(Habit::LastRoll) && !self.is_dated() {
            self.period = now;
        }
        if self.is_dated() {
            self.active = name.render(at(self.period), self.index);
        }
    }

    /// Looks at the archives as ours does when it starts, and once an hour.
    fn look_now_and_then(&mut self, now: i64) {
        if self.looked.is_none_or(|looked| Duration::from_secs(3_600) <= at(now).since(looked)) {
            self.look(now);
            self.looked = Some(at(now));
        }
    }

    /// Looks at the archives, as ours does after a roll, too.
    fn look(&mut self, now: i64) {
        let name = self.naming.name().clone();
        let archives: Vec<Archive> =
            self.listing().into_iter().filter(|it| name.is_one(&it.name)).collect();
        if !self.has(Habit::Leftovers) {
            for archive in &archives {
                let whole = format!("{}{}", archive.name, self.ending);
                if !archive.name.ends_with(self.ending) && !self.folder.contains_key(&whole) {
                    self.rename(&archive.name, &whole);
                }
            }
        }
        if !self.has(Habit::Periods) && self.keep != KeepPolicy::default() {
            let last = self.last.as_deref();
            for gone in self.keep.removes(&archives, last, self.looked, at(now)) {
                self.folder.remove(gone);
            }
        }
    }

    fn clean(&mut self, now: i64) {
        let days = self.scenario.number("history").unwrap_or(0);
        let history = logback::History { days, total: self.scenario.number("total") };
        history.clean(self.naming.name(), &mut self.folder, self.cleaned, now);
        self.cleaned = Some(now);
    }

    /// Where logback would have written into the dated file, ours is called as if it was rolled.
    fn end(&mut self) {
        if self.scenario.active.is_none()
            && !self.is_dated()
            && self.folder.contains_key(&self.active)
        {
            let when = if self.has(Habit::LastRoll) { self.period } else { self.began };
            let names = self.folder.keys().map(String::as_str);
            let name = self.naming.name();
            let to = if self.has(Habit::IndexInMemory) {
                name.render(at(when), self.index)
            } else {
                name.free(at(when), names)
            };
            let active = self.active.clone();
            self.rename(&active, &to);
        }
    }
}
