//! `[[tests]]`: events, and the lines that pipelines have to make of them.

use super::section::{Found, Section};
use super::select::{KINDS, LEVELS, unknown};
use crate::config::problem::{Code, Problem, nearest, one_of};
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use databuild_policy::layout::{LayoutEvent, Scratch, message_and_trace};
use databuild_policy::route::select::NamePattern;
use databuild_saver::settings::{PipelineSettings, ProcessorSettings};

/// When an event happens that does not say: any moment, but always the same.
const WHEN: Timestamp = Timestamp::from_nanos(1_737_973_845_000_000_000);

/// One test.
#[derive(Debug, Clone)]
pub(crate) struct SaverTest {
    /// Its name, or its number.
    pub(crate) name: String,
    events: Vec<TestEvent>,
    /// The lines of each pipeline, as patterns in which `*` is any text.
    expect: Vec<(String, Vec<String>)>,
}

/// An event as a test writes it.
#[derive(Debug, Clone)]
struct TestEvent {
    when: Timestamp,
    kind: Kind,
    level: Level,
    texts: [String; 9],
    fields: Vec<(String, String)>,
}

/// The keys of an event that are taken as they are.
const TEXTS: [&str; 9] =
    ["app", "job", "run", "build", "message", "logger", "thread", "stream", "partition"];

/// A pipeline that did not do what a test expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The pipeline.
    pub(crate) pipeline: String,
    /// What was expected.
    pub(crate) expected: Vec<String>,
    /// What it writes.
    pub(crate) written: Vec<String>,
}

pub(in crate::config) fn tests(
    whole: &Section<'_>,
    project: &str,
    problems: &mut Vec<Problem>,
) -> Vec<SaverTest> {
    let saver = whole.inner("saver");
    let files = saver.and_then(|saver| saver.inner("files"));
    let known: Vec<&str> = files.iter().flat_map(Section::tables).map(|(name, _)| name).collect();
    let sections = whole.list_of_tables("tests");
    let one = |(n, section): (usize, &Section<'_>)| {
        let name = section.text("name").map(|it| it.value.to_owned());
        let events = section.list_of_tables("events");
        if !section.has("expect") {
            let message = "the test expects nothing";
            let help = "say what is written: expect = { errors = [\"*boom*\"] }";
            let span = Some(section.name.clone());
            problems.push(Problem::error(Code::BadTest, span, message, help));
        }
        SaverTest {
            name: name.unwrap_or_else(|| format!("test {}", n + 1)),
            events: events.iter().map(|it| event(it, project, problems)).collect(),
            expect: expected(section, &known, problems),
        }
    };
    sections.iter().enumerate().map(one).collect()
}

fn expected(
    section: &Section<'_>,
    known: &[&str],
    problems: &mut Vec<Problem>,
) -> Vec<(String, Vec<String>)> {
    let Some(expect) = section.inner("expect") else { return Vec::new() };
    let mut expected = Vec::new();
    for (name, _) in expect.table {
        let lines = expect.texts(name.get_ref()).iter().map(|it| it.value.to_owned()).collect();
        if !known.contains(&name.get_ref().as_ref()) {
            let near = nearest(name.get_ref(), known.iter().copied());
            let help = match near.as_slice() {
                [] => "name files of [saver.files]: what a plugin does cannot be known here"
                    .to_owned(),
                near => format!("did you mean {}?", one_of(near)),
            };
            let message = format!("there are no files `{}`", name.get_ref());
            problems.push(Problem::error(Code::BadTest, Some(name.span()), message, help));
        }
        expected.push((name.get_ref().to_string(), lines));
    }
    expected
}

fn event(section: &Section<'_>, project: &str, problems: &mut Vec<Problem>) -> TestEvent {
    let mut word = |key: &str, words: &[&str]| -> Option<usize> {
        let found: Found<&str> = section.text(key)?;
        let at = words.iter().position(|word| word.eq_ignore_ascii_case(found.value));
        if at.is_none() {
            let problem = unknown(key, &found, words);
            problems.push(Problem { code: Code::BadTest.as_str(), ..problem });
        }
        at
    };
    let level = word("level", &LEVELS.map(|it| it.0)).and_then(|at| LEVELS.get(at));
    let kind = word("kind", &KINDS.map(|it| it.0)).and_then(|at| KINDS.get(at));
    let text = |key: &str| {
        let default = match key {
            "app" => project,
            "job" | "logger" => section.text("job").map_or("job", |it| it.value),
            "stream" | "thread" => section.text("stream").map_or("stdout", |it| it.value),
            _ => "",
        };
        section.text(key).map_or(default, |it| it.value).to_owned()
    };
    let fields = section.pairs("fields").into_iter();
    TestEvent {
        when: time(section, problems).unwrap_or(WHEN),
        kind: kind.map_or(Kind::Log, |it| it.1),
        level: level.map_or(Level::Info, |it| it.1),
        texts: TEXTS.map(text),
        fields: fields
            .map(|(name, value)| (name.value.to_owned(), value.value.to_owned()))
            .collect(),
    }
}

fn time(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let found = section.time("time")?;
    let time = Timestamp::parse(&found.value).ok();
    if time.is_none() {
        let message = format!("`{}` is not a time", found.value);
        let help = "write it as in 2025-01-27T10:30:45.000Z";
        problems.push(Problem::error(Code::BadTest, Some(found.span), message, help));
    }
    time
}

impl SaverTest {
    /// What pipelines do otherwise than the test says; nothing if it holds.
    pub(crate) fn failed(&self, pipelines: &[PipelineSettings]) -> Vec<Failed> {
        let failed = |(name, expected): &(String, Vec<String>)| {
            let pipeline = pipelines.iter().find(|it| it.name == *name);
            let written = pipeline.map(|it| self.written(it)).unwrap_or_default();
            let fits =
                |(line, pattern): (&String, &String)| NamePattern::new(pattern).matches(line);
            let same = written.len() == expected.len() && written.iter().zip(expected).all(fits);
            let (pipeline, expected) = (name.clone(), expected.clone());
            (!same).then_some(Failed { pipeline, expected, written })
        };
        self.expect.iter().filter_map(failed).collect()
    }

    /// The lines that a pipeline makes of the events, in their order, without what ends them.
    fn written(&self, pipeline: &PipelineSettings) -> Vec<String> {
        let ProcessorSettings::Files(files) = &pipeline.processor else { return Vec::new() };
        let mut scratch = Scratch::default();
        let line = |event: &TestEvent| {
            event.view(|view| {
                if !pipeline.selector.takes(event.kind, view) {
                    return None;
                }
                let mut line = Vec::new();
                files.layout.render(view, &mut scratch, &mut line);
                let line = String::from_utf8_lossy(&line);
                Some(line.strip_suffix('\n').unwrap_or(&line).to_owned())
            })
        };
        self.events.iter().filter_map(line).collect()
    }
}

impl TestEvent {
    fn view<T>(&self, work: impl FnOnce(&LayoutEvent<'_>) -> T) -> T {
        let [app, job, run, build, text, logger, thread, stream, partition] =
            self.texts.each_ref().map(String::as_str);
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (message, trace) = message_and_trace(text);
        let view = LayoutEvent {
            app,
            job,
            run,
            build,
            message,
            trace,
            logger,
            thread,
            stream,
            partition,
            fields: fields.as_slice().into(),
            ..LayoutEvent::saying(self.when, self.level, text)
        };
        work(&view)
    }
}
