//! Files on a disk in memory whose power can be cut: what is in them, whatever happens on the way.
//!
//! What other log savers and logback are tested for, as far as it is about files, and where it is tested here:
//!
//! | scenario | test |
//! |---|---|
//! | equal times, by run and number; no checkpoint passes what is not done | `databuild_policy`: `order`, `acknowledge` |
//! | a batch out of order is sorted; clocks ahead come out; a full window is drained | `order`, `consume`, `preview` |
//! | files by level, the longest logger that fits, additive or not | `route::select`, `route::loggers`; the saver's import |
//! | a folder for each application; 20,000 events, exactly ten files each | `each_event_goes_into_the_file_of_its_path`, `each_of_three_applications_…` |
//! | files go on after a restart, none is open after a stop | `a_file_is_rolled_…`, `many_paths_share_few_open_files` |
//! | an idle file is closed | `taken::a_file_that_is_closed_…`, `old_archives_go_and_idle_files_are_rolled` |
//! | permissions of files and folders | `databuild_io`: `modes_are_as_asked_for_whatever_the_umask` |
//! | rolling by time, size, both, windows; names, zones, days of 23 hours, restarts, leftovers | `tests/rolling.rs`, `roll::period` |
//! | old archives go, only those, also after long idleness; a second look changes nothing | `start::what_is_not_kept_…`, `tests/rolling.rs`, `roll::keep` |
//! | the program ends, or is killed, while it compresses; compressing fails and the file stays | `end`, `crash` |
//! | many keys with few files, closed by age of use, opened again | `many_paths_share_few_open_files` |
//! | the store is down at the start, and comes | `crash`, `a_disk_that_is_not_mounted_is_waited_for` |
//! | one processor fails or sleeps, the others do not notice | `lane::tests::beside` |
//! | 10,000 mixed lines of two applications, killed on the way, a broken and a sleeping plugin | `each_application_has_its_files_…` of the program's own tests |

mod crash;
mod desk;
mod end;
mod start;
mod taken;

use super::*;
use crate::settings::{FilesSettings, ProcessorSettings};
use databuild_io::sink::model::ModelSink;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_plugin::processor::Entity;
use databuild_policy::layout::{Layout, LayoutEvent, LayoutOptions};
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::{Period, Zone};
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;
use desk::TestDesk;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

/// 2025-01-27T00:00:00Z.
const DAY: i64 = 1_737_936_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos((DAY + seconds) * 1_000_000_000)
}

fn settings(path: &str) -> FilesSettings {
    FilesSettings {
        path: PathTemplate::parse(path).unwrap(),
        own: PathTemplate::parse(path).unwrap(),
        layout: Layout::parse("%msg%n", &LayoutOptions::default()).unwrap(),
        rotation: RotationPolicy::default(),
        archive: None,
        roll_on_start: false,
        keep: KeepPolicy::default(),
        open_files_max: 8,
        close_idle: Duration::from_secs(1_800),
        file_mode: 0o640,
        folder_mode: 0o750,
    }
}

fn dated(pattern: &str) -> Option<ArchiveNaming> {
    Some(ArchiveNaming::Dated(ArchiveName::parse(pattern, &Zone::UTC).unwrap()))
}

fn event<'a>(position: u64, seconds: i64, app: &'a str, text: &'a str) -> LogEvent<'a> {
    LogEvent {
        position,
        sequence: position,
        late: false,
        kind: Kind::Log,
        entity: Entity { project: "p", app, job: "j", run: "r" },
        line: text.as_bytes(),
        view: LayoutEvent { app, run: "r", ..LayoutEvent::saying(at(seconds), Level::Info, text) },
    }
}

/// Words are `app:text@seconds` for events of one batch, `flush@seconds`, `restart`, and `retry`, which is
/// another try of the same start; shows all files.
fn check(settings: &FilesSettings, script: &str, expected: Expect) {
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut begun = Begun::default();
    let mut processor = open_try(settings, &sink, &begun, &mut desk);
    let mut position = 0;
    for word in script.split_whitespace() {
        let (what, seconds) = word.split_once('@').unwrap_or((word, "0"));
        let seconds = seconds.parse().unwrap();
        sink.set_clock(at(seconds));
        match what.split_once(':') {
            Some((app, text)) => {
                position += 1;
                let events = [event(position, seconds, app, text)];
                processor.process(&events, at(seconds), &mut desk).unwrap();
            }
            None if what == "restart" || what == "retry" => {
                processor.destroy(at(seconds), Duration::ZERO, &mut desk).unwrap();
                begun = if what == "retry" { begun } else { Begun::default() };
                processor = open_try(settings, &sink, &begun, &mut desk);
            }
            None => processor.flush(at(seconds), &mut desk).unwrap(),
        }
    }
    processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
    expected.assert_eq(&shown(&sink));
}

fn open(settings: &FilesSettings, sink: &ModelSink, desk: &mut TestDesk) -> FileProcessor {
    open_try(settings, sink, &Begun::default(), desk)
}

fn open_try(
    settings: &FilesSettings,
    sink: &ModelSink,
    begun: &Begun,
    desk: &mut TestDesk,
) -> FileProcessor {
    let processor = FileProcessor::new(settings.clone(), Arc::new(sink.clone()));
    let mut processor = processor.in_start(begun);
    let outputs = desk.outputs();
    processor.initialize(&Properties::default(), &outputs, desk).unwrap();
    processor
}

fn shown(sink: &ModelSink) -> String {
    let mut shown = String::new();
    for (path, bytes) in sink.files() {
        if !path.starts_with("home/") {
            let text = String::from_utf8_lossy(&bytes).replace('\n', " ");
            writeln!(shown, "{path}: {text}").unwrap();
        }
    }
    shown
}

#[test]
fn each_event_goes_into_the_file_of_its_path() {
    check(
        &settings("logs/{app}/app.log"),
        "a:1 b:2 a:3 restart a:4 ../../etc:5",
        expect![[r#"
        %2E.%2F..%2Fetc/app.log: 5 
        a/app.log: 1 3 4 
        b/app.log: 2 
    "#]],
    );
}

#[test]
fn a_file_is_rolled_before_it_is_too_large() {
    let rotation = RotationPolicy { bytes_max: Some(6), ..RotationPolicy::default() };
    let archive = dated("{name}.%i{ext}");
    check(
        &FilesSettings { rotation, archive, ..settings("logs/{app}.log") },
        "a:11 a:12 a:13 a:14 b:21 a:a-long-one a:15 restart a:16 a:17",
        expect![[r#"
            a.0.log: 11 12 
            a.1.log: 13 14 
            a.2.log: a-long-one 
            a.3.log: 15 16 
            a.log: 17 
            b.log: 21 
        "#]],
    );
}

#[test]
fn midnight_rolls_all_files_and_names_them_by_their_day() {
    let rotation =
        RotationPolicy { every: Some((Period::Day, Zone::UTC)), ..RotationPolicy::default() };
    let archive = dated("{name}.%d{yyyy-MM-dd}{ext}");
    check(
        &FilesSettings { rotation, archive, ..settings("logs/{app}.log") },
        "a:1@10 b:2@20 a:3@86399 a:4@86400 b:5@86401 flush@86402 flush@200000 a:6@259200",
        expect![[r#"
            a.2025-01-27.log: 1 3 
            a.2025-01-28.log: 4 
            a.log: 6 
            b.2025-01-27.log: 2 
            b.log: 5 
        "#]],
    );
}

#[test]
fn a_window_of_archives_moves_up() {
    let rotation = RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() };
    let name = ArchiveName::parse("{name}.%i{ext}", &Zone::UTC).unwrap();
    let archive = Some(ArchiveNaming::Window { name, min: 1, max: 3 });
    check(
        &FilesSettings { rotation, archive, ..settings("logs/app.log") },
        "a:1 a:2 a:3 a:4 a:5 a:6",
        expect![[r#"
            app.1.log: 5 
            app.2.log: 4 
            app.3.log: 3 
            app.log: 6 
        "#]],
    );
}

#[test]
fn old_archives_go_and_idle_files_are_rolled() {
    let rotation =
        RotationPolicy { idle: Some(Duration::from_secs(60)), ..RotationPolicy::default() };
    let keep = KeepPolicy { files: Some(2), ..KeepPolicy::default() };
    check(
        &FilesSettings {
            rotation,
            keep,
            archive: dated("{name}.%i{ext}"),
            ..settings("logs/app.log")
        },
        "a:1@0 flush@59 flush@60 a:2@100 flush@200 a:3@300 flush@400 a:4@500 flush@600 flush@700",
        expect![[r#"
            app.2.log: 3 
            app.3.log: 4 
        "#]],
    );
}

#[test]
fn what_was_the_log_until_now_stays_however_old_it_is() {
    let rotation =
        RotationPolicy { every: Some((Period::Day, Zone::UTC)), ..RotationPolicy::default() };
    let keep = KeepPolicy { age: Some(Duration::from_secs(86_400)), ..KeepPolicy::default() };
    let archive = dated("{name}.%d{yyyy-MM-dd}{ext}");
    check(
        &FilesSettings { rotation, keep, archive, ..settings("logs/{app}.log") },
        "a:1@0 b:2@0 flush@1 a:3@864000 flush@864000 flush@868000",
        expect![[r#"
            a.2025-01-27.log: 1 
            a.log: 3 
            b.2025-01-27.log: 2 
        "#]],
    );
}

#[test]
fn each_of_three_applications_has_as_many_files_as_its_bytes_need() {
    const EACH: u64 = 6_600;
    let settings = FilesSettings {
        rotation: RotationPolicy { bytes_max: Some(EACH), ..RotationPolicy::default() },
        archive: dated("{name}.%i{ext}"),
        ..settings("logs/{app}/app.log")
    };
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(&settings, &sink, &mut desk);
    let texts: Vec<String> = (0..3 * EACH).map(|n| format!("{n:09}")).collect();
    let events: Vec<_> = texts
        .iter()
        .zip(1..)
        .map(|(text, n)| event(n, 0, ["a", "b", "c"][usize::try_from(n % 3).unwrap()], text))
        .collect();
    for batch in events.chunks(256) {
        processor.process(batch, at(0), &mut desk).unwrap();
    }
    processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
    let files = sink.files();
    for (app, first) in [("a", 2), ("b", 0), ("c", 1)] {
        let names = (0..9).map(|n| format!("{app}/app.{n}.log"));
        let names: Vec<String> = names.chain([format!("{app}/app.log")]).collect();
        let found = files.keys().filter(|path| path.starts_with(&format!("{app}/"))).count();
        assert_eq!(found, names.len(), "{app}");
        assert!(names.iter().all(|name| files[name].len() as u64 == EACH), "{app}");
        let all: Vec<u8> = names.iter().flat_map(|name| files[name].clone()).collect();
        let expected: String =
            texts.iter().skip(first).step_by(3).map(|it| format!("{it}\n")).collect();
        assert!(all == expected.into_bytes(), "{app} is in order");
    }
}

#[test]
fn many_paths_share_few_open_files() {
    let settings = settings("logs/{app}.log");
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(&settings, &sink, &mut desk);
    let names: Vec<String> = (0..100).map(|n| format!("app{n}")).collect();
    for round in 0..3 {
        let events: Vec<_> = names
            .iter()
            .zip(round * 100 + 1..)
            .map(|(name, position)| event(position, 0, name, "x"))
            .collect();
        processor.process(&events, at(0), &mut desk).unwrap();
        assert!(processor.tally().open_files <= 8, "{:?}", processor.tally());
        assert!(desk.outputs().files.len() <= 8);
    }
    processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
    assert_eq!(processor.tally().open_files, 0);
    let files = sink.files();
    assert!(names.iter().all(|name| files[&format!("{name}.log")] == b"x\nx\nx\n"));
}

#[test]
fn a_file_that_somebody_renames_is_left_to_them() {
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(&settings("logs/app.log"), &sink, &mut desk);
    processor.process(&[event(1, 0, "a", "1")], at(0), &mut desk).unwrap();
    sink.meddle(|names| {
        let inode = names.remove("app.log").unwrap();
        names.insert("theirs.log".to_owned(), inode);
    });
    processor.flush(at(0), &mut desk).unwrap();
    processor.process(&[event(2, 0, "a", "2")], at(0), &mut desk).unwrap();
    processor.flush(at(0), &mut desk).unwrap();
    assert_eq!(shown(&sink), "app.log: 2 \ntheirs.log: 1 \n");
}

#[test]
fn a_file_that_somebody_removes_is_begun_anew_from_the_last_record() {
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let settings = settings("logs/app.log");
    let mut processor = open(&settings, &sink, &mut desk);
    processor.process(&[event(1, 0, "a", "1")], at(0), &mut desk).unwrap();
    processor.flush(at(0), &mut desk).unwrap();
    processor.process(&[event(2, 0, "a", "2")], at(0), &mut desk).unwrap();
    sink.meddle(|names| {
        names.remove("app.log").unwrap();
    });
    let error = processor.flush(at(0), &mut desk).unwrap_err();
    assert_eq!(error.to_string(), "somebody removed logs/app.log while it was written");
    let mut processor = open(&settings, &sink, &mut desk);
    processor.process(&[event(1, 0, "a", "2")], at(0), &mut desk).unwrap();
    processor.flush(at(0), &mut desk).unwrap();
    assert_eq!(shown(&sink), "app.log: 2 \n");
    assert_eq!(desk.lost, [taken::gone("app.log", 2, 0)]);
}

#[test]
fn a_disk_that_is_not_mounted_is_waited_for() {
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&ModelSink::new());
    let settings = settings("logs/app.log");
    let mut processor = open(&settings, &sink, &mut desk);
    processor.process(&[event(1, 0, "a", "1")], at(0), &mut desk).unwrap();
    processor.flush(at(0), &mut desk).unwrap();
    drop(processor);
    let outputs = desk.outputs();
    sink.unmount();
    let mut processor = FileProcessor::new(settings.clone(), Arc::new(sink.clone()));
    let error = processor.initialize(&Properties::default(), &outputs, &mut desk).unwrap_err();
    assert_eq!(error.kind, ProcessorErrorKind::Transient);
    assert_eq!(
        error.to_string(),
        "app.log with 2 bytes is not there, and the folder is on model 1, not on model 0"
    );
    let mut processor = FileProcessor::new(settings, Arc::new(sink.clone())).accepting_loss();
    processor.initialize(&Properties::default(), &outputs, &mut desk).unwrap();
}

#[test]
fn settings_say_what_the_processor_is_told() {
    let files = ProcessorSettings::Files(Box::new(settings("logs/app.log")));
    assert!(files.properties().is_empty());
}
