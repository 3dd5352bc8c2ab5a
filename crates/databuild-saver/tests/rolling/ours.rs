//! A scenario through the processor that writes files, on a disk in memory.

use super::scenario::{Scenario, Step, at, content, padded};
use databuild_io::sink::Sink;
use databuild_io::sink::model::ModelSink;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_plugin::processor::{
    Checkpointer, Done, Entity, LogEvent, LogProcessor, Loss, ProcessorError, Properties,
};
use databuild_policy::commit::Outputs;
use databuild_policy::layout::{Layout, LayoutEvent, LayoutOptions};
use databuild_policy::roll::name::Compression;
use databuild_policy::route::path::PathTemplate;
use databuild_saver::files::FileProcessor;
use databuild_saver::settings::FilesSettings;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

/// Where scenarios without an active file have theirs; at their end it is rolled.
const UNNAMED: &str = "active";
/// Long after all scenarios.
const LATE: i64 = 4_102_444_800;

pub(super) fn run(scenario: &Scenario) -> Result<String, String> {
    let naming = scenario.naming()?;
    let active = scenario.active.as_deref().unwrap_or(UNNAMED);
    let path = PathTemplate::parse(&format!("logs/{active}"))
        .map_err(|problems| problems[0].what.clone())?;
    let settings = FilesSettings {
        own: path.clone(),
        path,
        layout: Layout::parse("%msg%n", &LayoutOptions::default()).unwrap(),
        rotation: scenario.rotation(&naming),
        archive: Some(naming.clone()),
        roll_on_start: false,
        keep: scenario.keep(),
        open_files_max: 4,
        close_idle: Duration::from_secs(1 << 40),
        file_mode: 0o640,
        folder_mode: 0o750,
    };
    let sink = ModelSink::new();
    for (n, (name, changed, bytes)) in scenario.before.iter().enumerate() {
        sink.set_clock(at(*changed));
        put(&sink, name, &padded(&format!("p{n}"), *bytes));
    }
    let mut desk = Desk(Outputs::default());
    let mut processor = open(&settings, &sink, &mut desk);
    let (mut position, mut last) = (0, 0);
    for step in &scenario.script {
        match *step {
            Step::Start(now) => {
                close(processor, now.max(last), &mut desk);
                processor = open(&settings, &sink, &mut desk);
                processor.flush(at(now), &mut desk).unwrap();
            }
            Step::Event { at, bytes, by_hand } => {
                if by_hand {
                    // Who rolls by hand has set a limit that everything is beyond, for one event.
                    close(processor, at, &mut desk);
                    let mut settings = settings.clone();
                    settings.rotation.bytes_max = Some(1);
                    processor = open(&settings, &sink, &mut desk);
                }
                take(&mut processor, &sink, position, at, bytes, &mut desk);
                (position, last) = (position + 1, at);
                if by_hand {
                    close(processor, at, &mut desk);
                    processor = open(&settings, &sink, &mut desk);
                }
            }
        }
    }
    if scenario.active.is_none() {
        take(&mut processor, &sink, position, LATE, 10, &mut desk);
    }
    close(processor, last, &mut desk);
    let unnamed = scenario.active.is_none().then(|| position.saturating_sub(1).to_string());
    Ok(listing(scenario, &sink, naming.compression(), unnamed.as_deref()))
}

fn open(settings: &FilesSettings, sink: &ModelSink, desk: &mut Desk) -> FileProcessor {
    let mut processor = FileProcessor::new(settings.clone(), Arc::new(sink.clone()));
    let outputs = desk.0.clone();
    processor.initialize(&Properties::default(), &outputs, desk).unwrap();
    processor
}

fn close(mut processor: FileProcessor, now: i64, desk: &mut Desk) {
    processor.destroy(at(now), Duration::ZERO, desk).unwrap();
}

fn take(
    processor: &mut FileProcessor,
    sink: &ModelSink,
    event: u64,
    now: i64,
    bytes: u64,
    desk: &mut Desk,
) {
    // As a pipeline does it, which flushes every second.
    processor.flush(at(now - 1), desk).unwrap();
    sink.set_clock(at(now));
    let text = padded(&event.to_string(), bytes);
    let event = LogEvent {
        position: event + 1,
        sequence: event + 1,
        late: false,
        kind: Kind::Log,
        entity: Entity { project: "p", app: "a", job: "j", run: "r" },
        line: text.as_bytes(),
        view: LayoutEvent::saying(at(now), Level::Info, &text),
    };
    processor.process(&[event], at(now), desk).unwrap();
    processor.flush(at(now), desk).unwrap();
}

fn put(sink: &ModelSink, path: &str, line: &str) {
    let mut bytes = format!("{line}\n").into_bytes();
    if let (_, Some(Compression::Gzip)) = Compression::split(path) {
        let mut encoder =
            flate2::read::GzEncoder::new(bytes.as_slice(), flate2::Compression::fast());
        let mut compressed = Vec::new();
        encoder.read_to_end(&mut compressed).unwrap();
        bytes = compressed;
    }
    let mut file = sink.append_from(path, 0).unwrap();
    file.append(&bytes).unwrap();
    file.sync().unwrap();
    file.close().unwrap();
    sink.sync_names(path).unwrap();
}

/// Archives are compressed in the background: one whose turn has not come counts as if it had. The one with
/// the event `unnamed` was rolled to get a name alone.
fn listing(
    scenario: &Scenario,
    sink: &ModelSink,
    compression: Option<Compression>,
    unnamed: Option<&str>,
) -> String {
    let ending = compression.map_or("", Compression::ending);
    let naming = scenario.naming().unwrap();
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (name, bytes) in sink.files() {
        if unnamed.is_some() && name == UNNAMED {
            continue;
        }
        let mut text = String::new();
        match Compression::split(&name) {
            (_, Some(Compression::Gzip)) if bytes.starts_with(&[0x1f, 0x8b]) => {
                flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
            }
            _ => text = String::from_utf8(bytes).unwrap(),
        }
        let waits = naming.name().is_one(&name) && !name.ends_with(ending);
        let is_last = unnamed
            .is_some_and(|event| text.lines().any(|line| line.trim_end_matches('.') == event));
        let whole = match (is_last, waits) {
            (true, _) => name.strip_suffix(ending).unwrap_or(&name).to_owned(),
            (false, true) => format!("{name}{ending}"),
            (false, false) => name,
        };
        assert_eq!(shown.insert(whole, content(text.lines())), None, "one file in both forms");
    }
    shown.iter().map(|(name, lines)| format!("{name}={lines}")).collect::<Vec<_>>().join(" ")
}

/// The last record.
struct Desk(Outputs);

impl Checkpointer for Desk {
    fn checkpoint(&mut self, _done: Done<'_>, outputs: &Outputs) -> Result<(), ProcessorError> {
        self.0 = outputs.clone();
        Ok(())
    }

    fn reject(&mut self, _position: u64, reason: &str) -> Result<(), ProcessorError> {
        panic!("files take everything, not so: {reason}")
    }

    fn lost(&mut self, loss: &Loss) {
        panic!("nobody takes files away, and yet {loss}")
    }
}
