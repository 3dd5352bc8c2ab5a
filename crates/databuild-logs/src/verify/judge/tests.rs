//! Lines in, a verdict out.

use super::Judge;
use databuild_model::ids::JobRunId;
use expect_test::{Expect, expect};
use std::fmt::Write;

const RUN: &str = "r1";

fn entry(number: u64, content: &str) -> String {
    format!(
        "{{\"timestamp\":\"2025-01-27T10:30:46Z\",\"job_id\":\"{RUN}\",\"outputs\":[],\
         \"sequence_number\":{number},\"content\":{{{content}}}}}"
    )
}

/// Lines as `2 out 0..6 hello`: number, what, facts. `end` takes what it states of the streams, and
/// hashes of the texts behind them.
fn line(text: &str) -> String {
    let mut words = text.splitn(4, ' ');
    let Some(number) = words.next().and_then(|word| word.parse().ok()) else {
        return text.to_owned();
    };
    let what = words.next().unwrap();
    let (facts, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    match what {
        "out" | "err" | "metric" => {
            let stream = if what == "err" { "stderr" } else { "stdout" };
            let (from, to) = facts.split_once("..").unwrap();
            let bytes = to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap();
            let origin = format!("\"stream\":\"{stream}\",\"offset\":{from},\"bytes\":{bytes}");
            let content = match what {
                "metric" => format!(
                    "\"metric\":{{\"name\":\"m\",\"value\":1,\"labels\":{{}},\"unit\":\"\",{origin}}}"
                ),
                _ => format!(
                    "\"log\":{{\"level\":\"INFO\",\"message\":\"{rest}\",\"fields\":{{}},{origin}}}"
                ),
            };
            entry(number, &content)
        }
        "old" => entry(
            number,
            "\"log\":{\"level\":\"INFO\",\"message\":\"x\",\"fields\":{},\"stream\":\"stdout\",\"offset\":0}",
        ),
        "event" => entry(
            number,
            &format!("\"job_event\":{{\"event_type\":\"{facts}\",\"metadata\":{{{rest}}}}}"),
        ),
        "end" => {
            let mut metadata = format!("\"last_sequence\":\"{number}\",\"complete\":\"true\"");
            for fact in [facts, rest].into_iter().filter(|fact| !fact.is_empty()) {
                let (stream, said) = fact.split_once('=').unwrap();
                let (bytes, hashed) = said.split_once('#').unwrap_or((said, ""));
                write!(metadata, ",\"{stream}_bytes\":\"{bytes}\"").unwrap();
                if !hashed.is_empty() {
                    let text = hashed.replace('_', "\n");
                    let hash = blake3::hash(text.as_bytes()).to_hex();
                    write!(metadata, ",\"{stream}_blake3\":\"{hash}\"").unwrap();
                }
            }
            entry(
                number,
                &format!(
                    "\"job_event\":{{\"event_type\":\"run_end\",\"metadata\":{{{metadata}}}}}"
                ),
            )
        }
        other => panic!("{other}"),
    }
}

#[track_caller]
fn check(lines: &[&str], expect: &Expect) {
    let mut judge = Judge::new(&JobRunId::parse(RUN).unwrap(), None);
    for text in lines {
        let line = line(text);
        judge.line(Some(line.as_bytes()), line.len() as u64 + 1);
    }
    let judged = judge.finish(false);
    let mut said = format!("{}/{}\n", judged.entries_stored, judged.entries_sent);
    for proof in judged.streams {
        let or_dash = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
        let (stored, read) = (or_dash(proof.bytes_stored), or_dash(proof.bytes_read));
        let (stream, hash) = (proof.stream.as_str(), proof.hash.as_str());
        writeln!(said, "{stream} {stored}/{read} hash {hash}").unwrap();
    }
    for problem in &judged.problems.listed {
        writeln!(said, "! {problem}").unwrap();
    }
    for note in &judged.notes {
        writeln!(said, "note: {note}").unwrap();
    }
    expect.assert_eq(&said);
}

#[test]
fn a_whole_run_is_proven_to_the_byte() {
    check(
        &[
            "1 event job_config_started",
            "2 out 0..6 hello",
            "3 err 0..2 x",
            "4 out 6..9 end",
            "5 end stdout=9#hello_end stderr=2#x_",
        ],
        &expect![[r#"
            5/5
            stdout 9/9 hash matches
            stderr 2/2 hash matches
        "#]],
    );
}

#[test]
fn text_that_was_taken_apart_is_covered_and_its_hash_only_recorded() {
    check(
        &["1 out 0..6 hello", "2 metric 6..50", "3 end stdout=50#whatever stderr=0#"],
        &expect![[r#"
            3/3
            stdout 50/50 hash recorded
            stderr 0/0 hash absent
        "#]],
    );
}

#[test]
fn text_that_was_changed_has_another_hash() {
    check(
        &["1 out 0..6 hellO", "2 end stdout=6#hello_"],
        &expect![[r#"
            2/2
            stdout 6/6 hash differs
            stderr 0/- hash absent
            ! the text of stdout is not what was read
        "#]],
    );
}

#[test]
fn missing_entries_and_bytes_are_named() {
    check(
        &["1 event task_launched", "4 out 12..18 hello", "6 end stdout=20#x"],
        &expect![[r#"
            3/6
            stdout 6/20 hash recorded
            stderr 0/- hash absent
            ! entries 2 to 3 are missing
            ! entry 5 is missing
            ! stdout bytes 0..12 are missing: no gap on record names them
            ! stdout bytes 18..20 are missing: no gap on record names them
        "#]],
    );
}

#[test]
fn a_gap_on_record_gives_its_reason() {
    check(
        &[
            "1 out 0..6 hello",
            "2 event gap \"stream\":\"stdout\",\"from\":\"6\",\"to\":\"10\",\"reason\":\"sampled\"",
            "3 out 10..12 x",
            "4 event gap \"reason\":\"the disk was full\"",
            "5 end stdout=12#x",
        ],
        &expect![[r#"
            5/5
            stdout 8/12 hash recorded
            stderr 0/- hash absent
            ! stdout bytes 6..10 are missing: sampled
            ! a gap is on record: the disk was full
        "#]],
    );
}

#[test]
fn what_the_collector_says_of_its_disk_counts() {
    check(
        &[
            "1 event task_launched",
            "0 event store_repaired \"what\":\"cut\",\"reason\":\"x\"",
            "0 event gap \"reason\":\"EIO\",\"entries_from\":\"2\",\"entries_to\":\"3\"",
            "4 end stdout=0 stderr=0",
        ],
        &expect![[r#"
            2/4
            stdout 0/0 hash absent
            stderr 0/0 hash absent
            ! entries 2 to 3 are missing: EIO
            note: repaired 1 times (events store_repaired say what); nothing is missing
        "#]],
    );
}

#[test]
fn a_lost_wrapper_and_numbers_that_come_twice_are_told() {
    check(
        &["1 out 0..6 hello", "2 out 6..12 hello", "2 out 6..12 hello", "not an entry"],
        &expect![[r#"
            2/2
            stdout 12/- hash absent
            stderr -/- hash absent
            ! wrapper lost: there is no run_end
            ! 1 entries repeat a number, first 2
            ! 6 stdout bytes are stored more than once, first at 6
            note: 1 lines were not entries of this run and are kept as they came
        "#]],
    );
}

#[test]
fn numbers_out_of_order_are_all_there() {
    check(
        &["1 out 0..6 hello", "3 out 6..12 hello", "2 err 0..2 x", "4 end stdout=12 stderr=2"],
        &expect![[r#"
            4/4
            stdout 12/12 hash absent
            stderr 2/2 hash absent
        "#]],
    );
}

#[test]
fn a_run_of_an_older_wrapper_has_no_ranges_to_prove() {
    check(
        &["1 old", "2 end stdout=6 stderr=0"],
        &expect![[r#"
            2/2
            stdout -/6 hash absent
            stderr 0/0 hash absent
            note: entries of stdout do not tell their bytes
        "#]],
    );
}

#[test]
fn output_without_any_entry_is_missing_where_the_wrapper_tells_ranges() {
    check(
        &["1 event task_launched", "2 end stdout=6#hello_ stderr=0#"],
        &expect![[r#"
            2/2
            stdout 0/6 hash recorded
            stderr 0/0 hash absent
            ! stdout bytes 0..6 are missing: no gap on record names them
        "#]],
    );
}

#[test]
fn nothing_may_follow_the_end() {
    check(
        &["1 end stdout=0", "2 event heartbeat"],
        &expect![[r#"
            2/2
            stdout 0/0 hash absent
            stderr -/- hash absent
            ! 1 entries follow run_end
        "#]],
    );
}
