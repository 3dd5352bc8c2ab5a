//! The direct writer gives the bytes of the general one.

use super::Emitter;
use crate::lines::{Form, Piece, Sink};
use databuild_model::entry::{Content, JobLogEntry, LogMessage, Stream};
use databuild_model::ids::{JobRunId, PartitionRef};
use databuild_model::json::{read_entry, write_entry};
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use proptest::prelude::*;

fn emitter(outputs: usize) -> Emitter {
    let outputs = (0..outputs).map(|n| PartitionRef::parse(format!("a\"b/n={n}")).unwrap());
    Emitter::new(JobRunId::parse("run-1").unwrap(), outputs.collect())
}

fn piece(bytes: &[u8], form: Form) -> Piece<'_> {
    let when = Timestamp::from_nanos(1_737_973_846_000_000_001);
    let span = bytes.len() as u64 + 1;
    let (stream, level) = (Stream::Stderr, Level::Warn);
    Piece { stream, offset: 7, span, cr: 0, loses: false, when, level, bytes, form }
}

fn lines(emitter: &Emitter) -> Vec<String> {
    std::str::from_utf8(emitter.waiting()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn entries_as_they_stand_on_the_wire() {
    let mut emitter = emitter(1);
    emitter.take(&piece(b"a\xffb", Form::Fragment { number: 2, last: true }));
    emitter.take(&piece(b"{\"msg\":\"m\",\"level\":\"error\",\"n\":1}", Form::Object));
    emitter.take(&piece(b"{\"msg\":\"\\ud800\"}", Form::Object));
    emitter.take(&piece(b"{\"metric\":\"m\"}", Form::Object));
    emitter.take(&piece(b"9%", Form::Progress { replaced: 8 }));
    let common = r#"{"timestamp":"2025-01-27T10:30:46.000000001Z","job_id":"run-1","outputs":[{"path":"a\"b/n=0"}],"sequence_number":"#;
    let expect = [
        r#"1,"content":{"log":{"level":"WARN","message":"a�b","fields":{"fragment":"2","fragment_last":"true","raw_base64":"Yf9i"},"stream":"stderr","offset":7,"bytes":4}}}"#,
        r#"2,"content":{"log":{"level":"ERROR","message":"m","fields":{"n":"1"},"stream":"stderr","offset":7,"bytes":34}}}"#,
        r#"3,"content":{"log":{"level":"WARN","message":"{\"msg\":\"\\ud800\"}","fields":{},"stream":"stderr","offset":7,"bytes":17}}}"#,
        r#"4,"content":{"log":{"level":"WARN","message":"{\"metric\":\"m\"}","fields":{"problem":"metric: value is missing"},"stream":"stderr","offset":7,"bytes":15}}}"#,
        r#"5,"content":{"log":{"level":"WARN","message":"9%","fields":{"progress_states":"8"},"stream":"stderr","offset":7,"bytes":3}}}"#,
    ];
    assert_eq!(lines(&emitter), expect.map(|it| format!("{common}{it}")));
}

#[test]
fn many_outputs_stand_only_where_they_must() {
    for (outputs, on_line) in [(16, 16), (17, 0)] {
        let mut emitter = emitter(outputs);
        emitter.event(
            Timestamp::default(),
            "job_config_started",
            [("a", "b")].into_iter().collect(),
            None,
        );
        emitter.take(&piece(b"x", Form::Text));
        let counts: Vec<usize> = lines(&emitter)
            .iter()
            .map(|line| read_entry(line.as_bytes()).unwrap().0.outputs.len())
            .collect();
        assert_eq!(counts, [outputs, on_line]);
    }
}

#[test]
fn what_is_written_is_forgotten_and_what_is_lost_is_still_numbered() {
    let mut emitter = emitter(0);
    emitter.take(&piece(b"x", Form::Text));
    let length = emitter.waiting().len();
    emitter.written(3);
    assert_eq!(emitter.waiting().len(), length - 3);
    emitter.written(length - 3);
    assert!(emitter.waiting().is_empty());
    emitter.lose();
    emitter.take(&piece(b"x", Form::Text));
    assert_eq!((emitter.waiting().len(), emitter.last_sequence()), (0, 2));
}

proptest! {
    #[test]
    fn the_direct_writer_agrees_with_the_general_one(text in "\\PC*|[\u{0}-\u{7f}]*|[ü\"\\\\\n]*", outputs in 0_usize..20) {
        let mut emitter = emitter(outputs);
        let it = piece(text.as_bytes(), Form::Text);
        emitter.take(&it);
        let mut log = LogMessage::new(it.level, text.clone());
        log.origin = it.origin();
        let mut entry = JobLogEntry::new(it.when, emitter.run.clone(), 1, Content::Log(log));
        if outputs <= 16 {
            entry.outputs.clone_from(&emitter.outputs);
        }
        let mut expect = Vec::new();
        write_entry(&entry, &mut expect);
        expect.push(b'\n');
        prop_assert_eq!(emitter.waiting(), &expect[..]);
    }

    #[test]
    fn a_structured_line_is_written_as_the_general_writer_would(
        message in "\\PC{0,9}|[\u{0}-\u{7f}]{0,9}",
        fields in proptest::collection::vec(("f[\\PC\u{0}-\u{9}]{0,5}", "\\PC{0,9}|[\u{0}-\u{7f}]{0,9}"), 0..4),
    ) {
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let mut line = format!("{{\"message\":{}", quote(&message));
        for (key, value) in &fields {
            line = format!("{line},{}:{}", quote(key), quote(value));
        }
        line.push('}');
        let mut emitter = emitter(0);
        let it = piece(line.as_bytes(), Form::Object);
        emitter.take(&it);
        let mut log = LogMessage::new(Level::Info, message);
        log.fields = fields.into_iter().collect();
        log.origin = it.origin();
        let mut expect = Vec::new();
        write_entry(&JobLogEntry::new(it.when, emitter.run.clone(), 1, Content::Log(log)), &mut expect);
        expect.push(b'\n');
        prop_assert_eq!(emitter.waiting(), &expect[..]);
    }
}
