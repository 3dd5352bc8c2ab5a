//! Golden tests of `docs/formats/plugin-protocol.md`.

use super::{
    About, BatchWriter, Complaint, FromPlugin, GivenEvent, Hello, PROTOCOL, ToPlugin, Trouble,
    write_flush, write_hello, write_stop,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;

const ENTRY: &str = r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[],"sequence_number":2,"content":{"log":{"level":"INFO","message":"ready"}}}"#;

fn event(position: u64) -> GivenEvent<'static> {
    GivenEvent {
        position,
        sequence: position + 1,
        kind: "log",
        project: "shop",
        app: "billing",
        job: "invoices",
        run: "r1",
        late: position == 2,
        entry: ENTRY,
    }
}

fn hello() -> Hello {
    let settings = serde_json::from_str(r#"{"url":"http://127.0.0.1:8088"}"#).unwrap();
    Hello {
        protocol: PROTOCOL,
        pipeline: "mask".to_owned(),
        settings,
        deadline_ms: 30_000,
        unacknowledged_max: 4096,
    }
}

fn check(bytes: &[u8], expected: Expect) {
    expected.assert_eq(std::str::from_utf8(bytes).unwrap());
}

#[test]
fn frames_to_a_plugin_stay_what_they_are() {
    let mut out = Vec::new();
    write_hello(&hello(), &mut out);
    let mut batch = BatchWriter::default();
    batch.push(&event(1));
    batch.push(&event(2));
    batch.finish(&mut out);
    write_flush(1, &mut out);
    write_stop(&mut out);
    check(
        &out,
        expect![[r#"
        {"type":"hello","protocol":1,"pipeline":"mask","settings":{"url":"http://127.0.0.1:8088"},"deadline_ms":30000,"unacknowledged_max":4096}
        {"type":"batch","events":[{"position":1,"sequence":2,"kind":"log","project":"shop","app":"billing","job":"invoices","run":"r1","entry":{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[],"sequence_number":2,"content":{"log":{"level":"INFO","message":"ready"}}}},{"position":2,"sequence":3,"kind":"log","project":"shop","app":"billing","job":"invoices","run":"r1","late":true,"entry":{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[],"sequence_number":2,"content":{"log":{"level":"INFO","message":"ready"}}}}]}
        {"type":"flush","flush":1}
        {"type":"stop"}
    "#]],
    );
}

#[test]
fn frames_of_a_plugin_stay_what_they_are() {
    let about = About { protocol: PROTOCOL, name: "mask".to_owned(), version: "0.1.0".to_owned() };
    let poison = Complaint {
        kind: Trouble::Poison,
        position: Some(5),
        reason: "no card number".to_owned(),
        remedy: "send it elsewhere".to_owned(),
    };
    let transient = Complaint {
        kind: Trouble::Transient,
        position: None,
        reason: "connection refused".to_owned(),
        remedy: String::new(),
    };
    let frames = [
        FromPlugin::Hello(about),
        FromPlugin::Ack { position: 4 },
        FromPlugin::Flushed { flush: 1 },
        FromPlugin::Error(poison),
        FromPlugin::Error(transient),
    ];
    let mut out = Vec::new();
    frames.iter().for_each(|frame| frame.write(&mut out));
    check(
        &out,
        expect![[r#"
        {"type":"hello","protocol":1,"name":"mask","version":"0.1.0"}
        {"type":"ack","position":4}
        {"type":"flushed","flush":1}
        {"type":"error","kind":"poison","position":5,"reason":"no card number","remedy":"send it elsewhere"}
        {"type":"error","kind":"transient","reason":"connection refused"}
    "#]],
    );
    let read: Vec<_> =
        out.split_inclusive(|b| *b == b'\n').map(|line| FromPlugin::read(line).unwrap()).collect();
    assert_eq!(read, frames);
}

#[test]
fn a_plugin_reads_what_the_saver_writes() {
    let mut out = Vec::new();
    write_hello(&hello(), &mut out);
    assert!(matches!(ToPlugin::read(&out).unwrap(), ToPlugin::Hello(read) if read == hello()));
    let mut batch = BatchWriter::default();
    batch.push(&event(2));
    out.clear();
    batch.finish(&mut out);
    let ToPlugin::Batch(events) = ToPlugin::read(&out).unwrap() else { panic!("a batch") };
    let [read] = events.as_slice() else { panic!("one event") };
    assert_eq!((read.position, read.sequence, read.late), (2, 3, true));
    assert_eq!((&*read.kind, &*read.project, &*read.app), ("log", "shop", "billing"));
    assert_eq!((&*read.job, &*read.run, read.entry.get()), ("invoices", "r1", ENTRY));
}

#[test]
fn newer_keys_are_passed_over_and_newer_types_are_errors() {
    let line = br#"{"type":"ack","position":4,"from_tomorrow":{}}"#;
    assert_eq!(FromPlugin::read(line).unwrap(), FromPlugin::Ack { position: 4 });
    let flush = br#"{"from_tomorrow":[],"flush":7,"type":"flush"}"#;
    assert!(matches!(ToPlugin::read(flush).unwrap(), ToPlugin::Flush(7)));
    let said = |line: &[u8]| match (FromPlugin::read(line), ToPlugin::read(line)) {
        (Err(one), Err(_)) => format!("{one}"),
        other => format!("{other:?}"),
    };
    check(
        said(br#"{"type":"dance"}"#).as_bytes(),
        expect![[r#"not a frame of the plugin protocol: {\"type\":\"dance\"}"#]],
    );
    check(
        said(b"Loading model\x1b[0m...").as_bytes(),
        expect![[r#"not a frame of the plugin protocol: Loading model\u{1b}[0m..."#]],
    );
    check(
        said("ß".repeat(100).as_bytes()).as_bytes(),
        expect!["not a frame of the plugin protocol: ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßß"],
    );
}

proptest! {
    #[test]
    fn no_line_panics_either_reader(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        ToPlugin::read(&line).ok();
        FromPlugin::read(&line).ok();
    }

    #[test]
    fn any_text_comes_back(app in any::<String>(), position in any::<u64>()) {
        let mut batch = BatchWriter::default();
        batch.push(&GivenEvent { app: &app, position, ..event(1) });
        let mut out = Vec::new();
        batch.finish(&mut out);
        prop_assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
        let ToPlugin::Batch(events) = ToPlugin::read(&out).unwrap() else { panic!("a batch") };
        prop_assert_eq!(&*events[0].app, app.as_str());
        prop_assert_eq!(events[0].position, position);
    }
}
