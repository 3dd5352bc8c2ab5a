//! Arguments of the commands that make things: `build`, `run`, `why`.

use super::super::candidates;
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use std::path::PathBuf;

/// Arguments of `databuild build`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild build clean/date=2025-01-26                      one partition and what it needs
  databuild build 'report/date=2025-01-20..2025-01-26'       a range, both ends included
  databuild build -n report/date=2025-01-26                  what would run, and why
  databuild build --retry 42                                 what build 42 did not make
  databuild build -j 8 --events - REF > events.jsonl         facts for a program, as they happen

Ctrl-C lets running jobs stop in order, a second one at once; the same command later continues.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as typed, and they are independent"
)]
pub(crate) struct BuildArgs {
    /// Partitions to make; a job's name means all of its partitions that can be listed
    #[arg(value_name = "REF", required_unless_present = "retry")]
    #[arg(add = ArgValueCandidates::new(candidates::wanted))]
    pub(crate) refs: Vec<String>,
    /// Show what would run and why, and run nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Jobs at once [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", env = "DATABUILD_JOBS", hide_env = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) jobs: Option<u32>,
    /// After a failure go on with what does not depend on it (the default)
    #[arg(short = 'k', long, conflicts_with = "fail_fast")]
    pub(crate) keep_going: bool,
    /// After a failure start nothing more
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Make what this build wanted and did not make
    #[arg(long, value_name = "BUILD", conflicts_with = "refs")]
    #[arg(add = ArgValueCandidates::new(candidates::builds))]
    pub(crate) retry: Option<String>,
    /// Make what was asked for even if it is up to date; --force=all also what it needs
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "wanted")]
    pub(crate) force: Option<ForceChoice>,
    /// Make again what was made longer ago than this, such as 12h or 7d, also what is only needed
    #[arg(long, value_name = "AGE")]
    pub(crate) max_age: Option<String>,
    /// Make again what another command, or other inputs, made; `why` tells where that is so
    #[arg(long)]
    pub(crate) changed: bool,
    /// Let the running service make it, and return at once; ends with 69 when none answers
    #[arg(long, conflicts_with_all = ["dry_run", "events", "no_wait"])]
    pub(crate) detach: bool,
    /// The service for --detach [default: where the project's service listens]
    #[arg(long, value_name = "URL", requires = "detach")]
    pub(crate) server: Option<String>,
    /// End with code 75 instead of waiting for another build that makes the same partition
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Write the facts of the build to FILE as JSON lines; - is stdout
    #[arg(long, value_name = "FILE|-")]
    pub(crate) events: Option<PathBuf>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t, env = "DATABUILD_PROGRESS", hide_env = true)]
    pub(crate) progress: Progress,
    /// Whose output to show on stderr
    #[arg(long, value_enum, default_value_t, value_name = "WHOSE")]
    pub(crate) show_output: ShowOutput,
}

/// What to make again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForceChoice {
    /// What was asked for.
    Wanted,
    /// Also what it needs.
    All,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A bar with what runs below it.
    Bar,
    /// A line per job, and one every 30 seconds.
    Lines,
    /// Only the end.
    None,
}

/// Whose output is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ShowOutput {
    /// Nobody's.
    Never,
    /// An extract for jobs that failed.
    #[default]
    Failed,
    /// Everybody's, as it comes, and the extract.
    All,
}

/// Arguments of `databuild run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild run -- python clean.py --day 2025-01-26
  databuild run -J nightly/dump --timeout 30m --retries 2 -- pg_dump shop
  databuild run --out clean/date=2025-01-26 -- ./clean.sh

The command's output is passed on as it comes and kept; its exit code is ours. Read it again with
`databuild logs @latest`.")]
pub(crate) struct RunArgs {
    /// The job's name [default: the command's name]
    #[arg(short = 'J', long = "job", value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// A partition that the command makes; may be given several times
    #[arg(long = "out", value_name = "REF")]
    pub(crate) outputs: Vec<String>,
    /// Stop the command after this time, such as 90s, 15m or 2h; ends with 124
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// Run again up to N times while it fails
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub(crate) retries: u32,
    /// Whose logs these are [default: the project's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Pass the command's output on as it comes (the default; -q leaves it)
    #[arg(long)]
    pub(crate) tee: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// Arguments of `databuild why`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild why report/date=2025-01-26             the chain down to the first cause
  databuild why --upstream report/date=2025-01-26  all that it is made from")]
pub(crate) struct WhyArgs {
    /// The partition
    #[arg(value_name = "REF", add = ArgValueCandidates::new(candidates::partitions))]
    pub(crate) reference: String,
    /// Also all that it is made from, up to date or not
    #[arg(long)]
    pub(crate) upstream: bool,
}
