//! The reader on what the collector really writes: while it writes, when it has sealed, and after it
//! was started again.

use crate::fs::OsFs;
use crate::read::{Cursor, LogReader, ReaderOptions, RunState, Step};
use crate::testing::{RealClock, Store, end_line, log_line, run_id};
use databuild_model::json::read_entry;
use databuild_model::level::Level;
use databuild_model::query::{LevelSet, LogFilter};
use databuild_model::request::{JobLogsRequest, Order};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any test takes: waits end because something happened.
const LONG: Duration = Duration::from_secs(60);

fn reader(store: &Store) -> LogReader {
    let options = ReaderOptions {
        logs_dir: store.logs_dir().to_owned(),
        cache_runs: 4,
        cache_bytes: 1 << 20,
    };
    LogReader::new(options, Arc::new(OsFs), Arc::new(RealClock::new()))
}

/// Enough lines for several blocks of the index.
fn many(run: &str, count: u64) -> Vec<String> {
    let level = |seq: u64| if seq % 97 == 5 { "ERROR" } else { "INFO" };
    let line = |seq| log_line(run, seq, level(seq), &format!("line {seq} of a longer text"));
    (1..=count).map(line).chain([end_line(run, count + 1)]).collect()
}

#[test]
fn a_follower_sees_a_collected_run_from_before_its_beginning_to_its_end() {
    let store = Store::new();
    let reader = reader(&store);
    let lines = many("r1", 3000);
    let follower = reader.follow(&run_id("r1"), LogFilter::default(), Cursor::START);
    let mut follower = follower.with_patience(LONG);
    let mut seen = Vec::new();
    let state = std::thread::scope(|scope| {
        let following = scope.spawn(|| {
            loop {
                match follower.next(LONG).unwrap() {
                    Step::Lines(followed) => {
                        seen.extend(followed.marks.iter().map(|mark| mark.sequence_number));
                    }
                    Step::Idle => {}
                    Step::End(state) => return state,
                }
            }
        });
        let (mut writer, ticket) = store.begin("r1");
        for part in lines.chunks(171) {
            writer.write_all((part.join("\n") + "\n").as_bytes()).unwrap();
        }
        drop(writer);
        ticket.wait().unwrap();
        following.join().unwrap()
    });
    assert_eq!(state, RunState::Complete);
    assert!(seen.into_iter().eq(1..=3001));
}

#[test]
fn a_collected_run_answers_alike_with_its_index_and_without() {
    let mut store = Store::new();
    let lines = many("r2", 3000);
    let record = store.collect("r2", lines.join("\n") + "\n");
    store.stop();
    let run = run_id("r2");
    let ask = |filter: LogFilter, order| JobLogsRequest {
        filter,
        order,
        ..JobLogsRequest::all_of(run_id("r2"))
    };
    let errors =
        || LogFilter { levels: Some(LevelSet::at_least(Level::Error)), ..LogFilter::default() };
    let requests = [
        ask(LogFilter::default(), Order::Asc),
        ask(errors(), Order::Asc),
        ask(errors(), Order::Desc),
        JobLogsRequest { tail: Some(7), ..ask(errors(), Order::Asc) },
    ];
    let with_index: Vec<_> =
        requests.iter().map(|request| reader(&store).get_job_logs(request).unwrap()).collect();
    let info = reader(&store).run_info(&run).unwrap();
    assert_eq!(info.seal.as_ref(), Some(&record));
    assert_eq!(info.first_error_line, Some(4));
    let window = reader(&store).window(&run, 2900, 3).unwrap();
    std::fs::remove_file(store.path("r2.idx")).unwrap();
    for (request, expected) in requests.iter().zip(&with_index) {
        assert_eq!(reader(&store).get_job_logs(request).unwrap(), *expected);
    }
    assert_eq!(with_index[0].lines.len(), 3001);
    assert_eq!(with_index[1].lines.len(), 31);
    assert_eq!(reader(&store).window(&run, 2900, 3).unwrap(), window);
    let plain = reader(&store).run_info(&run).unwrap();
    assert_eq!((plain.lines, plain.bytes, plain.end), (info.lines, info.bytes, info.end));
    assert_eq!((plain.level_counts, plain.kind_counts), (info.level_counts, info.kind_counts));
    assert_eq!(plain.job_label, info.job_label);
    assert_eq!(plain.first_error_line, info.first_error_line);
}

#[test]
fn labels_are_in_the_answer_as_the_collector_stored_them() {
    let mut store = Store::new();
    store.collect("r3", log_line("r3", 1, "INFO", "hello") + "\n");
    store.stop();
    let page = reader(&store).get_job_logs(&JobLogsRequest::all_of(run_id("r3"))).unwrap();
    assert_eq!(String::from_utf8_lossy(page.lines.as_ndjson()), store.stored("r3"));
    let (entry, _) = read_entry(page.lines.get(0).unwrap()).unwrap();
    assert_eq!(entry.job_label.unwrap().as_str(), "report");
    assert_eq!(page.state.to_string(), "incomplete (wrapper lost)");
}
