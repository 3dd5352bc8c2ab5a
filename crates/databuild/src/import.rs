//! A logback configuration becomes sections of a project file: a documented subset, CDAP's pipelines
//! included. What ours does otherwise stands beside it as a comment; what it cannot do is refused, all of
//! it at once and each with its line. Nothing is read or written here.

mod appender;
mod filters;
mod loggers;
mod rolling;
mod variables;
mod write;
mod xml;

use crate::config::problem::{Code, Problem};
use databuild_policy::layout::Compat;
use std::collections::{BTreeMap, BTreeSet};
use write::File;
use xml::{Node, Xml};

/// What is said beside the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Values of variables that the configuration does not define.
    pub(crate) set: BTreeMap<String, String>,
    /// Appenders that are left out.
    pub(crate) without: BTreeSet<String>,
    /// The zone of the machine that the configuration was for.
    pub(crate) zone: Option<String>,
    /// Whose reading of patterns counts; 1.2 for pipelines of CDAP and else 1.5 if nothing is said.
    pub(crate) compat: Option<Compat>,
}

/// The sections of the configuration `text`, which people know as `name`.
pub(crate) fn import(name: &str, text: &str, options: &Options) -> Result<String, Vec<Problem>> {
    let document = roxmltree::Document::parse(text).map_err(|error| {
        let at = text_at(text, error.pos());
        let help = "only the configuration itself is read; a file with a DTD is refused too";
        vec![Problem::error(Code::ImportSyntax, Some(at..at), error.to_string(), help)]
    })?;
    let root = document.root_element();
    let mut xml = Xml::new(text, options);
    if !xml::is(root, "configuration") {
        let message = format!("<{}> is no configuration of logback", root.tag_name().name());
        xml.refuse(root, message, "the outermost element is <configuration>");
        return Err(xml.problems);
    }
    let file = configuration(root, &mut xml, options);
    xml.problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |it| it.start));
    if xml.problems.is_empty() { Ok(file.text(name)) } else { Err(xml.problems) }
}

fn text_at(text: &str, at: roxmltree::TextPos) -> usize {
    let line = usize::try_from(at.row).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(at.col).unwrap_or(1).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    before + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}

fn configuration(root: Node<'_, '_>, xml: &mut Xml<'_>, options: &Options) -> File {
    let mut file = File::default();
    xml.attributes(root, &["debug", "scan", "scanperiod", "packagingdata", "schemalocation"]);
    if xml.attribute(root, "scan").is_some_and(|scan| scan.text == "true") {
        file.note("`scan` is gone: `databuild` looks at its file again when it is told to.");
    }
    if let Some(value) = xml.attribute(root, "packagingdata").filter(|it| it.text == "true") {
        let help = "take it out: tracebacks are kept as the job wrote them";
        xml.wrong(&value, "packaging data of tracebacks cannot be looked up", help);
    }
    if xml.attribute(root, "debug").is_some_and(|debug| debug.text == "true") {
        file.note("`debug` is gone: `databuild check` says what is wrong.");
    }
    variables::collect(root, xml, &mut file);
    let mut appenders: Vec<appender::Source<'_, '_>> = Vec::new();
    let mut loggers = loggers::Loggers::default();
    for node in root.children().filter(Node::is_element) {
        match xml::name(node).as_str() {
            "property" | "variable" | "substitutionproperty" => {}
            "import" => xml.import(node),
            "contextname" => {
                let name = xml.text(node);
                file.note(&format!("The configuration calls itself `{}`.", name.text));
            }
            "appender" => appender::source(node, xml, &mut appenders),
            "logger" => loggers.logger(node, xml),
            "root" => loggers.root(node, xml),
            "statuslistener" | "shutdownhook" => {
                file.note(&format!(
                    "<{}> is about logback itself, and gone.",
                    node.tag_name().name()
                ));
            }
            "contextlistener" => {
                let class = xml.class(node, "");
                if class == "ch.qos.logback.classic.jul.LevelChangePropagator" {
                    file.note("<contextListener> is about Java's own logging, and gone.");
                } else {
                    xml.refuse(node, "a context listener cannot be imported", "take it out");
                }
            }
            _ => {
                let tag = node.tag_name().name();
                let message = format!("<{tag}> cannot be imported");
                xml.refuse(node, message, refusal(tag));
            }
        }
    }
    for name in &options.without {
        if !appenders.iter().any(|it| &it.name == name) {
            let message = format!("there is no appender `{name}` to leave out");
            xml.refuse(root, message, "correct the name");
        }
    }
    appender::pipelines(&appenders, &loggers, xml, options, &mut file);
    file
}

/// What to do instead of an element.
fn refusal(tag: &str) -> &'static str {
    match tag {
        "include" => "put what it includes into this file, or import that file by itself",
        "if" => "write down the branch that holds, and take the condition out",
        "turboFilter" => "let each pipeline select by `logger`, `text`, `fields` or `level`",
        "timestamp" | "define" | "insertFromJNDI" => {
            "write the value down, or give it with --set NAME=VALUE"
        }
        "conversionRule" => "use a word that docs/reference/layouts.md lists",
        "receiver" | "evaluator" | "newRule" | "serverListener" => "take it out",
        _ => "nothing of that name is known: take it out, or correct it",
    }
}

#[cfg(test)]
mod tests;
