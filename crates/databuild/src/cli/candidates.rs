//! What the shell offers where a name of the project is wanted: partitions, jobs, builds, runs. What
//! cannot be read offers nothing: nobody wants an error while typing.

use crate::clock::SystemClock;
use crate::project::Project;
use clap_complete::CompletionCandidate;
use databuild_graph::bel::rows::{BuildFilter, PartitionFilter, RunFilter};
use std::path::PathBuf;
use std::sync::Arc;

/// The newest so many builds and runs are offered: more do not fit on a screen.
const NEWEST_MAX: u32 = 30;

/// So many partitions are offered: beyond, the shell asks whether to show them all anyway.
const PARTITIONS_MAX: u32 = 2_000;

/// Partitions that were made or tried.
pub(crate) fn partitions() -> Vec<CompletionCandidate> {
    let find = || {
        let bel = project()?.existing_bel().ok()??;
        let filter = PartitionFilter { limit: Some(PARTITIONS_MAX), ..PartitionFilter::default() };
        bel.partitions(&filter).ok()
    };
    let rows = find().unwrap_or_default().into_iter();
    rows.map(|row| named(row.partition.to_string(), row.state.to_string())).collect()
}

/// What can be built: the partitions, and the jobs of the project.
pub(crate) fn wanted() -> Vec<CompletionCandidate> {
    let jobs = project().map(|project| project.config().spec.jobs.clone()).unwrap_or_default();
    let jobs = jobs.into_iter().map(|job| named(job.label.to_string(), "job".to_owned()));
    jobs.chain(partitions()).collect()
}

/// Jobs of the project and jobs that ran.
pub(crate) fn jobs() -> Vec<CompletionCandidate> {
    let mut labels: Vec<String> = project()
        .map(|project| project.config().spec.jobs.iter().map(|job| job.label.to_string()).collect())
        .unwrap_or_default();
    labels.extend(runs_newest().into_iter().map(|(_, label)| label));
    labels.sort();
    labels.dedup();
    labels.into_iter().map(CompletionCandidate::new).collect()
}

/// Pipelines of the project.
pub(crate) fn pipelines() -> Vec<CompletionCandidate> {
    let pipelines = project().map(|project| project.config().saver.clone()).unwrap_or_default();
    pipelines.into_iter().map(|it| CompletionCandidate::new(it.name)).collect()
}

/// The newest builds.
pub(crate) fn builds() -> Vec<CompletionCandidate> {
    let find = || {
        let bel = project()?.existing_bel().ok()??;
        let filter = BuildFilter { limit: Some(NEWEST_MAX), ..BuildFilter::default() };
        bel.builds(&filter).ok()
    };
    let rows = find().unwrap_or_default().into_iter();
    rows.map(|row| named(row.number.to_string(), row.state.to_string())).collect()
}

/// Builds, runs, and the words for the newest ones.
pub(crate) fn builds_and_runs() -> Vec<CompletionCandidate> {
    let runs = runs_newest().into_iter().map(|(number, label)| named(number, label));
    words(&["@latest", "@failed", "@running"]).chain(builds()).chain(runs).collect()
}

/// Whatever names runs to be read.
pub(crate) fn targets() -> Vec<CompletionCandidate> {
    builds_and_runs().into_iter().chain(jobs()).chain(partitions()).collect()
}

/// Number and job of the newest runs.
fn runs_newest() -> Vec<(String, String)> {
    let find = || {
        let bel = project()?.existing_bel().ok()??;
        let filter = RunFilter { limit: Some(NEWEST_MAX), ..RunFilter::default() };
        let rows = bel.runs(&filter).ok()?.into_iter();
        Some(rows.map(|row| (row.number.to_string(), row.job_label.to_string())).collect())
    };
    find().unwrap_or_default()
}

fn words(texts: &[&'static str]) -> impl Iterator<Item = CompletionCandidate> {
    texts.iter().copied().map(CompletionCandidate::new)
}

fn named(value: String, help: String) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(help.into()))
}

/// The project that the line being typed is about: that of `-C`, else of the folder.
fn project() -> Option<Project> {
    let typed: Vec<String> = std::env::args().skip_while(|word| word != "--").collect();
    let after =
        |flag: &str| typed.iter().skip_while(|word| *word != flag).nth(1).map(PathBuf::from);
    let here = std::env::current_dir().ok()?;
    let start = after("-C").map_or_else(|| here.clone(), |dir| here.join(dir));
    Project::find(&start, None, Arc::new(SystemClock::new())).ok()
}
