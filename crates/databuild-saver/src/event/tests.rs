//! Both ways to read a line lead to the same event as the types do.

use super::*;
use databuild_policy::layout::{Layout, LayoutEvent, LayoutOptions, Scratch, with_event};
use proptest::prelude::*;

const ALL: &str =
    "%d|%level|%logger|%thread|%app|%job|%run|%partition|%seq|%stream|%msg|%kvp|%ex%n";

fn facts(line: &[u8]) -> RunFacts {
    RunFacts::of(&"shop".into(), &"r1".into(), line)
}

fn by_views(line: &str) -> String {
    let mut scanner = Scanner::new();
    let chunk = Arc::new(line.as_bytes().to_vec());
    let facts = facts(line.as_bytes());
    let layout = Layout::parse(ALL, &LayoutOptions::default()).unwrap();
    let mut out = Vec::new();
    // The second time the scanner knows the shape.
    for _ in 0..2 {
        out.clear();
        let line = Line::read(&mut scanner, &chunk, 0..chunk.len(), 6, Timestamp::from_nanos(0));
        with_view(&mut Views::default(), &line, &facts, |view| {
            layout.render(view, &mut Scratch::default(), &mut out);
        });
    }
    String::from_utf8(out).unwrap()
}

fn by_types(line: &str) -> String {
    let (mut entry, _) = json::read_entry(line.as_bytes()).unwrap();
    let layout = Layout::parse(ALL, &LayoutOptions::default()).unwrap();
    let mut out = Vec::new();
    if entry.app.is_none() {
        entry.app = Some(databuild_model::ids::AppName::parse("shop").unwrap());
    }
    with_event(&entry, |view| layout.render(view, &mut Scratch::default(), &mut out));
    String::from_utf8(out).unwrap()
}

/// An entry with this content and these labels.
fn entry(content: &str, labels: &str) -> String {
    format!(
        r#"{{"timestamp":"2025-01-27T10:30:46.123456789Z","job_id":"r1","outputs":[{{"path":"p/date=2025-01-27"}}],"sequence_number":7,"content":{content}{labels}}}"#
    )
}

#[test]
fn both_ways_lead_to_the_same_event() {
    let labels = r#","job_label":"clean","app":"finance","build_id":"42""#;
    let contents = [
        r#"{"log":{"level":"INFO","message":"plain","stream":"stdout","offset":0,"bytes":6}}"#,
        r#"{"log":{"level":"WARN","message":"a \"quoted\" one\n\tat Foo.bar(Foo.java:1)","fields":{"rows":"1000","user \u00e9":"a\\b"},"stream":"stderr"}}"#,
        r#"{"log":{"level":"ERROR","message":"x","fields":{"logger":"audit.login","thread":"main","n":12,"deep":{"a":[1]},"exception":"E: m\n\tat x"}}}"#,
        r#"{"log":{"level":"ERROR","message":"x","fields":{"source":"s","raw_base64":"AA=="}}}"#,
        r#"{"log":{"level":"warning","message":"an alias of a level","fields":{"logger_name":"l"}}}"#,
        r#"{"metric":{"name":"rows","value":3,"labels":{"stage":"x"},"unit":"count"}}"#,
        r#"{"job_event":{"event_type":"task_completed","metadata":{"a":"b"},"exit_code":0}}"#,
        r#"{"manifest":{"outputs":[{"path":"p"}],"metadata":{}}}"#,
    ];
    for content in contents {
        for labels in ["", labels] {
            let line = entry(content, labels);
            assert_eq!(by_views(&line), by_types(&line), "{line}");
        }
    }
}

/// All that a layout can show of an event.
fn shown(view: &LayoutEvent<'_>) -> String {
    let mut out = Vec::new();
    for layout in [ALL, "json"] {
        let layout = Layout::parse(layout, &LayoutOptions::default()).unwrap();
        layout.render(view, &mut Scratch::default(), &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// What the types make of a line that was journalled in 1970 at place 6.
fn shown_by_types(line: &[u8]) -> String {
    let facts = facts(line);
    let in_run = |view: &LayoutEvent<'_>| {
        let (run, app) = ("r1", facts.app.as_str());
        shown(&LayoutEvent { run, app, ..*view })
    };
    if let Ok((entry, _)) = json::read_entry(line) {
        return with_event(&entry, in_run);
    }
    let text = String::from_utf8_lossy(line);
    let view = LayoutEvent::saying(Timestamp::default(), Level::Warn, &text);
    in_run(&LayoutEvent { sequence: 7, ..view })
}

/// Lines as one batch, all of one run.
fn shown_by_views(lines: &[Vec<u8>]) -> Vec<String> {
    let mut scanner = Scanner::new();
    let all_facts: Vec<RunFacts> = lines.iter().map(|line| facts(line)).collect();
    let read = |line: &Vec<u8>| {
        let chunk = Arc::new(line.clone());
        Line::read(&mut scanner, &chunk, 0..line.len(), 6, Timestamp::default())
    };
    let read: Vec<Line> = lines.iter().map(read).collect();
    let due: Vec<Due<'_>> = read
        .iter()
        .zip(&all_facts)
        .map(|(line, facts)| Due { line, facts, late: false, position: 1 })
        .collect();
    Views::default().with(&due, |events| events.iter().map(|it| shown(&it.view)).collect())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z ]{0,12}",
        1 => "[a-z\u{e9}\u{1f600}\"\\\\\n\t\u{1}]{0,8}",
        1 => Just("E: m\n\tat a.b(C.java:1)".to_owned()),
    ]
}

fn any_field() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        3 => "[a-z_]{0,9}",
        1 => "[a\u{e9}\"]{0,3}",
        4 => prop::sample::select(vec![
            "logger", "logger_name", "loggerName", "source", "thread", "thread_name", "threadName",
            "exception", "exc_info", "stack_trace", "stacktrace", "traceback", "raw_base64",
        ]).prop_map(str::to_owned),
    ];
    let value = prop_oneof![
        4 => any_text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => prop::sample::select(vec!["1", "-2.5e3", "null", "true", "{\"a\": [1]}", "[]"])
            .prop_map(str::to_owned),
    ];
    (name, value)
        .prop_map(|(name, value)| format!("{}:{value}", serde_json::to_string(&name).unwrap()))
}

prop_compose! {
    /// A line as the wrapper writes it, or nearly so.
    fn any_line()(
        level in prop::sample::select(vec!["INFO", "ERROR", "TRACE", "warning", "LOUD"]),
        message in any_text(),
        fields in prop::option::of(prop::collection::vec(any_field(), 0..5)),
        stream in prop::sample::select(vec!["", "stdout", "stderr", "both"]),
        more in prop::sample::select(vec!["", r#","cr":1"#, r#","message":"b""#, r#","new":[{"a":1}]"#]),
        blank in prop::sample::select(vec!["", "", "", " "]),
    ) -> String {
        let message = serde_json::to_string(&message).unwrap();
        let fields = fields.map_or(String::new(), |fields| {
            format!(r#","fields":{{{}}}"#, fields.join(&format!(",{blank}")))
        });
        let stream = match stream {
            "" => String::new(),
            name => format!(r#","stream":"{name}","offset":3"#),
        };
        let log = format!(
            r#"{{"log":{{"level":"{level}",{blank}"message":{message}{fields}{stream}{more}}}}}"#
        );
        entry(&log, r#","job_label":"clean","app":"finance""#)
    }
}

proptest! {
    #[test]
    fn whatever_comes_looks_as_the_types_have_it(
        lines in prop::collection::vec(any_line(), 1..6),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..3,
        ),
    ) {
        let mut lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        for (line, at, byte) in damage {
            let line = line.get_mut(&mut lines);
            let at = at.index(line.len());
            line[at] = byte;
        }
        let expected: Vec<String> = lines.iter().map(|line| shown_by_types(line)).collect();
        prop_assert_eq!(shown_by_views(&lines), expected);
    }
}

#[test]
fn what_is_no_entry_is_shown_as_it_is() {
    let line = Arc::new(b"not an entry".to_vec());
    let read = Line::read(&mut Scanner::new(), &line, 0..line.len(), 6, Timestamp::from_nanos(5));
    assert_eq!(
        (read.head.time, read.head.sequence, read.head.level),
        (Timestamp::from_nanos(5), 7, Level::Warn)
    );
    let facts = facts(&line);
    let said = with_view(&mut Views::default(), &read, &facts, |view| view.message.to_owned());
    assert_eq!(said.as_deref(), Some("not an entry"));
}

#[test]
fn a_batch_has_each_events_own_texts() {
    let mut scanner = Scanner::new();
    let lines: Vec<String> = (0..4)
        .map(|n| {
            entry(
                &format!(
                    r#"{{"log":{{"level":"INFO","message":"m{n}\t","fields":{{"n":"{n}"}}}}}}"#
                ),
                "",
            )
        })
        .collect();
    let chunk = Arc::new(lines.concat().into_bytes());
    let length = lines[0].len();
    let read: Vec<Line> = (0..4)
        .map(|n| {
            let range = n * length..(n + 1) * length;
            Line::read(&mut scanner, &chunk, range, n as u64, Timestamp::from_nanos(0))
        })
        .collect();
    let facts = facts(lines[0].as_bytes());
    let due: Vec<Due<'_>> = read
        .iter()
        .zip(1..)
        .map(|(line, position)| Due { line, facts: &facts, late: position == 3, position })
        .collect();
    let shown = Views::default().with(&due, |events| {
        let show = |event: &databuild_plugin::processor::LogEvent<'_>| {
            format!(
                "{} {} {:?} {}",
                event.position, event.view.message, event.view.fields, event.late
            )
        };
        events.iter().map(show).collect::<Vec<_>>()
    });
    let expected = [
        "1 m0\t [(\"n\", \"0\")] false",
        "2 m1\t [(\"n\", \"1\")] false",
        "3 m2\t [(\"n\", \"2\")] true",
        "4 m3\t [(\"n\", \"3\")] false",
    ];
    assert_eq!(shown, expected);
}
