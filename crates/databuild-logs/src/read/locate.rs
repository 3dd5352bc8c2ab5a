//! Where a run's files are: the folder of its day, found without looking into every folder, and the
//! names that were perhaps meant when there is no such run.

use super::file::{LogsFolder, RunFile};
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming;
use std::io;

/// How many ids are offered for one that does not exist: what fits on a few lines.
const NEAR_MAX: usize = 5;

/// How many days, newest first, are searched for ids that were perhaps meant.
const NEAR_DAYS_MAX: usize = 31;

/// Edits that a mistyped id may differ by.
const NEAR_EDITS_MAX: usize = 2;

/// A run's day and its entries, open.
pub(super) struct Located {
    pub(super) day: Day,
    pub(super) data: RunFile,
}

/// Looks where `guess` says, then where the id's own time says, then in every folder, newest first.
pub(super) fn locate(
    logs: LogsFolder<'_>,
    run: &JobRunId,
    guess: Option<Day>,
) -> io::Result<Option<Located>> {
    let look_in = |day: Day| -> io::Result<Option<Located>> {
        let data = logs.open(day, run, naming::RunFile::Entries)?;
        Ok(data.map(|data| Located { day, data }))
    };
    let mut tried = Vec::new();
    for day in guess.into_iter().chain(days_of_id(run)) {
        if let Some(found) = look_in(day)? {
            return Ok(Some(found));
        }
        tried.push(day);
    }
    for day in logs.days()?.into_iter().rev().filter(|day| !tried.contains(day)) {
        if let Some(found) = look_in(day)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The days on which a run with this id can have begun, the likeliest first; none if the id does not
/// tell. An id is given a moment before the run starts, perhaps by another machine's clock.
fn days_of_id(run: &JobRunId) -> Vec<Day> {
    let Some(time) = uuid_v7_time(run.as_str()) else { return Vec::new() };
    let day = time.day().number();
    [day, day + 1, day - 1].map(Day::from_number).to_vec()
}

/// Runs that somebody may have meant by `run`: the text begins or ends their id, or is almost it.
pub(super) fn near(logs: LogsFolder<'_>, run: &JobRunId) -> io::Result<Vec<JobRunId>> {
    let mut found: Vec<(usize, JobRunId)> = Vec::new();
    for day in logs.days()?.into_iter().rev().take(NEAR_DAYS_MAX) {
        for other in logs.runs(day)? {
            if let Some(edits) = edits(run.as_str(), other.as_str()) {
                found.push((edits, other));
            }
        }
        // Newer days came first, and the sort is stable.
        found.sort_by_key(|(edits, _)| *edits);
        found.truncate(NEAR_MAX);
    }
    Ok(found.into_iter().map(|(_, other)| other).collect())
}

fn edits(asked: &str, other: &str) -> Option<usize> {
    if other.starts_with(asked) || other.ends_with(asked) {
        return Some(0);
    }
    if NEAR_EDITS_MAX < asked.len().abs_diff(other.len()) {
        return None;
    }
    Some(strsim::levenshtein(asked, other)).filter(|edits| *edits <= NEAR_EDITS_MAX)
}

/// The time in a UUID of version 7, if `text` is one.
fn uuid_v7_time(text: &str) -> Option<Timestamp> {
    let shape = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx";
    let fits = text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, form)| match form {
            b'x' => byte.is_ascii_hexdigit(),
            other => byte == other,
        });
    if !fits {
        return None;
    }
    let digits = format!("{}{}", text.get(..8)?, text.get(9..13)?);
    let millis = i64::from_str_radix(&digits, 16).ok()?;
    Some(Timestamp::from_nanos(millis.checked_mul(1_000_000)?))
}

#[cfg(test)]
mod tests;
