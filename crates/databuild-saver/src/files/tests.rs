//! Files on a disk in memory whose power can be cut: what is in them, whatever happens on the way.

mod crash;
mod desk;
mod end;

use super::*;
use crate::settings::{FilesSettings, ProcessorSettings};
use databuild_io::sink::model::ModelSink;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_plugin::processor::{Entity, Loss};
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
fn what_an_earlier_process_left_is_rolled_at_the_first_open_after_a_start() {
    let settings = FilesSettings {
        roll_on_start: true,
        archive: dated("{name}.%i{ext}"),
        open_files_max: 1,
        ..settings("logs/{app}.log")
    };
    check(
        &settings,
        "a:1 a:2 b:3 restart a:4 restart restart b:5 a:6 b:7 retry a:8 restart",
        expect![[r#"
            a.0.log: 1 2 
            a.1.log: 4 
            a.log: 6 8 
            b.0.log: 3 
            b.log: 5 7 
        "#]],
    );
}

#[test]
fn what_is_not_kept_goes_at_a_start_also_of_files_to_which_nothing_comes() {
    let rotation = RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() };
    let keep = KeepPolicy { age: Some(Duration::from_secs(86_400)), ..KeepPolicy::default() };
    for archive in ["{name}.%i{ext}", "old/{name}.%d{yyyy-MM-dd}.%i{ext}", "{name}/%i"] {
        let archive = dated(archive);
        let settings = FilesSettings {
            rotation: rotation.clone(),
            keep,
            archive,
            ..settings("logs/{app}/x-{app}.log")
        };
        let sink = ModelSink::new();
        let mut desk = TestDesk::new(&sink);
        let mut processor = open(&settings, &sink, &mut desk);
        let events: Vec<_> =
            ["1", "2", "3"].iter().zip(1..).map(|(text, n)| event(n, 0, "a", text)).collect();
        sink.set_clock(at(0));
        processor.process(&events, at(0), &mut desk).unwrap();
        // Something of somebody else, that no event of ours could have written.
        sink.append_from("a/notes.0.txt", 0).unwrap().close().unwrap();
        processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
        assert_eq!(sink.files().len(), 5, "{}", shown(&sink));
        let mut processor = open(&settings, &sink, &mut desk);
        processor.process(&[event(1, 200_000, "b", "4")], at(200_000), &mut desk).unwrap();
        let left = shown(&sink);
        assert!(!left.contains(": 1 ") && left.contains(": 2 "), "the last one stays: {left}");
        assert!(left.contains("a/x-a.log: 3 ") && left.contains("notes"), "{left}");
    }
}

#[test]
fn what_an_earlier_process_did_not_compress_is_compressed_at_a_start() {
    let rotation = RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() };
    let plain =
        FilesSettings { rotation, archive: dated("{name}.%i{ext}"), ..settings("logs/{app}.log") };
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(&plain, &sink, &mut desk);
    let events = [event(1, 0, "a", "1"), event(2, 0, "a", "2")];
    processor.process(&events, at(0), &mut desk).unwrap();
    processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
    let compressed = FilesSettings { archive: dated("{name}.%i{ext}.gz"), ..plain };
    let mut processor = open(&compressed, &sink, &mut desk);
    processor.flush(at(1), &mut desk).unwrap();
    while sink.files().contains_key("a.0.log") {
        std::thread::yield_now();
    }
    processor.destroy(at(1), Duration::ZERO, &mut desk).unwrap();
    let files: Vec<String> =
        sink.files().into_keys().filter(|it| !it.starts_with("home/")).collect();
    assert_eq!(files, ["a.0.log.gz", "a.log"]);
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
    assert_eq!(desk.lost, [gone("app.log", 2, 0)]);
}

fn gone(path: &str, written: u64, left: u64) -> String {
    Loss { path: format!("logs/{path}"), written, left }.to_string()
}

/// What somebody does to a file of a pipeline that is idle, between its batches; what is told.
fn meddle(settings: &FilesSettings, meddle: fn(&ModelSink), expected: Expect) {
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(settings, &sink, &mut desk);
    processor.process(&[event(1, 0, "a", "one")], at(0), &mut desk).unwrap();
    processor.flush(at(0), &mut desk).unwrap();
    meddle(&sink);
    let mut position = 1;
    // As a lane does it: what fails is tried again, from the last record on.
    while desk.done < 2 {
        position += 1;
        let events = [event(position, 86_400, "a", "two")];
        let tried = processor.process(&events, at(86_400), &mut desk);
        let tried = tried.and_then(|()| processor.flush(at(86_400), &mut desk));
        if let Err(error) = tried {
            assert_eq!(error.kind, ProcessorErrorKind::Transient, "{error}");
            processor = open(settings, &sink, &mut desk);
            position = desk.done;
        }
    }
    processor.flush(at(86_401), &mut desk).unwrap();
    // What a kill leaves is put right by the next one.
    drop(processor);
    let mut processor = open(settings, &sink, &mut desk);
    processor.destroy(at(86_402), Duration::ZERO, &mut desk).unwrap();
    expected.assert_eq(&(shown(&sink) + &desk.lost.join("\n")));
}

fn cut(sink: &ModelSink) {
    sink.append_from("app.log", 2).unwrap().close().unwrap();
}

fn remove(sink: &ModelSink) {
    sink.remove("app.log").unwrap();
}

fn rename(sink: &ModelSink) {
    sink.rename("app.log", "theirs.log").unwrap();
}

#[test]
fn what_is_taken_away_is_told_and_what_is_in_the_logs_is_written() {
    let plain = settings("logs/app.log");
    meddle(
        &plain,
        cut,
        expect![[r#"
        app.log: ontwo 
        logs/app.log had 4 bytes and has 2: somebody else has removed, renamed or shortened it"#]],
    );
    meddle(
        &plain,
        remove,
        expect![[r#"
        app.log: two 
        logs/app.log had 4 bytes and has 0: somebody else has removed, renamed or shortened it"#]],
    );
    meddle(
        &plain,
        rename,
        expect![[r#"
        theirs.log: one two 
    "#]],
    );
    // Written by others, too: a kill afterwards does not cut what is ours.
    meddle(
        &plain,
        |sink| sink.append_from("app.log", 4).unwrap().append(b"theirs\n").unwrap(),
        expect![[r#"
            app.log: one theirs two 
        "#]],
    );
}

#[test]
fn what_is_taken_away_before_a_roll_is_told() {
    let rotation =
        RotationPolicy { every: Some((Period::Day, Zone::UTC)), ..RotationPolicy::default() };
    let archive = dated("{name}.%d{yyyy-MM-dd}{ext}");
    let rolled = FilesSettings { rotation, archive, ..settings("logs/app.log") };
    meddle(
        &rolled,
        cut,
        expect![[r#"
        app.2025-01-27.log: on
        app.log: two 
        logs/app.log had 4 bytes and has 2: somebody else has removed, renamed or shortened it"#]],
    );
    meddle(
        &rolled,
        remove,
        expect![[r#"
        app.log: two 
        logs/app.log had 4 bytes and has 0: somebody else has removed, renamed or shortened it"#]],
    );
    meddle(
        &rolled,
        rename,
        expect![[r#"
        app.log: two 
        theirs.log: one 
    "#]],
    );
}

#[test]
fn a_file_that_is_closed_because_it_is_idle_is_looked_at() {
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(&settings("logs/app.log"), &sink, &mut desk);
    processor.process(&[event(1, 0, "a", "one")], at(0), &mut desk).unwrap();
    processor.flush(at(0), &mut desk).unwrap();
    remove(&sink);
    processor.flush(at(1_800), &mut desk).unwrap();
    assert_eq!(processor.tally().open_files, 0);
    assert_eq!(desk.lost, [gone("app.log", 4, 0)]);
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
