//! Arguments of `databuild metrics`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `databuild metrics`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild metrics                                       what Prometheus would scrape
  databuild metrics --textfile /var/lib/node_exporter     for a host without a service
  databuild metrics check                                 which job makes too many series")]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<MetricsCommand>,
    /// The form
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: FormatChoice,
    /// Write DIR/databuild.prom, whole or not at all, for node_exporter's textfile collector
    #[arg(long, value_name = "DIR", conflicts_with = "format")]
    pub(crate) textfile: Option<PathBuf>,
}

/// The form of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FormatChoice {
    /// The Prometheus text format 0.0.4.
    #[default]
    Text,
    /// `OpenMetrics` 1.0, with the job run behind a number as exemplar.
    Openmetrics,
}

/// What else to do with metrics.
#[derive(Debug, Subcommand)]
pub(crate) enum MetricsCommand {
    /// Tell how many series there are, what was folded away, and which job and label caused it
    Check,
}
