//! Arguments of `databuild metrics`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `databuild metrics`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  databuild metrics                                       what Prometheus would scrape
  databuild metrics --textfile /var/lib/node_exporter     for a host without a service
  databuild metrics check                                 which job makes too many series
  databuild metrics export --rules >databuild.rules.yml   alerts for Prometheus")]
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
    /// Print a dashboard for Grafana, or alerts for Prometheus
    Export(ExportArgs),
}

/// Arguments of `databuild metrics export`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct ExportArgs {
    /// The dashboard, as JSON to import
    #[arg(long, group = "what")]
    pub(crate) grafana: bool,
    /// The alerts, as a rules file
    #[arg(long, group = "what")]
    pub(crate) rules: bool,
    /// Where you keep the pages of docs/how-to/runbooks, for the links in the alerts
    #[arg(long, value_name = "URL", requires = "rules")]
    pub(crate) runbooks: Option<String>,
}
