//! Elements and texts with their places. Whatever is looked at is accounted for: an element or an attribute
//! that nobody asked for is a problem.

use super::Options;
use super::variables::Variables;
use crate::config::problem::{Code, Problem};
use std::collections::BTreeMap;
use std::ops::Range;

/// An element.
pub(super) type Node<'a, 'x> = roxmltree::Node<'a, 'x>;

/// A text with its variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// Whether it stands there letter by letter, so that a place within it can be shown.
    pub(super) plain: bool,
}

/// What is known while a configuration is read.
pub(super) struct Xml<'x> {
    file: &'x str,
    pub(super) variables: Variables,
    pub(super) problems: Vec<Problem>,
    /// Classes by their short names, of `<import>`.
    imports: BTreeMap<String, String>,
}

/// The name of an element, or of an attribute, in lower case: logback does not look at case.
pub(super) fn name(node: Node<'_, '_>) -> String {
    node.tag_name().name().to_ascii_lowercase()
}

pub(super) fn is(node: Node<'_, '_>, tag: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(tag)
}

/// The beginning of the element's tag.
fn tag(node: Node<'_, '_>) -> Range<usize> {
    let start = node.range().start;
    start..start + 1 + node.tag_name().name().len()
}

impl<'x> Xml<'x> {
    pub(super) fn new(file: &'x str, options: &Options) -> Self {
        let variables = Variables::new(&options.set);
        Xml { file, variables, problems: Vec::new(), imports: BTreeMap::new() }
    }

    /// Something that cannot be done here.
    pub(super) fn refuse(
        &mut self,
        node: Node<'_, '_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::error(Code::ImportRefused, Some(tag(node)), message, help));
    }

    /// Something that is not what its writer meant, or that cannot be done.
    pub(super) fn wrong(
        &mut self,
        value: &Value,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let span = Some(value.span.clone());
        self.problems.push(Problem::error(Code::ImportValue, span, message, help));
    }

    /// The same at a character of it, counted from 1.
    pub(super) fn wrong_at(&mut self, value: &Value, column: usize, message: String, help: String) {
        let mut value = value.clone();
        if value.plain {
            let mut chars = value.text.char_indices().skip(column.saturating_sub(1));
            let end = value.text.len();
            let from = chars.next().map_or(end, |(at, _)| at);
            let to = chars.next().map_or(end, |(at, _)| at);
            value.span = value.span.start + from..value.span.start + to;
        }
        self.wrong(&value, message, help);
    }

    /// Refuses all elements in `node` but these, and these twice.
    pub(super) fn elements(&mut self, node: Node<'_, '_>, known: &[&str]) {
        let mut seen = Vec::new();
        for child in node.children().filter(Node::is_element) {
            let child_name = name(child);
            let tag = child.tag_name().name();
            let many = ["filter", "appender-ref"].contains(&child_name.as_str());
            if !known.contains(&child_name.as_str()) {
                let message = format!("<{tag}> of <{}> cannot be imported", node.tag_name().name());
                self.refuse(child, message, "take it out, or correct its name");
            } else if seen.contains(&child_name) && !many {
                let message = format!("<{tag}> stands here twice");
                self.refuse(child, message, "leave one of them out");
            }
            seen.push(child_name);
        }
    }

    /// Refuses all attributes of `node` but these.
    pub(super) fn attributes(&mut self, node: Node<'_, '_>, known: &[&str]) {
        for attribute in node.attributes() {
            if !known.contains(&attribute.name().to_ascii_lowercase().as_str()) {
                let tag = node.tag_name().name();
                let message = format!("`{}` of <{tag}> cannot be imported", attribute.name());
                let span = Some(attribute.range());
                let help = "take it out, or correct its name";
                self.problems.push(Problem::error(Code::ImportRefused, span, message, help));
            }
        }
    }

    /// The element of a name in `node`.
    pub(super) fn element<'a, 'i>(&self, node: Node<'a, 'i>, tag: &str) -> Option<Node<'a, 'i>> {
        node.children().find(|child| is(*child, tag))
    }

    /// The text of the element of a name in `node`, if it is there.
    pub(super) fn value(&mut self, node: Node<'_, '_>, tag: &str) -> Option<Value> {
        self.element(node, tag).map(|child| self.text(child))
    }

    /// The text in an element, without what surrounds it.
    pub(super) fn text(&mut self, node: Node<'_, '_>) -> Value {
        for child in node.children().filter(Node::is_element) {
            let message = format!("<{}> stands where a text is", child.tag_name().name());
            self.refuse(child, message, "take it out");
        }
        let texts: Vec<_> = node.children().filter(Node::is_text).collect();
        let whole: String = texts.iter().filter_map(Node::text).collect();
        let whole = whole.trim();
        let at = texts.first().and_then(|first| {
            let raw = self.file.get(first.range())?;
            let at = first.range().start + raw.find(whole).filter(|_| !whole.is_empty())?;
            Some(at..at + whole.len())
        });
        self.resolved(whole, at, tag(node))
    }

    /// The value of an attribute, if it is there.
    pub(super) fn attribute(&mut self, node: Node<'_, '_>, key: &str) -> Option<Value> {
        let attribute = node.attributes().find(|it| it.name().eq_ignore_ascii_case(key))?;
        let (raw, whole) = (attribute.range_value(), attribute.value().trim());
        let at = self.file.get(raw.clone()).and_then(|text| {
            let at = raw.start + text.find(whole).filter(|_| !whole.is_empty())?;
            Some(at..at + whole.len())
        });
        Some(self.resolved(whole, at, raw))
    }

    fn resolved(&mut self, raw: &str, at: Option<Range<usize>>, or: Range<usize>) -> Value {
        let text = match self.variables.replace(raw) {
            Ok(text) => text,
            Err(unknown) => {
                let span = Some(at.clone().unwrap_or_else(|| or.clone()));
                for name in unknown {
                    let message = format!("the variable `{name}` has no value");
                    let help = format!("give it one with --set {name}=VALUE");
                    let code = Code::ImportVariable;
                    self.problems.push(Problem::error(code, span.clone(), message, help));
                }
                raw.to_owned()
            }
        };
        let plain = at.is_some() && text == raw;
        Value { text, span: at.unwrap_or(or), plain }
    }

    /// `<import class="…"/>`, which lets a class be named by its last part.
    pub(super) fn import(&mut self, node: Node<'_, '_>) {
        self.attributes(node, &["class"]);
        if let Some(class) = self.attribute(node, "class") {
            let short = class.text.rsplit('.').next().unwrap_or_default().to_owned();
            self.imports.insert(short, class.text);
        }
    }

    /// The whole name of the class of `node`, or `default` if it names none.
    pub(super) fn class(&mut self, node: Node<'_, '_>, default: &str) -> String {
        match self.attribute(node, "class") {
            None if default.is_empty() => {
                let message = format!("<{}> names no class", node.tag_name().name());
                self.refuse(node, message, "name it: class=\"…\"");
                String::new()
            }
            None => default.to_owned(),
            Some(class) => self.imports.get(&class.text).cloned().unwrap_or(class.text),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, value: &Value) -> bool {
        match value.text.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                let message = format!("`{}` is neither true nor false", value.text);
                self.wrong(value, message, "write true or false");
                false
            }
        }
    }

    /// A whole number from 0.
    pub(super) fn number(&mut self, value: &Value) -> Option<u64> {
        let number = value.text.parse().ok();
        if number.is_none() {
            let message = format!("`{}` is not a whole number", value.text);
            self.wrong(value, message, "write a whole number from 0");
        }
        number
    }
}

/// `640` or `rw-r-----`.
pub(super) fn permissions(value: &Value, xml: &mut Xml<'_>) -> Option<u32> {
    let text = value.text.as_str();
    let octal = (3..=4).contains(&text.len()).then(|| u32::from_str_radix(text, 8).ok()).flatten();
    let symbolic = || -> Option<u32> {
        let mut mode = 0;
        for (n, c) in text.chars().enumerate() {
            let letter = ['r', 'w', 'x'].get(n % 3).copied();
            mode = mode << 1 | u32::from(Some(c) == letter);
            if c != '-' && Some(c) != letter {
                return None;
            }
        }
        (text.len() == 9).then_some(mode)
    };
    let mode = octal.or_else(symbolic);
    if mode.is_none() {
        let message = format!("`{text}` are no permissions");
        xml.wrong(value, message, "write 640 or rw-r-----");
    }
    mode
}
