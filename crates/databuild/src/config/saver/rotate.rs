//! `rotate` and `keep`: when files are rolled, what they are called then, and which go.

use super::files::zone_of;
use super::section::{Found, Section};
use crate::config::problem::{Code, Problem};
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::name::{ArchiveName, Compression};
use databuild_policy::roll::period::{Period, Zone};
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;

/// Most files of a window: each is renamed at each roll.
const WINDOW_FILES_MAX: u64 = 100;
/// The window, unless something else is said, as logback has it.
const WINDOW: (u64, u64) = (1, 7);

/// What `rotate` and `keep` say.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    pub(super) rotation: RotationPolicy,
    pub(super) archive: Option<ArchiveNaming>,
    pub(super) on_start: bool,
    pub(super) keep: KeepPolicy,
}

pub(super) fn rolling(
    section: &Section<'_>,
    zone: Zone,
    path: Option<&PathTemplate>,
    problems: &mut Vec<Problem>,
) -> Rolling {
    let keep = keep(section, problems);
    let Some(rotate) = section.inner("rotate") else {
        if section.inner("keep").is_some() {
            let message = "`keep` without `rotate`: there would be nothing to remove";
            let help = "say when files are rolled: rotate = { size = \"100MB\" }";
            let span = Some(section.place("keep"));
            problems.push(Problem::error(Code::BadRotation, span, message, help));
        }
        return Rolling { keep, ..Rolling::default() };
    };
    let zone = if rotate.has("zone") { zone_of(&rotate, problems) } else { zone };
    let every = rotate.choice("every", &Period::ALL, problems);
    let rotation = RotationPolicy {
        bytes_max: rotate.size("size", problems),
        every: every.map(|period| (period, zone.clone())),
        idle: rotate.duration("idle", problems),
    };
    let on_start = rotate.flag("on_start").unwrap_or(false);
    let window = window(&rotate, problems);
    let mut rules = Rules { rotate: &rotate, problems, rotation: &rotation, on_start, zone };
    let archive = rules.archive(window, path);
    if window.is_some() && keep.files.is_some() {
        let message = "`keep.files` and `rotate.window` both say how many files there are";
        let help = "leave one of them out";
        let span = Some(section.place("keep"));
        problems.push(Problem::error(Code::BadRotation, span, message, help));
    }
    Rolling { rotation, archive, on_start, keep }
}

fn keep(section: &Section<'_>, problems: &mut Vec<Problem>) -> KeepPolicy {
    let Some(keep) = section.inner("keep") else { return KeepPolicy::default() };
    if keep.table.is_empty() {
        let message = "`keep` says nothing";
        let help = "say what is kept: keep = { files = 9, age = \"30d\", total = \"1GB\" }";
        problems.push(Problem::error(Code::BadRotation, Some(keep.name.clone()), message, help));
    }
    KeepPolicy {
        files: keep.number("files", 1..=u64::MAX, problems),
        age: keep.duration("age", problems),
        bytes: keep.size("total", problems),
    }
}

fn window(rotate: &Section<'_>, problems: &mut Vec<Problem>) -> Option<(u64, u64)> {
    let window = rotate.inner("window")?;
    let before = problems.len();
    let min = window.number("min", 0..=u64::MAX, problems).unwrap_or(WINDOW.0);
    let max = window.number("max", 0..=u64::MAX, problems).unwrap_or(WINDOW.1);
    if before == problems.len() {
        let (message, help) = if max < min {
            ("the window ends before it begins", "let `max` be `min` or more".to_owned())
        } else if WINDOW_FILES_MAX <= max - min {
            let help = format!(
                "{WINDOW_FILES_MAX} files at most; leave `window` out, and let `keep` count"
            );
            ("the window is too wide: every roll renames all its files", help)
        } else {
            return Some((min, max));
        };
        let span = Some(rotate.place("window"));
        problems.push(Problem::error(Code::BadRotation, span, message, help));
    }
    Some((min, max.clamp(min, min.saturating_add(WINDOW_FILES_MAX - 1))))
}

struct Rules<'r, 'a> {
    rotate: &'r Section<'a>,
    problems: &'r mut Vec<Problem>,
    rotation: &'r RotationPolicy,
    on_start: bool,
    zone: Zone,
}

impl Rules<'_, '_> {
    fn wrong(&mut self, key: &str, message: &str, help: &str) {
        let span = Some(self.rotate.place(key));
        self.problems.push(Problem::error(Code::BadRotation, span, message, help));
    }

    fn archive(
        &mut self,
        window: Option<(u64, u64)>,
        path: Option<&PathTemplate>,
    ) -> Option<ArchiveNaming> {
        let compression = self.compression();
        let asked = ["size", "every", "idle"].iter().any(|key| self.rotate.has(key));
        if !asked && !self.on_start {
            let help = "say when: rotate = { size = \"100MB\", every = \"day\" }";
            self.wrong("", "`rotate` does not say when files are rolled", help);
        }
        let name = match self.rotate.text("name") {
            None => self.default_name(window.is_some(), compression)?,
            Some(found) => self.given_name(&found, compression, path)?,
        };
        if let Some(path) = path {
            self.beside(&name, path);
        }
        match window {
            None => Some(ArchiveNaming::Dated(name)),
            Some((min, max)) => {
                if name.every().is_some() || !name.has_index() {
                    let help = "write %i and no %d: {name}.%i{ext}";
                    self.wrong(
                        "name",
                        "files of a window are told apart by their index alone",
                        help,
                    );
                }
                Some(ArchiveNaming::Window { name, min, max })
            }
        }
    }

    fn compression(&mut self) -> Option<Compression> {
        let words =
            [("none", None), ("gzip", Some(Compression::Gzip)), ("zstd", Some(Compression::Zstd))];
        let word = self.rotate.choice("compress", &words, self.problems);
        match self.rotate.flag("gzip") {
            Some(_) if self.rotate.has("compress") => {
                self.wrong("gzip", "`gzip` and `compress` together", "leave `gzip` out");
                word.flatten()
            }
            Some(true) => Some(Compression::Gzip),
            Some(false) | None => word.flatten(),
        }
    }

    /// `{name}.%d{…}.%i{ext}`, with what the rules need.
    fn default_name(&self, window: bool, compression: Option<Compression>) -> Option<ArchiveName> {
        let dated = self.rotation.every.as_ref().filter(|_| !window);
        let date = dated.map_or("", |(period, _)| match period {
            Period::Second => ".%d{yyyy-MM-dd_HH-mm-ss}",
            Period::Minute => ".%d{yyyy-MM-dd_HH-mm}",
            Period::Hour => ".%d{yyyy-MM-dd_HH}",
            Period::Day => ".%d{yyyy-MM-dd}",
            Period::Week => ".%d{YYYY-'W'ww}",
            Period::Month => ".%d{yyyy-MM}",
        });
        let index = if self.within_a_period() || date.is_empty() { ".%i" } else { "" };
        let ending = compression.map_or("", Compression::ending);
        let text = format!("{{name}}{date}{index}{{ext}}{ending}");
        ArchiveName::parse(&text, &self.zone).ok()
    }

    /// Whether a file can be rolled more than once in a period.
    fn within_a_period(&self) -> bool {
        self.rotation.bytes_max.is_some() || self.rotation.idle.is_some() || self.on_start
    }

    fn given_name(
        &mut self,
        found: &Found<&str>,
        compression: Option<Compression>,
        path: Option<&PathTemplate>,
    ) -> Option<ArchiveName> {
        let (stem, ending) = Compression::split(found.value);
        let mut text = found.value.to_owned();
        match (ending, compression) {
            (Some(one), Some(other)) if one != other => {
                let help = "leave `compress` out, or let the name end as it says";
                self.wrong("name", "the ending of the name and `compress` differ", help);
            }
            (None, Some(compression)) => text.push_str(compression.ending()),
            (Some(_), None) if self.rotate.has("compress") || self.rotate.has("gzip") => {
                self.wrong(
                    "name",
                    "the name ends as if it were compressed",
                    "leave the ending out",
                );
            }
            (Some(_) | None, _) => {}
        }
        let other = [".zip", ".xz", ".bz2", ".lz4", ".Z"].iter().find(|it| stem.ends_with(**it));
        if let Some(other) = other {
            let message = format!("rolled files are not compressed as `{other}`");
            self.wrong("name", &message, "let the name end with .gz or .zst");
        }
        if found.value.split('/').any(|name| name.is_empty() || name == "." || name == "..") {
            let help = "write a name, or folders below that of the file: old/{name}.%i{ext}";
            self.wrong("name", "rolled files stand in the folder of the file, or below it", help);
            return None;
        }
        let name = match ArchiveName::parse(&text, &self.zone) {
            Ok(name) => name,
            Err(all) => {
                self.rotate.patterns(Code::BadRollName, found, all, self.problems);
                return None;
            }
        };
        if !name.has_index() && self.within_a_period() {
            let message =
                "a file can be rolled more than once in a period, and all would have one name";
            self.wrong("name", message, "add %i");
        }
        if let (Some((named, zone)), Some((every, own)), false) =
            (name.every(), &self.rotation.every, name.has_index())
            && (*every < *named || zone != own)
        {
            let message = "files are rolled more often than the date in their name changes";
            self.wrong("name", message, "add %i, or write the date as finely as `every`");
        }
        if path.is_some_and(|path| path.literal_name().is_none()) && !name.has_name() {
            let message = "files of one folder would be rolled to the same names";
            self.wrong("name", message, "begin with {name}, which is the name of the file itself");
        }
        Some(name)
    }

    /// The file that is written must not look like one that was rolled.
    fn beside(&mut self, name: &ArchiveName, path: &PathTemplate) {
        if let Some(file) = path.literal_name()
            && name.bind(file).is_one(file)
        {
            let message = format!("`{file}` itself has a name as rolled files have it");
            self.wrong("name", &message, "name rolled files otherwise");
        }
    }
}
