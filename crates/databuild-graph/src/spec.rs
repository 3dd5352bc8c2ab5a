//! What makes what: the checked project. Everything in it was parsed once; nothing in it can be
//! wrong any more. Pure: the file it came from is the program's business.
//!
//! [`check`](check::check) is the only door: a [`ProjectDraft`](draft::ProjectDraft) (text as
//! typed) goes in, a [`ProjectSpec`] and all problems come out.

pub mod check;
pub mod command;
pub mod draft;
pub mod key;
pub mod pattern;
pub mod period;
pub mod problem;
pub mod unit;
pub mod wanted;

use command::Command;
use databuild_model::ids::{AppName, JobLabel, PartitionRef};
use databuild_model::spool::{Capture, OnParentDeath};
use key::Keys;
use pattern::Pattern;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A checked project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSpec {
    /// The project's name; also the application of every job that names none.
    pub name: AppName,
    /// The folder of the project file. Commands start here unless a job says otherwise.
    pub folder: PathBuf,
    /// Where partitions live.
    pub root: Root,
    /// The keys that may stand in braces.
    pub keys: Keys,
    /// The jobs, by label.
    pub jobs: Vec<JobSpec>,
}

/// Where partitions live whose ref is not a URI itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A folder, absolute if the project's folder is.
    Local(PathBuf),
    /// A URI without a slash at its end.
    Uri(String),
}

/// How one kind of partition is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// The stable name.
    pub label: JobLabel,
    /// What one run makes; at least one pattern, all with the same keys.
    pub out: Vec<Pattern>,
    /// What one run reads, as patterns over the keys of `out`.
    pub inputs: Vec<Pattern>,
    /// The command.
    pub run: Command,
    /// A command that prints further partitions that a run needs, one a line.
    pub needs: Option<Command>,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// The longest that a run may take; for ever if absent.
    pub timeout: Option<Duration>,
    /// Time between a polite signal and a hard one.
    pub grace: Option<Duration>,
    /// Time that output of processes that outlive the command is waited for.
    pub drain: Option<Duration>,
    /// Time between heartbeats.
    pub heartbeat: Option<Duration>,
    /// Whose logs these are; the project's name if absent.
    pub app: Option<AppName>,
    /// The kind of job: a metric label.
    pub job_type: Option<String>,
    /// Variables for the command.
    pub env: BTreeMap<String, String>,
    /// The folder that the command starts in, below the project's folder.
    pub dir: Option<PathBuf>,
    /// How its output is captured; as for the project if absent.
    pub capture: Option<Capture>,
    /// What becomes of a run when whoever started it dies; as for the project if absent.
    pub on_parent_death: Option<OnParentDeath>,
    /// Most bytes of output that are taken from a run in a second; then it waits.
    pub output_rate_max: Option<u64>,
    /// Log lines of a run that are kept in a second; all if absent.
    pub output_sample_max: Option<u64>,
}

impl ProjectSpec {
    /// The job at `index`, as a task names it.
    pub fn job(&self, index: usize) -> Option<&JobSpec> {
        self.jobs.get(index)
    }

    /// The job with this label and its index.
    pub fn job_named(&self, label: &str) -> Option<(usize, &JobSpec)> {
        self.jobs.iter().enumerate().find(|(_, job)| job.label.as_str() == label)
    }

    /// Where a partition is on this machine, or `None` if it lives elsewhere.
    pub fn local_path(&self, partition: &PartitionRef) -> Option<PathBuf> {
        let text = partition.as_str();
        if let Some(path) = text.strip_prefix("file://") {
            return path.starts_with('/').then(|| PathBuf::from(path));
        }
        if text.contains("://") {
            return None;
        }
        match &self.root {
            Root::Local(root) => Some(root.join(text)),
            Root::Uri(_) => None,
        }
    }

    /// What `{in}` and `{out}` become for a job: a path (relative to the project's folder where the
    /// command starts there) or a URI.
    pub fn location(&self, job: &JobSpec, partition: &PartitionRef) -> String {
        match (self.local_path(partition), &self.root) {
            (Some(path), _) => {
                let shown = if job.dir.is_none() {
                    path.strip_prefix(&self.folder)
                } else {
                    Ok(path.as_path())
                };
                shown.unwrap_or(&path).display().to_string()
            }
            (None, Root::Uri(root)) if !partition.as_str().contains("://") => {
                format!("{root}/{partition}")
            }
            (None, _) => partition.to_string(),
        }
    }

    /// The folder that a job's command starts in.
    pub fn start_folder(&self, job: &JobSpec) -> PathBuf {
        job.dir.as_deref().map_or_else(|| self.folder.clone(), |dir: &Path| self.folder.join(dir))
    }

    /// Whose logs a job's runs are.
    pub fn app_of<'a>(&'a self, job: &'a JobSpec) -> &'a AppName {
        job.app.as_ref().unwrap_or(&self.name)
    }
}
