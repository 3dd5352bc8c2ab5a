//! A git history as the demo's jobs read it: from the repository around us, or the one that ships.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// A history, and the periods that it can be cut into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    /// What `git log --numstat` printed, newest commit first: `C`, hash, UTC time and title with tabs
    /// between them, then a line of lines added, lines deleted and path for each file.
    pub(crate) text: String,
    /// How it is cut.
    pub(crate) period: Period,
    /// The first period with a commit.
    pub(crate) first: String,
    /// The last period with a commit.
    pub(crate) last: String,
    /// How many commits there are.
    pub(crate) commits: usize,
    /// How many periods have a commit.
    pub(crate) periods: usize,
}

/// What a partition of the demo covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// A day, UTC.
    Day,
    /// An hour, for histories that are younger than three days.
    Hour,
}

/// Newest commits that are read: enough for years, and a file of a few megabytes at most.
const COMMITS_MAX: &str = "3000";

/// First-party history: the beginning of this program, made by what [`git_log`] runs.
const SHIPPED: &str = include_str!("history/databuild.txt");

impl Period {
    /// The key in refs and in the project file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Period::Day => "date",
            Period::Hour => "hour",
        }
    }

    /// The fewest periods that make a demo worth looking at.
    fn fewest(self) -> usize {
        match self {
            Period::Day => 3,
            Period::Hour => 2,
        }
    }

    /// The word in sentences.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Hour => "hour",
        }
    }

    /// The period of a time such as `2025-01-27T10:30:00Z`, if that is a time.
    fn of(self, time: &str) -> Option<&str> {
        let bytes = match self {
            Period::Day => 10,
            Period::Hour => 13,
        };
        databuild_model::time::Timestamp::parse(time).ok()?;
        time.get(..bytes)
    }
}

impl History {
    /// Reads a history; `None` if it has too few periods to be worth looking at.
    pub(crate) fn parse(text: String) -> Option<History> {
        [Period::Day, Period::Hour].into_iter().find_map(|period| cut(&text, period))
    }

    /// The history that ships with the program.
    pub(crate) fn shipped() -> Option<History> {
        History::parse(SHIPPED.to_owned())
    }

    /// The history of the git repository that `folder` stands in, if there is one worth looking at.
    pub(crate) fn around(folder: &Path) -> Option<History> {
        History::parse(git_log(folder).ok()?)
    }
}

fn cut(text: &str, period: Period) -> Option<History> {
    let times: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("C\t")?.split('\t').nth(1))
        .filter_map(|time| period.of(time))
        .collect();
    let periods: BTreeSet<&str> = times.iter().copied().collect();
    let (first, last) = (*periods.first()?, *periods.last()?);
    (period.fewest() <= periods.len()).then(|| History {
        period,
        first: first.to_owned(),
        last: last.to_owned(),
        commits: times.len(),
        periods: periods.len(),
        text: text.to_owned(),
    })
}

/// Merges are left out: what they merge is there already. So are names of people.
#[expect(clippy::disallowed_methods, reason = "git is asked once, before there is any job")]
fn git_log(folder: &Path) -> io::Result<String> {
    let output = Command::new("git")
        .args(["-c", "core.quotePath=false", "-c", "log.showSignature=false"])
        .args(["--no-pager", "log", "--no-merges", "--no-renames", "--numstat", "--no-color"])
        .args(["-n", COMMITS_MAX, "--date=format-local:%Y-%m-%dT%H:%M:%SZ"])
        .arg("--pretty=format:C%x09%h%x09%ad%x09%s")
        .current_dir(folder)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("git log failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
