//! `<property>` and `${name:-default}`.

use super::write::File;
use super::xml::{Node, Xml, name};
use std::collections::{BTreeMap, BTreeSet};

/// Variables that contain one another so deeply contain themselves.
const DEPTH_MAX: usize = 50;

/// What variables stand for, not replaced in themselves yet.
#[derive(Debug, Default)]
pub(super) struct Variables {
    defined: BTreeMap<String, String>,
    given: BTreeMap<String, String>,
}

impl Variables {
    pub(super) fn new(given: &BTreeMap<String, String>) -> Self {
        Variables { defined: BTreeMap::new(), given: given.clone() }
    }

    /// Defines one; what it was before, if it was.
    pub(super) fn define(&mut self, name: &str, value: &str) -> Option<String> {
        self.defined.insert(name.to_owned(), value.to_owned())
    }

    /// The text with all variables replaced, or the names of those that have no value.
    pub(super) fn replace(&self, text: &str) -> Result<String, Vec<String>> {
        let mut unknown = Vec::new();
        let text = self.deep(text, DEPTH_MAX, &mut unknown);
        if unknown.is_empty() { Ok(text) } else { Err(unknown) }
    }

    /// The value of one, replaced; none if it has none.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let raw = self.defined.get(name).or_else(|| self.given.get(name))?;
        self.replace(raw).ok()
    }

    fn deep(&self, text: &str, depth: usize, unknown: &mut Vec<String>) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            out.push_str(rest.get(..at).unwrap_or_default());
            let inner = rest.get(at + 2..).unwrap_or_default();
            let Some(end) = closing(inner) else {
                unknown.push(inner.to_owned());
                return out;
            };
            let inside = inner.get(..end).unwrap_or_default();
            rest = inner.get(end + 1..).unwrap_or_default();
            let (name, default) = at_default(inside);
            let name = self.deep(name, depth.saturating_sub(1), unknown);
            let value = self.defined.get(&name).or_else(|| self.given.get(&name));
            match (value.map(String::as_str).or(default), depth.checked_sub(1)) {
                (Some(value), Some(depth)) => out.push_str(&self.deep(value, depth, unknown)),
                (Some(_), None) | (None, _) => unknown.push(name),
            }
        }
        out.push_str(rest);
        out
    }
}

/// Where the brace is that closes what is open at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// The name and the default of `name:-default`; braces in the name are another variable's.
fn at_default(text: &str) -> (&str, Option<&str>) {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            ':' if open == 0 && text.get(at..).is_some_and(|rest| rest.starts_with(":-")) => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 2..));
            }
            _ => {}
        }
    }
    (text, None)
}

/// Properties of the whole configuration; those of CDAP's pipelines are settings of ours.
pub(super) fn collect(root: Node<'_, '_>, xml: &mut Xml<'_>, file: &mut File) {
    let properties = ["property", "variable", "substitutionproperty"];
    let nodes: Vec<_> = root
        .children()
        .filter(|node| node.is_element() && properties.contains(&name(*node).as_str()))
        .collect();
    for node in &nodes {
        xml.attributes(*node, &["name", "value", "scope", "file", "resource"]);
        for elsewhere in ["file", "resource"] {
            if node.attributes().any(|it| it.name().eq_ignore_ascii_case(elsewhere)) {
                let message = "properties of another file are not read";
                xml.refuse(
                    *node,
                    message,
                    "write them down here, or give them with --set NAME=VALUE",
                );
            }
        }
        let get = |key: &str| node.attributes().find(|it| it.name().eq_ignore_ascii_case(key));
        let (Some(key), Some(value)) = (get("name"), get("value")) else {
            if get("file").is_none() && get("resource").is_none() {
                xml.refuse(*node, "a property without name or value", "give it both");
            }
            continue;
        };
        let (key, value) = (key.value().trim(), value.value().trim());
        match xml.variables.define(key, value) {
            Some(before) if before != value => {
                let message = format!("`{key}` is defined twice");
                xml.refuse(*node, message, "leave the definition that holds");
            }
            Some(_) | None => {}
        }
    }
    for node in nodes {
        if let Some(key) = node.attribute("name")
            && key.starts_with("log.process.pipeline.")
        {
            pipeline(key.trim(), node, xml, file);
        }
    }
}

/// What CDAP lets a pipeline set.
fn pipeline(key: &str, node: Node<'_, '_>, xml: &mut Xml<'_>, file: &mut File) {
    let Some(value) = xml.attribute(node, "value") else { return };
    match key.trim_start_matches("log.process.pipeline.") {
        "event.delay.ms" => {
            if let Some(ms) = xml.number(&value).filter(|ms| 0 < *ms) {
                file.shared("order_window", &format!("\"{ms}ms\""));
            }
        }
        "checkpoint.interval.ms" => {
            if let Some(ms) = xml.number(&value).filter(|ms| 0 < *ms) {
                file.shared("flush_interval", &format!("\"{ms}ms\""));
            }
        }
        "buffer.size" => match xml.number(&value) {
            Some(0) | None => {
                file.note("`buffer.size` is 0, and the size of the window its default.")
            }
            Some(bytes) => file.shared("window_bytes_max", &format!("\"{}B\"", bytes.max(1 << 20))),
        },
        "kafka.fetch.size"
        | "logger.cache.size"
        | "logger.cache.expiration.ms"
        | "checkpoint.prefix.num" => {
            file.note(&format!("`{key}` has no counterpart, and needs none."));
        }
        _ => {
            let message = format!("`{key}` cannot be imported");
            xml.refuse(node, message, "take it out, or correct its name");
        }
    }
}

/// Names in `%property{…}`.
pub(super) fn property_names(pattern: &str) -> BTreeSet<String> {
    let parts = pattern.split("property{").skip(1);
    parts.filter_map(|rest| Some(rest.split_once('}')?.0.trim().to_owned())).collect()
}
