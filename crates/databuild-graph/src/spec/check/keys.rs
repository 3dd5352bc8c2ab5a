//! `[keys]`: what may stand in braces.

use super::Problems;
use crate::spec::draft::KeyDraft;
use crate::spec::key::{Key, KeyKind, Keys, is_name, is_value};
use crate::spec::period::{Every, Period};
use crate::spec::problem::{Code, Place, nearest};

/// Names in braces that mean something else.
const TAKEN: [&str; 2] = ["in", "out"];

pub(super) fn check(drafts: &[(String, KeyDraft)], problems: &mut Problems) -> Keys {
    let mut keys = Keys::default();
    for (name, draft) in drafts {
        let place = || Place::at(["keys", name.as_str()]);
        if !is_name(name) || TAKEN.contains(&name.as_str()) {
            let (message, help) = if is_name(name) {
                (
                    format!("`{name}` cannot be a key"),
                    "`{in}` and `{out}` are the job's partitions: use another name",
                )
            } else {
                (
                    format!("`{name}` cannot be the name of a key"),
                    "use a letter, then letters, digits and _",
                )
            };
            problems.add(Code::BadKeyName, place().name(), message, help);
            continue;
        }
        // A key with a fault in it still is a key: its uses are not wrong.
        let kind = match draft {
            KeyDraft::Time { every, from, until } => {
                time(name, [every.as_ref(), from.as_ref(), until.as_ref()], problems)
            }
            KeyDraft::List(values) => list(name, values, problems),
            KeyDraft::Word(word) => {
                if word != "any" {
                    let help = "write \"any\" for free values, a list such as [\"eu\", \"us\"], or { every = \"day\" }";
                    problems.add(
                        Code::BadValues,
                        place(),
                        format!("`{word}` does not say what values `{name}` has"),
                        help,
                    );
                }
                KeyKind::Any
            }
        };
        match keys.find(name) {
            Some(id) => {
                if let Some(key) = keys.0.get_mut(usize::from(id.0)) {
                    key.kind = kind;
                }
            }
            None => keys.0.push(Key { name: name.clone(), kind }),
        }
    }
    keys
}

fn time(
    name: &str,
    [every, from, until]: [Option<&String>; 3],
    problems: &mut Problems,
) -> KeyKind {
    let place = |part| Place::at(["keys", name, part]);
    let every = match every {
        None => Every::Day,
        Some(word) => Every::parse(word).unwrap_or_else(|| {
            let words = Every::ALL.map(Every::word);
            let help = match nearest(word, words) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of {}", words.join(", ")),
            };
            problems.add(
                Code::BadTimeKey,
                place("every"),
                format!("`{word}` is not a length of time"),
                help,
            );
            Every::Day
        }),
    };
    let mut period = |part, text: Option<&String>| {
        let text = text?;
        let period = Period::parse(every, text);
        if period.is_none() {
            let help = format!("write it as {}", every.example());
            problems.add(
                Code::BadTimeKey,
                place(part),
                format!("`{text}` is no {}", every.word()),
                help,
            );
        }
        period
    };
    let (from, until) = (period("from", from), period("until", until));
    if let Some((from, until)) = from.zip(until)
        && until < from
    {
        let help = "give an `until` that is not before `from`";
        problems.add(
            Code::BadTimeKey,
            place("until"),
            format!("`{name}` ends before it begins"),
            help,
        );
        return KeyKind::Time { every, from: Some(from), until: None };
    }
    KeyKind::Time { every, from, until }
}

fn list(name: &str, values: &[String], problems: &mut Problems) -> KeyKind {
    let place = || Place::at(["keys", name]);
    if values.is_empty() {
        let help = "list its values, or write \"any\" for free values";
        problems.add(Code::BadValues, place(), format!("`{name}` has no values"), help);
    }
    for (at, value) in values.iter().enumerate() {
        if !is_value(value) {
            let help = "use only A-Z a-z 0-9 . _ + : - and no `..`";
            problems.add(
                Code::BadValues,
                place().item(at),
                format!("`{value}` cannot be a value of a key"),
                help,
            );
        } else if values.iter().take(at).any(|known| known == value) {
            problems.add(
                Code::BadValues,
                place().item(at),
                format!("`{value}` stands here twice"),
                "remove one",
            );
        }
    }
    KeyKind::List(values.to_vec())
}
