//! Arguments of `databuild saver`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `databuild saver`.
#[derive(Debug, Args)]
pub(crate) struct SaverArgs {
    #[command(subcommand)]
    pub(crate) command: SaverCommand,
}

/// What is done with the log saver.
#[derive(Debug, Subcommand)]
pub(crate) enum SaverCommand {
    /// Run the tests of the project file: [[tests]]
    Test,
    /// Turn a logback.xml into sections of a project file
    Import(ImportArgs),
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
