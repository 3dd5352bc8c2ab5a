//! Frames in, frames out.

use super::serve;
use crate::{Event, Failure, Processor, Progress, Start};
use databuild_model::plugin_frame::{
    BatchWriter, GivenEvent, Hello, write_flush, write_hello, write_stop,
};
use expect_test::{Expect, expect};

/// Says that an event is done if it says so, and fails in the way in which it says so.
#[derive(Default)]
struct Obeys(Vec<String>);

impl Processor for &mut Obeys {
    fn initialize(&mut self, start: &Start) -> Result<(), Failure> {
        self.0.push(format!("initialize {} {:?}", start.pipeline, start.text("path")));
        match start.text("path") {
            Some("/dev/full") => Err(Failure::fatal("no room", "set another path")),
            Some(_) | None => Ok(()),
        }
    }

    fn process(&mut self, event: &Event<'_>) -> Result<Progress, Failure> {
        let message = event.message().unwrap_or_default();
        self.0.push(format!("{} {message}", event.run()));
        match message.as_str() {
            "poison" => Err(Failure::poison("it says poison")),
            "transient" => Err(Failure::transient("no network")),
            "done" => Ok(Progress::Done),
            _ => Ok(Progress::Held),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.0.push("flush".to_owned());
        Ok(())
    }

    fn destroy(&mut self) -> Result<(), Failure> {
        self.0.push("destroy".to_owned());
        Ok(())
    }
}

/// A word each: `hello`, `hello2` with another version, `full`, `flush`, `stop`, `garbage`, and messages of
/// events, those joined by `+` in one batch.
fn frames(script: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut position, mut flush) = (0, 0);
    for word in script.split(' ') {
        match word {
            "hello" | "hello2" | "full" => {
                let mut settings = serde_json::Map::new();
                let path = if word == "full" { "/dev/full" } else { "out" };
                settings.insert("path".to_owned(), path.into());
                let protocol = if word == "hello2" { 2 } else { 1 };
                let pipeline = "test".to_owned();
                let hello = Hello {
                    protocol,
                    pipeline,
                    settings,
                    deadline_ms: 1000,
                    unacknowledged_max: 10,
                };
                write_hello(&hello, &mut out);
            }
            "flush" => {
                flush += 1;
                write_flush(flush, &mut out);
            }
            "stop" => write_stop(&mut out),
            "garbage" => out.extend_from_slice(b"garbage\n"),
            messages => {
                let mut batch = BatchWriter::default();
                for message in messages.split('+') {
                    position += 1;
                    let entry = format!(
                        r#"{{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[],"sequence_number":2,"content":{{"log":{{"level":"INFO","message":"{message}"}}}}}}"#
                    );
                    batch.push(&GivenEvent {
                        position,
                        sequence: 2,
                        kind: "log",
                        project: "shop",
                        app: "billing",
                        job: "invoices",
                        run: "r1",
                        late: false,
                        entry: &entry,
                    });
                }
                batch.finish(&mut out);
            }
        }
    }
    out
}

fn check(script: &str, expected: Expect) {
    let mut output = Vec::new();
    let mut processor = Obeys::default();
    let input = frames(script);
    let end = serve("test", "0.1.0", &mut processor, input.as_slice(), &mut output);
    let said = String::from_utf8(output).unwrap();
    let end = end.map_or_else(|error| error.to_string(), |()| "stopped".to_owned());
    expected.assert_eq(&format!("{said}-- {}\n-- {end}\n", processor.0.join(", ")));
}

#[test]
fn what_is_held_is_done_at_a_flush_and_at_the_end() {
    check(
        "hello a+b flush c stop",
        expect![[r#"
        {"type":"hello","protocol":1,"name":"test","version":"0.1.0"}
        {"type":"flushed","flush":1}
        {"type":"ack","position":3}
        -- initialize test Some("out"), r1 a, r1 b, flush, r1 c, flush, destroy
        -- stopped
    "#]],
    );
}

#[test]
fn what_is_done_is_acknowledged_with_its_batch() {
    check(
        "hello a+done+b done stop",
        expect![[r#"
        {"type":"hello","protocol":1,"name":"test","version":"0.1.0"}
        {"type":"ack","position":2}
        {"type":"ack","position":4}
        -- initialize test Some("out"), r1 a, r1 done, r1 b, r1 done, flush, destroy
        -- stopped
    "#]],
    );
}

#[test]
fn failures_name_the_event() {
    check(
        "hello a+poison+b stop",
        expect![[r#"
        {"type":"hello","protocol":1,"name":"test","version":"0.1.0"}
        {"type":"error","kind":"poison","position":2,"reason":"it says poison"}
        -- initialize test Some("out"), r1 a, r1 poison
        -- it says poison
    "#]],
    );
    check(
        "hello done transient stop",
        expect![[r#"
        {"type":"hello","protocol":1,"name":"test","version":"0.1.0"}
        {"type":"ack","position":1}
        {"type":"error","kind":"transient","position":2,"reason":"no network"}
        -- initialize test Some("out"), r1 done, r1 transient
        -- no network
    "#]],
    );
    check(
        "full",
        expect![[r#"
        {"type":"error","kind":"fatal","reason":"no room","remedy":"set another path"}
        -- initialize test Some("/dev/full")
        -- no room
    "#]],
    );
}

#[test]
fn a_saver_of_another_version_is_refused() {
    check(
        "hello2",
        expect![[r#"
        {"type":"error","kind":"fatal","reason":"the log saver speaks version 2 of the protocol, this plugin 1","remedy":"build the plugin with a kit of the same version"}
        -- 
        -- the log saver speaks version 2 of the protocol, this plugin 1
    "#]],
    );
}

#[test]
fn garbage_is_refused() {
    check(
        "hello garbage",
        expect![[r#"
        {"type":"hello","protocol":1,"name":"test","version":"0.1.0"}
        {"type":"error","kind":"transient","reason":"not a frame of the plugin protocol: garbage\\n"}
        -- initialize test Some("out")
        -- not a frame of the plugin protocol: garbage\n
    "#]],
    );
}

#[test]
fn a_saver_that_is_gone_is_no_stop() {
    check(
        "hello a",
        expect![[r#"
        {"type":"hello","protocol":1,"name":"test","version":"0.1.0"}
        -- initialize test Some("out"), r1 a
        -- unexpected end of file
    "#]],
    );
}
