//! What logback does where ours differs, as far as it matters to the scenarios. Source: what it was seen to
//! do, and its manual.

use super::model::{Folder, Habit, Habits};
use super::scenario::{Scenario, at};
use databuild_model::time::Timestamp;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::{Period, Zone};
use regex::Regex;

const DAY: i64 = 86_400;

/// When the period after that of `when` begins. A time of the clock that comes twice is the second one.
pub(super) fn next(period: Period, zone: &Zone, when: Timestamp) -> Timestamp {
    let start = period.start(when, zone);
    if Period::Hour < period {
        return period.next(when, zone);
    }
    let moment = jiff::Timestamp::from_nanosecond(i128::from(start.as_nanos())).unwrap();
    let later = zone.to_ambiguous_timestamp(zone.to_datetime(moment)).later().unwrap();
    period.next(Timestamp::from_nanos(i64::try_from(later.as_nanosecond()).unwrap()), zone)
}

/// The index of the first file that is rolled: after the highest that is there, if any is found.
pub(super) fn first_index(
    scenario: &Scenario,
    name: &ArchiveName,
    period: i64,
    folder: &Folder,
    habits: &Habits,
) -> u64 {
    let when = at(period);
    let names = || folder.keys().map(String::as_str);
    let goes_on = scenario.active.is_none() && name.compression().is_none();
    if !name.has_index() {
        return 0;
    }
    if !habits.contains(&Habit::Unquoted) {
        let next = name.next_index(when, names());
        return if goes_on { next.saturating_sub(1) } else { next };
    }
    // A name with an index that stands nowhere else.
    let mark = "7077077";
    let whole = name.render_whole(when, 7_077_077).replace(mark, "(\\d+)");
    let (parent, pattern) = whole.rsplit_once('/').unwrap_or(("", &whole));
    let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
    let index = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let found = pattern.captures(name).filter(|_| folder == parent)?;
        found.get(1)?.as_str().parse::<u64>().ok()
    };
    let highest = names().filter_map(index).max();
    highest.map_or(0, |highest| if goes_on { highest } else { highest + 1 })
}

/// Decides when it is worth to look at a size: every sixteenth time, and then by how long that took.
pub(super) struct Gate {
    mask: u64,
    asked: u64,
    lower: i64,
    upper: i64,
}

impl Default for Gate {
    fn default() -> Gate {
        // It begins by the clock of the machine, which is later than all scenarios.
        Gate { mask: 0xf, asked: 0, lower: i64::MAX, upper: i64::MAX }
    }
}

impl Gate {
    pub(super) fn is_too_soon(&mut self, now: i64) -> bool {
        let now = now * 1_000;
        let matches = self.asked & self.mask == self.mask;
        self.asked += 1;
        if matches {
            if now < self.lower && self.mask < 0xffff {
                self.mask = self.mask << 1 | 1;
            }
        } else if self.upper < now {
            self.mask >>= 2;
        } else {
            return true;
        }
        (self.lower, self.upper) = (now + 100, now + 800);
        false
    }
}

/// Makes room in a window: each moves up, whether or not there is something before it.
pub(super) fn shift(name: &ArchiveName, min: u64, max: u64, folder: &mut Folder, habits: &Habits) {
    let when = Timestamp::default();
    let holes = habits.contains(&Habit::Holes);
    let endings: &[&str] = if habits.contains(&Habit::OneForm) || name.compression().is_none() {
        &[""]
    } else {
        &["", ".plain"]
    };
    let of = |index: u64, ending: &str| {
        if ending.is_empty() { name.render_whole(when, index) } else { name.render(when, index) }
    };
    let is_there = |folder: &Folder, index: u64| {
        endings.iter().any(|ending| folder.contains_key(&of(index, ending)))
    };
    let free = (min..=max).find(|index| !is_there(folder, *index));
    let last = if holes { max } else { free.unwrap_or(max) };
    for ending in endings {
        folder.remove(&of(last, ending));
    }
    for index in (min..last).rev() {
        for ending in endings {
            if let Some(file) = folder.remove(&of(index, ending)) {
                folder.insert(of(index + 1, ending), file);
            }
        }
    }
}

/// What logback keeps: whole periods, here days, and a total of what they hold.
pub(super) struct History {
    pub(super) days: u64,
    pub(super) total: Option<u64>,
}

impl History {
    pub(super) fn clean(
        &self,
        name: &ArchiveName,
        folder: &mut Folder,
        last: Option<i64>,
        now: i64,
    ) {
        let today = now.div_euclid(DAY);
        let elapsed = last.map_or(32, |last| today - last.div_euclid(DAY));
        let days = i64::try_from(self.days).unwrap();
        for n in 0..elapsed {
            for gone in of_day(name, folder, today - days - 1 - n) {
                folder.remove(&gone);
            }
        }
        let Some(cap) = self.total else { return };
        let mut total = 0;
        for n in 0..days {
            for archive in of_day(name, folder, today - n) {
                total += folder[&archive].bytes;
                if cap < total {
                    folder.remove(&archive);
                }
            }
        }
    }
}

/// The archives of a day, the newest first.
fn of_day(name: &ArchiveName, folder: &Folder, day: i64) -> Vec<String> {
    let when = at(day * DAY);
    if !name.has_index() {
        let one = name.render_whole(when, 0);
        return folder.contains_key(&one).then_some(one).into_iter().collect();
    }
    let end = name.next_index(when, folder.keys().map(String::as_str));
    let names = (0..end).rev().map(|index| name.render_whole(when, index));
    names.filter(|name| folder.contains_key(name)).collect()
}
