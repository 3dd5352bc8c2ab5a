//! Settings: parse, then check (pure, whole), then start. Everything that is wrong is found before
//! anything is opened.
//!
//! A flag wins over the environment, the environment over `databuild.toml`, the file over defaults.

pub(crate) mod codes;
pub(crate) mod current;
pub(crate) mod effective;
pub(crate) mod env;
mod extract;
mod include;
pub(crate) mod machine;
pub(crate) mod problem;
#[cfg(test)]
mod reference;
pub(crate) mod report;
pub(crate) mod saver;
pub(crate) mod schema;
mod settings;
pub(crate) mod table;
mod tree;

use crate::cli::outcome::{Exit, Failure};
use databuild_graph::spec::ProjectSpec;
use databuild_graph::spec::check::check as check_spec;
use databuild_logs::collect::{Durability, OnFull};
use databuild_model::spool::{Capture, OnParentDeath};
use databuild_saver::settings::PipelineSettings;
use env::Environment;
pub(crate) use include::Part;
use problem::{Code, Problem, Severity};
use report::Named;
use saver::SaverTest;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of a project file.
pub(crate) const FILE_NAME: &str = "databuild.toml";

/// Where the state of a project is kept, below its folder.
pub(crate) const STATE_DIR: &str = ".databuild";

/// Largest project file that is read, in bytes: ten thousand jobs are about one megabyte.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A project file that was read, before anything of it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is, absolute; none if the program stands in no project.
    pub(crate) path: Option<PathBuf>,
    /// What people call it: relative to where they stand, if that is shorter.
    pub(crate) name: String,
    /// The project's folder.
    pub(crate) folder: PathBuf,
    /// What stands in it, and behind that what stands in the files that it includes.
    pub(crate) text: String,
    /// The files that it includes.
    pub(crate) parts: Vec<Part>,
    /// What was wrong with reading those.
    pub(crate) problems: Vec<Problem>,
}

/// All settings, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The project file; none if the program stands in no project.
    pub(crate) file: Option<PathBuf>,
    /// What makes what.
    pub(crate) spec: ProjectSpec,
    /// Where the state of the project is kept, absolute.
    pub(crate) state_dir: PathBuf,
    /// Where logs are kept, absolute.
    pub(crate) logs_dir: PathBuf,
    /// The longest that an entry stays unwritten.
    pub(crate) refresh_interval: Duration,
    /// How the output of jobs is captured, where a job does not say.
    pub(crate) capture: Capture,
    /// Most raw output of one run that waits to be collected.
    pub(crate) spool_bytes_max: u64,
    /// What becomes of a job when whoever started it dies, where a job does not say.
    pub(crate) on_parent_death: OnParentDeath,
    /// When what is stored survives a power cut.
    pub(crate) durability: Durability,
    /// What becomes of a run when there is no space.
    pub(crate) on_full: OnFull,
    /// How many finished runs are kept open for reading.
    pub(crate) cache_runs: usize,
    /// Labels that metrics of jobs may have besides ours.
    pub(crate) metric_labels: Vec<String>,
    /// Where the service listens.
    pub(crate) listen: SocketAddr,
    /// What else happens to logs: pipelines that run, in the order of the file, files first.
    pub(crate) saver: Vec<PipelineSettings>,
    /// Tests of them.
    pub(crate) tests: Vec<SaverTest>,
    /// What is likely not as meant.
    pub(crate) warnings: Vec<Problem>,
}

/// Settings with errors in them.
#[derive(Debug)]
pub(crate) struct Invalid {
    /// What was read; none if there is no file to read.
    pub(crate) source: Option<Box<Source>>,
    /// What is wrong, errors and warnings, in the order of the file.
    pub(crate) problems: Vec<Problem>,
}

impl Invalid {
    /// The problems as people read them, and the summary.
    pub(crate) fn report(&self) -> String {
        let named = self.source.as_deref().map_or(Named::of("", ""), Source::named);
        let mut report = report::human(named, &self.problems);
        report.push_str(&report::summary(&self.problems));
        report
    }

    /// The first error on one line, and how many more there are.
    pub(crate) fn first(&self) -> String {
        let mut errors = self.problems.iter().filter(|it| it.severity == Severity::Error);
        let Some(first) = errors.next() else { return "nothing is wrong".to_owned() };
        let place = self.source.as_deref().zip(first.span.as_ref());
        let place =
            place.map(|(source, span)| format!("{}: ", report::place(source.named(), span.start)));
        let more = match errors.count() {
            0 => String::new(),
            more => format!(", and {more} more: databuild check"),
        };
        format!("{}{} ({}){more}", place.unwrap_or_default(), first.message, first.help)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Failure {
        let message = match &invalid.source {
            Some(source) => format!("{} is not right", source.name),
            None => "there is no project here".to_owned(),
        };
        Failure::text(Exit::Config, message).remedy(invalid.report())
    }
}

/// Reads and checks the settings of the project that `start` stands in, or of `file`.
pub(crate) fn load(
    start: &Path,
    file: Option<&Path>,
    env: &Environment,
) -> Result<Config, Invalid> {
    let source =
        read(start, file).map_err(|problem| Invalid { source: None, problems: vec![*problem] })?;
    checked(source, env)
}

/// As [`load`], but a folder without a project has a project without jobs.
pub(crate) fn load_or_empty(
    start: &Path,
    file: Option<&Path>,
    env: &Environment,
) -> Result<Config, Invalid> {
    if file.is_none() && find(start).is_none() {
        return checked(Source::empty(start), env);
    }
    load(start, file, env)
}

fn checked(source: Source, env: &Environment) -> Result<Config, Invalid> {
    let (config, problems) = check(&source, env);
    match config {
        Some(config) => Ok(config),
        None => Err(Invalid { source: Some(Box::new(source)), problems }),
    }
}

/// The project file that `start` stands in: here or in a folder above.
pub(crate) fn find(start: &Path) -> Option<PathBuf> {
    start.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file())
}

impl Source {
    /// A folder without a project.
    fn empty(folder: &Path) -> Source {
        Source {
            path: None,
            name: FILE_NAME.to_owned(),
            folder: folder.to_owned(),
            text: String::new(),
            parts: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The text with the names of the files that it is of.
    pub(crate) fn named(&self) -> Named<'_> {
        Named { name: &self.name, text: &self.text, parts: &self.parts }
    }
}

/// Reads a project file. The only part of this that touches the disk.
pub(crate) fn read(start: &Path, file: Option<&Path>) -> Result<Source, Box<Problem>> {
    let error =
        |message: String, help: &str| Box::new(Problem::error(Code::NoFile, None, message, help));
    let path = match file {
        Some(file) => start.join(file),
        None => find(start).ok_or_else(|| {
            let message = format!("no {FILE_NAME} in {} or above", start.display());
            error(message, "start a project with `databuild init`, or name one with -C DIR")
        })?,
    };
    let name = path.strip_prefix(start).unwrap_or(&path).display().to_string();
    let text = text_of(&path, &name)?;
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    let (parts, problems) = (Vec::new(), Vec::new());
    let mut source = Source { path: Some(path), name, folder, text, parts, problems };
    include::read(&mut source);
    Ok(source)
}

/// The text of a file that people know as `name`.
fn text_of(path: &Path, name: &str) -> Result<String, Box<Problem>> {
    let error =
        |message: String, help: &str| Box::new(Problem::error(Code::NoFile, None, message, help));
    let size = std::fs::metadata(path).map(|meta| meta.len());
    if size.as_ref().is_ok_and(|&size| FILE_BYTES_MAX < size) {
        return Err(error(
            format!("{name} has more than {FILE_BYTES_MAX} bytes"),
            "is it the right file?",
        ));
    }
    let bytes = std::fs::read(path).map_err(|why| {
        error(format!("{name} cannot be read: {why}"), "name a file that can be read")
    })?;
    String::from_utf8(bytes).map_err(|why| {
        error(format!("{name} is not UTF-8: {}", why.utf8_error()), "save it as UTF-8")
    })
}

/// Checks everything. Pure: neither disk nor network is asked. Settings come back only if there is
/// no error.
pub(crate) fn check(source: &Source, env: &Environment) -> (Option<Config>, Vec<Problem>) {
    let (table, mut problems) = include::parse(source);
    tree::check(&table, &mut problems);
    let draft = extract::draft(table.get_ref(), &source.folder);
    let (spec, found) = check_spec(&draft);
    for problem in found {
        let span = tree::span_of(&source.text, &table, &problem.place);
        problems.push(Problem {
            severity: Severity::Error,
            code: problem.code.as_str(),
            message: problem.message,
            help: problem.help,
            span: Some(span),
        });
    }
    let settings =
        settings::check(source, &table, &extract::raw(table.get_ref()), env, &mut problems);
    let state_dir = source.folder.join(STATE_DIR);
    let own = [settings.logs_dir.as_path(), state_dir.as_path()];
    let around = saver::Surroundings { folder: &source.folder, own: &own };
    let saver = saver::check(&source.text, &table, around, &mut problems);
    let tests = saver::tests(&source.text, &table, &draft, &mut problems);
    if problems.iter().any(|problem| problem.code == Code::Syntax.as_str()) {
        // What stands behind a slip of the pen may be lost: only what is surely wrong is told.
        problems.retain(|problem| {
            problem.code == Code::Syntax.as_str() || problem.code == Code::UnknownKey.as_str()
        });
    }
    problems.extend(env.warnings());
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
    let sound = report::count(&problems, Severity::Error) == 0;
    let config = sound.then(|| Config {
        file: source.path.clone(),
        state_dir,
        spec,
        logs_dir: settings.logs_dir,
        refresh_interval: settings.refresh_interval,
        capture: settings.capture,
        spool_bytes_max: settings.spool_bytes_max,
        on_parent_death: settings.on_parent_death,
        durability: settings.durability,
        on_full: settings.on_full,
        cache_runs: settings.cache_runs,
        metric_labels: settings.metric_labels,
        listen: settings.listen,
        saver,
        tests,
        warnings: problems.clone(),
    });
    (config, problems)
}

#[cfg(test)]
pub(crate) mod tests;
