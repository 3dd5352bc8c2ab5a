//! What no job shows by itself: two that make the same, and circles of needs.

use super::Problems;
use crate::spec::key::{KeyKind, Keys};
use crate::spec::pattern::{Overlap, Pattern};
use crate::spec::problem::{Code, Place};
use crate::spec::{JobSpec, ProjectSpec};

/// Which job needs which.
struct Need {
    job: usize,
    input: usize,
    on: usize,
    /// Only periods before the run's own are needed.
    past: bool,
    /// The keys have a beginning, so that the past ends.
    begins: bool,
}

pub(super) fn check(spec: &ProjectSpec, problems: &mut Problems) {
    made_twice(spec, problems);
    let needs = needs(spec);
    itself(spec, &needs, problems);
    circles(spec, &needs, problems);
}

fn place(job: &JobSpec, part: &'static str, list: &[Pattern], at: usize) -> Place {
    let place = Place::at(["jobs", job.label.as_str(), part]);
    if list.len() == 1 { place } else { place.item(at) }
}

fn made_twice(spec: &ProjectSpec, problems: &mut Problems) {
    let outs: Vec<_> = spec
        .jobs
        .iter()
        .flat_map(|job| job.out.iter().enumerate().map(move |(at, pattern)| (job, at, pattern)))
        .collect();
    for (nth, &(job, at, pattern)) in outs.iter().enumerate() {
        for &(other, _, made) in outs.iter().take(nth) {
            if pattern.as_str() == made.as_str() && job.label == other.label {
                continue;
            }
            if pattern.overlap(made, &spec.keys) == Overlap::Certain {
                let message = if job.label == other.label {
                    format!(
                        "job `{}` makes `{}` twice: also as `{}`",
                        job.label,
                        pattern.as_str(),
                        made.as_str()
                    )
                } else {
                    format!(
                        "`{}` is made by two jobs: `{}` makes it too, as `{}`",
                        pattern.as_str(),
                        other.label,
                        made.as_str()
                    )
                };
                let help = "each partition is made by exactly one job: rename one, or give them different values";
                problems.add(Code::MadeTwice, place(job, "out", &job.out, at), message, help);
            }
        }
    }
}

fn needs(spec: &ProjectSpec) -> Vec<Need> {
    let mut found = Vec::new();
    for (nth, job) in spec.jobs.iter().enumerate() {
        for (input, pattern) in job.inputs.iter().enumerate() {
            for (on, maker) in spec.jobs.iter().enumerate() {
                let meets = |out: &&Pattern| pattern.overlap(out, &spec.keys) == Overlap::Certain;
                let Some(out) = maker.out.iter().find(meets) else { continue };
                let past = pattern.is_past_of(out);
                found.push(Need { job: nth, input, on, past, begins: begins(pattern, &spec.keys) });
            }
        }
    }
    found
}

fn begins(pattern: &Pattern, keys: &Keys) -> bool {
    pattern
        .slots()
        .any(|(slot, _)| matches!(keys.get(slot.key()).kind, KeyKind::Time { from: Some(_), .. }))
}

fn itself(spec: &ProjectSpec, needs: &[Need], problems: &mut Problems) {
    for need in needs.iter().filter(|need| need.job == need.on) {
        let Some(job) = spec.jobs.get(need.job) else { continue };
        let at = place(job, "in", &job.inputs, need.input);
        if !need.past {
            let message = format!("job `{}` needs what it makes itself", job.label);
            let help = "read another partition; one of an earlier run is {date-1d}";
            problems.add(Code::NeedsItself, at, message, help);
        } else if !need.begins {
            let message = format!("job `{}` needs its own past, which has no beginning", job.label);
            let help = "give the key a start: date = { every = \"day\", from = \"2025-01-01\" }";
            problems.add(Code::NoBeginning, at, message, help);
        }
    }
}

/// Each circle of at least two jobs once, told from its first job in the file.
fn circles(spec: &ProjectSpec, needs: &[Need], problems: &mut Problems) {
    for start in 0..spec.jobs.len() {
        let now = |need: &&Need| need.job != need.on && !need.past;
        if let Some(path) = circle(start, needs, now) {
            report(spec, needs, &path, problems, Code::Cycle);
            continue;
        }
        let endless = |need: &&Need| need.job != need.on && !(need.past && need.begins);
        if let Some(path) = circle(start, needs, endless) {
            report(spec, needs, &path, problems, Code::NoBeginning);
        }
    }
}

/// The shortest way from `start` back to it through jobs with higher numbers.
fn circle(start: usize, needs: &[Need], counts: impl Fn(&&Need) -> bool) -> Option<Vec<usize>> {
    let mut ways = vec![vec![start]];
    let mut seen = vec![start];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let Some(&last) = way.last() else { continue };
            for need in needs.iter().filter(&counts).filter(|need| need.job == last) {
                if need.on == start {
                    return Some(way);
                }
                if start < need.on && !seen.contains(&need.on) {
                    seen.push(need.on);
                    let mut next = way.clone();
                    next.push(need.on);
                    longer.push(next);
                }
            }
        }
        ways = longer;
    }
    None
}

fn report(spec: &ProjectSpec, needs: &[Need], path: &[usize], problems: &mut Problems, code: Code) {
    let label = |at: usize| spec.jobs.get(at).map_or("", |job| job.label.as_str());
    let (Some(&first), second) = (path.first(), path.get(1).or(path.first())) else { return };
    let way: Vec<_> = path.iter().chain([&first]).map(|&at| label(at)).collect();
    let way = way.join(" → ");
    let Some(need) = needs.iter().find(|need| need.job == first && Some(&need.on) == second) else {
        return;
    };
    let Some(job) = spec.jobs.get(first) else { return };
    let at = place(job, "in", &job.inputs, need.input);
    let (message, help) = if code == Code::NoBeginning {
        (
            format!("jobs need one another's past, which has no beginning: {way}"),
            "give the key a start: date = { every = \"day\", from = \"2025-01-01\" }",
        )
    } else {
        (format!("jobs need one another in a circle: {way}"), "take one `in` of the circle away")
    };
    problems.add(code, at, message, help);
}
