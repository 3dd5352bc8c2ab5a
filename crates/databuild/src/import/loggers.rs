//! Loggers: which of them reach an appender, and from which level on.

use super::filters::{OFF, Threshold, threshold};
use super::xml::{Node, Value, Xml, name};
use std::collections::BTreeMap;

/// The level of a root that names none.
const DEBUG: Threshold = 1;

/// All loggers of a configuration; the root is the one without a name.
#[derive(Debug, Default)]
pub(super) struct Loggers {
    by_name: BTreeMap<String, Logger>,
}

#[derive(Debug, Clone)]
struct Logger {
    level: Option<Threshold>,
    additive: bool,
    refs: Vec<Value>,
}

/// What an appender gets: from which level on by logger, the root's under the empty name.
pub(super) type Reached = BTreeMap<String, Threshold>;

impl Loggers {
    pub(super) fn logger(&mut self, node: Node<'_, '_>, xml: &mut Xml<'_>) {
        xml.attributes(node, &["name", "level", "additivity"]);
        let Some(name) = xml.attribute(node, "name") else {
            xml.refuse(node, "a logger without a name", "name it: name=\"…\"");
            return;
        };
        let root = name.text.eq_ignore_ascii_case("root");
        let additive = xml.attribute(node, "additivity").is_none_or(|it| xml.flag(&it));
        self.add(if root { String::new() } else { name.text }, node, additive, xml);
    }

    pub(super) fn root(&mut self, node: Node<'_, '_>, xml: &mut Xml<'_>) {
        xml.attributes(node, &["level"]);
        self.add(String::new(), node, true, xml);
    }

    fn add(&mut self, key: String, node: Node<'_, '_>, additive: bool, xml: &mut Xml<'_>) {
        xml.elements(node, &["level", "appender-ref"]);
        let inner = xml.element(node, "level");
        let value = match inner {
            Some(level) => {
                xml.attributes(level, &["value"]);
                xml.attribute(level, "value")
            }
            None => xml.attribute(node, "level"),
        };
        let inherits =
            |it: &Value| ["inherited", "null"].contains(&it.text.to_lowercase().as_str());
        let level = value.filter(|it| !inherits(it)).and_then(|it| threshold(&it, xml));
        let mut refs = Vec::new();
        for child in node.children().filter(|it| it.is_element() && name(*it) == "appender-ref") {
            xml.attributes(child, &["ref"]);
            match xml.attribute(child, "ref") {
                Some(value) => refs.push(value),
                None => xml.refuse(child, "it refers to nothing", "say what to: ref=\"…\""),
            }
        }
        if self.by_name.insert(key, Logger { level, additive, refs }).is_some() {
            xml.refuse(node, "the logger stands here twice", "put both into one");
        }
    }

    /// All that loggers refer to.
    pub(super) fn refs(&self) -> impl Iterator<Item = &Value> {
        self.by_name.values().flat_map(|logger| &logger.refs)
    }

    /// What reaches an appender, which loggers may also know under other names: through those that wrap
    /// it. An event that comes more than once is a problem: logback would write it as often.
    pub(super) fn reached(&self, names: &[&str], xml: &mut Xml<'_>) -> Reached {
        let mut reached = Reached::new();
        let root = Logger { level: None, additive: true, refs: Vec::new() };
        let loggers = self.by_name.keys().map(String::as_str).filter(|it| !it.is_empty());
        for name in loggers.chain([""]) {
            let mut times: Vec<&Value> = Vec::new();
            let mut level = None;
            let mut additive = true;
            for ancestor in ancestors(name) {
                let Some(logger) =
                    self.by_name.get(ancestor).or_else(|| ancestor.is_empty().then_some(&root))
                else {
                    continue;
                };
                level = level.or(logger.level);
                if additive {
                    times.extend(logger.refs.iter().filter(|it| names.contains(&it.text.as_str())));
                }
                additive &= logger.additive;
            }
            let level = if times.is_empty() { OFF } else { level.unwrap_or(DEBUG) };
            reached.insert(name.to_owned(), level);
            if let [first, _, ..] = times.as_slice()
                && level < OFF
            {
                let logger = if name.is_empty() { "the root" } else { name };
                let message = format!("logback would write each event of {logger} more than once");
                let help = "take one reference out, or set additivity=\"false\"";
                let first = (*first).clone();
                xml.wrong(&first, message, help);
            }
        }
        simplified(reached)
    }
}

/// The name itself and what it is below of, up to the root.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| above(name))
}

/// The name that `name` is below of; the root's is empty.
fn above<'a>(name: &&'a str) -> Option<&'a str> {
    let name: &'a str = name;
    let at = name.rfind(['.', '$']);
    (!name.is_empty()).then(|| at.and_then(|at| name.get(..at)).unwrap_or_default())
}

/// Without the names that say what holds without them.
fn simplified(reached: Reached) -> Reached {
    let needed = |name: &str, level: Threshold| {
        let above = ancestors(name).skip(1).find_map(|name| reached.get(name));
        name.is_empty() || above != Some(&level)
    };
    reached
        .iter()
        .filter(|(name, level)| needed(name, **level))
        .map(|(name, level)| (name.clone(), *level))
        .collect()
}
