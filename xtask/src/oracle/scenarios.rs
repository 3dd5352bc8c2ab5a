//! Scenarios of rolling, made up with a fixed seed: a configuration, files that are there before, and events
//! with restarts between them. What the parts of a line mean stands in `Rolling.java`.

use super::dice::Dice;
use std::fmt::Write as _;

/// How many there are of each kind.
const DATED: usize = 420;
const SIZED: usize = 380;
const WINDOWS: usize = 120;
const KEPT: usize = 180;

pub(super) fn scenarios() -> Vec<String> {
    let mut dice = Dice(5);
    let mut lines: Vec<String> = PATTERNS.iter().map(|it| pattern_only(it)).collect();
    lines.extend((0..DATED).map(|_| dated(&mut dice, Sizes::None)));
    lines.extend((0..SIZED).map(|_| {
        let even = !dice.rarely(3);
        dated(&mut dice, if even { Sizes::Even } else { Sizes::Any })
    }));
    lines.extend((0..WINDOWS).map(|_| window(&mut dice)));
    lines.extend((0..KEPT).map(|_| kept(&mut dice)));
    lines
}

/// Patterns of which it counts whether they are taken.
const PATTERNS: [&str; 48] = [
    "time: x.%d{yyyy}.log",
    "time: x.%d{yyyy, aux}.log",
    "time: x.%d{yyyy}/y.%d{yyyy-MM-dd}.log",
    "time: %d{yyyy/MM, aux}/x.%d{yyyy-MM-dd}.log",
    "time: %d{yyyy/MM, AUX}/x.%d{yyyy-MM-dd}.log",
    "time: x.%d{dd}.log",
    "time: x.%d{EEE}.log",
    "time: x.%d{EEEE}.log",
    "time: x.%d{DDD}.log",
    "time: x.%d{yyyy-DDD}.log",
    "time: x.%d{hh}.log",
    "time: x.%d{HH}.log",
    "time: x.%d{yyyy-MM-dd_hh}.log",
    "time: x.%d{yyyy-MM-dd_hh-a}.log",
    "time: x.%d{yyyy-MM-dd_KK}.log",
    "time: x.%d{yyyy-MM-dd_kk}.log",
    "time: x.%d{yyyy-MM-dd-a}.log",
    "time: x.%d{WW}.log",
    "time: x.%d{ww}.log",
    "time: x.%d{yyyy-MM-W}.log",
    "time: x.%d{YYYY-ww}.log",
    "time: x.%d{MM}.log",
    "time: x.%d{MMM}.log",
    "time: x.%d{yyyy-MM}.log",
    "time: x.%d{yyyyMMdd'T'HHmm}.log",
    "time: x.%d{yyyy-MM-dd HH:mm:ss}.log",
    "time: x.%d{mm}.log",
    "time: x.%d{yyyy-MM-dd_ss}.log",
    "time: x.%d{yyyy-MM-dd_mm}.log",
    "time: x.%d.log.zip",
    "time: x.log",
    "time: x.%i.log",
    "time: x.%d.%i.log",
    "time: x.%d.%i.%i.log",
    "time: x.%d{yyyy-MM-dd, Europe/Berlin}.log",
    "time: x.%d{yyyy-MM-dd, Mars/Base}.log",
    "time: x.%d{yyyy-MM-dd, GMT+2}.log",
    "time: x.%d{yyyy-MM-dd, UTC, aux}.log",
    "time: x.%d{bogus}.log",
    "time: x.%p.%d.log",
    "time: x.%d.100%.log",
    "time: (x).%d.log",
    "time: x.%d{yyyy-MM-dd}{HH}.log",
    "size 30: x.%d.log",
    "size 30: x.%i.log",
    "size 30: %i/x.%d.log",
    "window 1 3: x.log",
    "window 1 3: x.%d.%i.log",
];

fn pattern_only(text: &str) -> String {
    let (kind, pattern) = text.split_once(": ").unwrap_or((text, ""));
    format!("{kind}\tactive.log\t{pattern}\t\t+0 0:10")
}

#[derive(Clone, Copy, PartialEq)]
enum Sizes {
    None,
    /// The limit is a multiple of the size of all events.
    Even,
    Any,
}

/// A date with the length of its period in seconds.
const DATES: [(&str, i64); 17] = [
    ("%d", DAY),
    ("%d{yyyy-MM-dd}", DAY),
    ("%d{yyyyMMdd, America/New_York}", DAY),
    ("%d{yyyy-MM-dd, Asia/Kathmandu}", DAY),
    ("%d{yyyy-MM-dd, Australia/Lord_Howe}", DAY),
    ("%d{yyyy-MM-dd_HH}", HOUR),
    ("%d{yyyy-MM-dd_HH, Europe/Berlin}", HOUR),
    ("%d{yyyyMMddHH, America/New_York}", HOUR),
    ("%d{yyyy-MM-dd_HH, Australia/Lord_Howe}", HOUR),
    ("%d{yyyy-MM-dd'T'HHmm}", 60),
    ("%d{HHmm.yyyyMMdd, Europe/Berlin}", 60),
    ("%d{yyyyMMdd-HHmmss}", 1),
    ("%d{YYYY-'W'ww}", 7 * DAY),
    ("%d{yyyy-MM}", 31 * DAY),
    ("%d{yyyy-MM, Europe/Berlin}", 31 * DAY),
    ("%d{yyyy/MM, aux}/%d{yyyy-MM-dd}", DAY),
    ("%d{yyyyMMdd'/'HH}", HOUR),
];
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Moments at which something happens to calendars, in seconds of `Rolling.java`.
const ANCHORS: [i64; 10] = [
    0, DAY, // The first of February 2023, and of January 2024.
    432_000, 29_289_600, // Clocks change in Berlin, New York and on Lord Howe.
    5_014_800, 23_763_600, 3_826_800, 24_386_400, 5_583_600, 20_709_000,
];

const HEADS: [&str; 7] = ["x.", "app-", "old/x.", "a+b.", "x(1).", "é ü_", "v1.2-"];
const TAILS: [&str; 7] = [".log", ".log", "", ".log.gz", ".gz", "-x.txt", ".1.log"];

fn dated(dice: &mut Dice, sizes: Sizes) -> String {
    let (date, period) = DATES.get(dice.below(DATES.len())).copied().unwrap_or(("%d", DAY));
    let head = dice.pick(&HEADS).replace(' ', "");
    let tail = dice.pick(&TAILS);
    let index = match sizes {
        Sizes::None => String::new(),
        Sizes::Even | Sizes::Any => format!(".{}", dice.pick(&["%i", "%i", "%03i"])),
    };
    let active = if dice.rarely(3) { "-" } else { "active.log" };
    let bytes = dice.between(4, 20);
    let kind = match sizes {
        Sizes::None => "time".to_owned(),
        Sizes::Even => format!("size {}", bytes * dice.between(1, 5)),
        Sizes::Any => format!("size {}", dice.between(20, 90)),
    };
    let begin = ANCHORS.get(dice.below(ANCHORS.len())).copied().unwrap_or(0);
    // Before the moment, at it, or shortly after.
    let begin = begin + dice.between(-2, 2) * period.min(DAY) + dice.between(0, period.min(DAY));
    let mut before = String::new();
    if active != "-" && dice.rarely(4) {
        let changed = -dice.between(0, 3 * period);
        write!(before, "{active}@{changed}:{}", dice.between(4, 60)).ok();
    }
    if date == "%d" && dice.rarely(2) {
        let ending = tail.strip_suffix(".gz").filter(|_| dice.rarely(2)).unwrap_or(tail);
        let whole = |index: &str| format!("{head}{}{index}{ending}", day(begin.div_euclid(DAY)));
        let name = match sizes {
            Sizes::None => whole(""),
            Sizes::Even | Sizes::Any if index.ends_with("3i") => {
                whole(&format!(".{:03}", dice.below(12)))
            }
            Sizes::Even | Sizes::Any => whole(&format!(".{}", dice.below(12))),
        };
        let gap = if before.is_empty() { "" } else { " " };
        write!(before, "{gap}{name}@-10:{}", dice.between(4, 30)).ok();
    }
    let events = if sizes == Sizes::None { dice.between(2, 9) } else { dice.between(4, 22) };
    let script = script(dice, begin, period, events, (sizes != Sizes::Any).then_some(bytes));
    format!("{kind}\t{active}\t{head}{date}{index}{tail}\t{before}\t{script}")
}

fn script(dice: &mut Dice, begin: i64, period: i64, events: i64, bytes: Option<i64>) -> String {
    let mut now = begin;
    let mut text = format!("+{begin}");
    for _ in 0..events {
        now += match dice.below(16) {
            0..=6 => dice.between(0, (period / 10).max(2)),
            7..=9 => dice.between(0, period.max(2)),
            // At the very end of a period in UTC, and behind it.
            10 => period - now.rem_euclid(period),
            11 => period - now.rem_euclid(period) - 1,
            12 => 3 * period,
            13 => 0,
            14 => HOUR.min(period),
            _ => -dice.between(0, period.max(2)),
        };
        let since = now - begin;
        if dice.rarely(9) {
            write!(text, " +{since}").ok();
        }
        let bytes = bytes.unwrap_or_else(|| dice.between(4, 30));
        write!(text, " {since}:{bytes}").ok();
    }
    text
}

fn window(dice: &mut Dice) -> String {
    let (min, width) = (dice.between(0, 3), dice.between(0, 5));
    let pattern = dice.pick(&["x.%i.log", "x.%i.log.gz", "old/x-%03i", "a+b.%i", "x.%i.gz"]);
    let mut before: Vec<String> = Vec::new();
    for index in min..=min + width + 1 {
        if dice.rarely(3) {
            let width = if pattern.contains("%03i") { 3 } else { 1 };
            let name = pattern.replace("%03i", "%i").replace("%i", &format!("{index:0width$}"));
            before.push(format!("{name}@-{}:{}", 1000 * (index + 1), dice.between(4, 30)));
        }
    }
    if dice.rarely(3) {
        before.push(format!("active.log@-5:{}", dice.between(4, 60)));
    }
    let mut script = "+0".to_owned();
    for now in 1..dice.between(3, 14) {
        if dice.rarely(8) {
            write!(script, " +{now}").ok();
        }
        let roll = if dice.rarely(2) { "!" } else { "" };
        write!(script, " {roll}{now}:10").ok();
    }
    format!("window {min} {}\tactive.log\t{pattern}\t{}\t{script}", min + width, before.join(" "))
}

/// Archives of earlier days, each changed shortly before the end of its day, and what is kept of them.
fn kept(dice: &mut Dice) -> String {
    let history = dice.between(1, 12);
    let sized = dice.rarely(2);
    let (kind, pattern) = match (sized, dice.rarely(4)) {
        (false, false) => ("time", "x.%d.log"),
        (false, true) => ("time", "%d{yyyy/MM, aux}/x.%d.log"),
        (true, false) => ("size 40", "x.%d.%i.log"),
        (true, true) => ("size 40", "old/x.%d.%i.log"),
    };
    let mut kind = format!("{kind} history {history}");
    if dice.rarely(2) {
        write!(kind, " total {}", dice.between(20, 200)).ok();
    }
    if dice.rarely(3) {
        kind.push_str(" clean");
    }
    let reach = if dice.rarely(6) { 50 } else { 14 };
    let begin = dice.between(0, DAY);
    let mut before: Vec<String> = Vec::new();
    for back in (1..reach).rev() {
        let files = if dice.rarely(2) { 0 } else { 1 + dice.below(if sized { 3 } else { 1 }) };
        let date = day(-back);
        for index in 0..files {
            let name = pattern.replace("%d{yyyy/MM, aux}", &slashed(-back));
            let name = name.replace("%d", &date).replace("%i", &index.to_string());
            // Those of a day, one after another.
            let changed = (1 - back) * DAY - begin - 100 + i64::try_from(index).unwrap_or(0);
            before.push(format!("{name}@{changed}:{}", dice.between(4, 40)));
        }
    }
    let mut now = begin;
    let mut script = format!("+{begin}");
    for _ in 0..dice.between(2, 8) {
        now += match dice.below(6) {
            0..=2 => dice.between(0, DAY / 2),
            3 => DAY - now.rem_euclid(DAY),
            4 => DAY,
            _ => dice.between(0, 20) * DAY,
        };
        let since = now - begin;
        if dice.rarely(6) {
            write!(script, " +{since}").ok();
        }
        write!(script, " {since}:20").ok();
    }
    format!("{kind}\tactive.log\t{pattern}\t{}\t{script}", before.join(" "))
}

/// The date of a day of `Rolling.java`, in UTC.
fn day(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year}-{month:02}-{day:02}")
}

fn slashed(day: i64) -> String {
    let (year, month, _) = civil(day);
    format!("{year}/{month:02}")
}

/// Year, month and day of a day, by the rules of the Gregorian calendar: years begin in March here, so that
/// the day that comes every four years is the last.
fn civil(day: i64) -> (i64, i64, i64) {
    // Days from 0000-03-01 to the first of `Rolling.java`.
    let days = day + 738_852;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month < 3), month, of_year - (153 * shifted + 2) / 5 + 1)
}
