//! Appenders: each that writes files becomes a table of `[saver.files]`.

use super::Options;
use super::filters::{self, LEVELS, OFF};
use super::loggers::{Loggers, Reached};
use super::rolling::{self, Rolling};
use super::variables::property_names;
use super::write::{Block, File, key, quoted};
use super::xml::{Node, Value, Xml, name, permissions};
use databuild_policy::layout::{Compat, Layout, LayoutOptions};
use std::collections::{BTreeMap, BTreeSet};

/// An appender as it stands in the configuration.
pub(super) struct Source<'a, 'x> {
    pub(super) name: String,
    class: String,
    node: Node<'a, 'x>,
}

/// Where an appender writes.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// The file, if it names one.
    pub(super) file: Option<String>,
    /// Whether it is CDAP's, whose files have the folders of their application.
    pub(super) cdap: bool,
}

const CDAP: [&str; 2] = [
    "co.cask.cdap.logging.plugins.RollingLocationLogAppender",
    "io.cdap.cdap.logging.plugins.RollingLocationLogAppender",
];
const FILE: &str = "ch.qos.logback.core.FileAppender";
const ROLLING: &str = "ch.qos.logback.core.rolling.RollingFileAppender";
const ASYNC: &str = "ch.qos.logback.classic.AsyncAppender";
const PATTERN: &str = "ch.qos.logback.classic.encoder.PatternLayoutEncoder";

/// Elements of all appenders that write files.
const COMMON: [&str; 10] = [
    "file",
    "append",
    "prudent",
    "immediateflush",
    "buffersize",
    "lazy",
    "encoder",
    "layout",
    "filter",
    "name",
];

pub(super) fn source<'a, 'x>(
    node: Node<'a, 'x>,
    xml: &mut Xml<'_>,
    appenders: &mut Vec<Source<'a, 'x>>,
) {
    xml.attributes(node, &["name", "class"]);
    let class = xml.class(node, "");
    let Some(name) = xml.attribute(node, "name").map(|it| it.text) else {
        xml.refuse(node, "an appender without a name", "name it: name=\"…\"");
        return;
    };
    if appenders.iter().any(|it| it.name == name) {
        let message = format!("there are two appenders `{name}`");
        xml.refuse(node, message, "rename one");
    }
    appenders.push(Source { name, class, node });
}

/// All appenders, as tables of `file`.
pub(super) fn pipelines(
    appenders: &[Source<'_, '_>],
    loggers: &Loggers,
    xml: &mut Xml<'_>,
    options: &Options,
    file: &mut File,
) {
    let cdap = appenders.iter().any(|it| CDAP.contains(&it.class.as_str()));
    let compat = options.compat.unwrap_or(if cdap { Compat::Logback12 } else { Compat::Logback15 });
    for reference in loggers.refs() {
        if !appenders.iter().any(|it| it.name == reference.text) {
            let message = format!("there is no appender `{}`", reference.text);
            xml.wrong(reference, message, "correct the name, or take the reference out");
        }
    }
    let wrappers = wrappers(appenders, xml);
    let mut names = BTreeSet::new();
    for appender in appenders.iter().filter(|it| !options.without.contains(&it.name)) {
        if appender.class == ASYNC {
            continue;
        }
        let rolls = appender.class != FILE;
        let known = [FILE, ROLLING].contains(&appender.class.as_str());
        if !known && !CDAP.contains(&appender.class.as_str()) {
            refuse(appender, xml);
            continue;
        }
        let also = wrappers.get(&appender.name).map(Vec::as_slice).unwrap_or_default();
        let all: Vec<&str> =
            also.iter().map(String::as_str).chain([appender.name.as_str()]).collect();
        let mut reader =
            Reader { appender, xml, options, compat, notes: Vec::new(), keys: Vec::new() };
        reader.select(loggers, &all);
        reader.write(rolls);
        let Reader { notes, keys, .. } = reader;
        let name = pipeline_name(&appender.name, &mut names);
        file.blocks.push(Block { name, notes, keys });
    }
    general(cdap, compat, options, file);
}

fn general(cdap: bool, compat: Compat, options: &Options, file: &mut File) {
    let reading = if compat == Compat::Logback12 { "1.2" } else { "1.5" };
    file.note(&format!("Patterns are read as logback {reading} does. Line breaks within messages are written as \\n, and rolled files are never overwritten."));
    if options.zone.is_none() {
        file.note("Dates are in UTC; logback used the zone of its machine: set `zone`, or import with --zone.");
    }
    if cdap {
        file.note("CDAP had a folder for each namespace above those of the applications; a project is one, and has none.");
    }
}

/// The async appenders that stand before each appender. They change nothing: every pipeline has a queue.
fn wrappers(appenders: &[Source<'_, '_>], xml: &mut Xml<'_>) -> BTreeMap<String, Vec<String>> {
    let mut wrappers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for appender in appenders.iter().filter(|it| it.class == ASYNC) {
        let node = appender.node;
        xml.elements(
            node,
            &[
                "appender-ref",
                "queuesize",
                "discardingthreshold",
                "includecallerdata",
                "maxflushtime",
                "neverblock",
            ],
        );
        for child in node.children().filter(|it| it.is_element() && name(*it) == "appender-ref") {
            if let Some(value) = xml.attribute(child, "ref") {
                if !appenders.iter().any(|it| it.name == value.text) {
                    let message = format!("there is no appender `{}`", value.text);
                    xml.wrong(&value, message, "correct the name");
                }
                wrappers.entry(value.text).or_default().push(appender.name.clone());
            }
        }
    }
    wrappers
}

fn refuse(appender: &Source<'_, '_>, xml: &mut Xml<'_>) {
    let help = match appender.class.rsplit('.').next().unwrap_or_default() {
        "ConsoleAppender" => "`databuild logs -f` shows what comes",
        "SiftingAppender" => "write fields into the path of a file: {app}, {job}, {level}",
        "CDAPLogAppender" | "LogAppender" | "MetricsLogAppender" => {
            "logs are kept and counted without it: `databuild logs`, `databuild metrics`"
        }
        _ => "a plugin could take its place: [saver.plugins] in docs/reference/config.md",
    };
    let name = &appender.name;
    let message =
        format!("the appender `{name}` of the class {} cannot be imported", appender.class);
    xml.refuse(appender.node, message, format!("{help}; --without {name} leaves it out"));
}

/// A name for a pipeline that no other has.
fn pipeline_name(name: &str, names: &mut BTreeSet<String>) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let base: String = name.chars().map(plain).take(50).collect();
    let base = if base.is_empty() { "files".to_owned() } else { base };
    let mut candidate = base.clone();
    let mut number = 2;
    while !names.insert(candidate.clone()) {
        candidate = format!("{base}-{number}");
        number += 1;
    }
    candidate
}

struct Reader<'r, 'x> {
    appender: &'r Source<'r, 'r>,
    xml: &'r mut Xml<'x>,
    options: &'r Options,
    compat: Compat,
    notes: Vec<String>,
    keys: Vec<(&'static str, String)>,
}

impl Reader<'_, '_> {
    /// What reaches the appender: by loggers, and by its filters.
    fn select(&mut self, loggers: &Loggers, names: &[&str]) {
        let node = self.appender.node;
        let reached = loggers.reached(names, self.xml);
        let mut open = filters::levels(node, self.xml, &mut self.notes);
        match reached.values().collect::<Vec<_>>().as_slice() {
            // The root alone: what it takes is a level of the whole.
            [from] => {
                for (n, open) in open.iter_mut().enumerate() {
                    *open &= **from <= n;
                }
            }
            _ => self.keys.push(("logger_levels", logger_levels(&reached))),
        }
        let least = reached.values().min().copied().unwrap_or(OFF);
        if !open.iter().enumerate().any(|(n, open)| *open && least <= n) {
            let name = &self.appender.name;
            let message = format!("nothing reaches the appender `{name}`");
            let help =
                format!("let a logger refer to it, correct its filters, or use --without {name}");
            self.xml.refuse(node, message, help);
        }
        let from = open.iter().position(|open| *open).unwrap_or(OFF);
        let levels: Vec<usize> = (0..OFF).filter(|n| open.get(*n) == Some(&true)).collect();
        if levels.len() == OFF - from {
            if 0 < from && from < OFF {
                self.keys.push(("level", quoted(LEVELS.get(from).copied().unwrap_or_default())));
            }
        } else {
            // What is fatal here is an error in logback.
            let words = levels.iter().filter_map(|n| LEVELS.get(*n).copied());
            let fatal = open.last() == Some(&true);
            let words: Vec<String> = words.chain(fatal.then_some("fatal")).map(quoted).collect();
            self.keys.push(("levels", format!("[{}]", words.join(", "))));
        }
    }

    fn write(&mut self, rolls: bool) {
        let node = self.appender.node;
        let cdap = CDAP.contains(&self.appender.class.as_str());
        let line =
            format!("The appender {} of the class {}.", self.appender.name, self.appender.class);
        self.notes.insert(0, line);
        let mut known: Vec<&str> = COMMON.to_vec();
        if rolls {
            known.extend(["rollingpolicy", "triggeringpolicy"]);
        }
        if cdap {
            known.extend([
                "basepath",
                "filepath",
                "dirpermissions",
                "filepermissions",
                "filemaxinactivetimems",
            ]);
        }
        self.xml.elements(node, &known);
        let target = if cdap {
            self.location()
        } else {
            Target { file: self.xml.value(node, "file").map(|it| it.text), cdap }
        };
        let rolling = if rolls {
            rolling::rolling(node, &target, self.xml, &mut self.notes)
        } else {
            Rolling::default()
        };
        self.path(&target, &rolling);
        self.layout();
        self.keys.extend(rolling.keys());
        if cdap {
            self.permissions();
        }
        self.switches();
    }

    fn path(&mut self, target: &Target, rolling: &Rolling) {
        let Some(file) = target.file.as_ref().or(rolling.file.as_ref()) else {
            if rolling.keys().is_empty() && self.xml.problems.is_empty() {
                self.xml.refuse(self.appender.node, "the appender has no <file>", "name one");
            }
            return;
        };
        if !target.cdap && file.contains(['{', '}']) && !file.contains("${") {
            let message = "a brace in the name of a file";
            self.xml.refuse(self.appender.node, message, "rename it: braces are fields here");
        }
        // A file without a folder stands where Java was started.
        let here = !file.contains('/');
        if here {
            self.notes.push("It stood in the folder where Java was started.".to_owned());
        }
        let file =
            if here { format!("logs/{file}") } else { file.trim_start_matches("./").to_owned() };
        self.keys.push(("path", quoted(&file)));
    }

    /// `basePath/namespace/application/filePath`.
    fn location(&mut self) -> Target {
        let node = self.appender.node;
        let mut get = |tag: &str| {
            let value = self.xml.value(node, tag);
            if value.is_none() {
                let message = format!("the appender has no <{tag}>");
                self.xml.refuse(node, message, "give it one");
            }
            value.map(|it| it.text)
        };
        let (base, file) = (get("basePath"), get("filePath"));
        get("dirPermissions");
        get("filePermissions");
        let (Some(base), Some(file)) = (base, file) else {
            return Target { file: None, cdap: true };
        };
        let file = self.instance(&file);
        let (base, file) = (base.trim_end_matches('/'), file.trim_start_matches('/'));
        Target { file: Some(format!("{base}/{{app}}/{file}")), cdap: true }
    }

    /// CDAP puts the number of its saver there.
    fn instance(&mut self, text: &str) -> String {
        if text.contains("instanceId") {
            self.notes.push(
                "`instanceId` was the number of the saver; there is one, with number 0.".to_owned(),
            );
        }
        text.replace("instanceId", "0")
    }

    fn permissions(&mut self) {
        let node = self.appender.node;
        for (tag, key) in [("filepermissions", "mode"), ("dirpermissions", "dir_mode")] {
            if let Some(value) = self.xml.value(node, tag)
                && let Some(mode) = permissions(&value, self.xml)
            {
                self.keys.push((key, format!("\"{mode:03o}\"")));
            }
        }
        if let Some(value) = self.xml.value(node, "filemaxinactivetimems") {
            match self.xml.number(&value) {
                Some(0) => self.notes.push("Files were never closed; here they are after half an hour without events, and opened again.".to_owned()),
                Some(ms) => self.keys.push(("close_idle", format!("\"{ms}ms\""))),
                None => {}
            }
        }
    }

    fn layout(&mut self) {
        let node = self.appender.node;
        let encoder =
            self.xml.element(node, "encoder").or_else(|| self.xml.element(node, "layout"));
        let Some(encoder) = encoder else {
            self.xml.refuse(node, "the appender has no <encoder>", "give it one with a <pattern>");
            return;
        };
        self.xml.attributes(encoder, &["class"]);
        let class = self.xml.class(encoder, PATTERN);
        let wraps = class == "ch.qos.logback.core.encoder.LayoutWrappingEncoder";
        let known = [PATTERN, "ch.qos.logback.classic.PatternLayout"];
        if !wraps && !known.contains(&class.as_str()) {
            let message = format!("an encoder of the class {class} cannot be imported");
            let help = "write a pattern; `layout = \"json\"` and `otlp` exist, and look otherwise";
            self.xml.refuse(encoder, message, help);
            return;
        }
        self.xml.elements(
            encoder,
            &["pattern", "charset", "immediateflush", "outputpatternasheader", "layout"],
        );
        let inner = self.xml.element(encoder, "layout");
        let holder = if let (true, Some(layout)) = (wraps, inner) {
            let class = self.xml.class(layout, "");
            self.xml.attributes(layout, &["class"]);
            self.xml.elements(layout, &["pattern"]);
            if class != "ch.qos.logback.classic.PatternLayout" {
                let message = format!("a layout of the class {class} cannot be imported");
                self.xml.refuse(layout, message, "use PatternLayout");
            }
            layout
        } else {
            encoder
        };
        if let Some(charset) = self.xml.value(encoder, "charset")
            && !["utf-8", "utf8", "us-ascii"].contains(&charset.text.to_lowercase().as_str())
        {
            self.xml.wrong(
                &charset,
                "files are written in UTF-8 alone",
                "write UTF-8, or take it out",
            );
        }
        if let Some(header) = self.xml.value(encoder, "outputpatternasheader")
            && self.xml.flag(&header)
        {
            self.xml.wrong(&header, "files have no header", "take it out");
        }
        match self.xml.value(holder, "pattern") {
            Some(pattern) => self.pattern(&pattern),
            None => self.xml.refuse(holder, "there is no <pattern>", "give it one"),
        }
    }

    fn pattern(&mut self, pattern: &Value) {
        let names = property_names(&pattern.text);
        let mut properties = BTreeMap::new();
        for name in names {
            match self.xml.variables.get(&name) {
                Some(value) => {
                    properties.insert(name, value);
                }
                None => {
                    let message = format!("the property `{name}` has no value");
                    self.xml.wrong(pattern, message, "define it, or give it with --set");
                }
            }
        }
        let options = LayoutOptions {
            compat: self.compat,
            properties: properties.clone(),
            ..LayoutOptions::default()
        };
        if let Err(problems) = Layout::parse(&pattern.text, &options) {
            for problem in problems {
                self.xml.wrong_at(pattern, problem.column, problem.what, problem.remedy);
            }
        }
        self.keys.push(("layout", quoted(&pattern.text)));
        let word = if self.compat == Compat::Logback12 { "logback-1.2" } else { "logback-1.5" };
        self.keys.push(("compat", quoted(word)));
        if let Some(zone) = &self.options.zone {
            self.keys.push(("zone", quoted(zone)));
        }
        if !properties.is_empty() {
            let pairs: Vec<String> = properties
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
                .collect();
            self.keys.push(("properties", format!("{{ {} }}", pairs.join(", "))));
        }
    }

    /// Switches that say how logback writes.
    fn switches(&mut self) {
        let node = self.appender.node;
        if let Some(value) = self.xml.value(node, "append")
            && !self.xml.flag(&value)
        {
            let message = "a file is never emptied at the start";
            self.xml.wrong(
                &value,
                message,
                "take it out; rotate = { on_start = true } begins a new file",
            );
        }
        for tag in ["prudent", "lazy"] {
            if let Some(value) = self.xml.value(node, tag)
                && self.xml.flag(&value)
            {
                let note = format!(
                    "`{tag}` is gone: the files of a pipeline have one writer, and are made when something comes."
                );
                self.notes.push(note);
            }
        }
        let encoder = self.xml.element(node, "encoder").unwrap_or(node);
        for holder in [node, encoder] {
            if let Some(value) = self.xml.value(holder, "immediateflush") {
                self.xml.flag(&value);
                let note = "`immediateFlush` is gone: lines are safe on disk within `flush_interval` of [saver].";
                if !self.notes.iter().any(|it| it == note) {
                    self.notes.push(note.to_owned());
                }
            }
        }
        if self.xml.element(node, "buffersize").is_some() {
            self.notes.push("`bufferSize` is gone.".to_owned());
        }
    }
}

/// `{ "*" = "info", audit = "off" }`.
fn logger_levels(reached: &Reached) -> String {
    let pair = |(name, from): (&String, &usize)| {
        let name = if name.is_empty() { "*" } else { name };
        let level = LEVELS.get(*from).copied().unwrap_or("off");
        format!("{} = {}", key(name), quoted(level))
    };
    let pairs: Vec<String> = reached
        .iter()
        .filter(|(name, from)| !(name.is_empty() && **from == OFF))
        .map(pair)
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}
