//! Pattern letters of dates, to items. Sources: the documentation of `java.time.format.DateTimeFormatter`
//! and `java.text.SimpleDateFormat`.

use super::calendar::Number;
use super::{Form, Fraction, Item, Offset, Zero};

/// Compiles the letters of `pattern`; `simple` reads them as `SimpleDateFormat` does.
pub(super) fn compile(pattern: &str, simple: bool) -> Result<Vec<Item>, (String, String)> {
    let mut items = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            literal(&mut items, &quoted(&mut chars)?);
        } else if c.is_ascii_alphabetic() {
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            let item = if simple { simple_letter(c, count) } else { letter(c, count) };
            items.push(item.ok_or_else(|| unknown(c, count))?);
        } else if !simple && matches!(c, '[' | ']' | '{' | '}' | '#') {
            let what = format!("`{c}` has a meaning of its own in a date");
            return Err((what, format!("write '{c}' in single quotes")));
        } else {
            literal(&mut items, &c.to_string());
        }
    }
    Ok(items)
}

fn unknown(c: char, count: usize) -> (String, String) {
    let letters = c.to_string().repeat(count);
    let what = format!("`{letters}` means nothing in a date, or nothing that is offered here");
    let remedy = "use y M d H m s S and their like; write words in single quotes".to_owned();
    (what, remedy)
}

fn literal(items: &mut Vec<Item>, text: &str) {
    if let Some(Item::Literal(last)) = items.last_mut() {
        last.push_str(text);
    } else {
        items.push(Item::Literal(text.to_owned()));
    }
}

fn quoted(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
) -> Result<String, (String, String)> {
    if chars.next_if_eq(&'\'').is_some() {
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            return Ok(text);
        }
    }
    Err(("a quote in a date is never closed".to_owned(), "close it with '".to_owned()))
}

/// A number of at most `most` letters, which is its width.
fn number(number: Number, count: usize, most: usize) -> Option<Item> {
    (count <= most).then_some(Item::Number(number, count))
}

fn year(number: Number, count: usize) -> Option<Item> {
    match count {
        2 => Some(Item::ShortYear(number)),
        1 | 3..=19 => Some(Item::Number(number, count)),
        _ => None,
    }
}

const OFFSET: Offset = Offset { zero: Zero::Digits, colon: false, short: false };

fn iso_offset(count: usize, zero: Zero) -> Option<Item> {
    let offset = match count {
        1 => Offset { zero, short: true, ..OFFSET },
        2 => Offset { zero, ..OFFSET },
        3 => Offset { zero, colon: true, ..OFFSET },
        _ => return None,
    };
    Some(Item::Offset(offset))
}

/// As `DateTimeFormatter` reads it.
fn letter(c: char, count: usize) -> Option<Item> {
    let name = |of: fn(Form) -> Item| match count {
        1..=3 => Some(of(Form::Short)),
        4 => Some(of(Form::Full)),
        5 => Some(of(Form::Narrow)),
        _ => None,
    };
    match c {
        'y' | 'u' => year(Number::Year, count),
        'Y' => year(Number::WeekYear, count),
        'M' | 'L' if count <= 2 => number(Number::Month, count, 2),
        'M' | 'L' => name(Item::Month),
        'd' => number(Number::Day, count, 2),
        'D' => number(Number::DayOfYear, count, 3),
        'w' => number(Number::WeekOfYear, count, 2),
        'W' => number(Number::WeekOfMonth, count, 1),
        'E' => name(Item::Weekday),
        'e' if count <= 2 => number(Number::WeekdayFromSunday, count, 2),
        'e' => name(Item::Weekday),
        'Q' | 'q' if count <= 2 => number(Number::Quarter, count, 2),
        'Q' | 'q' if count == 3 => Some(Item::Quarter),
        'a' if count == 1 => Some(Item::HalfDay),
        'G' if count <= 3 => Some(Item::Era),
        'H' => number(Number::Hour, count, 2),
        'k' => number(Number::Hour1To24, count, 2),
        'K' => number(Number::Hour0To11, count, 2),
        'h' => number(Number::Hour12, count, 2),
        'm' => number(Number::Minute, count, 2),
        's' => number(Number::Second, count, 2),
        'S' if count <= 9 => Some(Item::Fraction(Fraction::Digits(count))),
        'n' if count <= 19 => Some(Item::Fraction(Fraction::Nanos(count))),
        'A' if count <= 19 => Some(Item::Fraction(Fraction::MillisOfDay(count))),
        'N' if count <= 19 => Some(Item::Fraction(Fraction::NanosOfDay(count))),
        'z' if count <= 3 => Some(Item::ZoneName),
        'V' if count == 2 => Some(Item::ZoneId),
        'Z' if count <= 3 => Some(Item::Offset(OFFSET)),
        'Z' if count == 4 => Some(Item::Offset(Offset { zero: Zero::Gmt, colon: true, ..OFFSET })),
        'Z' if count == 5 => {
            Some(Item::Offset(Offset { zero: Zero::Letter, colon: true, ..OFFSET }))
        }
        'X' => iso_offset(count, Zero::Letter),
        'x' => iso_offset(count, Zero::Digits),
        _ => None,
    }
}

/// As `SimpleDateFormat` reads it: more letters are more zeros.
fn simple_letter(c: char, count: usize) -> Option<Item> {
    let plain = |number| Some(Item::Number(number, count));
    if 19 < count {
        return None;
    }
    match c {
        'y' if count == 2 => Some(Item::ShortYear(Number::Year)),
        'y' => plain(Number::Year),
        'Y' if count == 2 => Some(Item::ShortYear(Number::WeekYear)),
        'Y' => plain(Number::WeekYear),
        'M' | 'L' if count <= 2 => plain(Number::Month),
        'M' | 'L' if count == 3 => Some(Item::Month(Form::Short)),
        'M' | 'L' => Some(Item::Month(Form::Full)),
        'd' => plain(Number::Day),
        'D' => plain(Number::DayOfYear),
        'w' => plain(Number::WeekOfYear),
        'W' => plain(Number::WeekOfMonth),
        'F' => plain(Number::WeekdayOfMonth),
        'E' if count <= 3 => Some(Item::Weekday(Form::Short)),
        'E' => Some(Item::Weekday(Form::Full)),
        'u' => plain(Number::Weekday),
        'a' => Some(Item::HalfDay),
        'G' => Some(Item::Era),
        'H' => plain(Number::Hour),
        'k' => plain(Number::Hour1To24),
        'K' => plain(Number::Hour0To11),
        'h' => plain(Number::Hour12),
        'm' => plain(Number::Minute),
        's' => plain(Number::Second),
        'S' => Some(Item::Fraction(Fraction::Millis(count))),
        'z' if count <= 3 => Some(Item::ZoneName),
        'Z' => Some(Item::Offset(OFFSET)),
        'X' => iso_offset(count, Zero::Letter),
        _ => None,
    }
}
