//! What a story is about: how files are rolled, and who says what.

use super::Event;
use crate::chance::Chance;
use crate::saved::Names;
use anyhow::{Result, anyhow};
use databuild_io::bus::Start;
use databuild_model::time::Timestamp;
use databuild_policy::layout::{Layout, LayoutOptions};
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::{Period, Zone};
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;
use databuild_policy::route::select::Selector;
use databuild_saver::settings::{
    ErrorBudget, FilesSettings, OnError, PipelineSettings, ProcessorSettings,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A run and its lines, as they are stored, and when each was said, in seconds after the beginning.
pub(super) struct Run {
    pub(super) name: String,
    pub(super) lines: Vec<(u64, Vec<u8>)>,
}

/// 2025-01-27T10:00:00Z.
pub(super) const BEGINNING: i64 = 1_737_972_000_000_000_000;

/// So many seconds after it.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos(BEGINNING).saturating_add(Duration::from_secs(seconds))
}

/// Most events of a run.
const EVENTS_MAX: u64 = 40;

/// A window has room for all archives that a story can make: none may go.
const WINDOW: u64 = 400;

/// How files are rolled: by size, time or both, compressed or not; and what their names tell.
pub(super) fn settings(chance: &mut Chance) -> Result<(FilesSettings, Names)> {
    let ending = ["", "", ".gz", ".zst"].get(chance.index(4)).copied().unwrap_or_default();
    let name = |pattern: &str| {
        ArchiveName::parse(&format!("{pattern}{ending}"), &Zone::UTC)
            .map_err(|problems| anyhow!("{problems:?}"))
    };
    let sized = RotationPolicy { bytes_max: Some(20 + chance.below(60)), ..Default::default() };
    let (rotation, archive, names) = match chance.below(4) {
        0 => {
            let window =
                ArchiveNaming::Window { name: name("{name}.%i{ext}")?, min: 1, max: WINDOW };
            (sized, window, Names::Window)
        }
        1 => {
            let every = Some((Period::Minute, Zone::UTC));
            let dated = name("{name}.%d{yyyyMMddHHmm}{ext}")?;
            (
                RotationPolicy { every, ..Default::default() },
                ArchiveNaming::Dated(dated),
                Names::Dated,
            )
        }
        2 => {
            let every = Some((Period::Minute, Zone::UTC));
            let dated = name("old/{name}.%d{yyyyMMddHHmm}.%i{ext}")?;
            (RotationPolicy { every, ..sized }, ArchiveNaming::Dated(dated), Names::Dated)
        }
        _ => (sized, ArchiveNaming::Dated(name("old/{name}.%03i{ext}")?), Names::InOrder),
    };
    let wrong = |problems| anyhow!("{problems:?}");
    let path = PathTemplate::parse("logs/{app}/app.log").map_err(wrong)?;
    let settings = FilesSettings {
        own: path.clone(),
        path,
        layout: Layout::parse("%run %seq %msg%n", &LayoutOptions::default()).map_err(wrong)?,
        rotation,
        archive: Some(archive),
        roll_on_start: false,
        keep: KeepPolicy::default(),
        open_files_max: 2 + chance.index(3),
        close_idle: Duration::from_secs(1_800),
        file_mode: 0o640,
        folder_mode: 0o750,
    };
    Ok((settings, names))
}

/// A pipeline with these files.
pub(super) fn pipeline(name: &str, files: &FilesSettings) -> PipelineSettings {
    PipelineSettings {
        name: name.to_owned(),
        selector: Selector::default(),
        start: Start::Beginning,
        order_window: Duration::from_millis(400),
        window_bytes_max: 2_000,
        flush_interval: Duration::from_millis(150),
        on_error: OnError::Block,
        errors: ErrorBudget { stop_after: 10, within: Duration::from_secs(600) },
        processor: ProcessorSettings::Files(Box::new(files.clone())),
    }
}

/// Who says what, of three applications, some with clocks that are not right.
pub(super) fn runs(chance: &mut Chance) -> Vec<Run> {
    (0..1 + chance.below(4))
        .map(|n| {
            let app = ["a", "b", "c"].get(chance.index(3)).copied().unwrap_or("a");
            let name = format!("run-{n}");
            let wrong = if chance.one_in(4) { chance.below(100) } else { 0 };
            let mut second = chance.below(30);
            let lines = (1..=1 + chance.below(EVENTS_MAX)).map(|seq| {
                second += chance.below(9);
                let time = at(second + wrong);
                let line = format!(
                    r#"{{"timestamp":"{time}","job_id":"{name}","outputs":[],"sequence_number":{seq},"content":{{"log":{{"level":"INFO","message":"{}"}}}},"app":"{app}"}}"#,
                    "x".repeat(chance.index(20))
                );
                (second, (line + "\n").into_bytes())
            });
            Run { lines: lines.collect(), name }
        })
        .collect()
}

/// Each event, with how much it counts for.
pub(super) fn wanted(runs: &[Run]) -> BTreeMap<Event, u64> {
    let events = |run: &Run| -> Vec<(Event, u64)> {
        let numbers = run.lines.iter().zip(1..);
        numbers.map(|((_, line), seq)| ((run.name.clone(), seq), line.len() as u64)).collect()
    };
    runs.iter().flat_map(events).collect()
}

/// The numbers of a run's events in the order in which they are stored.
pub(super) fn places(wanted: &BTreeMap<Event, u64>, run: &str) -> Vec<Option<u64>> {
    wanted.keys().filter(|(of, _)| of == run).map(|(_, number)| Some(*number)).collect()
}
