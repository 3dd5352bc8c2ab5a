//! Arguments of the commands about the project and the program: `demo` `init` `check` `config` `serve`
//! `emit` `explain` `completions` `wrap`.

use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments of `databuild demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
It takes the git history of the repository you stand in, else one that comes with the program, and
needs no network. Nothing outside of DIR is written.")]
pub(crate) struct DemoArgs {
    /// Where to make it; must not exist or be empty
    #[arg(value_name = "DIR", default_value = "databuild-demo")]
    pub(crate) dir: PathBuf,
}

/// Arguments of `databuild init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// What to begin with
    #[arg(long, value_enum, default_value_t)]
    pub(crate) template: Template,
}

/// What a new project begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Template {
    /// Three jobs on a git history, as `databuild demo` has them.
    Git,
    /// Three jobs on a month of invented earthquakes.
    Quakes,
    /// One small job to change.
    #[default]
    Blank,
}

/// Arguments of `databuild check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The project file [default: the one that would be used]
    #[arg(value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
    /// Also try what the machine must offer: folders that can be written, commands that exist
    #[arg(long)]
    pub(crate) env: bool,
    /// Warnings count as errors
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

/// Arguments of `databuild config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Also where each value comes from
    #[arg(long)]
    pub(crate) origin: bool,
}

/// Arguments of `databuild explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as DB0103; all codes if none is given
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

/// Arguments of `databuild serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild serve
  curl 'http://127.0.0.1:8440/api/v1/jobs/RUN_ID/logs?level=error'")]
pub(crate) struct ServeArgs {
    /// Address and port, 127.0.0.1:8440 if nothing says another; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// Only answer questions, start no builds
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Leave the pipelines of the log saver to another process
    #[arg(long)]
    pub(crate) no_saver: bool,
}

/// Arguments of `databuild completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild completions bash > ~/.local/share/bash-completion/completions/databuild
  databuild completions zsh  > ~/.zfunc/_databuild
  databuild completions fish > ~/.config/fish/completions/databuild.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `databuild emit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, inside a job:
  databuild emit metric rows_processed 1000 stage=clean
  databuild emit log warn 'amount is missing' file=orders.csv line=8113
  databuild emit progress 3 10 'cleaning orders_0007.csv'")]
pub(crate) struct EmitArgs {
    #[command(subcommand)]
    pub(crate) what: EmitWhat,
}

/// What to say.
#[derive(Debug, Subcommand)]
pub(crate) enum EmitWhat {
    /// A log entry with a level and fields
    Log {
        /// trace, debug, info, warn, error or fatal
        level: String,
        /// The text
        message: String,
        /// Facts
        #[arg(value_name = "NAME=VALUE")]
        fields: Vec<String>,
    },
    /// A measurement
    Metric {
        /// Its name
        name: String,
        /// Its value
        #[arg(allow_hyphen_values = true)]
        value: f64,
        /// Labels
        #[arg(value_name = "NAME=VALUE")]
        labels: Vec<String>,
        /// Its unit
        #[arg(long, default_value = "")]
        unit: String,
    },
    /// How far the job is
    Progress {
        /// How much is done, in whatever the job counts
        done: f64,
        /// How much there is in all
        total: Option<f64>,
        /// What it does now
        #[arg(default_value = "")]
        message: String,
    },
    /// A step in the job's life, in its own words
    Event {
        /// Its type
        event_type: String,
        /// Facts
        #[arg(value_name = "NAME=VALUE")]
        fields: Vec<String>,
    },
}

/// Arguments of the hidden `databuild wrap`.
#[derive(Debug, Args)]
pub(crate) struct WrapArgs {
    /// Read the job configuration from FILE instead of stdin; the job then gets our stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The run's id [env: DATABUILD_JOB_RUN_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) job_run_id: Option<OsString>,
    /// Let the job have so many open files: fewer than whoever started us has
    #[arg(long, value_name = "N")]
    pub(crate) open_files: Option<u64>,
}
