//! Arguments of the commands that read: `logs`, `runs`, `status`.

use super::super::candidates;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;
use std::path::PathBuf;

/// Arguments of `databuild logs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
What to read (TARGET):
  42.6                     a job run            42            all runs of a build
  clean                    a job's latest run   clean/date=…  the run that made a partition
  0194a1b2-…               a run by its id, or by enough of its end or beginning
  @latest @failed @running the newest run, the newest failed one, all that run now [default: @latest]

Examples:
  databuild logs -f clean                  follow until the run ends
  databuild logs -l job=clean,region=eu    every run of a job with this partition key, by time
  databuild logs 42 --failed               only the failed runs of build 42
  databuild logs 42.6 -L error -C 3        errors, each with three entries around it
  databuild logs @latest -g 'timeout|refused' --since 15m
  databuild logs 42.6 -o jsonl | jq .content.log.message
  databuild logs 42.6 --format '%d %-5level [%job] %msg%n'
  databuild logs verify --all              prove that every record is whole

A job that is called verify is read with -l job=verify.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as typed, and they are independent"
)]
pub(crate) struct LogsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LogsCommand>,
    /// Runs, builds, jobs, partitions or @latest, @failed, @running
    #[arg(value_name = "TARGET", add = ArgValueCandidates::new(candidates::targets))]
    pub(crate) targets: Vec<String>,
    /// Only runs of which all of this is true: job=NAME, and values of partition keys
    #[arg(short = 'l', long, value_name = "KEY=VALUE,…", value_delimiter = ',')]
    pub(crate) selector: Vec<String>,
    /// Wait for more until the run ends; --follow=always also for further attempts
    #[arg(short = 'f', long, value_enum, value_name = "HOW", num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "end", hide_possible_values = true)]
    pub(crate) follow: Option<FollowChoice>,
    /// From this time on: 15m (ago), yesterday, 10:30, 2025-01-27T10:30:00Z, @1737974400
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// This level and above: trace, debug, info, warn, error, fatal
    #[arg(short = 'L', long, value_name = "LEVEL", conflicts_with = "levels")]
    pub(crate) level: Option<String>,
    /// Exactly these levels
    #[arg(long, value_name = "LEVEL,…", value_delimiter = ',')]
    pub(crate) levels: Vec<String>,
    /// Kinds of entries: log, event, metric, manifest [default: log,event; all for json and jsonl]
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub(crate) kind: Vec<String>,
    /// Only entries that match this regular expression
    #[arg(short = 'g', long, value_name = "REGEX")]
    pub(crate) grep: Option<String>,
    /// Not the entries that match this regular expression
    #[arg(short = 'e', long, value_name = "REGEX")]
    pub(crate) exclude: Option<String>,
    /// Upper and lower case are the same to --grep and --exclude
    #[arg(short = 'i', long)]
    pub(crate) ignore_case: bool,
    /// Also N entries before and after each one found
    #[arg(short = 'C', long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub(crate) context: Option<u32>,
    /// The last N entries
    #[arg(short = 'n', long, value_name = "N", conflicts_with_all = ["head", "cursor"])]
    pub(crate) tail: Option<u32>,
    /// The first N entries
    #[arg(long, value_name = "N")]
    pub(crate) head: Option<u32>,
    /// At most N entries; more are told on stderr with the cursor to go on from
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Go on where an answer with --limit ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Oldest or newest first
    #[arg(long, value_enum, default_value_t)]
    pub(crate) order: OrderChoice,
    /// Only runs that failed
    #[arg(long)]
    pub(crate) failed: bool,
    /// The attempt before
    #[arg(short = 'p', long, conflicts_with = "attempt")]
    pub(crate) previous: bool,
    /// This attempt, counted from 1
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// How to show times: full, time or rel (since the run began)
    #[arg(short = 't', long, value_enum, value_name = "HOW", num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "full", default_value = "time")]
    pub(crate) timestamps: TimestampChoice,
    /// Print entries by this layout: a pattern in logback's language, or text, logfmt, otlp
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["timestamps", "prefix"])]
    pub(crate) format: Option<String>,
    /// The job's name before each entry (by itself when several runs are read)
    #[arg(long)]
    pub(crate) prefix: bool,
}

/// What else to do with stored logs.
#[derive(Debug, Subcommand)]
pub(crate) enum LogsCommand {
    /// Prove that the record of a run is whole, or name what is missing
    Verify(VerifyArgs),
}

/// Arguments of `databuild logs verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything is counted again from the stored bytes: entries by their numbers, the job's output by the
byte ranges that the entries stand for, counts, hash and index against the seal. What is missing is
named with the reason that the record gives. Nothing is changed.

Examples:
  databuild logs verify                   the newest run
  databuild logs verify 42 clean/date=…   all runs of a build, and the run that made a partition
  databuild logs verify --all             every stored run; -v names the complete ones too
  databuild logs verify --all -o jsonl    one JSON value a run

Exit codes: 0 every run is complete or still running, 1 something is missing or was changed,
4 there is no such run.")]
pub(crate) struct VerifyArgs {
    /// Runs, builds, jobs, partitions or @latest, @failed, @running; @latest if there is none
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(candidates::targets))]
    pub(crate) targets: Vec<String>,
    /// Every run that is stored
    #[arg(long, conflicts_with = "targets")]
    pub(crate) all: bool,
}

/// How long to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FollowChoice {
    /// Until the run ends.
    End,
    /// Until the build ends, through further attempts of the same task.
    Always,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OrderChoice {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum TimestampChoice {
    /// Date, time and offset.
    Full,
    /// Time of day.
    #[default]
    Time,
    /// Since the run began.
    Rel,
    /// Not at all.
    None,
}

/// Arguments of `databuild runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Jobs of a build that was killed go on, unless `on_parent_death = \"stop\"`: the list says which,
the next build, run or serve goes on with them, and cancel stops them.

Examples:
  databuild runs                     the latest builds
  databuild runs --failed            those that failed
  databuild runs show 42             a build and its job runs
  databuild runs show 42.6           one job run
  databuild runs cancel 42           stop a build in order
  databuild runs export 42.6 a.tar   carry a run's log away; runs import a.tar takes it in")]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// At most N
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) number: u32,
    /// List the runs of this job instead of builds
    #[arg(long, value_name = "LABEL", add = ArgValueCandidates::new(candidates::jobs))]
    pub(crate) job: Option<String>,
    /// Only what failed
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only what runs now
    #[arg(long, conflicts_with = "failed")]
    pub(crate) running: bool,
    /// Only what was started at or after this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
}

/// What to do with one build or job run.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Tell everything about a build or a job run
    Show {
        /// A build (42), a job run (42.6), an id, @latest, @failed
        #[arg(value_name = "ID", default_value = "@latest")]
        #[arg(add = ArgValueCandidates::new(candidates::builds_and_runs))]
        id: String,
    },
    /// Ask a running build to stop in order; stop what a killed one left running
    Cancel {
        /// A build (42), an id, @running
        #[arg(value_name = "ID", add = ArgValueCandidates::new(candidates::builds))]
        id: String,
    },
    /// Write the logs of runs into one file, to be carried away
    #[command(after_help = "\
The file is a tar archive: a manifest with hashes and records, then the files of each run. Every run is
verified on the way; one that still runs is refused, and so is a FILE that exists.

Examples:
  databuild runs export 42.6 incident.tar
  databuild runs export 42 clean - | zstd > logs.tar.zst")]
    Export {
        /// Builds, job runs, jobs, partitions, @latest, @failed
        #[arg(value_name = "RUN", required = true, num_args = 1..)]
        #[arg(add = ArgValueCandidates::new(candidates::targets))]
        targets: Vec<String>,
        /// The file to make; - is stdout
        #[arg(value_name = "FILE", required = true)]
        file: PathBuf,
    },
    /// Take in the logs of runs that were exported, here or elsewhere
    #[command(after_help = "\
All of the archive is checked against its hashes before any of it is in the store. A run that is there
already is left as it is; one that is there with other entries refuses the whole archive. Imported runs
are read by their ids: the builds that made them are not known here.

Examples:
  databuild runs import incident.tar
  zstdcat logs.tar.zst | databuild runs import -")]
    Import {
        /// What `runs export` wrote; - is stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Arguments of `databuild status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild status                                      every partition that was ever made
  databuild status 'clean/date=2025-01-01..2025-01-31'  these, made or not
  databuild status --missing                            what is due, or was tried, and is not there
  databuild status --matrix                             a picture: datasets down, periods across")]
pub(crate) struct StatusArgs {
    /// Partitions, ranges, or the beginning of refs
    #[arg(value_name = "REF-PATTERN", add = ArgValueCandidates::new(candidates::partitions))]
    pub(crate) patterns: Vec<String>,
    /// Only what is not there; without REF-PATTERN all that is due of keys that can be listed
    #[arg(long)]
    pub(crate) missing: bool,
    /// Only what is there and older than what it is made from
    #[arg(long, conflicts_with = "missing")]
    pub(crate) stale: bool,
    /// A picture: a row for each dataset, a column for each period, as many as fit
    #[arg(long)]
    pub(crate) matrix: bool,
    /// At most N lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200)]
    pub(crate) number: u32,
}
