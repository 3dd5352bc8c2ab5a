//! Dates as Java's pattern letters ask for them: `DateTimeFormatter`'s, or `SimpleDateFormat`'s for
//! logback 1.2. Names are English, weeks are those of the United States, as with the locale that a
//! server's Java usually has. Compiling is in `letters.rs`.

mod calendar;
mod letters;

use super::{Compat, LayoutOptions};
use calendar::{Local, Number};
use databuild_model::time::Timestamp;
use jiff::tz::TimeZone;

/// A compiled date with its zone.
#[derive(Debug, Clone)]
pub(crate) struct DatePattern {
    items: Vec<Item>,
    zone: TimeZone,
    /// Its place in the cache; each date of a pattern has its own.
    slot: usize,
}

/// A part of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(String),
    Number(Number, usize),
    /// The year of two digits.
    ShortYear(Number),
    Month(Form),
    Weekday(Form),
    HalfDay,
    Era,
    Quarter,
    Fraction(Fraction),
    Offset(Offset),
    ZoneName,
    ZoneId,
}

/// How much of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Short,
    Full,
    Narrow,
}

/// What changes within a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fraction {
    /// The first digits of the fraction.
    Digits(usize),
    /// Milliseconds, padded to a width.
    Millis(usize),
    /// Nanoseconds, padded to a width.
    Nanos(usize),
    /// Milliseconds since midnight, padded.
    MillisOfDay(usize),
    /// Nanoseconds since midnight, padded.
    NanosOfDay(usize),
}

/// How an offset from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    zero: Zero,
    /// With a colon between hours and minutes.
    colon: bool,
    /// Minutes only if there are any.
    short: bool,
}

/// How the offset of UTC itself is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zero {
    Digits,
    /// `Z`.
    Letter,
    /// `GMT`, which stands before every other offset too.
    Gmt,
}

/// What was rendered last, for each date of a pattern.
#[derive(Debug, Default)]
pub(crate) struct DateCache(Vec<Cached>);

#[derive(Debug, Default)]
struct Cached {
    /// The nanoseconds from which and until which a moment looks like `shown`.
    from: i64,
    until: i64,
    shown: Vec<u8>,
    second: Option<i64>,
    text: Vec<u8>,
    /// Nanoseconds within which `text` with what is put into it stays as it is.
    step: i64,
    /// What has to be put into `text`, and where.
    holes: Vec<(usize, Fraction)>,
    second_of_day: i64,
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The default of `%d`, with a comma.
const ISO8601: &str = "yyyy-MM-dd HH:mm:ss,SSS";

/// Compiles the options of a date word: pattern, zone, locale. The problem says what is wrong, and
/// what to do.
pub(crate) fn compile(
    arguments: &[String],
    slot: usize,
    options: &LayoutOptions,
) -> Result<DatePattern, (String, String)> {
    let pattern = match arguments.first().map(String::as_str) {
        None | Some("" | "ISO8601") => ISO8601,
        Some("STRICT") => "yyyy-MM-dd'T'HH:mm:ss,SSS",
        Some(pattern) => pattern,
    };
    let zone = match arguments.get(1) {
        None => options.zone.clone(),
        Some(name) => zone(name)?,
    };
    if let Some(locale) = arguments.get(2) {
        let what = format!("dates are written in English, not for the locale `{locale}`");
        return Err((what, "leave the third option out, or use numbers for months".to_owned()));
    }
    let items = letters::compile(pattern, options.compat == Compat::Logback12)?;
    Ok(DatePattern { items, zone, slot })
}

/// The zone of a name: of the database, or an offset such as `GMT+2`.
pub(crate) fn known_zone(name: &str) -> Option<TimeZone> {
    if ["UTC", "GMT", "Z", "UT"].iter().any(|it| name.eq_ignore_ascii_case(it)) {
        return Some(TimeZone::UTC);
    }
    fixed(name).or_else(|| jiff::tz::TimeZoneDatabase::bundled().get(name).ok())
}

fn zone(name: &str) -> Result<TimeZone, (String, String)> {
    known_zone(name).ok_or_else(|| {
        let looks_like_date = name.chars().all(|c| c.is_ascii_alphabetic()) && name.len() < 4;
        let remedy = if looks_like_date {
            "a comma separates options: quote the pattern, as in %d{\"HH:mm:ss,SSS\"}"
        } else {
            "name it as in Europe/Berlin, UTC or GMT+2"
        };
        (format!("`{name}` is not a time zone"), remedy.to_owned())
    })
}

/// `GMT+2`, `UTC-03:30`, `+01:00`.
fn fixed(name: &str) -> Option<TimeZone> {
    let rest = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let number = |text: &str, max: i32| -> Option<i32> {
        let digits = text.len() < 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|it| digits && *it <= max)
    };
    let seconds = sign * (number(hours, 18)? * 3600 + number(minutes, 59)? * 60);
    Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?))
}

impl DatePattern {
    /// The zone that it is written in.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A regular expression for everything that it can look like, and not much else.
    pub(crate) fn shape(&self) -> String {
        let piece = |item: &Item| match item {
            Item::Literal(text) => regex::escape(text),
            Item::Number(_, width) => format!("-?[0-9]{{{width},}}"),
            Item::ShortYear(_) => "[0-9]{2}".to_owned(),
            Item::Quarter => "Q[1-4]".to_owned(),
            Item::Month(_) | Item::Weekday(_) | Item::HalfDay | Item::Era => "[A-Za-z]+".to_owned(),
            Item::Fraction(_) => "[0-9]+".to_owned(),
            Item::Offset(_) | Item::ZoneName | Item::ZoneId => "[A-Za-z0-9+:/_-]+".to_owned(),
        };
        self.items.iter().map(piece).collect()
    }

    /// Appends what `when` looks like.
    pub(crate) fn render(&self, when: Timestamp, cache: &mut DateCache, out: &mut Vec<u8>) {
        if cache.0.len() <= self.slot {
            cache.0.resize_with(self.slot + 1, Cached::default);
        }
        let Some(cached) = cache.0.get_mut(self.slot) else { return };
        let nanos = when.as_nanos();
        if !(cached.from <= nanos && nanos < cached.until) {
            self.show(when, cached);
        }
        out.extend_from_slice(&cached.shown);
    }

    fn show(&self, when: Timestamp, cached: &mut Cached) {
        let second = when.as_seconds();
        if cached.second != Some(second) {
            self.fill(when, second, cached);
        }
        let nanos = when.as_nanos().rem_euclid(NANOS_PER_SECOND);
        let into_step = nanos % cached.step.max(1);
        cached.from = when.as_nanos().saturating_sub(into_step);
        cached.until = cached.from.saturating_add(cached.step);
        cached.shown.clear();
        let mut from = 0;
        for (at, fraction) in &cached.holes {
            cached.shown.extend_from_slice(cached.text.get(from..*at).unwrap_or_default());
            fraction.render(nanos, cached.second_of_day, &mut cached.shown);
            from = *at;
        }
        cached.shown.extend_from_slice(cached.text.get(from..).unwrap_or_default());
    }

    fn fill(&self, when: Timestamp, second: i64, cached: &mut Cached) {
        let moment = jiff::Timestamp::from_second(second).unwrap_or_default();
        let info = self.zone.to_offset_info(moment);
        let offset = i64::from(info.offset().seconds());
        let local = Local::of(when, offset);
        cached.second = Some(second);
        cached.second_of_day = local.second_of_day;
        cached.text.clear();
        cached.holes.clear();
        cached.step = NANOS_PER_SECOND;
        for item in &self.items {
            let out = &mut cached.text;
            match item {
                Item::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Item::Number(number, width) => digits(local.number(*number), *width, out),
                Item::ShortYear(number) => digits(local.number(*number).rem_euclid(100), 2, out),
                Item::Month(form) => name(&MONTHS, local.month - 1, *form, out),
                Item::Weekday(form) => name(&WEEKDAYS, local.weekday() - 1, *form, out),
                Item::HalfDay => {
                    let half = if local.second_of_day < 12 * 3600 { "AM" } else { "PM" };
                    out.extend_from_slice(half.as_bytes());
                }
                Item::Era => out.extend_from_slice(if 0 < local.year { b"AD" } else { b"BC" }),
                Item::Quarter => {
                    out.push(b'Q');
                    digits(local.number(Number::Quarter), 1, out);
                }
                Item::Fraction(fraction) => {
                    cached.holes.push((out.len(), *fraction));
                    cached.step = cached.step.min(fraction.step());
                }
                Item::Offset(form) => form.render(offset, out),
                Item::ZoneName => out.extend_from_slice(info.abbreviation().as_bytes()),
                Item::ZoneId => {
                    let id = self.zone.iana_name();
                    out.extend_from_slice(id.unwrap_or_else(|| info.abbreviation()).as_bytes());
                }
            }
        }
    }
}

impl Fraction {
    /// Nanoseconds from one text to the next.
    fn step(self) -> i64 {
        match self {
            Fraction::Digits(count) => {
                10_i64.pow(u32::try_from(9_usize.saturating_sub(count)).unwrap_or(0))
            }
            Fraction::Millis(_) | Fraction::MillisOfDay(_) => 1_000_000,
            Fraction::Nanos(_) | Fraction::NanosOfDay(_) => 1,
        }
    }

    fn render(self, nanos: i64, second_of_day: i64, out: &mut Vec<u8>) {
        match self {
            Fraction::Digits(count) => {
                let drop = u32::try_from(9 - count.min(9)).unwrap_or(0);
                digits(nanos / 10_i64.pow(drop), count, out);
            }
            Fraction::Millis(width) => digits(nanos / 1_000_000, width, out),
            Fraction::Nanos(width) => digits(nanos, width, out),
            Fraction::MillisOfDay(width) => {
                digits(second_of_day * 1_000 + nanos / 1_000_000, width, out);
            }
            Fraction::NanosOfDay(width) => {
                digits(second_of_day * 1_000_000_000 + nanos, width, out)
            }
        }
    }
}

impl Offset {
    fn render(self, seconds: i64, out: &mut Vec<u8>) {
        match self.zero {
            Zero::Letter if seconds == 0 => return out.push(b'Z'),
            Zero::Gmt => {
                out.extend_from_slice(b"GMT");
                if seconds == 0 {
                    return;
                }
            }
            Zero::Letter | Zero::Digits => {}
        }
        out.push(if seconds < 0 { b'-' } else { b'+' });
        let minutes = seconds.abs() / 60;
        digits(minutes / 60, 2, out);
        if self.short && minutes % 60 == 0 {
            return;
        }
        if self.colon {
            out.push(b':');
        }
        digits(minutes % 60, 2, out);
    }
}

/// A number with zeros before it, up to `width` digits.
pub(super) fn digits(value: i64, width: usize, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let mut text = [b'0'; 20];
    let mut at = text.len();
    let mut rest = value.unsigned_abs();
    while (0 < rest || text.len() - at < width.max(1)) && 0 < at {
        at -= 1;
        if let Some(digit) = text.get_mut(at) {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
}

fn name(names: &[&str], index: i64, form: Form, out: &mut Vec<u8>) {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).unwrap_or(&"");
    let length = match form {
        Form::Short => 3,
        Form::Full => name.len(),
        Form::Narrow => 1,
    };
    out.extend_from_slice(name.as_bytes().get(..length).unwrap_or(name.as_bytes()));
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
