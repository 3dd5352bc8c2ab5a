//! What is known about a run: from its seal, else from its index and the lines beyond it.

use super::ReadError;
use super::judge::{Judge, LineFacts, Verdict};
use super::open::OpenRun;
use super::place;
use super::state::{RunInfo, RunState};
use super::walk::{Line, Span, Walked, Walker};
use databuild_model::entry::{Content, JobLogEntry, Kind, MetricPoint};
use databuild_model::json::read_entry;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LogFilter};
use databuild_model::time::Timestamp;
use std::io;
use std::ops::ControlFlow;

/// Most measurements answered at once: a job that measures every second for a day has 86,400.
const METRICS_MAX: usize = 100_000;

/// The measurements of a run.
pub(super) fn metrics(run: &OpenRun) -> Result<Vec<MetricPoint>, ReadError> {
    let filter = LogFilter { kinds: Some(KindSet::of(&[Kind::Metric])), ..LogFilter::default() };
    let spans = run.index.spans(&filter, 0..run.committed);
    let (mut judge, mut walker) = (Judge::new(filter), Walker::new());
    let mut points = Vec::new();
    let mut visit = |line: Line<'_>| {
        if matches!(judge.judge(line.bytes), Verdict::Match(_))
            && let Ok((JobLogEntry { content: Content::Metric(point), .. }, _)) =
                read_entry(line.bytes)
        {
            points.push(point);
        }
        if METRICS_MAX < points.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    for span in &spans {
        let walked = walker.forward(&run.data, span, &mut visit);
        if walked.map_err(|source| run.failed(source))? == Walked::Stopped {
            return Err(ReadError::TooManyMetrics { run: run.run.clone(), max: METRICS_MAX });
        }
    }
    Ok(points)
}

/// What is known about a run now.
pub(super) fn info(run: &OpenRun, state: RunState) -> io::Result<RunInfo> {
    let mut info = empty(run, state);
    if let Some(seal) = &run.seal {
        info.lines = seal.entries;
        info.bytes = seal.bytes;
        info.level_counts = seal.level_counts;
        info.kind_counts = seal.kind_counts;
        info.last_sequence = seal.last_sequence;
        info.first_time = seal.first_time;
        info.last_time = seal.last_time;
        info.first_error_line = seal.first_error_line;
        info.end = seal.end;
        info.seal = Some((**seal).clone());
        return Ok(info);
    }
    from_index(&mut info, run)?;
    from_entries(&mut info, run)?;
    info.end = run.last_entry_end()?;
    Ok(info)
}

fn empty(run: &OpenRun, state: RunState) -> RunInfo {
    let header = run.header.as_deref();
    RunInfo {
        job_run_id: run.run.clone(),
        day: run.day,
        state,
        job_label: header.and_then(|header| header.job_label.clone()),
        job_type: header.and_then(|header| header.job_type.clone()),
        app: header.and_then(|header| header.app.clone()),
        build_id: header.and_then(|header| header.build_id.clone()),
        lines: 0,
        bytes: run.committed,
        level_counts: [0; 6],
        kind_counts: [0; 4],
        last_sequence: 0,
        first_time: None,
        last_time: None,
        first_error_line: None,
        end: None,
        seal: None,
    }
}

fn from_index(info: &mut RunInfo, run: &OpenRun) -> io::Result<()> {
    let totals = run.index.totals();
    info.lines = totals.lines;
    info.level_counts = totals.level_counts;
    info.kind_counts = totals.kind_counts;
    info.last_sequence = totals.last_sequence;
    if let Some((first, last)) = totals.times {
        widen(info, first, last);
    }
    if let Some(offset) = run.index.first_severe(Level::Error) {
        info.first_error_line = Some(place::line_number(run, offset)?);
    }
    Ok(())
}

/// Adds what stands beyond the index.
fn from_entries(info: &mut RunInfo, run: &OpenRun) -> io::Result<()> {
    let mut judge = Judge::new(LogFilter::default());
    let mut first = None;
    let mut visit = |line: Line<'_>| {
        if first.is_none() {
            first = read_entry(line.bytes).ok().map(|(entry, _)| entry);
        }
        if let Verdict::Match(facts) = judge.judge(line.bytes) {
            add(info, facts);
        }
        info.lines += 1;
        ControlFlow::Continue(())
    };
    let rest = Span::Lines(run.index.covered()..run.committed);
    Walker::new().forward(&run.data, &rest, &mut visit)?;
    if run.header.is_none()
        && let Some(entry) = first
    {
        info.job_label = entry.job_label;
        info.job_type = entry.job_type;
        info.app = entry.app;
        info.build_id = entry.build_id;
    }
    Ok(())
}

fn add(info: &mut RunInfo, facts: LineFacts) {
    let at = |bit: u8| usize::try_from(bit.trailing_zeros()).unwrap_or_default();
    if let Some(count) = info.kind_counts.get_mut(at(facts.kind.bit())) {
        *count += 1;
    }
    if let Some(level) = facts.level {
        if let Some(count) = info.level_counts.get_mut(at(level.bit())) {
            *count += 1;
        }
        if Level::Error <= level && info.first_error_line.is_none() {
            info.first_error_line = Some(info.lines);
        }
    }
    info.last_sequence = info.last_sequence.max(facts.sequence_number);
    widen(info, facts.timestamp, facts.timestamp);
}

fn widen(info: &mut RunInfo, earliest: Timestamp, latest: Timestamp) {
    info.first_time = Some(info.first_time.map_or(earliest, |time| time.min(earliest)));
    info.last_time = Some(info.last_time.map_or(latest, |time| time.max(latest)));
}
