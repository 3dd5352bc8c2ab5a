//! `[saver]`: what else happens to logs. From the file to the settings of pipelines, with everything that
//! is wrong with them.

mod across;
mod cases;
mod files;
mod plugin;
mod rotate;
mod section;
mod select;

use super::problem::{Code, Problem};
use across::Placed;
pub(crate) use cases::{Failed, SaverTest};
use databuild_graph::spec::draft::ProjectDraft;
use databuild_io::bus::Start;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::route::path::PathField;
use databuild_policy::route::select::Selector;
use databuild_saver::settings::{ErrorBudget, OnError, PipelineSettings, ProcessorSettings};
pub(super) use files::Surroundings;
use section::Section;
use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;

/// How long events of other runs are waited for.
const ORDER_WINDOW: Duration = Duration::from_secs(2);
/// What waits longer than this is no longer "following".
const ORDER_WINDOW_MAX: Duration = Duration::from_secs(3_600);
/// Bytes of events that wait in memory, for each pipeline: 64 pipelines then have a gigabyte.
const WINDOW_BYTES_MAX: u64 = 16 << 20;
/// The longest that a batch of one run may be; less would hold it up for ever.
const WINDOW_BYTES_MIN: u64 = 1 << 20;
/// Longest time until what was processed is durable.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
const FLUSH_INTERVAL_MAX: Duration = Duration::from_secs(600);
/// So many failures in so long a time are more than bad luck.
const ERRORS: ErrorBudget = ErrorBudget { stop_after: 10, within: Duration::from_secs(60) };
/// Names become folders and labels.
const NAME_CHARS_MAX: usize = 64;

/// Settings that pipelines share, unless they say otherwise.
struct Shared {
    order_window: Duration,
    window_bytes_max: usize,
    flush_interval: Duration,
    start: Start,
}

/// A pipeline and the place of its path.
struct Checked {
    settings: PipelineSettings,
    path: Range<usize>,
}

pub(super) fn check(
    file: &str,
    root: &Spanned<DeTable<'_>>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<PipelineSettings> {
    let whole = Section { file, table: root.get_ref(), name: 0..0 };
    let Some(saver) = whole.inner("saver") else { return Vec::new() };
    let shared = shared(&saver, problems);
    let mut checked = Vec::new();
    let mut names = HashSet::new();
    for (kind, section) in ["files", "plugins"].into_iter().flat_map(|kind| {
        let tables = saver.inner(kind).map(|it| it.tables()).unwrap_or_default();
        tables.into_iter().map(move |(name, section)| ((kind, name), section))
    }) {
        let (kind, name) = kind;
        named(name, &section, &mut names, problems);
        let selector = select::selector(&section, problems);
        let processor = if kind == "files" {
            let files = files::files(&section, around, &sure(&section), problems);
            files.map(|files| ProcessorSettings::Files(Box::new(files)))
        } else {
            plugin::process(&section, around.folder, problems).map(ProcessorSettings::Process)
        };
        let settings = pipeline(name, &section, &shared, (selector, processor), problems);
        if let Some(settings) = settings.filter(|_| section.flag("enabled") != Some(false)) {
            let path = section.value("path").map_or(section.name.clone(), |it| it.span());
            checked.push(Checked { settings, path });
        }
    }
    let placed: Vec<_> = checked.iter().filter_map(placed).collect();
    across::check(&placed, problems);
    checked.into_iter().map(|it| it.settings).collect()
}

/// `[[tests]]`.
pub(super) fn tests(
    file: &str,
    root: &Spanned<DeTable<'_>>,
    draft: &ProjectDraft,
    problems: &mut Vec<Problem>,
) -> Vec<SaverTest> {
    let whole = Section { file, table: root.get_ref(), name: 0..0 };
    let folder = draft.folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let project = draft.name.clone().or(folder).unwrap_or_default();
    cases::tests(&whole, &project, problems)
}

fn placed(checked: &Checked) -> Option<Placed<'_>> {
    let ProcessorSettings::Files(files) = &checked.settings.processor else { return None };
    Some(Placed { name: &checked.settings.name, files, span: checked.path.clone() })
}

/// Fields of which the selector allows one value alone.
fn sure(section: &Section<'_>) -> Vec<(PathField, String)> {
    let mut sure = Vec::new();
    for (key, field) in [("app", PathField::App), ("job", PathField::Job)] {
        if let [only] = section.texts(key).as_slice()
            && !only.value.contains('*')
        {
            sure.push((field, only.value.to_owned()));
        }
    }
    sure
}

fn named<'a>(
    name: &'a str,
    section: &Section<'_>,
    names: &mut HashSet<&'a str>,
    problems: &mut Vec<Problem>,
) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let span = Some(section.name.clone());
    if name.is_empty() || NAME_CHARS_MAX < name.len() || !name.chars().all(word) {
        let message = format!("`{name}` cannot be the name of a pipeline");
        let help = format!("use letters, digits, - and _, at most {NAME_CHARS_MAX}");
        problems.push(Problem::error(Code::BadPipelineName, span, message, help));
    } else if !names.insert(name) {
        let message = format!("files and a plugin are both called `{name}`");
        let help = "each pipeline has a name of its own: rename one";
        problems.push(Problem::error(Code::BadPipelineName, span, message, help));
    }
}

fn shared(saver: &Section<'_>, problems: &mut Vec<Problem>) -> Shared {
    if let Some(from) = saver.text("from").filter(|from| from.value != "local") {
        let (code, message, help) = if from.value.contains("://") {
            let message = format!("events cannot be read from `{}` yet", from.value);
            (Code::NotBuilt, message, "write \"local\", or leave it out: the logs of this project")
        } else {
            let message = format!("`{}` is no source of events", from.value);
            (Code::BadSaver, message, "write \"local\", or leave it out: the logs of this project")
        };
        problems.push(Problem::error(code, Some(from.span), message, help));
    }
    let most = |key: &str, most: Duration, help: &str, problems: &mut Vec<Problem>| {
        let found = saver.duration(key, problems)?;
        if most < found {
            let span = saver.value(key).map(|it| it.span());
            let message = format!("`{key}` is too long");
            problems.push(Problem::error(Code::BadSaver, span, message, help));
        }
        Some(found)
    };
    let order_window = most("order_window", ORDER_WINDOW_MAX, "wait an hour at most", problems);
    let flush = most("flush_interval", FLUSH_INTERVAL_MAX, "wait ten minutes at most", problems);
    let bytes = saver.size("window_bytes_max", problems);
    if bytes.is_some_and(|bytes| bytes < WINDOW_BYTES_MIN) {
        let span = saver.value("window_bytes_max").map(|it| it.span());
        let message = "a window so small cannot be put in order";
        problems.push(Problem::error(Code::BadSaver, span, message, "use 1MiB or more"));
    }
    let bytes = bytes.unwrap_or(WINDOW_BYTES_MAX);
    Shared {
        order_window: order_window.unwrap_or(ORDER_WINDOW),
        window_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
        flush_interval: flush.unwrap_or(FLUSH_INTERVAL),
        start: start(saver, problems).unwrap_or(Start::Beginning),
    }
}

fn pipeline(
    name: &str,
    section: &Section<'_>,
    shared: &Shared,
    (selector, processor): (Selector, Option<ProcessorSettings>),
    problems: &mut Vec<Problem>,
) -> Option<PipelineSettings> {
    let words =
        [("block", OnError::Block), ("skip_to_dlq", OnError::SkipToDlq), ("stop", OnError::Stop)];
    let on_error = section.choice("on_error", &words, problems);
    let errors = section.inner("errors");
    let stop_after = errors
        .as_ref()
        .and_then(|it| it.number("stop_after", 1..=1_000_000, problems))
        .and_then(|it| u32::try_from(it).ok());
    let within = errors.as_ref().and_then(|it| it.duration("within", problems));
    let start = start(section, problems);
    Some(PipelineSettings {
        name: name.to_owned(),
        selector,
        start: start.unwrap_or(shared.start),
        order_window: shared.order_window,
        window_bytes_max: shared.window_bytes_max,
        flush_interval: shared.flush_interval,
        on_error: on_error.unwrap_or_default(),
        errors: ErrorBudget {
            stop_after: stop_after.unwrap_or(ERRORS.stop_after),
            within: within.unwrap_or(ERRORS.within),
        },
        processor: processor?,
    })
}

/// `beginning`, `end`, a time or a date.
fn start(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<Start> {
    let found = section.time("start")?;
    match found.value.as_str() {
        "beginning" => return Some(Start::Beginning),
        "end" => return Some(Start::End),
        _ => {}
    }
    let day = || Day::parse(&found.value).map(Day::start).ok();
    let since = Timestamp::parse(&found.value).ok().or_else(day);
    if since.is_none() {
        let message = format!("`{}` is no place to start", found.value);
        let help = "write \"beginning\", \"end\", a day or a time: 2025-01-27T10:30:00Z";
        problems.push(Problem::error(Code::BadSaver, Some(found.span), message, help));
    }
    since.map(Start::Since)
}

#[cfg(test)]
mod tests;
