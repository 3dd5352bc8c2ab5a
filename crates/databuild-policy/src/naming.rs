//! The names of files in the log store: day and run to path, and back. Nothing here touches a file.

use databuild_model::ids::JobRunId;
use databuild_model::time::Day;

/// The folder of the journals, beside the folders by day.
pub const JOURNAL_DIR: &str = ".journal";

/// The folder of the kept metric totals.
pub const METRICS_DIR: &str = ".metrics";

/// What a file of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFile {
    /// The entries, one JSON object a line: `{run}.jsonl`.
    Entries,
    /// What is where in the entries, and the seal: `{run}.idx`.
    Index,
}

impl RunFile {
    fn suffix(self) -> &'static str {
        match self {
            RunFile::Entries => ".jsonl",
            RunFile::Index => ".idx",
        }
    }
}

/// The folder of a day, relative to the store: `2025-01-27`.
pub fn day_dir(day: Day) -> String {
    day.to_string()
}

/// The day of a folder of the store; nothing for other folders.
pub fn parse_day_dir(name: &str) -> Option<Day> {
    // The text must be the one that `day_dir` gives, so that a run has one path only.
    Day::parse(name).ok().filter(|day| day.to_string() == name)
}

/// A file of a run, relative to the store: `2025-01-27/{run}.jsonl`.
pub fn run_path(day: Day, run: &JobRunId, file: RunFile) -> String {
    format!("{day}/{run}{}", file.suffix())
}

/// The run of a file within a day's folder; nothing for files of others.
pub fn parse_run_file(name: &str) -> Option<(JobRunId, RunFile)> {
    [RunFile::Entries, RunFile::Index].into_iter().find_map(|file| {
        let run = JobRunId::parse(name.strip_suffix(file.suffix())?).ok()?;
        Some((run, file))
    })
}

/// A journal: the day on which it was begun, and which of the collectors of that day wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalName {
    /// The day, UTC.
    pub day: Day,
    /// The collector: the lowest number that no living collector held when it began.
    pub collector: u16,
}

impl JournalName {
    /// The name of the file within [`JOURNAL_DIR`]: `2025-01-27-0.journal`.
    pub fn file_name(self) -> String {
        format!("{}-{}.journal", self.day, self.collector)
    }

    /// The journal with this file name; nothing for files of others.
    pub fn parse(name: &str) -> Option<JournalName> {
        let (day, collector) = name.strip_suffix(".journal")?.rsplit_once('-')?;
        let parsed = JournalName { day: Day::parse(day).ok()?, collector: collector.parse().ok()? };
        (parsed.file_name() == name).then_some(parsed)
    }
}

#[cfg(test)]
mod tests;
