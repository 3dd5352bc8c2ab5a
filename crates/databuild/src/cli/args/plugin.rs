//! Arguments of `databuild plugin` and of the hidden `databuild confine`.

use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments of `databuild plugin`.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Start a plugin in a folder
    New(PluginNewArgs),
    /// Try out whether a program does what a plugin must do
    Test(PluginTestArgs),
    /// Give a plugin the entries on stdin
    Run(PluginRunArgs),
}

/// Arguments of `databuild plugin new`.
#[derive(Debug, Args)]
#[command(after_help = "\
What it writes is a plugin that works: it masks card numbers. Make it yours, and try it out with
`databuild plugin test`.

Examples:
  databuild plugin new --lang python plugins/mask
  databuild plugin new --lang rust --sdk ~/src/databuild/libs/databuild-plugin-sdk plugins/mask")]
pub(crate) struct PluginNewArgs {
    /// Its folder; must not exist or be empty. Its last part becomes the name
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The language
    #[arg(long, value_enum)]
    pub(crate) lang: PluginLanguage,
    /// Rust: where the kit is, libs/databuild-plugin-sdk of a checkout, or the URL of the git repository
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) sdk: Option<String>,
}

/// The language of a new plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginLanguage {
    /// With the kit, as a project of cargo.
    Rust,
    /// Python 3.8 or later, without dependencies.
    Python,
}

/// How a plugin is started to try it out.
#[derive(Debug, Args)]
pub(crate) struct PluginStartArgs {
    /// What the plugin is told; VALUE is JSON, or text if it is not
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    pub(crate) settings: Vec<String>,
    /// A variable of its environment, which is empty but for PATH
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub(crate) environment: Vec<String>,
    /// Seconds that it may owe an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) deadline: u64,
    /// MiB of memory that it may have
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) memory: u64,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// Arguments of `databuild plugin test`.
#[derive(Debug, Args)]
#[command(after_help = "\
The program is started some twenty times in the current folder and gets about a thousand invented
events of the project `shop`: settings that lead it to a test system are a good idea. Exits with 1 if a
claim does not hold. What each claim means: docs/how-to/write-a-processor.md.

Examples:
  databuild plugin test python3 mask.py
  databuild plugin test --setting path=/tmp/masked target/release/mask")]
pub(crate) struct PluginTestArgs {
    #[command(flatten)]
    pub(crate) start: PluginStartArgs,
}

/// Arguments of `databuild plugin run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line of stdin is an entry, as `databuild logs -o jsonl` prints them. What the plugin says on
standard error goes to standard error.

Examples:
  databuild logs @latest -o jsonl | databuild plugin run python3 mask.py")]
pub(crate) struct PluginRunArgs {
    #[command(flatten)]
    pub(crate) start: PluginStartArgs,
}

/// Arguments of the hidden `databuild confine`.
#[derive(Debug, Args)]
pub(crate) struct ConfineArgs {
    /// Limits, the number of our parent, and the command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}
