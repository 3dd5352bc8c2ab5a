//! What a job prints, whatever it is, is what is said.

use crate::wrapped::{Said, command, in_each_capture, run, sh, start};
use base64::Engine;
use databuild_model::entry::{Content, Fields, LogMessage, Stream};
use databuild_model::level::Level;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

in_each_capture! {
    lines_of_both_streams_with_their_places
    unusual_lines
    structured_lines_metrics_progress_and_events
    a_line_of_any_length_comes_in_parts_and_costs_no_memory
    heartbeats_tell_what_is_used
    use_of_the_whole_tree_is_measured
}

#[track_caller]
fn check(script: &str, expect: &[&str]) {
    assert_eq!(run(&sh(script, "")).messages(), expect);
}

fn lines_of_both_streams_with_their_places() {
    let said = run(&sh("echo a; echo b; echo c >&2", ""));
    let seen = |stream| -> Vec<(String, Option<u64>)> {
        let of = |log: &&LogMessage| log.origin.stream == Some(stream);
        said.logs()
            .into_iter()
            .filter(of)
            .map(|log| (log.message.clone(), log.origin.offset))
            .collect()
    };
    assert_eq!(seen(Stream::Stdout), [("a".to_owned(), Some(0)), ("b".to_owned(), Some(2))]);
    assert_eq!(seen(Stream::Stderr), [("c".to_owned(), Some(0))]);
    assert_eq!((said.end("stdout_bytes"), said.end("stdout_lines")), ("4", "2"));
    assert_eq!((said.end("stderr_bytes"), said.end("stderr_lines")), ("2", "1"));
    assert_eq!(said.end("complete"), "true");
}

fn unusual_lines() {
    check(r"printf 'a\r\nb\r\n'", &["a", "b"]);
    check(r"printf 'a\0b\n'", &["a\0b"]);
    check(r"printf 'no end'", &["no end"]);
    check(r"printf '\n\n'", &["", ""]);
    check("exec 1>&-; echo on >&2", &["on"]);
    check("TZ=Asia/Tokyo date +%Z", &["JST"]);
    let said = run(&sh(r"printf 'a\377b\n'", ""));
    let log = said.logs()[0];
    assert_eq!(log.message, "a\u{fffd}b");
    let raw = log.fields.get("raw_base64").unwrap();
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(raw).unwrap(), b"a\xffb");
}

fn structured_lines_metrics_progress_and_events() {
    let script = r#"
echo '{"level":"warning","msg":"late","rows":12}'
echo '__DATABUILD_METRIC__::{"name":"rows","value":12,"labels":{"stage":"a"}}'
echo '{"metric":"rows"}'
echo '{"progress":{"done":1,"total":2}}'
printf '10%%\r20%%\r100%%\n'
echo 'Traceback (most recent call last):
  File "a.py", line 1
ValueError: x' >&2"#;
    let said = run(&sh(script, ""));
    let logs = said.logs();
    let late = logs.iter().find(|log| log.message == "late").unwrap();
    assert_eq!(
        (late.level, late.fields.clone()),
        (Level::Warn, [("rows", "12")].into_iter().collect::<Fields>())
    );
    let point = said.entries.iter().find_map(|it| match &it.content {
        Content::Metric(point) => Some(point),
        Content::Log(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
    });
    assert_eq!(point.map(|it| (&it.name[..], it.value)), Some(("rows", 12.0)));
    let problem = logs.iter().find_map(|log| log.fields.get("problem"));
    assert_eq!(problem, Some("metric: value is missing"));
    assert_eq!(said.event("progress").metadata.get("total"), Some("2"));
    let bar = logs.iter().find(|log| log.message == "100%").unwrap();
    assert_eq!(bar.fields.get("progress_states"), Some("2"));
    let crash = logs.iter().find(|log| log.origin.stream == Some(Stream::Stderr)).unwrap();
    assert_eq!((crash.level, crash.message.lines().count()), (Level::Error, 3));
}

fn a_line_of_any_length_comes_in_parts_and_costs_no_memory() {
    let script = "head -c 33554433 /dev/zero | tr '\\0' x; echo; grep VmHWM /proc/$PPID/status";
    let said = run(&sh(script, ""));
    let logs = said.logs();
    let (memory, parts) = logs.split_last().unwrap();
    assert_eq!(parts.len(), 129);
    assert!(parts.iter().all(|it| it.message.len() <= 256 << 10));
    assert_eq!(parts.iter().map(|it| it.message.len()).sum::<usize>(), 33_554_433);
    assert_eq!(parts.iter().filter(|it| it.fields.get("fragment_last").is_some()).count(), 1);
    assert_eq!(parts[128].fields.get("fragment"), Some("129"));
    let kib: u64 = memory.message.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 20 << 10, "{}", memory.message);
}

/// Much output through `to`, the reading end `from`, without a loss.
fn much_through(to: OwnedFd, mut from: impl Read) {
    let mut command = command();
    command.stdout(Stdio::from(to));
    let mut child = command.spawn().unwrap();
    // The writing end that this process still has would keep the reader waiting.
    drop(command);
    let config = sh("seq 1 60000", "");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), config.as_bytes()).unwrap();
    let mut all = String::new();
    from.read_to_string(&mut all).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let numbers = all.lines().filter(|line| line.contains("\"log\"")).enumerate();
    assert_eq!(numbers.clone().count(), 60_000);
    for (n, line) in numbers {
        assert!(line.contains(&format!("\"message\":\"{}\"", n + 1)), "{line}");
    }
}

#[test]
fn an_output_that_does_not_block_loses_nothing() {
    let (from, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    rustix::io::ioctl_fionbio(&to, true).unwrap();
    much_through(to, std::fs::File::from(from));
    let (from, to) = std::os::unix::net::UnixStream::pair().unwrap();
    to.set_nonblocking(true).unwrap();
    much_through(OwnedFd::from(to), from);
}

#[test]
fn a_slow_reader_holds_the_job_up_and_not_the_signals() {
    // The reader waits for a line of the start and then reads nothing until the wrapper was told.
    let mut running =
        start(command(), &sh("echo first; yes $(printf %04000d 7)", r#","grace_ms":5000"#));
    running.wait_for("first");
    running.signal(rustix::process::Signal::TERM);
    let said = running.end();
    assert_eq!(
        (said.code, said.end("cause"), said.end("complete")),
        (Some(143), "cancelled", "true")
    );
    let lines: u64 = said.end("stdout_lines").parse().unwrap();
    assert!(said.messages().iter().filter(|it| it.len() == 4000).count() as u64 + 2 >= lines);
}

fn heartbeats_tell_what_is_used() {
    let said = run(&sh("sleep 0.2", r#","heartbeat_interval_ms":20"#));
    let events = said.events();
    let beats: Vec<_> = events.iter().filter(|it| it.event_type == "heartbeat").collect();
    assert!(2 <= beats.len());
    // One may look when the job is gone already, or is not there yet.
    assert!(beats.iter().any(|beat| {
        let number = |name| beat.metadata.get(name).unwrap().parse::<f64>().unwrap();
        0.0 < number("memory_mb") && 0.0 < number("elapsed_seconds") && 1.0 <= number("processes")
    }));
}

fn use_of_the_whole_tree_is_measured() {
    let script = "sh -c 'n=0; while [ $n -lt 100000 ]; do n=$((n+1)); done' & wait";
    let said = run(&sh(script, ""));
    let value = |name: &str| {
        said.entries.iter().find_map(|it| match &it.content {
            Content::Metric(point) if point.name == name => Some(point.value),
            Content::Metric(_) | Content::Log(_) | Content::JobEvent(_) | Content::Manifest(_) => {
                None
            }
        })
    };
    assert!(0.01 < value("job_cpu_total_seconds").unwrap());
    assert!(0.1 < value("job_memory_peak_mb").unwrap());
    assert!(0.01 < value("job_runtime_seconds").unwrap());
}

#[test]
fn a_job_that_says_more_than_it_may_waits_and_loses_nothing() {
    // A second's worth goes through at once, a pipe holds half as much again, and one read may overdraw.
    let folder = tempfile::tempdir().unwrap();
    let spool = format!(r#","spool_dir":"{}""#, folder.path().display());
    for capture in ["", &spool] {
        let more = format!("{capture},\"output_bytes_per_second_max\":2000000");
        let said = run(&sh("head -c 6000000 /dev/zero | tr '\\0' x", &more));
        assert_eq!((said.end("stdout_bytes"), said.end("complete")), ("6000000", "true"));
        let took: f64 = said.end("duration_seconds").parse().unwrap();
        assert!(0.4 < took, "{took}");
    }
}

/// The lines that gaps of a run count, and the bytes.
pub(crate) fn left_out(said: &Said) -> (u64, u64) {
    let gaps = said.events().into_iter().filter(|event| event.event_type == "gap");
    gaps.fold((0, 0), |(lines, bytes), gap| {
        let number = |name| gap.metadata.get(name).unwrap().parse::<u64>().unwrap();
        assert_eq!(number("bytes"), number("to") - number("from"));
        (lines + number("lines"), bytes + number("bytes"))
    })
}

#[test]
fn of_a_job_that_says_too_much_lines_are_left_out_if_that_was_asked_for_and_counted() {
    let script = "seq 1 5000; echo 'WARNING: careful'; echo '__DATABUILD_METRIC__::{\"name\":\"n\",\"value\":1}'; \
                  seq 1 500 >&2; head -c 700000 /dev/zero | tr '\\0' x";
    let folder = tempfile::tempdir().unwrap();
    let spool = format!(r#","spool_dir":"{}""#, folder.path().display());
    for capture in ["", &spool] {
        let more = format!("{capture},\"sample_lines_per_second\":10");
        let said = run(&sh(script, &more));
        let (lines, bytes) = left_out(&said);
        assert!(4_000 < lines, "{lines}");
        let kept = said.logs().iter().filter(|log| log.fields.get("fragment").is_none()).count();
        let long = said.logs().iter().any(|log| log.fields.get("fragment_last").is_some());
        assert_eq!(lines + kept as u64 + u64::from(long), 5_502, "with the long one");
        assert!(said.messages().contains(&"WARNING: careful"));
        assert!(said.story().contains(" n "), "{}", said.story());
        assert_eq!(said.end("lines_left_out"), lines.to_string());
        assert_eq!(said.end("bytes_left_out"), bytes.to_string());
        assert_eq!((said.code, said.end("complete")), (Some(0), "false"));
        assert!(said.story().contains("job_output_lines_left_out_total"), "{}", said.story());
    }
}

#[test]
fn of_a_job_that_says_little_nothing_is_left_out() {
    let said = run(&sh("seq 1 10", ",\"sample_lines_per_second\":10"));
    assert_eq!((said.messages().len(), said.end("complete")), (10, "true"));
    assert_eq!(said.end("lines_left_out"), "");
}
