//! Plugins that do everything wrong: each ends in an error of a call within the deadline, with nothing
//! left over of it.

use crate::rig::{Rig, SH_HELLO, processes_in, said};
use databuild_model::clock::Clock;
use databuild_plugin::contract::OwnedEvent;
use databuild_plugin::process::ProcessSettings;
use expect_test::{Expect, expect};
use std::time::Duration;

/// Answers the hello in Python, and has `frames` to read.
const PY_HELLO: &str = r#"
import os, signal, sys, time
frames = sys.stdin.buffer
frames.readline()
os.write(1, b'{"type":"hello","protocol":1,"name":"py","version":"0"}\n')
"#;

const SHORT: Duration = Duration::from_millis(300);

fn short(settings: &mut ProcessSettings) {
    settings.deadline = SHORT;
}

fn usual(_: &mut ProcessSettings) {}

/// Gives ten events to a plugin in sh that has said hello.
fn check_sh(text: &str, change: fn(&mut ProcessSettings), expected: Expect) {
    expected.assert_eq(&Rig::sh(&format!("{SH_HELLO} {text}"), change).outcome(10));
}

/// Gives ten events to a plugin in Python that has said hello.
fn check_py(text: &str, change: fn(&mut ProcessSettings), expected: Expect) {
    expected.assert_eq(&Rig::python(&format!("{PY_HELLO}{text}"), change).outcome(10));
}

#[test]
fn an_endless_loop_is_killed_at_the_deadline() {
    check_sh(
        "while :; do :; done",
        short,
        expect!["Transient: the plugin gave no answer for 300ms and was killed"],
    );
}

#[test]
fn an_endless_loop_before_hello_is_killed_at_the_deadline() {
    let said = Rig::sh("while :; do :; done", short).outcome(10);
    expect!["Transient: the plugin did not get ready within 10s and was killed"].assert_eq(&said);
}

#[test]
fn one_that_sleeps_is_killed_at_the_deadline() {
    check_sh(
        "sleep 1000",
        short,
        expect!["Transient: the plugin gave no answer for 300ms and was killed"],
    );
}

#[test]
fn one_that_reads_and_never_answers_is_killed_at_the_deadline() {
    check_sh(
        "cat >/dev/null",
        short,
        expect!["Transient: the plugin gave no answer for 300ms and was killed"],
    );
}

#[test]
fn one_that_is_too_slow_keeps_what_it_has_done() {
    let text = r#"
frames.readline()
os.write(1, b'{"type":"ack","position":3}\n')
time.sleep(100)
"#;
    let mut rig = Rig::python(&format!("{PY_HELLO}{text}"), |settings| {
        settings.deadline = Duration::from_secs(3);
    });
    rig.start().unwrap();
    let outcome = rig.give(10).and_then(|()| rig.flush());
    expect!["Transient: the plugin gave no answer for 3s and was killed"]
        .assert_eq(&said(&outcome));
    assert_eq!(rig.records.open(), [4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_memory_bomb_meets_its_limit() {
    let small = |settings: &mut ProcessSettings| settings.memory_bytes_max = 100 << 20;
    check_py(
        "frames.readline()\nbytearray(1 << 30)",
        small,
        expect!["Transient: the plugin ended (exit code 1): MemoryError"],
    );
}

#[test]
fn a_flood_on_standard_output_is_an_error_at_once() {
    check_sh(
        "yes",
        usual,
        expect![[
            r#"Transient: the plugin's standard output is no frame: not a frame of the plugin protocol: y\n"#
        ]],
    );
    check_sh(
        "tr '\\0' x </dev/zero",
        usual,
        expect!["Transient: the plugin wrote more than 65536 bytes without a line feed"],
    );
}

#[test]
fn a_gigabyte_of_complaints_is_read_and_stops_nobody() {
    let text = r#"
for line in frames:
    if b'"batch"' in line:
        for _ in range(1 << 14):
            os.write(2, (b'x' * 65535) + b'\n')
    else:
        os.write(1, b'{"type":"flushed","flush":1}\n')
"#;
    let mut rig = Rig::python(&format!("{PY_HELLO}{text}"), |settings| {
        settings.deadline = Duration::from_secs(120);
    });
    let bytes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&bytes);
    rig.complain_to(Box::new(move |line| {
        assert!(line.len() <= 8 << 10);
        counted.fetch_add(line.len(), std::sync::atomic::Ordering::Relaxed);
    }));
    rig.start().unwrap();
    let outcome = rig.give(10).and_then(|()| rig.flush());
    assert_eq!(said(&outcome), "ok");
    assert_eq!(bytes.load(std::sync::atomic::Ordering::Relaxed), 65535 << 14);
}

#[test]
fn one_that_exits_at_once_says_why() {
    let outcome = Rig::sh("echo 'no licence' >&2; exit 3", usual).outcome(10);
    expect!["Transient: the plugin ended (exit code 3): no licence"].assert_eq(&outcome);
    check_sh("exit 0", usual, expect!["Transient: the plugin ended (exit code 0)"]);
    check_sh("kill -SEGV $$", usual, expect!["Transient: the plugin ended (signal 11)"]);
}

#[test]
fn a_program_that_is_not_there_is_fatal() {
    let outcome = Rig::sh("", |settings| settings.command = vec!["no-such".to_owned()]).outcome(1);
    expect![[r#"Fatal: the plugin cannot be started: cannot execute "no-such": No such file or directory (os error 2)"#]].assert_eq(&outcome);
    let outcome =
        Rig::sh("", |settings| settings.command = vec!["/etc/passwd".to_owned()]).outcome(1);
    expect![[r#"Fatal: the plugin cannot be started: cannot execute "/etc/passwd": Permission denied (os error 13)"#]].assert_eq(&outcome);
    let outcome = Rig::sh("", |settings| settings.command.clear()).outcome(1);
    expect!["Fatal: there is no command"].assert_eq(&outcome);
    let outcome = Rig::sh("", |settings| settings.folder = "/no/such".into()).outcome(1);
    expect!["Fatal: /no/such is no folder to run in"].assert_eq(&outcome);
}

#[test]
fn one_that_closes_its_pipes_and_lives_is_killed() {
    check_py(
        "os.close(1)\ntime.sleep(1000)",
        usual,
        expect!["Transient: the plugin closed its standard output and did not end"],
    );
    check_py(
        "os.close(0)\ntime.sleep(1000)",
        short,
        expect!["Transient: the plugin gave no answer for 300ms and was killed"],
    );
    check_py(
        "os.close(0)\nos.close(1)\nos.close(2)\ntime.sleep(1000)",
        usual,
        expect!["Transient: the plugin closed its standard output and did not end"],
    );
}

#[test]
fn children_that_hold_the_pipes_hold_nobody() {
    check_sh(
        "sleep 1000 & sleep 1001 & exit 4",
        usual,
        expect!["Transient: the plugin ended (exit code 4)"],
    );
}

#[test]
fn a_child_that_left_the_group_holds_nobody() {
    let text = r#"
if os.fork() == 0:
    os.setsid()
    os.write(2, str(os.getpid()).encode() + b'\n')
    signal.pause()
os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
frames.readline()
sys.exit(5)
"#;
    let mut rig = Rig::python(&format!("{PY_HELLO}{text}"), usual);
    rig.start().unwrap();
    let outcome = rig.give(10).and_then(|()| rig.flush());
    let said = said(&outcome);
    assert!(said.starts_with("Transient: the plugin ended (exit code 5)"), "{said}");
    // It is nobody's any more; the test ends it.
    for pid in processes_of(&rig) {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    assert_eq!(processes_in(rig.folder.path()), Vec::<String>::new());
}

fn processes_of(rig: &Rig) -> Vec<i32> {
    let lines = rig.complaints.lock().unwrap();
    lines.iter().filter_map(|line| line.trim().parse().ok()).collect()
}

#[test]
fn garbage_is_an_error() {
    check_sh(
        "echo Loading...; cat >/dev/null",
        usual,
        expect![[
            r#"Transient: the plugin's standard output is no frame: not a frame of the plugin protocol: Loading...\n"#
        ]],
    );
    check_sh(
        r#"echo '{"type":"dance"}'; cat >/dev/null"#,
        usual,
        expect![[
            r#"Transient: the plugin's standard output is no frame: not a frame of the plugin protocol: {\"type\":\"dance\"}\n"#
        ]],
    );
    check_sh(
        r"printf '\377\376\n'; cat >/dev/null",
        usual,
        expect![[
            r#"Transient: the plugin's standard output is no frame: not a frame of the plugin protocol: ��\n"#
        ]],
    );
    check_sh(
        r#"echo '{"type":"hello","protocol":1,"name":"x","version":"0"}'; cat >/dev/null"#,
        usual,
        expect!["Transient: the plugin said hello a second time"],
    );
}

#[test]
fn what_comes_with_a_hello_is_told_as_what_it_is() {
    let hello = r#"{"type":"hello","protocol":1,"name":"x","version":"0"}"#;
    let said = |with: &str| {
        Rig::sh(&format!("printf '%s\\n' '{hello}' '{with}'; cat >/dev/null"), usual).outcome(10)
    };
    expect!["Transient: the plugin said hello a second time"].assert_eq(&said(hello));
    let early = said(r#"{"type":"ack","position":3}"#);
    expect!["Transient: the plugin acknowledged 3, where 0 was done and 0 given"].assert_eq(&early);
}

#[test]
fn what_was_not_given_cannot_be_acknowledged() {
    check_sh(
        r#"read -r b; echo '{"type":"ack","position":11}'; cat >/dev/null"#,
        usual,
        expect!["Transient: the plugin acknowledged 11, where 0 was done and 10 given"],
    );
    check_sh(
        r#"read -r b; echo '{"type":"ack","position":5}'; echo '{"type":"ack","position":4}'; cat >/dev/null"#,
        usual,
        expect!["Transient: the plugin acknowledged 4, where 5 was done and 10 given"],
    );
    check_sh(
        r#"read -r b; echo '{"type":"flushed","flush":9}'; cat >/dev/null"#,
        usual,
        expect!["Transient: the plugin answered flush 9, which was not asked for"],
    );
}

#[test]
fn another_version_is_fatal() {
    let outcome = Rig::sh(
        r#"read -r h; echo '{"type":"hello","protocol":2,"name":"x","version":"0"}'; cat"#,
        usual,
    )
    .outcome(1);
    expect!["Fatal: the plugin speaks version 2 of the protocol, and this is version 1"]
        .assert_eq(&outcome);
    let outcome = Rig::sh("echo hi; cat", usual).outcome(1);
    expect![[r#"Transient: the plugin's standard output is no frame: not a frame of the plugin protocol: hi\n"#]].assert_eq(&outcome);
    let outcome = Rig::sh(r#"echo '{"type":"ack","position":1}'; cat"#, usual).outcome(1);
    expect!["Transient: the plugin said something before its hello"].assert_eq(&outcome);
}

#[test]
fn what_it_says_of_an_error_is_passed_on() {
    let poison = r#"read -r b; echo '{"type":"ack","position":3}'; echo '{"type":"error","kind":"poison","position":4,"reason":"no card"}'"#;
    check_sh(poison, usual, expect!["Poison at 4: the plugin says: no card"]);
    let fatal =
        r#"read -r b; echo '{"type":"error","kind":"fatal","reason":"wrong password"}'; exit 1"#;
    check_sh(fatal, usual, expect!["Fatal: the plugin says: wrong password"]);
}

#[test]
fn an_event_that_is_no_json_is_poison() {
    let mut rig = Rig::sh(&format!("{SH_HELLO} cat >/dev/null"), usual);
    rig.start().unwrap();
    let mut event = OwnedEvent::new(1, "x");
    event.line = b"not JSON".to_vec();
    let outcome = rig.give_these(&[OwnedEvent::new(1, "a"), event]);
    expect!["Poison at 2: the event cannot be given to a process: its line is not a JSON object"]
        .assert_eq(&said(&outcome));
}

#[test]
fn one_that_ignores_sigterm_is_killed_within_the_deadline() {
    let text = format!("{SH_HELLO} trap '' TERM; while :; do sleep 1000; done");
    let mut rig = Rig::sh(&text, usual);
    rig.start().unwrap();
    let before = rig.clock.mono();
    let outcome = rig.destroy(Duration::from_millis(400));
    assert_eq!(said(&outcome), "ok");
    let took = rig.clock.mono() - before;
    assert!(took < Duration::from_secs(3), "{took:?}");
    let expected = [
        "databuild: told to stop, it went on; it gets SIGTERM",
        "databuild: it ignores SIGTERM, and is killed",
    ];
    assert_eq!(*rig.complaints.lock().unwrap(), expected);
    assert_eq!(processes_in(rig.folder.path()), Vec::<String>::new());
}

#[test]
fn one_that_ends_without_acknowledging_is_an_error() {
    let mut rig = Rig::sh(&format!("{SH_HELLO} read -r batch; read -r stop; exit 0"), usual);
    rig.start().unwrap();
    rig.give(10).unwrap();
    expect!["Transient: the plugin ended and left 10 events without an acknowledgement"]
        .assert_eq(&said(&rig.destroy(Duration::from_secs(10))));
}
