//! `[saver.files.NAME]`: where lines go, what they look like, when files are rolled and which go.

use super::rotate;
use super::section::{Found, Section};
use super::select::unknown;
use crate::config::problem::{Code, Problem, Severity};
use databuild_policy::layout::{Compat, Layout, LayoutOptions, Newlines};
use databuild_policy::roll::name::Compression;
use databuild_policy::roll::period::{Zone, zone};
use databuild_policy::route::path::{PathField, PathTemplate};
use databuild_saver::settings::FilesSettings;
use std::path::Path;
use std::time::Duration;

/// Files of one pipeline that are open at once. A process may usually have 1,024; with half of that a
/// second pipeline would be at the limit, with twice it the first one.
const OPEN_FILES: usize = 256;
/// A cap that a process can be given with some care.
const OPEN_FILES_MAX: u64 = 100_000;
/// A file that got nothing for so long is closed; it is opened again when something comes.
const CLOSE_IDLE: Duration = Duration::from_secs(30 * 60);
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

/// What is known of a project when its pipelines are checked.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Surroundings<'a> {
    /// What a relative path is below of.
    pub(in crate::config) folder: &'a Path,
    /// Where logs and state are kept: nothing else may be written there.
    pub(in crate::config) own: &'a [&'a Path],
}

/// `sure` are the fields of which the selector leaves no choice.
pub(super) fn files(
    section: &Section<'_>,
    around: Surroundings<'_>,
    sure: &[(PathField, String)],
    problems: &mut Vec<Problem>,
) -> Option<FilesSettings> {
    let zone = zone_of(section, problems);
    let path = path(section, around, problems);
    let layout = layout(section, zone.clone(), problems);
    let rolling = rotate::rolling(section, zone, path.as_ref(), problems);
    let open_files = section.number("open_files", 1..=OPEN_FILES_MAX, problems);
    let close_idle = section.duration("close_idle", problems);
    let file_mode = mode(section, "mode", 0o200, problems);
    let folder_mode = mode(section, "dir_mode", 0o300, problems);
    let path = path?;
    let own = sure.iter().fold(path.clone(), |own, (field, value)| own.assume(*field, value));
    Some(FilesSettings {
        path,
        own,
        layout: layout?,
        rotation: rolling.rotation,
        archive: rolling.archive,
        roll_on_start: rolling.on_start,
        keep: rolling.keep,
        open_files_max: open_files.and_then(|it| usize::try_from(it).ok()).unwrap_or(OPEN_FILES),
        close_idle: close_idle.unwrap_or(CLOSE_IDLE),
        file_mode: file_mode.unwrap_or(FILE_MODE),
        folder_mode: folder_mode.unwrap_or(FOLDER_MODE),
    })
}

/// The zone of a table, UTC if it names none.
pub(super) fn zone_of(section: &Section<'_>, problems: &mut Vec<Problem>) -> Zone {
    let Some(found) = section.text("zone") else { return Zone::UTC };
    zone(found.value).unwrap_or_else(|| {
        let message = format!("`{}` is not a time zone", found.value);
        let help = "name it as in Europe/Berlin, UTC or GMT+2";
        problems.push(Problem::error(Code::BadZone, Some(found.span), message, help));
        Zone::UTC
    })
}

fn path(
    section: &Section<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<PathTemplate> {
    let Some(found) = section.text("path") else {
        if !section.has("path") {
            let message = "the files have no `path`";
            let help = "say where they are: path = \"logs/{app}/error.log\"";
            let span = Some(section.name.clone());
            problems.push(Problem::error(Code::MissingKey, span, message, help));
        }
        return None;
    };
    let mut wrong = |code: Code, message: String, help: &str| {
        problems.push(Problem::error(code, Some(found.span.clone()), message, help));
    };
    if let Some((scheme, _)) = found.value.split_once("://") {
        let message = format!("files cannot be written to `{scheme}://` yet");
        let help = "write a folder of this machine: /var/log/jobs/{app}/error.log";
        wrong(Code::NotBuilt, message, help);
        return None;
    }
    let path = match PathTemplate::parse(found.value) {
        Ok(path) => path,
        Err(all) => {
            section.patterns(Code::BadPath, &found, all, problems);
            return None;
        }
    };
    if let (_, Some(compression)) = Compression::split(found.value) {
        let ending = compression.ending();
        let message = format!("a file that is written is not compressed, and ends with `{ending}`");
        wrong(
            Code::BadPath,
            message,
            "leave the ending out: rotate = { compress = … } compresses what is rolled",
        );
    }
    let path = path.below(&around.folder.display().to_string());
    let base = Path::new(path.base());
    if let Some(own) = around.own.iter().find(|own| base.starts_with(own)) {
        let message = format!("{} holds the logs and the state themselves", own.display());
        wrong(Code::BadPath, message, "choose another folder");
    }
    Some(path)
}

fn layout(section: &Section<'_>, zone: Zone, problems: &mut Vec<Problem>) -> Option<Layout> {
    let compat = [
        ("databuild", Compat::Databuild),
        ("logback-1.2", Compat::Logback12),
        ("logback-1.5", Compat::Logback15),
    ];
    let newlines =
        [("escape", Newlines::Escape), ("indent", Newlines::Indent), ("raw", Newlines::Raw)];
    let properties = section.pairs("properties").into_iter();
    let options = LayoutOptions {
        compat: section.choice("compat", &compat, problems).unwrap_or_default(),
        newlines: section.choice("newlines", &newlines, problems).unwrap_or_default(),
        zone,
        properties: properties
            .map(|(name, value)| (name.value.to_owned(), value.value.to_owned()))
            .collect(),
    };
    let Some(found) = section.text("layout") else {
        return Layout::parse("text", &options).ok();
    };
    match Layout::parse(found.value, &options) {
        Ok(layout) => {
            named_or_pattern(&found, problems);
            Some(layout)
        }
        Err(all) => {
            section.patterns(Code::BadLayout, &found, all, problems);
            None
        }
    }
}

/// A pattern that is likely not meant as one, or lets all events run together.
fn named_or_pattern(found: &Found<&str>, problems: &mut Vec<Problem>) {
    const NAMES: [&str; 4] = ["text", "json", "logfmt", "otlp"];
    let text = found.value;
    if NAMES.contains(&text) {
        return;
    }
    if !text.contains('%') {
        problems
            .push(Problem { code: Code::BadLayout.as_str(), ..unknown("layout", found, &NAMES) });
    } else if !text.contains("%n") && !text.contains('\n') {
        let message = "the layout ends no line: all events would stand on one";
        let help = "put %n at its end";
        let span = Some(found.span.clone());
        let problem = Problem::error(Code::BadLayout, span, message, help);
        problems.push(Problem { severity: Severity::Warning, ..problem });
    }
}

/// A mode as `chmod` takes it, with bits without which nothing could be written.
fn mode(section: &Section<'_>, key: &str, needed: u32, problems: &mut Vec<Problem>) -> Option<u32> {
    let found = section.text(key)?;
    let digits = (3..=4).contains(&found.value.len())
        && found.value.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(found.value, 8).ok().filter(|mode| digits && *mode <= 0o777);
    let (message, help) = match mode {
        Some(mode) if mode & needed == needed => return Some(mode),
        Some(_) => (
            format!("with mode {} the saver itself could not write", found.value),
            "let the owner write (640), and enter folders (750)",
        ),
        None => (
            format!("`{}` is not a mode", found.value),
            "write three octal digits, as chmod takes them: \"640\"",
        ),
    };
    problems.push(Problem::error(Code::BadMode, Some(found.span), message, help));
    None
}
