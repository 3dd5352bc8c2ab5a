//! Arguments of `databuild saver`.

use super::super::candidates;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;
use std::path::PathBuf;

/// Arguments of `databuild saver`.
#[derive(Debug, Args)]
#[command(after_help = "\
Pipelines are the blocks [saver.files.NAME] and [saver.plugins.NAME] of databuild.toml.
`databuild serve` runs them, too, unless it is told not to. Orders work whether or not a saver
runs.")]
pub(crate) struct SaverArgs {
    #[command(subcommand)]
    pub(crate) command: SaverCommand,
}

/// What to do with pipelines.
#[derive(Debug, Subcommand)]
pub(crate) enum SaverCommand {
    /// Run the tests of the project file: `[[tests]]`
    Test,
    /// Show what would be written of what is stored, and write nothing
    Preview(PreviewArgs),
    /// Turn a logback.xml into sections of a project file
    Import(ImportArgs),
    /// Run the pipelines until told to stop; SIGHUP reads the configuration again
    Run {
        /// Only this pipeline; several with several of these
        #[arg(long, value_name = "PIPELINE", add = ArgValueCandidates::new(candidates::pipelines))]
        only: Vec<String>,
    },
    /// Tell what each pipeline is doing
    Status {
        /// Only these pipelines
        #[arg(value_name = "PIPELINE", add = ArgValueCandidates::new(candidates::pipelines))]
        pipelines: Vec<String>,
    },
    /// Process nothing until it is resumed; nothing is lost
    Pause {
        /// The pipelines
        #[arg(value_name = "PIPELINE", required = true)]
        #[arg(add = ArgValueCandidates::new(candidates::pipelines))]
        pipelines: Vec<String>,
    },
    /// Go on, also after too many failures, and try at once
    Resume {
        /// The pipelines
        #[arg(value_name = "PIPELINE", required = true)]
        #[arg(add = ArgValueCandidates::new(candidates::pipelines))]
        pipelines: Vec<String>,
        /// Files that are gone were removed on purpose: begin them anew
        #[arg(long)]
        accept_loss: bool,
    },
    /// Process once more what was stored since a time; what was written stays
    Replay {
        /// The pipeline
        #[arg(value_name = "PIPELINE", add = ArgValueCandidates::new(candidates::pipelines))]
        pipeline: String,
        /// From when: 15m (ago), yesterday, 2025-01-27T10:30:00Z, or beginning
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        since: String,
    },
    /// Show events that a pipeline set aside, with why
    Dlq {
        /// The pipeline
        #[arg(value_name = "PIPELINE", add = ArgValueCandidates::new(candidates::pipelines))]
        pipeline: String,
        /// The last N
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        tail: usize,
    },
    /// Watch events pass, beside the pipeline and without disturbing it
    Tap {
        /// The pipeline
        #[arg(value_name = "PIPELINE", add = ArgValueCandidates::new(candidates::pipelines))]
        pipeline: String,
        /// End after N events
        #[arg(short = 'n', long, value_name = "N")]
        number: Option<u64>,
        /// As they come, or as they are written
        #[arg(long, value_enum, default_value_t)]
        stage: TapStage,
        /// Also what was stored since then: 15m (ago), yesterday, 2025-01-27T10:30:00Z
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        since: Option<String>,
    },
}

/// Arguments of `databuild saver preview`.
#[derive(Debug, Args)]
#[command(after_help = "\
Filter, order, layout and rolling are those of the pipeline; nothing is removed, compressed or put down, and
a saver that runs does not notice.")]
pub(crate) struct PreviewArgs {
    /// The pipeline [default: all that write files]
    #[arg(value_name = "PIPELINE", add = ArgValueCandidates::new(candidates::pipelines))]
    pub(crate) pipeline: Option<String>,
    /// Of these runs alone: 42.6, 42, a job, @latest; again for each
    #[arg(long, value_name = "RUN", add = ArgValueCandidates::new(candidates::targets))]
    pub(crate) run: Vec<String>,
    /// Of what was stored since then: 15m (ago), yesterday, 2025-01-27T10:30:00Z [default: beginning]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// At most so many events of each pipeline, the oldest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,
}

/// Where events are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum TapStage {
    /// Entries that the pipeline takes, as they are stored.
    In,
    /// The text that it writes.
    #[default]
    Out,
}

/// Arguments of `databuild saver import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything that cannot be kept as it was is told, all at once and with its line; what is otherwise here
stands in the result as a comment. docs/how-to/import-logback.md lists what is read.")]
pub(crate) struct ImportArgs {
    /// The configuration of logback, or the pipeline of CDAP
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write a new file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The value of a variable that the configuration does not define; again for each
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Leave an appender out; again for each
    #[arg(long, value_name = "APPENDER")]
    pub(crate) without: Vec<String>,
    /// The zone of the machine that logback ran on
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// Whose reading of patterns counts [default: 1.2 for pipelines of CDAP, else 1.5]
    #[arg(long, value_enum, value_name = "VERSION")]
    pub(crate) compat: Option<CompatChoice>,
}

/// A version of logback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompatChoice {
    /// 1.2, and older ones.
    #[value(name = "logback-1.2")]
    Logback12,
    /// 1.5, and those since 1.3.
    #[value(name = "logback-1.5")]
    Logback15,
}
