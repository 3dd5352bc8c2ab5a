//! What only the protocol can show, one claim each.

use super::talk::{Heard, Talk, shown};
use super::{Conformance, Tail};
use crate::contract::OwnedEvent;
use databuild_model::plugin_frame::{
    BatchWriter, Complaint, FromPlugin, GivenEvent, Trouble, write_flush, write_stop,
};
use std::time::Duration;

pub(super) type Check = fn(&Conformance, &Tail) -> Result<(), String>;

type Verdict = Result<(), String>;

/// Without this one nothing else can be asked.
pub(super) const FIRST: &str = "it says hello";

pub(super) const ALL: &[(&str, Check)] = &[
    (FIRST, says_hello),
    ("another version of the protocol is refused", other_version),
    ("a frame that comes in pieces is one frame", pieces),
    ("keys that it does not know are passed over", unknown_keys),
    ("what it cannot process is refused by position", strange_entries),
    ("a line that is no frame ends it with an error", garbage),
    ("it ends when the saver is gone", saver_gone),
    ("told to stop, it acknowledges all and ends with 0", stops),
];

/// How long a part of a frame is all there is. Longer than any buffer waits for company.
const PAUSE: Duration = Duration::from_millis(100);

/// A version that will not be before all who could mind are retired.
const FAR_VERSION: u32 = 999;

/// One entry of each kind, with what a later version may add.
const STRANGE: &[(&str, &str)] = &[
    (
        "metric",
        r#"{"timestamp":"2025-01-27T10:30:46.5Z","job_id":"r1","outputs":[],"sequence_number":1,"content":{"metric":{"name":"rows","value":"NaN","labels":{}}}}"#,
    ),
    (
        "event",
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[],"sequence_number":2,"content":{"job_event":{"event_type":"heartbeat"}}}"#,
    ),
    (
        "manifest",
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[{"path":"a/b=1"}],"sequence_number":3,"content":{"manifest":{"outputs":[{"path":"a/b=1"}],"inputs":[]}},"from_tomorrow":{"x":[1]}}"#,
    ),
    (
        "log",
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[],"sequence_number":4,"content":{"log":{"level":"FATAL","message":"","from_tomorrow":null}}}"#,
    ),
];

fn says_hello(of: &Conformance, tail: &Tail) -> Verdict {
    let about = Talk::begin(of, tail.sink())?.greet()?;
    holds(!about.name.is_empty(), || "its name is empty".to_owned())
}

fn other_version(of: &Conformance, tail: &Tail) -> Verdict {
    let mut talk = Talk::begin(of, tail.sink())?;
    let heard = talk.hello(FAR_VERSION);
    let refused = match &heard {
        Heard::Frame(FromPlugin::Error(complaint)) => complaint.kind == Trouble::Fatal,
        Heard::Frame(FromPlugin::Hello(about)) => about.protocol != FAR_VERSION,
        Heard::Ended(status) => !status.success(),
        Heard::Frame(FromPlugin::Ack { .. } | FromPlugin::Flushed { .. })
        | Heard::Silence
        | Heard::Wrong(_) => false,
    };
    holds(refused, || format!("version {FAR_VERSION} is answered by {}", shown(&heard)))
}

fn pieces(of: &Conformance, tail: &Tail) -> Verdict {
    let mut talk = Talk::begin(of, tail.sink())?;
    talk.greet()?;
    let mut frames = batch(&[OwnedEvent::new(1, "grüße in two pieces")]);
    write_flush(1, &mut frames);
    // In the middle of a letter.
    let middle = frames.iter().position(|byte| !byte.is_ascii()).map_or(1, |at| at + 1);
    let (first, second) = frames.split_at(middle);
    talk.say(first);
    match talk.hear(PAUSE) {
        Heard::Silence => {}
        other @ (Heard::Frame(_) | Heard::Ended(_) | Heard::Wrong(_)) => {
            return Err(format!("half of a frame is answered by {}", shown(&other)));
        }
    }
    talk.say(second);
    flushed(&mut talk, 1)
}

fn unknown_keys(of: &Conformance, tail: &Tail) -> Verdict {
    let mut talk = Talk::begin(of, tail.sink())?;
    talk.greet()?;
    let frame = batch(&[OwnedEvent::new(1, "with more keys")]);
    let frame = String::from_utf8_lossy(&frame)
        .replacen("{\"type\"", "{\"from_tomorrow\":{\"a\":[1,null]},\"type\"", 1)
        .replacen("{\"position\"", "{\"from_tomorrow\":\"x\",\"position\"", 1);
    talk.say(frame.as_bytes());
    talk.say(b"{\"from_tomorrow\":0,\"type\":\"flush\",\"flush\":1}\n");
    flushed(&mut talk, 1)
}

fn strange_entries(of: &Conformance, tail: &Tail) -> Verdict {
    for (kind, entry) in STRANGE {
        let mut talk = Talk::begin(of, tail.sink())?;
        talk.greet()?;
        let mut writer = BatchWriter::default();
        writer.push(&GivenEvent {
            position: 1,
            sequence: 1,
            kind,
            project: "shop",
            app: "",
            job: "",
            run: "r1",
            late: true,
            entry,
        });
        let mut frames = Vec::new();
        writer.finish(&mut frames);
        write_flush(1, &mut frames);
        talk.say(&frames);
        let mut heard = talk.answer();
        if matches!(heard, Heard::Frame(FromPlugin::Ack { position: 1 })) {
            heard = talk.answer();
        }
        let fine = match &heard {
            Heard::Frame(FromPlugin::Flushed { flush: 1 }) => true,
            Heard::Frame(FromPlugin::Error(Complaint { kind, position, .. })) => {
                *kind == Trouble::Poison && *position == Some(1)
            }
            Heard::Frame(_) | Heard::Ended(_) | Heard::Silence | Heard::Wrong(_) => false,
        };
        holds(fine, || format!("an entry of kind {kind} is answered by {}", shown(&heard)))?;
    }
    Ok(())
}

fn garbage(of: &Conformance, tail: &Tail) -> Verdict {
    let lines: [&[u8]; 3] = [b"garbage\n", b"{\"type\":\"from_tomorrow\"}\n", b"\xff\xfe{}\n"];
    for line in lines {
        let mut talk = Talk::begin(of, tail.sink())?;
        talk.greet()?;
        talk.say(line);
        let heard = talk.answer();
        let refused = match &heard {
            Heard::Frame(FromPlugin::Error(_)) => true,
            Heard::Ended(status) => !status.success(),
            Heard::Frame(_) | Heard::Silence | Heard::Wrong(_) => false,
        };
        holds(refused, || {
            format!("{:?} is answered by {}", String::from_utf8_lossy(line), shown(&heard))
        })?;
    }
    Ok(())
}

fn saver_gone(of: &Conformance, tail: &Tail) -> Verdict {
    let mut talk = Talk::begin(of, tail.sink())?;
    talk.greet()?;
    talk.say(&batch(&[OwnedEvent::new(1, "the last one")]));
    talk.leave();
    // It may acknowledge what it was given, and has to end.
    loop {
        match talk.answer() {
            Heard::Ended(_) => return Ok(()),
            Heard::Frame(_) => {}
            other @ (Heard::Silence | Heard::Wrong(_)) => {
                return Err(format!("the end of its input is answered by {}", shown(&other)));
            }
        }
    }
}

fn stops(of: &Conformance, tail: &Tail) -> Verdict {
    let mut talk = Talk::begin(of, tail.sink())?;
    talk.greet()?;
    let mut frames = batch(&[OwnedEvent::new(1, "one"), OwnedEvent::new(2, "two")]);
    write_stop(&mut frames);
    talk.say(&frames);
    let mut done = 0;
    loop {
        match talk.answer() {
            Heard::Frame(FromPlugin::Ack { position }) => done = position,
            Heard::Ended(status) if status.success() => {
                return holds(done == 2, || format!("of 2 events it acknowledged {done}"));
            }
            other @ (Heard::Frame(_) | Heard::Ended(_) | Heard::Silence | Heard::Wrong(_)) => {
                return Err(format!("stop is answered by {}", shown(&other)));
            }
        }
    }
}

/// The frame of a batch whose first event has position 1.
fn batch(events: &[OwnedEvent]) -> Vec<u8> {
    let mut writer = BatchWriter::default();
    for (position, event) in (1..).zip(events) {
        let given = event.at(position);
        writer.push(&GivenEvent {
            position,
            sequence: given.sequence,
            kind: given.kind.as_str(),
            project: given.entity.project,
            app: given.entity.app,
            job: given.entity.job,
            run: given.entity.run,
            late: given.late,
            entry: std::str::from_utf8(given.line).unwrap_or("{}"),
        });
    }
    let mut frame = Vec::new();
    writer.finish(&mut frame);
    frame
}

/// Waits for the answer to a flush; acknowledgements may come before it.
fn flushed(talk: &mut Talk, flush: u64) -> Verdict {
    loop {
        match talk.answer() {
            Heard::Frame(FromPlugin::Flushed { flush: answered }) if answered == flush => {
                return Ok(());
            }
            Heard::Frame(FromPlugin::Ack { .. }) => {}
            other @ (Heard::Frame(_) | Heard::Ended(_) | Heard::Silence | Heard::Wrong(_)) => {
                return Err(format!("flush is answered by {}", shown(&other)));
            }
        }
    }
}

fn holds(claim: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if claim { Ok(()) } else { Err(otherwise()) }
}
