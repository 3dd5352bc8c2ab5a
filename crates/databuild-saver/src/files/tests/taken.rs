//! What somebody else takes away of files, or writes into them.

use super::*;
use databuild_plugin::processor::Loss;

pub(super) fn gone(path: &str, written: u64, left: u64) -> String {
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
