//! From text as typed to a checked project, with everything that is wrong in it.

mod across;
mod job;
mod keys;

use super::draft::ProjectDraft;
use super::problem::{Code, Place, SpecProblem};
use super::unit::{UnitError, parse_duration, parse_size};
use super::{ProjectSpec, Root};
use crate::limits;
use databuild_model::ids::{AppName, IdError};
use std::path::Path;
use std::time::Duration;

/// Checks the whole draft. Problems do not stop the check: the project holds what was right, and is
/// to be used only if there is no problem.
pub fn check(draft: &ProjectDraft) -> (ProjectSpec, Vec<SpecProblem>) {
    let mut problems = Problems(Vec::new());
    let name = project_name(draft, &mut problems);
    let root = root(draft, &mut problems);
    let keys = keys::check(&draft.keys, &mut problems);
    let jobs = draft.jobs.iter().filter_map(|job| job::check(job, &keys, &mut problems)).collect();
    let spec = ProjectSpec { name, folder: draft.folder.clone(), root, keys, jobs };
    across::check(&spec, &mut problems);
    problems.0.truncate(limits::PROBLEMS_MAX);
    (spec, problems.0)
}

/// What was found so far.
struct Problems(Vec<SpecProblem>);

impl Problems {
    fn add(
        &mut self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(SpecProblem { code, message: message.into(), help: help.into(), place });
    }

    fn duration(
        &mut self,
        text: Option<&String>,
        place: impl FnOnce() -> Place,
    ) -> Option<Duration> {
        match parse_duration(text?) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.add_duration(&error, text?, place());
                None
            }
        }
    }

    fn size(&mut self, text: Option<&String>, place: impl FnOnce() -> Place) -> Option<u64> {
        let text = text?;
        match parse_size(text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.0.push(size_problem(&error, text, place()));
                None
            }
        }
    }

    /// One of a few words.
    fn choice<T: Copy>(
        &mut self,
        text: Option<&String>,
        all: &[T],
        word: impl Fn(T) -> &'static str,
        place: impl FnOnce() -> Place,
    ) -> Option<T> {
        let text = text?;
        let found = all.iter().copied().find(|one| word(*one) == text);
        if found.is_none() {
            let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
            self.0.push(choice_problem(text, &words, place()));
        }
        found
    }

    fn add_duration(&mut self, error: &UnitError, text: &str, place: Place) {
        let problem = duration_problem(error, text, place);
        self.0.push(problem);
    }
}

/// The problem of a text that is no duration.
pub fn duration_problem(error: &UnitError, text: &str, place: Place) -> SpecProblem {
    let message = format!("`{text}` is not a duration: {error}");
    SpecProblem {
        code: Code::BadDuration,
        message,
        help: unit_help(error, DURATION).to_owned(),
        place,
    }
}

/// The problem of a word that is none of `words`.
pub fn choice_problem(text: &str, words: &[&str], place: Place) -> SpecProblem {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    SpecProblem {
        code: Code::BadChoice,
        message: format!("`{text}` is none of the words that there are"),
        help: format!("write {}", words.join(" or ")),
        place,
    }
}

/// The problem of a text that is no size.
pub fn size_problem(error: &UnitError, text: &str, place: Place) -> SpecProblem {
    let message = format!("`{text}` is not a size: {error}");
    SpecProblem { code: Code::BadSize, message, help: unit_help(error, SIZE).to_owned(), place }
}

const DURATION: &str = "write whole numbers with units: 500ms, 90s, 10m, 1h30m, 3d, 2w";
const SIZE: &str = "write a whole number with a unit: 512B, 100MB (10^6), 64MiB (2^20), 20GiB";

fn unit_help(error: &UnitError, form: &'static str) -> &'static str {
    match error {
        UnitError::Zero => "leave the key out to have its default",
        UnitError::TooLarge => "give a smaller value",
        UnitError::Empty
        | UnitError::NoUnit { .. }
        | UnitError::NoNumber { .. }
        | UnitError::UnknownUnit { .. } => form,
    }
}

/// How a name of this kind can be put right.
fn name_help(error: &IdError) -> String {
    match error {
        IdError::Empty { .. } => "give it a name".to_owned(),
        IdError::TooLong { max, .. } => format!("use at most {max} characters"),
        IdError::BadCharacter { allowed, .. } => format!("use only {allowed}"),
        IdError::LeadingDot { .. } => "begin with a letter or a digit".to_owned(),
    }
}

/// The project's name; without one, that of its folder, with what a name cannot have replaced.
fn project_name(draft: &ProjectDraft, problems: &mut Problems) -> AppName {
    if let Some(name) = &draft.name {
        match AppName::parse(name.as_str()) {
            Ok(name) => return name,
            Err(error) => problems.add(
                Code::BadName,
                Place::at(["project", "name"]),
                format!("`{name}` cannot be the project's name: {error}"),
                name_help(&error),
            ),
        }
    }
    let folder = draft.folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = folder.trim_start_matches('.').chars().map(allowed).take(64).collect();
    match AppName::parse(name).or_else(|_| AppName::parse("project")) {
        Ok(name) => name,
        Err(_) => unreachable!("a constant name is a name"),
    }
}

fn root(draft: &ProjectDraft, problems: &mut Problems) -> Root {
    let Some(text) = &draft.root else { return Root::Local(draft.folder.clone()) };
    let place = || Place::at(["project", "root"]);
    if let Some((scheme, rest)) = text.split_once("://") {
        let valid = !scheme.is_empty()
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !valid || rest.trim_matches('/').is_empty() {
            let help = "write a folder, or a URI such as s3://bucket/folder";
            problems.add(
                Code::BadFolder,
                place(),
                format!("`{text}` is not a place for partitions"),
                help,
            );
        }
        return match text.strip_prefix("file://") {
            Some(path) => Root::Local(draft.folder.join(path)),
            None => Root::Uri(text.trim_end_matches('/').to_owned()),
        };
    }
    if text.is_empty() || text.contains('\0') {
        let help = "write a folder, or leave `root` out to use the project's own folder";
        problems.add(Code::BadFolder, place(), "the root of the partitions is empty", help);
    }
    // `.` would stand in every path that people see.
    let path =
        Path::new(text).components().filter(|part| !matches!(part, std::path::Component::CurDir));
    Root::Local(path.fold(draft.folder.clone(), |folder, part| folder.join(part)))
}

#[cfg(test)]
mod tests;
