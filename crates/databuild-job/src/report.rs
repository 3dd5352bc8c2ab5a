//! The entries that the wrapper makes about the run itself. Names and meanings are on the page
//! `docs/formats/wrapper-protocol.md`.

use crate::channel::Missing;
use crate::config::Checked;
use crate::emit::Emitter;
use crate::exit::{self, Outcome};
use crate::launch::LaunchFailure;
use crate::limits::PROCESSES_NAMED_MAX;
use crate::lines::Capture;
use crate::sample::{LeftOut, Stretch};
use crate::usage::Usage;
use databuild_model::cause::{Cause, run_end};
use databuild_model::entry::{Content, Fields, MetricPoint, Stream, event};
use databuild_model::ids::PartitionRef;
use databuild_model::manifest::PartitionManifest;
use databuild_model::spool::{self, Resume};
use databuild_model::time::Timestamp;
use std::time::Duration;

/// A process of the job that outlived the command, or a stranger who holds one of its streams.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) pid: i32,
    pub(crate) command: String,
    pub(crate) holds: Vec<Stream>,
    /// Whether it descends from us, so that we stop it.
    pub(crate) ours: bool,
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

/// Bytes in units of 2^20 bytes, to a thousandth: what `mb` in the names of measurements stands for.
#[expect(clippy::cast_precision_loss, reason = "a measurement for people; 2^53 bytes are exact")]
fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1_048_576.0 * 1_000.0).round() / 1_000.0
}

pub(crate) fn config_started(
    to: &mut Emitter,
    when: Timestamp,
    checked: &Checked,
    traceparent: &str,
) {
    let config = &checked.config;
    let mut facts = Fields::default();
    facts.push("wrapper_version", env!("CARGO_PKG_VERSION"));
    facts.push("pid", std::process::id().to_string());
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        facts.push("host", host.trim());
    }
    for (name, value) in [
        ("job_label", &config.job_label),
        ("job_type", &config.job_type),
        ("build_id", &config.build_id),
        ("attempt", &config.attempt.map(|it| it.to_string())),
    ] {
        if let Some(value) = value {
            facts.push(name, value);
        }
    }
    facts.push("traceparent", traceparent);
    to.event(when, event::JOB_CONFIG_STARTED, facts, None);
}

pub(crate) fn config_invalid(to: &mut Emitter, when: Timestamp, problems: &[String]) {
    let facts = [("reason", problems.join("; "))].into_iter().collect();
    to.event(when, event::CONFIG_VALIDATE_FAIL, facts, None);
}

pub(crate) fn launched(to: &mut Emitter, when: Timestamp, checked: &Checked, pid: i32) {
    let args = &checked.config.args;
    let mut facts = Fields::default();
    facts.push("pid", pid.to_string());
    facts.push("argv0", args.first().map_or("", String::as_str));
    facts.push("argc", args.len().to_string());
    if let Some(cwd) = &checked.config.cwd {
        facts.push("cwd", cwd);
    }
    facts.push("executor", "local");
    to.event(when, event::TASK_LAUNCHED, facts, None);
}

pub(crate) fn launch_failed(to: &mut Emitter, when: Timestamp, failure: &LaunchFailure) {
    let facts = [
        ("reason", failure.reason.as_str()),
        ("errno", failure.errno),
        ("hint", failure.hint.as_str()),
    ];
    to.event(when, event::TASK_LAUNCH_FAIL, facts.into_iter().collect(), Some(failure.code));
}

pub(crate) fn heartbeat(
    to: &mut Emitter,
    when: Timestamp,
    elapsed: Duration,
    usage: &Usage,
    captures: [&Capture; 2],
) {
    let share = usage.cpu.as_secs_f64() / elapsed.as_secs_f64().max(0.001) * 100.0;
    let mut facts: Fields = [
        ("elapsed_seconds", seconds(elapsed)),
        ("memory_mb", megabytes(usage.memory).to_string()),
        ("memory_peak_mb", megabytes(usage.memory_peak).to_string()),
        ("cpu_percent", format!("{share:.1}")),
        ("cpu_total_seconds", seconds(usage.cpu)),
        ("processes", usage.processes.to_string()),
    ]
    .into_iter()
    .collect();
    stream_counts(&mut facts, captures);
    to.event(when, event::HEARTBEAT, facts, None);
}

/// Lines are not known if somebody else read the beginning.
fn stream_counts(facts: &mut Fields, [stdout, stderr]: [&Capture; 2]) {
    for (capture, bytes, lines) in [
        (stdout, run_end::STDOUT_BYTES, run_end::STDOUT_LINES),
        (stderr, run_end::STDERR_BYTES, run_end::STDERR_LINES),
    ] {
        facts.push(bytes, capture.bytes().to_string());
        if let Some(count) = capture.lines() {
            facts.push(lines, count.to_string());
        }
    }
}

fn stream_hashes(facts: &mut Fields, [stdout, stderr]: [&Capture; 2]) {
    let names = [run_end::STDOUT_BLAKE3, run_end::STDERR_BLAKE3];
    for (capture, name) in [stdout, stderr].into_iter().zip(names) {
        if let Some(hash) = capture.hash() {
            facts.push(name, hash);
        }
    }
    let replaced = stdout.replaced() + stderr.replaced();
    if replaced != 0 {
        facts.push(run_end::PROGRESS_STATES_REPLACED, replaced.to_string());
    }
}

/// The command has ended.
pub(crate) fn ended(to: &mut Emitter, when: Timestamp, outcome: &Outcome, duration: Duration) {
    let mut facts = Fields::default();
    facts.push("exit_category", outcome.cause.as_str());
    facts.push("reason", exit::reason(outcome));
    if let Some(signal) = outcome.signal {
        facts.push(run_end::SIGNAL, signal.to_string());
    }
    facts.push(run_end::DURATION_SECONDS, seconds(duration));
    to.event(when, exit::event_of(outcome.cause), facts, outcome.exit_code);
}

pub(crate) fn processes_left(to: &mut Emitter, when: Timestamp, left: &[Left], grace: Duration) {
    let shown = left.get(..PROCESSES_NAMED_MAX).unwrap_or(left);
    let list = |item: &dyn Fn(&Left) -> Option<String>, between: &str| -> String {
        shown.iter().filter_map(item).collect::<Vec<_>>().join(between)
    };
    let mut facts = Fields::default();
    facts.push("count", left.len().to_string());
    facts.push("pids", list(&|it| Some(it.pid.to_string()), " "));
    facts.push("commands", list(&|it| Some(it.command.clone()), "; "));
    let holding = list(
        &|it| {
            let streams: Vec<&str> = it.holds.iter().map(|stream| stream.as_str()).collect();
            (!streams.is_empty()).then(|| format!("{}: {}", it.pid, streams.join(" ")))
        },
        "; ",
    );
    if !holding.is_empty() {
        facts.push("holding", holding);
    }
    let strangers = list(&|it| (!it.ours).then(|| it.pid.to_string()), " ");
    if !strangers.is_empty() {
        facts.push("not_descendants", strangers);
    }
    let stopped = format!("SIGTERM, then SIGKILL after {} s", grace.as_secs_f64());
    facts.push("action", if left.iter().any(|it| it.ours) { &stopped } else { "none" });
    to.event(when, event::PROCESSES_LEFT, facts, None);
}

/// Bytes of a stream are in no entry; how many is not known if the range is empty.
pub(crate) fn gap(to: &mut Emitter, when: Timestamp, missing: Missing, reason: &str) {
    let mut facts = Fields::default();
    facts.push(event::gap::STREAM, missing.stream.as_str());
    facts.push(event::gap::FROM, missing.from.to_string());
    if missing.from < missing.to {
        facts.push(event::gap::TO, missing.to.to_string());
    }
    facts.push(event::gap::REASON, reason);
    to.event(when, event::GAP, facts, None);
}

/// The facts of a `gap` of what was left out because only so many lines a second are kept.
pub(crate) fn left_out(stretch: Stretch, per_second: u64) -> Fields {
    let Stretch { stream, from, to, lines, .. } = stretch;
    let mut facts = Fields::default();
    facts.push(event::gap::STREAM, stream.as_str());
    facts.push(event::gap::FROM, from.to_string());
    facts.push(event::gap::TO, to.to_string());
    facts.push(event::gap::LINES, lines.to_string());
    facts.push(event::gap::BYTES, (to - from).to_string());
    facts.push(
        event::gap::REASON,
        format!("of log lines {per_second} a second are kept, as asked for"),
    );
    facts
}

/// The wall clock was set by so many nanoseconds.
pub(crate) fn clock_step(to: &mut Emitter, when: Timestamp, nanos: i128) {
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    // The two clocks are read one after the other, so more digits would mean nothing.
    let millis = (nanos + 500_000) / 1_000_000;
    let step = format!("{sign}{}.{:03}", millis / 1_000, millis % 1_000);
    let reason = "the wall clock was set, or the machine slept".to_owned();
    let facts = [("step_seconds", step), ("reason", reason)];
    to.event(when, event::CLOCK_STEP, facts.into_iter().collect(), None);
}

/// Another wrapper goes on with the run; `job` is what it has found the command to be.
pub(crate) fn restarted(
    to: &mut Emitter,
    when: Timestamp,
    job: &str,
    restarts: u32,
    from: &Resume,
) {
    let facts = [
        ("reason", "the wrapper before this one ended without a word".to_owned()),
        ("job", job.to_owned()),
        ("wrapper_restarts", restarts.to_string()),
        ("stdout_from", from.stdout_consumed.to_string()),
        ("stderr_from", from.stderr_consumed.to_string()),
    ];
    to.event(when, event::WRAPPER_RESTARTED, facts.into_iter().collect(), None);
}

/// The same wrapper has a new reader.
pub(crate) fn resumed(to: &mut Emitter, when: Timestamp, from: &Resume) {
    let facts = [
        ("reason", "nobody read for a while; what was written meanwhile was kept".to_owned()),
        ("stdout_from", from.stdout_consumed.to_string()),
        ("stderr_from", from.stderr_consumed.to_string()),
    ];
    to.event(when, event::CAPTURE_RESUMED, facts.into_iter().collect(), None);
}

/// What the run has used, but for what is `told` already.
pub(crate) fn measurements(
    to: &mut Emitter,
    when: Timestamp,
    usage: &Usage,
    duration: Duration,
    told: &[String],
) {
    let runtime = (duration.as_secs_f64() * 1e6).round() / 1e6;
    for (name, value, unit) in [
        ("job_runtime_seconds", runtime, "s"),
        ("job_memory_peak_mb", megabytes(usage.memory_peak), "MB"),
        ("job_cpu_total_seconds", usage.cpu.as_secs_f64(), "s"),
    ] {
        if told.iter().all(|it| it != name) {
            to.entry(when, Content::Metric(MetricPoint::new(name, value, unit)));
        }
    }
}

/// How many log lines were left out, if any, but for what is `told` already.
pub(crate) fn lines_left_out(to: &mut Emitter, when: Timestamp, told: &[String]) {
    let name = "job_output_lines_left_out_total";
    if let Some(LeftOut { lines, .. }) = to.tell_left_out(when)
        && told.iter().all(|it| it != name)
    {
        to.entry(when, Content::Metric(MetricPoint::new(name, count(lines), "lines")));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a measurement for people; 2^53 lines are exact")]
fn count(lines: u64) -> f64 {
    lines as f64
}

/// What the run made.
pub(crate) fn manifest(to: &mut Emitter, started: Timestamp, when: Timestamp, checked: &Checked) {
    let of = |outputs: Vec<PartitionRef>| PartitionManifest { outputs, ..Default::default() };
    let manifest = PartitionManifest {
        inputs: checked.inputs.iter().map(|input| of(vec![input.clone()])).collect(),
        start_time: started.as_seconds(),
        end_time: when.as_seconds(),
        ..of(checked.outputs.clone())
    };
    to.entry(when, Content::Manifest(manifest));
}

pub(crate) fn failed(to: &mut Emitter, when: Timestamp, outcome: &Outcome, reason: &str) {
    let facts = [
        ("exit_category", outcome.cause.as_str()),
        ("reason", reason),
        ("retryable", if exit::is_transient(outcome) { "true" } else { "false" }),
    ];
    to.event(when, event::JOB_EXEC_FAIL, facts.into_iter().collect(), Some(outcome.wrapper_code));
}

/// What `run_end` says beside how the command ended.
pub(crate) struct RunFacts<'a> {
    pub(crate) duration: Duration,
    pub(crate) captures: [&'a Capture; 2],
    /// How output was captured; nothing if there was no command.
    pub(crate) capture: Option<spool::Capture>,
    /// How often another wrapper went on with the run.
    pub(crate) restarts: u32,
    pub(crate) complete: bool,
    /// What was left out of the log, as asked for.
    pub(crate) left_out: Option<LeftOut>,
}

/// The last entry of every run.
pub(crate) fn run_end(to: &mut Emitter, when: Timestamp, outcome: &Outcome, run: &RunFacts<'_>) {
    let mut facts = Fields::default();
    facts.push(run_end::LAST_SEQUENCE, (to.last_sequence() + 1).to_string());
    facts.push(run_end::CAUSE, outcome.cause.as_str());
    if let Some(signal) = outcome.signal {
        facts.push(run_end::SIGNAL, signal.to_string());
    }
    facts.push(run_end::DURATION_SECONDS, seconds(run.duration));
    stream_counts(&mut facts, run.captures);
    stream_hashes(&mut facts, run.captures);
    if let Some(capture) = run.capture {
        facts.push(run_end::CAPTURE, capture.as_str());
    }
    if 0 < run.restarts {
        facts.push(run_end::WRAPPER_RESTARTS, run.restarts.to_string());
    }
    if let Some(LeftOut { lines, bytes }) = run.left_out {
        facts.push(run_end::LINES_LEFT_OUT, lines.to_string());
        facts.push(run_end::BYTES_LEFT_OUT, bytes.to_string());
    }
    let told = run.captures.iter().all(|capture| capture.consumed() == capture.bytes());
    let complete = run.complete && told && run.left_out.is_none();
    facts.push(run_end::COMPLETE, if complete { "true" } else { "false" });
    let code = match outcome.cause {
        Cause::LaunchFailed | Cause::ConfigInvalid => Some(outcome.wrapper_code),
        Cause::Success
        | Cause::Exit
        | Cause::Signal
        | Cause::Oom
        | Cause::Timeout
        | Cause::Cancelled
        | Cause::WrapperLost => outcome.exit_code,
    };
    to.event(when, event::RUN_END, facts, code);
}
