//! Alerts about the log saver and the configuration.

use super::super::promql::{INSTANCE, Query, Series, Window};
use super::{Alert, Severity};
use crate::metric_templates as templates;

/// The pipelines that are in one of `states`, a regular expression.
fn in_state(states: &str) -> Query {
    Series::of(templates::SAVER_STATE).like("state", states).value().with("==", Query::plain("1"))
}

/// A pipeline that somebody halted is behind on purpose, and one that stopped has an alert of its own;
/// but no longer than a day, because what it has not read is not kept for ever.
pub(super) fn lagging() -> Alert {
    let behind =
        |seconds| Series::of(templates::SAVER_LAG_SECONDS).value().with(">", Query::plain(seconds));
    let halted = in_state("paused|stopped|fenced");
    let query = behind("300").with("unless ignoring (state)", halted).with("or", behind("86400"));
    Alert {
        name: "DatabuildSaverLagging",
        severity: Severity::Warning,
        lasts: "10m",
        summary: "Pipeline {{ $labels.pipeline }} on {{ $labels.instance }} is {{ $value | humanizeDuration }} behind",
        description: "Events that old are not in its files yet. They are kept in the store, and other pipelines \
                      are not held up.",
        query,
    }
}

pub(super) fn pipeline_stopped() -> Alert {
    Alert {
        name: "DatabuildSaverPipelineStopped",
        severity: Severity::Critical,
        lasts: "2m",
        summary: "Pipeline {{ $labels.pipeline }} on {{ $labels.instance }} is {{ $labels.state }}",
        description: "It does not go on by itself: it failed too often, or another saver has taken it over. Its \
                      cursor stays, so nothing is lost as long as the store keeps the logs.",
        query: in_state("stopped|fenced"),
    }
}

/// The order window is a compromise; one event in a hundred says that it is too short, or that a
/// clock is wrong.
pub(super) fn late_events() -> Alert {
    let grew =
        |series: Series| series.increase(Window::Of("1h")).by("sum", &["pipeline", INSTANCE]);
    let late = grew(Series::of(templates::SAVER_LATE_EVENTS_TOTAL));
    let all = grew(Series::of(templates::SAVER_EVENTS_TOTAL).is("stage", "in"));
    Alert {
        name: "DatabuildSaverLateEvents",
        severity: Severity::Warning,
        lasts: "15m",
        summary: "{{ $value | humanizePercentage }} of the events of {{ $labels.pipeline }} on {{ $labels.instance }} come late",
        description: "They are in its files, marked, behind later ones: they came after the order window had \
                      passed them.",
        query: late.with("/", all).with(">", Query::plain("0.01")),
    }
}

pub(super) fn dead_letters() -> Alert {
    Alert {
        name: "DatabuildSaverDeadLetters",
        severity: Severity::Warning,
        lasts: "0m",
        summary: "Pipeline {{ $labels.pipeline }} on {{ $labels.instance }} gives up events",
        description: "In the last hour, about {{ $value | humanize }} events went to its dead-letter file instead \
                      of where they belong.",
        query: Series::of(templates::SAVER_DEAD_LETTERS_TOTAL)
            .increase(Window::Of("1h"))
            .with(">", Query::plain("0")),
    }
}

/// What no retry brings back: the logs were removed before they were read, or the files after they were
/// written.
pub(super) fn gaps() -> Alert {
    let grew = |family| Series::of(family).increase(Window::Of("1h")).with(">", Query::plain("0"));
    Alert {
        name: "DatabuildSaverGaps",
        severity: Severity::Warning,
        lasts: "0m",
        summary: "The files of pipeline {{ $labels.pipeline }} on {{ $labels.instance }} have a gap",
        description: "Somebody removed or shortened files that it had written, or logs were removed before it had \
                      read them.",
        query: grew(templates::SAVER_LOST_FILES_TOTAL)
            .with("or", grew(templates::SAVER_MISSING_EVENTS_TOTAL)),
    }
}

pub(super) fn config_reload_failed() -> Alert {
    Alert {
        name: "DatabuildConfigReloadFailed",
        severity: Severity::Warning,
        lasts: "5m",
        summary: "{{ $labels.instance }} goes on with an old configuration",
        description: "What the project file says now cannot be used. It goes on as before, and would not start \
                      again.",
        query: Series::of(templates::CONFIG_LAST_RELOAD_SUCCESSFUL)
            .value()
            .with("==", Query::plain("0")),
    }
}
