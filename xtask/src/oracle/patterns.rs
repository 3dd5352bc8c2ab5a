//! Patterns, made up from the grammar with a fixed seed: whole ones, and the same with a slip.

use super::dice::Dice;
use std::fmt::Write as _;

/// Whole patterns of each version.
const PATTERNS: usize = 1_000;
/// Patterns with a slip of each version.
const SLIPS: usize = 400;

/// Cases for logback 1.2, or for the current one.
pub(super) fn cases(old: bool) -> Vec<String> {
    let mut dice = Dice(if old { 12 } else { 15 });
    let mut cases: Vec<String> = FIXED.iter().map(|it| (*it).to_owned()).collect();
    while cases.len() < PATTERNS {
        cases.push(pattern(&mut dice, old, 0));
    }
    for _ in 0..SLIPS {
        let whole = pattern(&mut dice, old, 0);
        cases.push(slip(&mut dice, &whole));
    }
    cases
}

/// Patterns that are in wide use.
const FIXED: [&str; 8] = [
    "%d{ISO8601} - %-5p [%t:%C{1}@%L] - %m%n",
    "%-4relative [%thread] %-5level %logger{35} - %msg%n",
    "%d{HH:mm:ss.SSS} [%thread] %-5level %logger{36} -%kvp- %msg%n",
    "%d %p %c{1.} [%t] %m%n",
    "%date{yyyy-MM-dd'T'HH:mm:ss.SSSXXX, UTC} %level %logger - %msg%n%ex",
    "%d{\"yyyy-MM-dd HH:mm:ss,SSS\", Europe/Berlin} %-5p %c - %m%n%rEx",
    "%highlight(%-5level) %cyan(%logger{15}) - %msg %n",
    "%X{user:-nobody} %X %replace(%msg){'\\s', '_'} %n%nopex",
];

const LITERALS: [&str; 17] = [
    " ", " ", " ", " - ", "[", "] ", ": ", "|", "x", "\\(", "\\)", "\\%", "\\\\", "\\t", "é ", "=",
    ", ",
];
const WORDS: [&str; 30] = [
    "level",
    "p",
    "le",
    "t",
    "thread",
    "logger",
    "c",
    "lo",
    "logger{0}",
    "logger{10}",
    "c{20}",
    "logger{36}",
    "logger{32}",
    "m",
    "msg",
    "message",
    "n",
    "C",
    "C{5}",
    "M",
    "L",
    "F",
    "X",
    "X{user}",
    "X{user:-nobody}",
    "mdc{no:-}",
    "relative",
    "cn",
    "contextName",
    "r",
];
const TRACES: [&str; 16] = [
    "ex",
    "ex{short}",
    "ex{full}",
    "ex{0}",
    "ex{1}",
    "ex{2}",
    "ex{5}",
    "throwable{3}",
    "exception{full, shop.orders}",
    "ex{2, C1}",
    "ex{full, C0, C2}",
    "rEx",
    "rEx{short}",
    "rEx{2}",
    "nopex",
    "rootException{full, shop.disk}",
];
const NEW_WORDS: [&str; 8] = [
    "kvp",
    "kvp{NONE}",
    "kvp{SINGLE}",
    "kvp{DOUBLE}",
    "maskedKvp{user}",
    "maskedKvp{NONE, user}",
    "sn",
    "sequenceNumber",
];
const DATES: [&str; 26] = [
    "",
    "{ISO8601}",
    "{yyyy-MM-dd HH:mm:ss.SSS}",
    "{\"HH:mm:ss,SSS\"}",
    "{HH:mm:ss.SSS, UTC}",
    "{yyyy-MM-dd'T'HH:mm:ss.SSSXXX, Europe/Berlin}",
    "{EEE d MMM yyyy h:mm a, America/New_York}",
    "{yy/M/d H:m:s, Asia/Kathmandu}",
    "{EEEE MMMM dd, Australia/Lord_Howe}",
    "{D DDD w ww W}",
    "{Z X XX XXX, America/Sao_Paulo}",
    "{k K HH hh}",
    "{'at' HH 'o''clock'}",
    "{YYYY-'W'ww}",
    "{yyyyMMddHHmmssSSS}",
    "{SSS}",
    "{MMM}",
    "{dd.MM.yyyy, GMT+5}",
    "{HH:mm, GMT-03:30}",
    "{G yyyy}",
    "{u E}",
    "{yyyy-MM-dd HH:mm:ss zzz, Europe/Berlin}",
    "{SS}",
    "{SSSSSS}",
    "{STRICT}",
    "{}",
];
const COLOURS: [&str; 6] = ["highlight", "red", "boldBlue", "gray", "cyan", "boldWhite"];
const REPLACES: [&str; 6] = [
    "{'\\s+', '_'}",
    "{'(\\w)(\\w+)', '$2$1'}",
    "{'[aeiou]', ''}",
    "{\"o\", \"<$0>\"}",
    "{'x', '\\$'}",
    "{'^.', '\\\\'}",
];

fn put(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    text.write_fmt(piece).ok();
}

fn pattern(dice: &mut Dice, old: bool, depth: usize) -> String {
    let mut text = String::new();
    let pieces = 1 + dice.below(if depth == 0 { 7 } else { 3 });
    for _ in 0..pieces {
        let before = text.len();
        match dice.below(10) {
            0..=2 => text.push_str(dice.pick(&LITERALS)),
            3 if depth < 2 => group(dice, old, depth, &mut text),
            4 => {
                let date = if old { date_of_old(dice) } else { dice.pick(&DATES) };
                let name = dice.pick(&["d", "date"]);
                put(&mut text, format_args!("%{}{name}{date}", width(dice)));
            }
            // Within a group 1.2 prints tracebacks twice.
            5 if depth == 0 => put(&mut text, format_args!("%{}", dice.pick(&TRACES))),
            6 if !old => put(&mut text, format_args!("%{}{}", width(dice), dice.pick(&NEW_WORDS))),
            _ => put(&mut text, format_args!("%{}{}", width(dice), dice.pick(&WORDS))),
        }
        // A letter would join the word before it.
        if text.len() != before && text.ends_with(|c: char| c.is_alphanumeric()) {
            text.push_str(dice.pick(&[" ", "|", "-", "\\_", "."]));
        }
        // After a bracket logback takes `%` for itself.
        if text.ends_with(')') || text.ends_with('}') {
            text.push(' ');
        }
    }
    if depth == 0 && dice.below(2) == 0 {
        text.push_str("%n");
    }
    text
}

/// `SimpleDateFormat` has no `STRICT`.
fn date_of_old(dice: &mut Dice) -> &'static str {
    let date = dice.pick(&DATES);
    if matches!(date, "{STRICT}" | "{}") { "{yyyy SSSSS}" } else { date }
}

fn group(dice: &mut Dice, old: bool, depth: usize, text: &mut String) {
    let width = width(dice);
    let inner = pattern(dice, old, depth + 1);
    match dice.below(if old { 5 } else { 6 }) {
        0 | 1 => put(text, format_args!("%{width}({inner})")),
        2 | 3 => put(text, format_args!("%{width}{}({inner})", dice.pick(&COLOURS))),
        4 => put(text, format_args!("%{width}replace({inner}){}", dice.pick(&REPLACES))),
        _ => put(text, format_args!("%{width}prefix({inner})")),
    }
}

fn width(dice: &mut Dice) -> String {
    let number = |dice: &mut Dice| dice.pick(&["0", "1", "2", "5", "8", "20", "40"]).to_owned();
    let sign = |dice: &mut Dice| dice.pick(&["", "-"]).to_owned();
    match dice.below(8) {
        0 => number(dice),
        1 => format!("-{}", number(dice)),
        2 => format!(".{}{}", sign(dice), number(dice)),
        3 => format!("{}{}.{}{}", sign(dice), number(dice), sign(dice), number(dice)),
        _ => String::new(),
    }
}

/// Leaves a character out, doubles one, or puts another in.
fn slip(dice: &mut Dice, whole: &str) -> String {
    let mut chars: Vec<char> = whole.chars().collect();
    let at = dice.below(chars.len());
    match dice.below(3) {
        0 => {
            chars.remove(at);
        }
        1 => {
            let other = dice.pick(&["%", "(", ")", "{", "}", "\\", "x", "-", ".", ","]);
            chars.splice(at..at, other.chars());
        }
        _ => {
            if let Some(double) = chars.get(at).copied() {
                chars.insert(at, double);
            }
        }
    }
    chars.into_iter().collect()
}
