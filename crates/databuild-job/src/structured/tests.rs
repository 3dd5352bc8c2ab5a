//! Lines and what they mean, shown as text.

use super::{Meaning, Reader, field_text, key_text};
use crate::output;
use databuild_model::entry::{Content, Fields, JobLogEntry};
use databuild_model::ids::JobRunId;
use databuild_model::json::write_entry;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;

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
