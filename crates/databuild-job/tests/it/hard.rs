//! Input that breaks programs of this kind. Sizes are small here; `DATABUILD_HARD_SCALE` multiplies
//! them, and 512 makes them what the promises name (a line of 1 GiB, ten million writes of one byte).

use crate::wrapped::{Said, command, run, sh, start};
use databuild_model::entry::{Content, Stream, field};
use databuild_model::json::read_entry;
use databuild_model::origin::raw_bytes;
use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "how long real processes took")]
fn moment() -> Instant {
    Instant::now()
}

/// How many times as much as usual.
#[expect(clippy::disallowed_methods, reason = "the one switch of these tests")]
fn scale() -> u64 {
    std::env::var("DATABUILD_HARD_SCALE").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

/// What a job of much output came to.
struct Sums {
    bytes: u64,
    entries: u64,
    /// Of the bytes that entries give back, if all of them do.
    raw: Option<blake3::Hasher>,
    told: String,
    memory_kib: u64,
    took: Duration,
}

/// Runs `script` and looks at its standard output entry by entry, so that this process stays small
/// too. `capture` is `pipe`, or `spool` with room for all of it.
fn stream(script: &str, capture: &str) -> Sums {
    let spool = tempfile::tempdir().unwrap();
    let folder = serde_json::Value::from(spool.path().to_str().unwrap());
    let more = match capture {
        "pipe" => String::new(),
        _ => format!(r#","spool_dir":{folder},"capture":"{capture}","spool_bytes_max":9000000000"#),
    };
    let begun = moment();
    let mut child = command().spawn().unwrap();
    child.stdin.take().unwrap().write_all(sh(script, &more).as_bytes()).unwrap();
    let mut lines = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
    let mut sums = Sums {
        bytes: 0,
        entries: 0,
        raw: Some(blake3::Hasher::new()),
        told: String::new(),
        memory_kib: 0,
        took: Duration::ZERO,
    };
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).unwrap() != 0 {
        let (entry, problems) = read_entry(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(problems, []);
        sums.entries += 1;
        assert_eq!(entry.sequence_number, sums.entries);
        if let Some((Stream::Stdout, range)) = entry.content.origin().range() {
            assert_eq!(range.start, sums.bytes);
            sums.bytes = range.end;
            let raw = if let Content::Log(log) = &entry.content { raw_bytes(log) } else { None };
            sums.raw = sums.raw.take().zip(raw).map(|(mut hasher, raw)| {
                hasher.update(&raw);
                hasher
            });
        }
        if let Content::JobEvent(event) = &entry.content
            && event.event_type == "run_end"
        {
            let fact = |name: &str| event.metadata.get(name).unwrap_or_default().to_owned();
            assert_eq!(fact("stdout_bytes"), sums.bytes.to_string());
            assert_eq!(
                (fact("complete"), fact("capture")),
                ("true".to_owned(), capture.to_owned())
            );
            sums.told = fact("stdout_blake3");
        }
        if sums.entries % 64 == 1 {
            sums.memory_kib = peak_kib(child.id()).unwrap_or(0).max(sums.memory_kib);
        }
        line.clear();
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    sums.took = begun.elapsed();
    sums
}

fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// All of it is there, and the wrapper has stayed small.
#[track_caller]
fn check_whole(what: &str, bytes: u64, sums: &Sums) {
    println!(
        "{what}: {} bytes in {} entries, {:.1} s, {} KiB",
        sums.bytes,
        sums.entries,
        sums.took.as_secs_f64(),
        sums.memory_kib
    );
    assert_eq!(sums.bytes, bytes);
    assert!(sums.memory_kib < 64 << 10, "{} KiB", sums.memory_kib);
    let raw = sums.raw.as_ref().expect("every entry gives its bytes back");
    assert_eq!(raw.finalize().to_hex().as_str(), sums.told);
}

#[test]
fn a_line_that_does_not_end_is_stored_byte_for_byte() {
    let bytes = (2 << 20) * scale();
    for (what, byte) in [("text", "x"), ("not UTF-8", "\\377")] {
        for capture in ["pipe", "spool"] {
            let script = format!("head -c {bytes} /dev/zero | tr '\\0' '{byte}'");
            check_whole(&format!("one line, {what}, {capture}"), bytes, &stream(&script, capture));
        }
    }
}

#[test]
fn writes_of_one_byte_make_whole_lines() {
    let bytes = 20_000 * scale();
    for capture in ["pipe", "spool"] {
        let script = format!("yes 'a line' | head -c {bytes} | dd bs=1 status=none");
        let sums = stream(&script, capture);
        check_whole(&format!("writes of one byte, {capture}"), bytes, &sums);
        assert!(sums.entries <= bytes / 7 + 20);
    }
}

#[test]
fn a_job_that_prints_as_fast_as_it_can_is_kept_up_with() {
    let bytes = (2 << 20) * scale();
    for capture in ["pipe", "spool"] {
        let script = format!("yes 'as fast as it can, without anything to say' | head -c {bytes}");
        check_whole(&format!("a flood, {capture}"), bytes, &stream(&script, capture));
    }
}

#[test]
fn a_storm_of_carriage_returns_is_counted_and_not_kept() {
    let bytes = (1 << 20) * scale();
    for source in ["cat /dev/zero | tr '\\0' '\\r'", "yes 99% | tr '\\n' '\\r'"] {
        let sums = stream(&format!("{source} | head -c {bytes}"), "pipe");
        println!("{source}: {} entries, {} KiB", sums.entries, sums.memory_kib);
        assert_eq!(sums.bytes, bytes);
        assert!(sums.memory_kib < 64 << 10);
        assert!(sums.entries < 20 + bytes / (256 << 10), "{}", sums.entries);
        assert_eq!(sums.told.len(), 64);
    }
}

#[test]
fn bytes_of_any_kind_come_back() {
    let input: &[u8] = b"nul \0 here\nnot \xff\xfe UTF-8\nhalf \xed\xa0\x80 of a pair\nends\r\n twice\r\n\
        three\r\r\r\nescape \x1b[31m\n{\"msg\":\"\\ud800\"}\n\n\n  indented\n\ttab\nc\xcc\x81\nlast\r";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, input).unwrap();
    for capture in [String::new(), format!(r#","spool_dir":"{}""#, folder.path().display())] {
        let said = run(&sh(&format!("cat {}", file.display()), &capture));
        let logs = said.logs();
        let raw: Vec<u8> =
            logs.iter().flat_map(|log| raw_bytes(log).expect("kept as it is")).collect();
        assert!(raw == input, "{}", String::from_utf8_lossy(&raw));
        assert_eq!(logs.iter().filter(|it| it.fields.get(field::RAW_BASE64).is_some()).count(), 2);
    }
}

#[test]
fn a_job_may_close_its_output_and_go_on() {
    let said =
        run(&sh("echo first; exec >&-; sleep 0.1; echo second >&2; exec 2>&-; sleep 0.1", ""));
    assert_eq!(said.messages(), ["first", "second"]);
    assert_eq!((said.code, said.end("complete")), (Some(0), "true"));
}

#[test]
fn a_job_whose_own_output_does_not_block_loses_nothing_that_was_taken() {
    let script = "dd if=/dev/zero bs=1000 count=20 oflag=nonblock status=none; echo; echo after";
    let folder = tempfile::tempdir().unwrap();
    for capture in [String::new(), format!(r#","spool_dir":"{}""#, folder.path().display())] {
        let said = run(&sh(script, &capture));
        let lengths: Vec<usize> = said.messages().iter().map(|it| it.len()).collect();
        assert_eq!(lengths, [20_000, 5]);
    }
}

#[test]
fn a_thousand_zombies_are_buried() {
    // They wait for somebody to write into the pipe; by then their parent is `sleep`, which does not
    // know that it has children.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let count = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    let script = format!(
        "mkfifo {0}; n=0; while [ $n -lt 1000 ]; do : <{0} & n=$((n+1)); done; \
         (sleep 0.1; exec 3>{0}; sleep 0.5; {count}) & exec sleep 2",
        pipe.display()
    );
    let said = run(&sh(&script, r#","grace_ms":20000"#));
    let zombies: usize = said.messages()[0].trim().parse().unwrap();
    assert!(900 <= zombies, "{zombies}");
    assert_eq!(said.code, Some(0));
    assert!(!said.story().contains("processes_left"));
}

#[test]
fn who_has_fled_from_the_group_twice_is_found() {
    // Two forks and a session of its own, signals ignored, and it holds the pipe.
    let script = "setsid sh -c 'trap \"\" TERM HUP; (echo fled; while :; do sleep 1; done) &' & wait; \
        echo done";
    let begun = moment();
    let said = run(&sh(script, r#","drain_ms":100,"grace_ms":100"#));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let left = said.event("processes_left");
    assert!(left.metadata.get("holding").is_some(), "{left:?}");
    assert_eq!((said.code, said.end("complete")), (Some(0), "true"));
    let mut messages = said.messages();
    messages.sort_unstable();
    assert_eq!(messages, ["done", "fled"]);
}

/// Runs with a clock that begins at `start` and is set as `steps` say.
fn with_clock(start: &str, steps: &str, script: &str) -> Said {
    let mut command = command();
    let start = databuild_model::time::Timestamp::parse(start).unwrap().as_nanos();
    command.env("WRAP_TEST_CLOCK", format!("{start}{steps}"));
    crate::wrapped::start(command, &sh(script, "")).end()
}

#[test]
fn a_clock_that_is_set_back_and_forth_is_told_and_does_no_harm() {
    let script = "echo a; sleep 0.2; echo b; sleep 0.2; echo c; sleep 0.2; echo d";
    let steps = " 100:3600 300:-315360000 500:315356400";
    let said = with_clock("2025-01-26T12:00:00Z", steps, script);
    assert_eq!(said.messages(), ["a", "b", "c", "d"]);
    let events = said.events();
    let steps = events.iter().filter(|it| it.event_type == "clock_step");
    let steps: Vec<&str> = steps.map(|it| it.metadata.get("step_seconds").unwrap()).collect();
    assert_eq!(steps, ["3600.000", "-315360000.000", "315356400.000"]);
    let took: f64 = said.end("duration_seconds").parse().unwrap();
    assert!((0.5..10.0).contains(&took), "{took}");
}

#[test]
fn a_run_over_midnight_is_one_run() {
    let said = with_clock("2025-12-31T23:59:59.9Z", "", "echo old; sleep 0.3; echo new");
    let years: Vec<String> = said
        .entries
        .iter()
        .filter(|it| matches!(it.content, Content::Log(_)))
        .map(|it| it.timestamp.to_string()[..4].to_owned())
        .collect();
    assert_eq!(years, ["2025", "2026"]);
    assert!(!said.story().contains("clock_step"));
}

#[test]
fn the_time_zone_of_the_environment_does_not_matter() {
    let times: Vec<i64> = ["UTC", "Asia/Kolkata", "America/St_Johns", ":/no/where", "X-99:59", ""]
        .into_iter()
        .map(|zone| {
            let mut command = command();
            command.env("TZ", zone);
            let said = start(command, &sh("echo \"$TZ\"", "")).end();
            assert_eq!(said.messages(), [zone], "the job has it as it was");
            said.entries[0].timestamp.as_seconds()
        })
        .collect();
    assert!(times.iter().all(|time| (time - times[0]).abs() < 600), "{times:?}");
}
