//! Filters of an appender, as the set of levels that they let through.

use super::xml::{Node, Value, Xml, name};

/// Logback's levels, least severe first. What is fatal here is an error there.
pub(super) const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// What a filter says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Deny,
    Neutral,
    Accept,
}

/// From which level on something is taken; all five and one beyond, which is nothing.
pub(super) type Threshold = usize;

/// Nothing is taken.
pub(super) const OFF: Threshold = LEVELS.len();

/// Reads a level: one of the five, `ALL` or `OFF`.
pub(super) fn threshold(value: &Value, xml: &mut Xml<'_>) -> Option<Threshold> {
    let text = value.text.to_ascii_lowercase();
    let known = match text.as_str() {
        "all" => Some(0),
        "off" => Some(OFF),
        _ => LEVELS.iter().position(|it| *it == text),
    };
    if known.is_none() {
        let message = format!("there is no level `{}`", value.text);
        let help = "logback takes it for DEBUG: write TRACE, DEBUG, INFO, WARN, ERROR, ALL or OFF";
        xml.wrong(value, message, help);
    }
    known
}

/// Which of the levels all filters together let through; notes say what does nothing.
pub(super) fn levels(
    appender: Node<'_, '_>,
    xml: &mut Xml<'_>,
    notes: &mut Vec<String>,
) -> [bool; 5] {
    let mut open = [true; 5];
    let mut decided = [false; 5];
    for filter in appender.children().filter(|it| it.is_element() && name(*it) == "filter") {
        let Some(replies) = replies(filter, xml, notes) else { continue };
        for ((open, decided), reply) in open.iter_mut().zip(&mut decided).zip(replies) {
            if !*decided && reply != Reply::Neutral {
                *decided = true;
                *open = reply == Reply::Accept;
            }
        }
    }
    open
}

/// What one filter says of each level.
fn replies(filter: Node<'_, '_>, xml: &mut Xml<'_>, notes: &mut Vec<String>) -> Option<[Reply; 5]> {
    xml.attributes(filter, &["class"]);
    let class = xml.class(filter, "");
    let numbers = [0, 1, 2, 3, 4];
    match class.as_str() {
        "ch.qos.logback.classic.filter.ThresholdFilter" => {
            xml.elements(filter, &["level"]);
            let from = threshold(&level(filter, xml)?, xml)?;
            Some(numbers.map(|n| if from <= n { Reply::Neutral } else { Reply::Deny }))
        }
        "ch.qos.logback.classic.filter.LevelFilter" => {
            xml.elements(filter, &["level", "onmatch", "onmismatch"]);
            let value = level(filter, xml)?;
            let at = threshold(&value, xml)?;
            let on_match = reply(filter, "onmatch", xml);
            let on_mismatch = reply(filter, "onmismatch", xml);
            if on_match == Reply::Neutral && on_mismatch == Reply::Neutral {
                let level = value.text.to_uppercase();
                notes.push(format!(
                    "Its LevelFilter of {level} has neither onMatch nor onMismatch, and filters nothing, as in logback."
                ));
            }
            Some(numbers.map(|n| if n == at { on_match } else { on_mismatch }))
        }
        "" => None,
        _ => {
            let message = format!("a filter of the class {class} cannot be imported");
            let help = "take it out, and select by `logger`, `text`, `matches` or `fields` later";
            xml.refuse(filter, message, help);
            None
        }
    }
}

fn level(filter: Node<'_, '_>, xml: &mut Xml<'_>) -> Option<Value> {
    let level = xml.value(filter, "level");
    if level.is_none() {
        xml.refuse(filter, "a filter without a level", "give it one: <level>WARN</level>");
    }
    level
}

fn reply(filter: Node<'_, '_>, tag: &str, xml: &mut Xml<'_>) -> Reply {
    let Some(value) = xml.value(filter, tag) else { return Reply::Neutral };
    match value.text.as_str() {
        "ACCEPT" => Reply::Accept,
        "DENY" => Reply::Deny,
        "NEUTRAL" => Reply::Neutral,
        _ => {
            let message = format!("`{}` is no answer of a filter", value.text);
            xml.wrong(&value, message, "write ACCEPT, DENY or NEUTRAL");
            Reply::Neutral
        }
    }
}
