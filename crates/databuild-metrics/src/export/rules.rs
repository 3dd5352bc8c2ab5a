//! The alerts as a rules file of Prometheus.

use super::alerts::{Alert, alerts};

const HEAD: &str = "\
# Alerts about DataBuild for Prometheus (rule_files in prometheus.yml).
# Made by `databuild metrics export --rules`; change the program, not this file.
# DatabuildDown takes the scrape job to be called databuild.
groups:
  - name: databuild
    rules:
";

/// The rules file. `runbooks` is where the pages of the alerts are, without a last slash.
pub fn rules(runbooks: &str) -> String {
    let rules: Vec<_> = alerts().iter().map(|alert| rule(alert, runbooks)).collect();
    format!("{HEAD}{}", rules.concat())
}

fn rule(alert: &Alert, runbooks: &str) -> String {
    let Alert { name, severity, lasts, summary, description, .. } = alert;
    format!(
        "      - alert: {name}
        expr: {expr}
        for: {lasts}
        labels:
          severity: {severity}
        annotations:
          summary: {summary}
          description: {description}
          runbook_url: {runbook}
",
        expr = quoted(alert.expr()),
        severity = severity.as_str(),
        summary = quoted(summary),
        description = quoted(description),
        runbook = quoted(&format!("{runbooks}/{name}.md")),
    )
}

/// A text of one line in single quotes, in which YAML takes everything as it is but the quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
