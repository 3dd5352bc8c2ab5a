//! From what stands on the command line (`42.6`, `clean`, `clean/date=…`, `@failed`) to job runs.

use super::super::args::LogsArgs;
use super::super::outcome::{Exit, Failure};
use super::selector::Selector;
use crate::render::times::counted;
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::{PartitionFilter, RunFilter, RunRow};
use databuild_graph::bel::select::Selected;
use databuild_graph::spec::ProjectSpec;
use databuild_logs::read::LogReader;
use databuild_model::bel::RunEnd;
use databuild_model::bel::transition::RunState;
use databuild_model::ids::{BuildId, JobLabel, JobRunId, PartitionRef};
use std::collections::BTreeSet;

/// Most runs that are read at once: each takes a file and a buffer.
pub(crate) const RUNS_MAX: usize = 1_000;

/// Names that are offered when one is not known.
const NEAR_MAX: usize = 3;

/// A run to read. Runs of other wrappers are in the store and not in the build event log.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The run.
    pub(crate) id: JobRunId,
    /// What is known of it.
    pub(crate) row: Option<RunRow>,
}

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    /// The runs, each once, oldest first.
    pub(crate) runs: Vec<Target>,
    /// Builds whose further runs are to be followed too.
    pub(crate) builds: Vec<BuildId>,
}

/// Finds the runs that the arguments name.
pub(crate) fn find(
    args: &LogsArgs,
    bel: Option<&Bel>,
    reader: &LogReader,
    spec: &ProjectSpec,
) -> Result<Targets, Failure> {
    let selector = Selector::parse(&args.selector)?;
    let latest = ["@latest".to_owned()];
    let texts: &[String] = if args.targets.is_empty() { &latest } else { &args.targets };
    let mut targets = Targets::default();
    if args.targets.is_empty() && !selector.is_empty() {
        let runs = bel.map(|bel| bel.runs(&all_runs())).transpose()?.unwrap_or_default();
        runs.into_iter().for_each(|row| targets.push(row));
    } else {
        for text in texts {
            one(text, bel, reader, &mut targets)?;
        }
    }
    if !selector.is_empty() {
        targets
            .runs
            .retain(|target| target.row.as_ref().is_some_and(|row| selector.matches(row, spec)));
        targets.builds.clear();
        if targets.runs.is_empty() {
            let message = format!("no run has {}", args.selector.join(" and "));
            return Err(Failure::text(Exit::Nothing, message)
                .remedy("databuild runs --job LABEL lists the runs of a job"));
        }
    }
    if let Some(bel) = bel {
        choose_attempts(args, bel, &mut targets)?;
    }
    if args.failed {
        targets.runs.retain(|target| target.row.as_ref().is_none_or(has_failed));
        if targets.runs.is_empty() {
            return Err(Failure::text(
                Exit::Nothing,
                format!("no run of {} failed", texts.join(", ")),
            )
            .remedy("leave --failed away to read them all"));
        }
    }
    targets
        .runs
        .sort_by_key(|target| target.row.as_ref().map(|row| (row.number.build, row.number.run)));
    let mut seen = BTreeSet::new();
    targets.runs.retain(|target| seen.insert(target.id.clone()));
    if RUNS_MAX < targets.runs.len() {
        return Err(Failure::text(
            Exit::Usage,
            format!("that is {} runs; at most {RUNS_MAX} are read at once", targets.runs.len()),
        )
        .remedy("name a job, a partition or single runs, or add --failed"));
    }
    Ok(targets)
}

/// The runs that `texts` name, in the order of these, each once.
pub(crate) fn named(
    texts: &[String],
    bel: Option<&Bel>,
    reader: &LogReader,
) -> Result<Vec<Target>, Failure> {
    let mut targets = Targets::default();
    for text in texts {
        one(text, bel, reader, &mut targets)?;
    }
    let mut seen = BTreeSet::new();
    targets.runs.retain(|target| seen.insert(target.id.clone()));
    Ok(targets.runs)
}

fn one(
    text: &str,
    bel: Option<&Bel>,
    reader: &LogReader,
    targets: &mut Targets,
) -> Result<(), Failure> {
    if let Some(bel) = bel {
        if let Some(word) = text.strip_prefix('@') {
            return by_word(word, bel, targets);
        }
        if let Some(row) = chosen(text, bel.find_run(text)?)? {
            targets.push(row);
            return Ok(());
        }
        if let Selected::One(build) = bel.find_build(text)? {
            targets.builds.push(build.id.clone());
            let filter = RunFilter { build: Some(build.id), ..all_runs() };
            bel.runs(&filter)?.into_iter().for_each(|row| targets.push(row));
            return Ok(());
        }
        if let Some(row) = newest_of_name(text, bel)? {
            targets.push(row);
            return Ok(());
        }
    }
    by_store(text, reader, targets)?.then_some(()).ok_or_else(|| unknown(text, bel, reader))
}

/// A job's newest run, or the newest run that made, or tried to make, a partition.
fn newest_of_name(text: &str, bel: &Bel) -> Result<Option<RunRow>, Failure> {
    let newest = |filter: RunFilter| -> Result<Option<RunRow>, Failure> {
        Ok(bel.runs(&RunFilter { limit: Some(1), ..filter })?.pop())
    };
    if let Ok(job) = JobLabel::parse(text)
        && let Some(row) = newest(RunFilter { job: Some(job), ..RunFilter::default() })?
    {
        return Ok(Some(row));
    }
    match PartitionRef::parse(text) {
        Ok(partition) => newest(RunFilter { partition: Some(partition), ..RunFilter::default() }),
        Err(_) => Ok(None),
    }
}

fn by_word(word: &str, bel: &Bel, targets: &mut Targets) -> Result<(), Failure> {
    let (states, limit, what) = match word {
        "latest" => (Vec::new(), 1, "there is no run yet"),
        "failed" => (failed_states(), 1, "no run has failed"),
        "running" => (vec![RunState::Scheduled, RunState::Running], 1_000, "nothing runs now"),
        other => {
            return Err(Failure::text(Exit::Usage, format!("there is no @{other}"))
                .remedy("there are @latest, @failed and @running"));
        }
    };
    let filter = RunFilter { states, limit: Some(limit), ..RunFilter::default() };
    let rows = bel.runs(&filter)?;
    if rows.is_empty() {
        return Err(Failure::text(Exit::Nothing, what).remedy("databuild runs lists what there is"));
    }
    rows.into_iter().for_each(|row| targets.push(row));
    Ok(())
}

/// Runs that other wrappers wrote are found by id, or by the beginning or the end of one.
fn by_store(text: &str, reader: &LogReader, targets: &mut Targets) -> Result<bool, Failure> {
    if text.starts_with('@') {
        return Err(Failure::text(Exit::Nothing, "there is no run yet")
            .remedy("databuild build or databuild run makes one"));
    }
    let ids = reader.list_available_jobs(None)?;
    if let Some(id) = ids.iter().find(|id| id.as_str() == text) {
        targets.runs.push(Target { id: id.clone(), row: None });
        return Ok(true);
    }
    let part_of = |id: &&JobRunId| {
        4 <= text.len() && (id.as_str().starts_with(text) || id.as_str().ends_with(text))
    };
    let found: Vec<&JobRunId> = ids.iter().filter(part_of).collect();
    match found.as_slice() {
        [] => Ok(false),
        [id] => {
            targets.runs.push(Target { id: (*id).clone(), row: None });
            Ok(true)
        }
        several => Err(ambiguous(text, several.iter().map(ToString::to_string))),
    }
}

fn chosen(text: &str, selected: Selected<RunRow>) -> Result<Option<RunRow>, Failure> {
    match selected {
        Selected::One(row) => Ok(Some(row)),
        Selected::Nothing => Ok(None),
        Selected::Ambiguous(rows) => Err(ambiguous(
            text,
            rows.iter().map(|row| format!("{} {} {}", row.number, row.job_label, row.id)),
        )),
    }
}

/// Names what a text could mean; never guesses.
pub(crate) fn ambiguous(text: &str, candidates: impl Iterator<Item = String>) -> Failure {
    let lines: Vec<String> = candidates.collect();
    Failure::text(Exit::Usage, format!("{text:?} fits more than one"))
        .remedy(format!("give more of it, or one of:\n{}", lines.join("\n")))
}

/// `-p` and `--attempt`: other runs of the same task.
fn choose_attempts(args: &LogsArgs, bel: &Bel, targets: &mut Targets) -> Result<(), Failure> {
    if !args.previous && args.attempt.is_none() {
        return Ok(());
    }
    for target in &mut targets.runs {
        let Some(row) = &target.row else { continue };
        let wanted = args.attempt.unwrap_or_else(|| row.attempt.saturating_sub(1));
        let filter = RunFilter { build: Some(row.build_id.clone()), ..all_runs() };
        let mut attempts = bel.runs(&filter)?;
        attempts.retain(|other| other.task == row.task);
        match attempts.iter().find(|other| other.attempt == wanted) {
            Some(found) => *target = Target { id: found.id.clone(), row: Some(found.clone()) },
            None => {
                let count = counted(attempts.len() as u64, "time", "times");
                let message = match wanted {
                    0 => format!("run {} is the first attempt", row.number),
                    _ => format!("run {} has no attempt {wanted}", row.number),
                };
                return Err(Failure::text(Exit::Nothing, message)
                    .remedy(format!("its task was tried {count} in build {}", row.number.build)));
            }
        }
    }
    Ok(())
}

/// Nothing is called so: what is called nearly so?
fn unknown(text: &str, bel: Option<&Bel>, reader: &LogReader) -> Failure {
    let mut names = BTreeSet::new();
    if let Some(bel) = bel {
        // Suggestions are a courtesy: a log that cannot be read now is told by the next question.
        for row in bel.runs(&all_runs()).unwrap_or_default() {
            names.insert(row.job_label.to_string());
            names.insert(row.number.to_string());
        }
        let made = PartitionFilter { limit: Some(1_000), ..PartitionFilter::default() };
        for row in bel.partitions(&made).unwrap_or_default() {
            names.insert(row.partition.to_string());
        }
    }
    names.extend(
        reader.list_available_jobs(None).unwrap_or_default().iter().map(ToString::to_string),
    );
    let mut near: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(text, &name), name))
        .filter(|(likeness, _)| 0.8 < *likeness)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(NEAR_MAX);
    let near: Vec<String> = near.into_iter().map(|(_, name)| name).collect();
    let remedy = if near.is_empty() {
        "databuild runs lists builds and job runs".to_owned()
    } else {
        format!("did you mean {}?\ndatabuild runs lists builds and job runs", near.join(" or "))
    };
    Failure::text(Exit::Nothing, format!("there is no run, build, job or partition {text:?}"))
        .remedy(remedy)
}

fn failed_states() -> Vec<RunState> {
    vec![RunState::Ended(RunEnd::Failed), RunState::Ended(RunEnd::Lost)]
}

fn has_failed(row: &RunRow) -> bool {
    match row.state {
        RunState::Ended(RunEnd::Failed | RunEnd::Lost) => true,
        RunState::Ended(RunEnd::Completed | RunEnd::Cancelled)
        | RunState::Scheduled
        | RunState::Running => false,
    }
}

pub(super) fn all_runs() -> RunFilter {
    RunFilter { limit: Some(u32::MAX), ..RunFilter::default() }
}

impl Targets {
    fn push(&mut self, row: RunRow) {
        self.runs.push(Target { id: row.id.clone(), row: Some(row) });
    }
}

impl Target {
    /// `42.6`, or the id where there is no number.
    pub(crate) fn short(&self) -> String {
        self.row.as_ref().map_or_else(|| self.id.to_string(), |row| row.number.to_string())
    }
}
