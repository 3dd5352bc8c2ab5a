//! The project that `databuild demo` and `databuild init` write: three shell jobs on a git history.
//!
//! The history is read once into a file of the project, so the jobs read a local file and nothing
//! needs the network. Building it is the command's business (`cli/demo.rs`).

pub(crate) mod history;

use history::{History, Period};
use std::io;
use std::path::{Path, PathBuf};

/// A project that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// The partition to ask for: the newest report.
    pub(crate) newest_report: String,
    /// The newest partition of the job in the middle, which is the one to break.
    pub(crate) newest_churn: String,
    /// The report's file, relative to the project.
    pub(crate) report_file: PathBuf,
}

/// Why a project cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// There is something that would be mixed up with it, or written over.
    #[error("{path} exists already")]
    Exists {
        /// The folder or file.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("cannot write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl WriteError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            WriteError::Exists { .. } => "give another folder, or remove this one first",
            WriteError::Io { .. } => "make the place writable, or give another folder",
        }
    }
}

const JOBS: [(&str, &str); 3] = [
    ("commits.sh", include_str!("demo/jobs/commits.sh")),
    ("churn.sh", include_str!("demo/jobs/churn.sh")),
    ("report.sh", include_str!("demo/jobs/report.sh")),
];

/// Refuses a folder that holds anything.
pub(crate) fn check_empty(dir: &Path) -> Result<(), WriteError> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(WriteError::Exists { path: dir.to_owned() }),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(WriteError::Exists { path: dir.to_owned() })
        }
        Err(source) => Err(WriteError::Io { path: dir.to_owned(), source }),
    }
}

/// Writes the project on a git history into `dir`, which holds no project yet.
pub(crate) fn write_git(dir: &Path, history: &History) -> Result<Written, WriteError> {
    let key = history.period.key();
    let last = &history.last;
    write(dir, "databuild.toml", &project_file(history))?;
    write(dir, "data/history.txt", &history.text)?;
    for (name, text) in JOBS {
        write(dir, &format!("jobs/{name}"), text)?;
    }
    write(
        dir,
        ".gitignore",
        "# What databuild keeps here, and what the jobs make.\n.databuild/\ndata/\n",
    )?;
    Ok(Written {
        newest_report: format!("report/{key}={last}"),
        newest_churn: format!("churn/{key}={last}"),
        report_file: PathBuf::from(format!("data/report/{key}={last}/report.md")),
    })
}

/// Writes the smallest project that does something into `dir`, which holds no project yet.
pub(crate) fn write_blank(dir: &Path) -> Result<(), WriteError> {
    write(dir, "databuild.toml", BLANK)?;
    write(dir, ".gitignore", "# What databuild keeps here.\n.databuild/\n")
}

/// Writes the project on invented earthquakes into `dir`, which holds no project yet.
pub(crate) fn write_quakes(dir: &Path) -> Result<(), WriteError> {
    write(dir, "databuild.toml", include_str!("demo/quakes/databuild.toml"))?;
    for (name, text) in QUAKES {
        write(dir, &format!("jobs/{name}"), text)?;
    }
    write(
        dir,
        ".gitignore",
        "# What databuild keeps here, and what the jobs make.\n.databuild/\ndata/\n",
    )
}

const QUAKES: [(&str, &str); 3] = [
    ("catalog.sh", include_str!("demo/quakes/catalog.sh")),
    ("clean.sh", include_str!("demo/quakes/clean.sh")),
    ("report.sh", include_str!("demo/quakes/report.sh")),
];

const BLANK: &str = r#"# A job makes partitions: data that exists or not. Try it:  databuild build hello/date=today
[jobs.hello]
out = "hello/date={date}"
run = "mkdir -p hello && echo hello on {date} | tee {out}"

# What a job reads is made first:
# [jobs.report]
# in  = "hello/date={date-6d..date}"
# out = "report/date={date}"
# run = "mkdir -p report && cat {in} > {out}"
"#;

/// The project file. Texts of a history cannot get into it: only periods, which have one form.
fn project_file(history: &History) -> String {
    let key = history.period.key();
    let every = history.period.word();
    let first = &history.first;
    let quoted = match history.period {
        Period::Day => first.clone(),
        Period::Hour => format!("{first:?}"),
    };
    let range = match history.period {
        Period::Day => "{date-13d..date}",
        Period::Hour => "{hour-23h..hour}",
    };
    format!(
        r#"# Three jobs on the history of a git repository, which `git log` wrote to data/history.txt.
[project]
name = "demo"
root = "data"                      # partitions live here: commits/{key}={first} is a folder in it

[keys]
{key} = {{ every = "{every}", from = {quoted} }}

[jobs.commits]                     # the commits of one {every}
in  = "history.txt"
out = "commits/{key}={{{key}}}"
run = "sh jobs/commits.sh {{{key}}} {{in}} {{out}}"

[jobs.churn]                       # how much each file changed
in  = "commits/{key}={{{key}}}"
out = "churn/{key}={{{key}}}"
run = "sh jobs/churn.sh {{{key}}} {{in}} {{out}}"

[jobs.report]                      # a page for people
in  = "churn/{key}={range}"
out = "report/{key}={{{key}}}"
run = "sh jobs/report.sh {{{key}}} {{out}} {{in}}"
"#
    )
}

/// Writes a new file; one that is there is never written over.
fn write(dir: &Path, name: &str, text: &str) -> Result<(), WriteError> {
    let path = dir.join(name);
    let fail = |path: PathBuf| {
        move |source: io::Error| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                WriteError::Exists { path }
            } else {
                WriteError::Io { path, source }
            }
        }
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail(folder.to_owned()))?;
    }
    let mut file = std::fs::File::create_new(&path).map_err(fail(path.clone()))?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(fail(path))
}

#[cfg(test)]
mod tests;
