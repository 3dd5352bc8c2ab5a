//! Lines and what they mean, shown as text.

use super::{Meaning, Place, Reader, collect, collect_any, field_text, key_text};
use crate::output;
use databuild_model::entry::{Content, Fields, JobLogEntry};
use databuild_model::ids::JobRunId;
use databuild_model::json::write_entry;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use proptest::prelude::*;

fn content(content: Content) -> String {
    let run = JobRunId::parse("r").unwrap();
    let mut out = Vec::new();
    write_entry(&JobLogEntry::new(Timestamp::default(), run, 1, content), &mut out);
    let text = String::from_utf8(out).unwrap();
    text[text.find("\"content\":{").unwrap() + 11..text.len() - 2].to_owned()
}

fn show(line: &str) -> String {
    let mut reader = Reader::default();
    match reader.read(line) {
        Meaning::Log { level, message } => {
            let fields: Vec<String> = reader
                .fields(line)
                .map(|it| {
                    format!(" {}={}", key_text(it.key).unwrap(), field_text(it.value).unwrap())
                })
                .collect();
            format!("{level} {}{}", field_text(message).unwrap(), fields.concat())
        }
        Meaning::Metric(point) => content(Content::Metric(point)),
        Meaning::Event(event) => content(Content::JobEvent(event)),
        Meaning::Problem(why) => format!("problem: {why}"),
        Meaning::Nothing => "nothing".to_owned(),
    }
}

#[track_caller]
fn check(line: &str, expect: &str) {
    assert_eq!(show(line), expect);
}

#[test]
fn what_logging_libraries_write() {
    check(r#"{"message":"hi"}"#, "INFO hi");
    check(
        r#"{"level":"warning","msg":"hi","rows":1.50,"deep":{"a": [1]},"none":null}"#,
        "WARN hi rows=1.50 deep={\"a\": [1]} none=null",
    );
    check(
        r#"{"level":30,"time":1531171082399,"pid":657,"msg":"pino"}"#,
        "INFO pino time=1531171082399 pid=657",
    );
    check(
        r#"{"severity":"ERROR","message":"gcp","timestamp":"2025-01-27T10:30:45Z"}"#,
        "ERROR gcp timestamp=2025-01-27T10:30:45Z",
    );
    check(r#"{"severity_number":17,"message":"otel"}"#, "ERROR otel");
    check(r#"{"event":"structlog","level":"debug","n":1}"#, "DEBUG structlog n=1");
    check(
        r#"{"timestamp":"t","level":"INFO","fields":{"message":"tracing","rows":1},"target":"app"}"#,
        "INFO tracing timestamp=t target=app rows=1",
    );
    check(r#"{"@level":"error","@message":"hclog"}"#, "ERROR hclog");
    check(r#"{"level":"loud","message":"kept"}"#, "INFO kept level=loud");
    check(r#" {"message":"\u00fc\n"} "#, "INFO ü\n");
}

#[test]
fn what_is_not_for_us() {
    check(r#"{"a":1}"#, "nothing");
    check(r#"{"message":"x""#, "nothing");
    check(r#"{"message":"x"} tail"#, "nothing");
    check("[1]", "nothing");
    check(r#"{"event":"no level"}"#, "nothing");
}

#[test]
fn metrics() {
    check(
        r#"{"metric":"rows","value":1000,"labels":{"stage":"a","n":1},"unit":"count"}"#,
        r#""metric":{"name":"rows","value":1000,"labels":{"stage":"a","n":"1"},"unit":"count"}"#,
    );
    check(
        r#"__DATABUILD_METRIC__::{"name":"r","value":"NaN","ts": 1}"#,
        r#""metric":{"name":"r","value":"NaN","labels":{},"unit":"","ts":1}"#,
    );
    check(
        r#"{"metric":"r","value":1,"name":"x"}"#,
        r#""metric":{"name":"r","value":1,"labels":{"name":"x"},"unit":""}"#,
    );
    check(r#"{"metric":"r","value":true}"#, "problem: metric: value is not a number");
    check(r#"{"metric":"r"}"#, "problem: metric: value is missing");
    check(r#"{"metric":7,"value":1}"#, "problem: metric: name is missing or not text");
    check(r#"{"metric":"","value":1}"#, "problem: metric: name is empty");
    check(r#"{"metric":"r","value":1,"labels":[1]}"#, "problem: metric: labels is not an object");
    check(
        "__DATABUILD_METRIC__::{",
        "problem: metric: EOF while parsing an object at line 1 column 1",
    );
    check(r#"{"message":"done","metric":"r","value":1}"#, "INFO done metric=r value=1");
}

#[test]
fn progress_and_events_of_the_job() {
    check(
        r#"{"progress":{"done":3,"total":10}}"#,
        r#""job_event":{"event_type":"progress","metadata":{"done":"3","total":"10"}}"#,
    );
    check(
        r#"{"progress":0.4,"message":"half"}"#,
        r#""job_event":{"event_type":"progress","metadata":{"progress":"0.4","message":"half"}}"#,
    );
    check(r#"{"progress":0.4,"message":"half","level":"info"}"#, "INFO half progress=0.4");
    check(
        r#"{"databuild_event":"checkpoint","metadata":{"at":7}}"#,
        r#""job_event":{"event_type":"checkpoint","metadata":{"at":"7"}}"#,
    );
    check(
        r#"{"databuild_event":"run_end"}"#,
        "problem: event: \"run_end\" is an event of the wrapper",
    );
}

#[test]
fn what_our_own_emit_prints_is_understood() {
    let fields: Fields = [("level", "x"), ("k\"", "v\n")].into_iter().collect();
    check(&output::log_line(Level::Warn, "m\t", &fields), "WARN m\t level=x k\"=v\n");
    check(
        &output::metric_line("r", -0.5, &fields, "u"),
        r#""metric":{"name":"r","value":-0.5,"labels":{"level":"x","k\"":"v\n"},"unit":"u"}"#,
    );
    check(
        &output::progress_line(1.0, Some(2.0), "m"),
        r#""job_event":{"event_type":"progress","metadata":{"done":"1","total":"2","message":"m"}}"#,
    );
    check(
        &output::event_line("e", &fields).unwrap(),
        r#""job_event":{"event_type":"e","metadata":{"level":"x","k\"":"v\n"}}"#,
    );
}

#[test]
fn the_samples_of_the_page_are_true() {
    let page = include_str!("../../../../docs/formats/job-output.md");
    let sample = page.split("```").nth(1).unwrap();
    let lines: Vec<&str> = sample.lines().skip(1).collect();
    assert!(10 < lines.len());
    for pair in lines.chunks(2) {
        check(pair[0], pair[1].trim_start());
    }
}

/// What the two ways of finding members say of `line`: they never differ.
#[track_caller]
fn both_ways(line: &str) {
    let shown = |found: Result<(), serde_json::Error>, places: &[Place]| {
        found.map(|()| places.iter().map(|it| (it.key, it.value)).collect::<Vec<_>>()).ok()
    };
    let (mut fast, mut slow) = (Vec::new(), Vec::new());
    let (by_fast, by_slow) = (collect(line, &mut fast), collect_any(line, &mut slow));
    assert_eq!(shown(by_fast, &fast), shown(by_slow, &slow), "{line}");
}

#[test]
fn members_are_found_alike_in_both_ways() {
    for line in [
        r#"{"a":1,"a":"2"}"#,
        r#" { "a" : [ 1 , {"b":-0.5e+3} ] , "" : null } "#,
        r#"{"half":"\ud83d","n":1}"#,
        r#"{"a\u0041":"\ud83d\ude00"}"#,
        "{\"a\":\t1}",
        "{\"a\":\"\u{1}\"}",
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":1e999}"#,
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        "{}",
        "",
    ] {
        both_ways(line);
    }
    both_ways(&format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)));
}

/// JSON values as they are printed, and what comes of them when a character changes.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,3})([.][0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        r#""([a-zé "]|\\\\|\\n|\\u[0-9a-f]{4}){0,6}""#,
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = r#"("[a-z]{0,3}"|"\\u00e9")"#;
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(", "))),
            prop::collection::vec((key, inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn members_are_found_alike_whatever_the_line(
        values in prop::collection::vec(json(), 0..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..3),
    ) {
        let members: Vec<_> =
            values.iter().enumerate().map(|(n, value)| format!("\"k{n}\":{value}")).collect();
        let line = format!("{{{}}}", members.join(","));
        both_ways(&line);
        let mut line: Vec<char> = line.chars().collect();
        for (at, new) in changes {
            let at = at.index(line.len());
            line[at] = if new.is_ascii() { new } else { ['"', '\\', '{', '}', ',', ':', '0'][new as usize % 7] };
        }
        both_ways(&line.into_iter().collect::<String>());
    }
}
