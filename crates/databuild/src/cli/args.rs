//! The arguments exactly as typed. What they mean is decided by the command that gets them.
//!
//! `-C` and `-f` stand before the command, as with git and make, because `logs` has a `-C` and a `-f`
//! of its own that people know from grep and tail.

mod build;
mod house;
mod metrics;
mod plugin;
mod read;
mod saver;

pub(crate) use build::{BuildArgs, ForceChoice, Progress, RunArgs, ShowOutput, WhyArgs};
pub(crate) use house::{
    CheckArgs, CompletionsArgs, ConfigArgs, DemoArgs, EmitArgs, EmitWhat, ExplainArgs, InitArgs,
    ServeArgs, Template, WrapArgs,
};
pub(crate) use metrics::{ExportArgs, FormatChoice, MetricsArgs, MetricsCommand};
pub(crate) use plugin::{
    ConfineArgs, PluginArgs, PluginCommand, PluginLanguage, PluginNewArgs, PluginRunArgs,
    PluginStartArgs, PluginTestArgs,
};
pub(crate) use read::{
    FollowChoice, LogsArgs, LogsCommand, OrderChoice, RunsArgs, RunsCommand, StatusArgs,
    TimestampChoice, VerifyArgs,
};

pub(crate) use saver::{CompatChoice, ImportArgs, PreviewArgs, SaverArgs, SaverCommand, TapStage};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Runs data jobs, keeps everything they print, measure and do, and reads it back.
#[derive(Debug, Parser)]
#[command(
    name = "databuild",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    after_help = AFTER_HELP
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  databuild demo                         a small project on real data, built before your eyes
  databuild run -- make report           record any command: no project needed
  databuild logs @latest                 read what the last run said
  databuild build 'report/date=2025-01-20..2025-01-26'

Exit codes: 0 done, 1 jobs failed, 2 wrong command line, 4 nothing matches, 69 service unreachable,
70 our bug, 74 state cannot be read or written, 75 busy, 78 wrong configuration, 130 interrupted.
`databuild run` passes the command's own code through.";

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalArgs {
    /// Work as if started in DIR
    #[arg(short = 'C', value_name = "DIR", help_heading = "Global options")]
    pub(crate) dir: Option<PathBuf>,
    /// Use this project file instead of looking upwards for databuild.toml
    #[arg(
        short = 'f',
        long = "file",
        value_name = "FILE",
        env = "DATABUILD_FILE",
        hide_env = true
    )]
    #[arg(help_heading = "Global options")]
    pub(crate) file: Option<PathBuf>,
    /// Form of the result on stdout
    #[arg(short, long, global = true, value_enum, default_value_t, env = "DATABUILD_OUTPUT")]
    #[arg(help_heading = "Global options", hide_default_value = true, hide_env = true)]
    pub(crate) output: Output,
    /// Colours: auto, always or never; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(env = "DATABUILD_COLOR", hide_env = true, hide_possible_values = true)]
    #[arg(help_heading = "Global options", hide_default_value = true)]
    pub(crate) color: ColorChoice,
    /// Less on stderr: only what went wrong
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// More on stderr; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Never start a pager
    #[arg(long, global = true, env = "DATABUILD_NO_PAGER", help_heading = "Global options")]
    #[arg(hide_env = true)]
    pub(crate) no_pager: bool,
    /// Times in UTC instead of local time
    #[arg(long, global = true, env = "DATABUILD_UTC", help_heading = "Global options")]
    #[arg(hide_env = true)]
    pub(crate) utc: bool,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Human,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Jsonl,
    /// The text of log messages and nothing else.
    Raw,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Nowhere.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a small project on real data and build it
    Demo(DemoArgs),
    /// Start a project in a folder
    Init(InitArgs),
    /// Check the project file; tell all errors at once
    Check(CheckArgs),
    /// Make partitions
    Build(BuildArgs),
    /// Record any command as one job run; needs no project
    Run(RunArgs),
    /// Explain why a partition is up to date, stale or missing
    Why(WhyArgs),
    /// Tell which partitions exist
    Status(StatusArgs),
    /// List builds and job runs, show one, cancel one
    Runs(RunsArgs),
    /// Read or follow what job runs said
    Logs(LogsArgs),
    /// Totals of all job runs for Prometheus
    Metrics(MetricsArgs),
    /// Answer the same questions over HTTP
    Serve(ServeArgs),
    /// Write a log processor of your own and try it out
    Plugin(PluginArgs),
    /// Run the pipelines of the log saver, and operate them
    Saver(SaverArgs),
    /// Print one structured line, for jobs written in shell
    Emit(EmitArgs),
    /// Print the settings in force and where each comes from
    Config(ConfigArgs),
    /// Print the JSON Schema of the project file
    Schema,
    /// Explain an error code such as DB0103
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print what this program is
    Version,
    /// The job wrapper: one job configuration in, entries out. A protocol, not for people.
    #[command(hide = true)]
    Wrap(WrapArgs),
    /// The first step of a plugin: limits itself and becomes the command. Not for people.
    #[command(hide = true)]
    Confine(ConfineArgs),
}
