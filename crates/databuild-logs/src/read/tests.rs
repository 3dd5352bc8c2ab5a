//! Answers against the naive reader: parse every line, filter, slice. Over generated files and
//! requests, while the file is written and when it is sealed, with an index, without, and with one
//! that was torn anywhere.

mod collected;
pub(super) mod fixture;

use super::{Cursor, LogsPage, Missing, ReadError, RunState};
use databuild_model::entry::Kind;
use databuild_model::json::read_entry;
use databuild_model::level::Level;
use databuild_model::query::{Facts, KindSet, LevelSet, LogFilter, TextMatch, search_text};
use databuild_model::request::{JobLogsRequest, Order};
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};
use fixture::{IndexIs, Sample, Store, entry_lines, log_line, run_end_line, run_id};
use proptest::prelude::*;

/// The straight reader, which everything else must equal.
fn reference(text: &[u8], request: &JobLogsRequest) -> Vec<Vec<u8>> {
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let mut found: Vec<Vec<u8>> = text[..whole]
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| &line[..line.len() - 1])
        .filter(|line| {
            let Ok((entry, _)) = read_entry(line) else { return false };
            let mut text = Vec::new();
            search_text(&entry.content, &mut text);
            let level = fixture::level_of(&entry);
            let kind = entry.content.kind();
            let timestamp = entry.timestamp;
            request.filter.matches(&Facts { timestamp, kind, level, text: &text })
        })
        .map(<[u8]>::to_vec)
        .collect();
    if let Some(tail) = request.tail {
        let skip = found.len().saturating_sub(tail as usize);
        found.drain(..skip);
    }
    if request.order == Order::Desc {
        found.reverse();
    }
    found
}

/// All pages of an answer, following the tokens; checks each page's own promises.
fn pages(store: &Store, request: &JobLogsRequest) -> Vec<Vec<u8>> {
    let mut request = request.clone();
    let mut all = Vec::new();
    loop {
        let page = store.reader().get_job_logs(&request).unwrap();
        assert_eq!(page.has_more, page.next_page_token.is_some());
        if let Some(limit) = request.limit {
            assert!(page.lines.len() <= limit as usize);
            assert!(!page.has_more || page.lines.len() == limit as usize);
        }
        all.extend(page.lines.iter().map(<[u8]>::to_vec));
        match page.next_page_token {
            Some(token) => request.page_token = Some(token),
            None => return all,
        }
    }
}

fn texts(lines: &[Vec<u8>]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

fn words() -> impl Strategy<Value = Option<TextMatch>> {
    prop_oneof![
        3 => Just(None),
        1 => prop::sample::select(vec!["row", "row 1", "0 rows", "Bad", "ä", "\"", "a=1", "k\u{212a}", "k", "\\", "rows=", "n\nx"])
            .prop_map(|text| Some(TextMatch::contains(text).unwrap())),
        1 => prop::sample::select(vec!["^bad", "row$", "a.o", "1\\d"])
            .prop_map(|text| Some(TextMatch::regex(text, true).unwrap())),
    ]
}

prop_compose! {
    fn filters()(
        since in prop::option::weighted(0.3, 0..400_i64),
        until in prop::option::weighted(0.3, 0..400_i64),
        levels in prop::option::weighted(0.5, prop::collection::vec(prop::sample::select(Level::ALL.to_vec()), 0..3)),
        at_least in prop::option::weighted(0.3, prop::sample::select(Level::ALL.to_vec())),
        kinds in prop::option::weighted(0.3, prop::collection::vec(prop::sample::select(Kind::ALL.to_vec()), 0..3)),
        include in words(),
        exclude in words(),
    ) -> LogFilter {
        LogFilter {
            since: since.map(Timestamp::from_nanos),
            until: until.map(Timestamp::from_nanos),
            levels: at_least.map(LevelSet::at_least).or(levels.map(|levels| levels.into_iter().collect())),
            kinds: kinds.map(|kinds| KindSet::of(&kinds)),
            include,
            exclude,
        }
    }
}

prop_compose! {
    fn requests()(
        filter in filters(),
        limit in prop::option::of(1..9_u32),
        tail in prop::option::weighted(0.3, 0..12_u32),
        desc in any::<bool>(),
    ) -> JobLogsRequest {
        let order = if desc { Order::Desc } else { Order::Asc };
        JobLogsRequest { filter, limit, tail, order, ..JobLogsRequest::all_of(run_id()) }
    }
}

fn indexes() -> impl Strategy<Value = IndexIs> {
    prop_oneof![
        Just(IndexIs::Missing),
        (0..=1000_usize).prop_map(IndexIs::Live),
        (0..=1000_usize).prop_map(IndexIs::Torn),
        Just(IndexIs::Sealed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_answer_equals_the_straight_readers(
        lines in prop::collection::vec(entry_lines(), 0..40),
        torn in "[ -~]{0,20}",
        index in indexes(),
        asked in prop::collection::vec(requests(), 1..6),
    ) {
        let sample = Sample { lines, torn: torn.into_bytes() };
        let store = Store::with(&sample, index);
        for request in &asked {
            let expected = reference(&sample.bytes(index), request);
            prop_assert_eq!(texts(&pages(&store, request)), texts(&expected), "{:?}", request);
        }
    }

    #[test]
    fn pages_of_a_growing_file_neither_skip_nor_repeat(
        parts in prop::collection::vec(prop::collection::vec(entry_lines(), 0..6), 1..6),
        filter in filters(),
        limit in 1..4_u32,
    ) {
        let store = Store::empty();
        let mut request = JobLogsRequest {
            filter, limit: Some(limit), ..JobLogsRequest::all_of(run_id())
        };
        let (mut text, mut got) = (Vec::new(), Vec::new());
        for lines in parts {
            for line in lines {
                text.extend_from_slice(&line);
                text.push(b'\n');
            }
            store.write(&text);
            let page = store.reader().get_job_logs(&request).unwrap();
            got.extend(page.lines.iter().map(<[u8]>::to_vec));
            request.page_token = page.next_page_token;
            if request.page_token.is_none() && !got.is_empty() {
                break;
            }
        }
        while request.page_token.is_some() {
            let page = store.reader().get_job_logs(&request).unwrap();
            got.extend(page.lines.iter().map(<[u8]>::to_vec));
            request.page_token = page.next_page_token;
        }
        let whole = reference(&text, &JobLogsRequest { page_token: None, limit: None, ..request });
        prop_assert!(got.len() <= whole.len());
        prop_assert_eq!(texts(&got), texts(&whole[..got.len()]));
    }

    #[test]
    fn any_bytes_at_all_are_read_without_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        index in prop::collection::vec(any::<u8>(), 0..200),
        keep in any::<bool>(),
        request in requests(),
        line in 0..20_u64,
    ) {
        let store = Store::empty();
        store.write(&bytes);
        let mut index_bytes = if keep { b"DBINDEX\x01".to_vec() } else { Vec::new() };
        index_bytes.extend(index);
        store.write_index(&index_bytes);
        let expected = reference(&bytes, &request);
        prop_assert_eq!(texts(&pages(&store, &request)), texts(&expected));
        let reader = store.reader();
        let run = run_id();
        reader.run_info(&run).unwrap();
        reader.window(&run, line, 3).unwrap();
        reader.get_job_metrics(&run).unwrap();
        reader.cursor_after_sequence(&run, line).unwrap();
    }

    #[test]
    fn windows_are_the_lines_by_their_numbers(
        lines in prop::collection::vec(entry_lines(), 0..40),
        index in indexes(),
        from in 0..45_u64,
        count in 0..9_u32,
    ) {
        let sample = Sample { lines, torn: b"{\"tor".to_vec() };
        let store = Store::with(&sample, index);
        let window = store.reader().window(&run_id(), from, count).unwrap();
        let total = sample.lines.len() as u64;
        let end = total.min(from + u64::from(count));
        let numbered: Vec<(u64, &Vec<u8>)> = (0..)
            .zip(&sample.lines)
            .filter(|(at, line)| (from..end).contains(at) && read_entry(line).is_ok())
            .collect();
        let shown: Vec<(u64, Vec<u8>)> =
            window.numbers.iter().copied().zip(window.lines.iter().map(<[u8]>::to_vec)).collect();
        prop_assert!(shown.iter().map(|(at, line)| (*at, line)).eq(numbered));
        prop_assert_eq!(window.has_more, end < total && (count != 0 || from < total));
        prop_assert_eq!(window.next_line, end.max(from.min(total)));
    }

    #[test]
    fn what_is_known_of_a_run_is_the_same_with_and_without_an_index(
        lines in prop::collection::vec(entry_lines(), 0..40),
        index in indexes(),
    ) {
        let sample = Sample { lines, torn: Vec::new() };
        let plain = Store::with(&sample, IndexIs::Missing).reader().run_info(&run_id()).unwrap();
        let mut other = Store::with(&sample, index).reader().run_info(&run_id()).unwrap();
        (other.seal, other.state) = (None, plain.state);
        (other.job_label, other.end) = (plain.job_label.clone(), plain.end);
        prop_assert_eq!(other, plain);
    }
}

#[track_caller]
fn check_state(lines: &[Vec<u8>], index: IndexIs, locked: bool, expected: &str) {
    let store = Store::with(&Sample { lines: lines.to_vec(), torn: Vec::new() }, index);
    let _writer = locked.then(|| store.lock());
    let info = store.reader().run_info(&run_id()).unwrap();
    assert_eq!(info.state.to_string(), expected);
    let request = JobLogsRequest::all_of(run_id());
    assert_eq!(store.reader().get_job_logs(&request).unwrap().state, info.state);
}

#[test]
fn a_run_is_running_as_long_as_somebody_writes_it_and_no_longer() {
    let unended = [log_line(1, 1, Level::Info, "hello")];
    check_state(&unended, IndexIs::Missing, true, "running");
    check_state(&unended, IndexIs::Missing, false, "incomplete (wrapper lost)");
    check_state(&unended, IndexIs::Sealed, false, "incomplete (wrapper lost)");
    let ended = [unended[0].clone(), run_end_line(2, true)];
    check_state(&ended, IndexIs::Missing, true, "running");
    check_state(&ended, IndexIs::Sealed, true, "running");
    check_state(&ended, IndexIs::Missing, false, "complete");
    check_state(&ended, IndexIs::Sealed, false, "complete");
    let cut_short = [unended[0].clone(), run_end_line(2, false)];
    check_state(&cut_short, IndexIs::Missing, false, "incomplete (output lost)");
    check_state(&cut_short, IndexIs::Sealed, false, "incomplete (output lost)");
}

#[test]
fn a_new_empty_file_is_running_until_its_writer_had_time_to_lock_it() {
    let store = Store::empty();
    store.write(b"");
    let state = || store.reader().run_info(&run_id()).unwrap().state;
    store.set_wall_to_now();
    assert_eq!(state(), RunState::Running);
    store.advance(std::time::Duration::from_secs(10));
    assert_eq!(state(), RunState::Incomplete { why: Missing::End });
}

#[track_caller]
fn check_page(request: &JobLogsRequest, expected: &Expect) {
    let lines = (1..=6).map(|n| log_line(n, n, Level::Info, &format!("m{n}"))).collect();
    let store = Store::with(&Sample { lines, torn: b"{\"half".to_vec() }, IndexIs::Live(500));
    expected.assert_eq(&shown(&store.reader().get_job_logs(request).unwrap()));
}

fn shown(page: &LogsPage) -> String {
    let messages: Vec<String> = page
        .lines
        .iter()
        .map(|line| {
            let text = String::from_utf8_lossy(line).into_owned();
            let at = text.find("\"message\":\"").unwrap() + 11;
            text[at..at + 2].to_owned()
        })
        .collect();
    format!("{} more={} problems={}", messages.join(" "), page.has_more, page.problems)
}

#[test]
fn limit_tail_and_order_are_what_they_say() {
    let all = JobLogsRequest::all_of(run_id());
    let ask = |limit, tail, order| JobLogsRequest { limit, tail, order, ..all.clone() };
    check_page(&all, &expect!["m1 m2 m3 m4 m5 m6 more=false problems=0"]);
    check_page(&ask(Some(2), None, Order::Asc), &expect!["m1 m2 more=true problems=0"]);
    check_page(&ask(Some(2), None, Order::Desc), &expect!["m6 m5 more=true problems=0"]);
    check_page(&ask(None, Some(2), Order::Asc), &expect!["m5 m6 more=false problems=0"]);
    check_page(&ask(None, Some(2), Order::Desc), &expect!["m6 m5 more=false problems=0"]);
    check_page(&ask(Some(1), Some(2), Order::Asc), &expect!["m5 more=true problems=0"]);
    check_page(&ask(Some(0), None, Order::Asc), &expect![" more=true problems=0"]);
    check_page(&ask(None, Some(0), Order::Asc), &expect![" more=false problems=0"]);
}

#[test]
fn lines_that_are_no_entries_are_counted_and_left_out() {
    let lines = vec![log_line(1, 1, Level::Info, "m1"), b"nonsense".to_vec(), Vec::new()];
    let store = Store::with(&Sample { lines, torn: Vec::new() }, IndexIs::Missing);
    let page = store.reader().get_job_logs(&JobLogsRequest::all_of(run_id())).unwrap();
    expect!["m1 more=false problems=2"].assert_eq(&shown(&page));
}

#[test]
fn a_token_of_another_question_is_refused_and_so_is_a_place_that_is_gone() {
    let lines: Vec<_> = (1..=4).map(|n| log_line(n, n, Level::Info, "m")).collect();
    let store = Store::with(&Sample { lines: lines.clone(), torn: Vec::new() }, IndexIs::Missing);
    let ask = JobLogsRequest { limit: Some(2), ..JobLogsRequest::all_of(run_id()) };
    let token = store.reader().get_job_logs(&ask).unwrap().next_page_token;
    let refused = |request: &JobLogsRequest| match store.reader().get_job_logs(request) {
        Err(ReadError::BadToken { source }) => source.to_string(),
        other => panic!("{other:?}"),
    };
    let next = JobLogsRequest { page_token: token, ..ask };
    let other = JobLogsRequest { order: Order::Desc, ..next.clone() };
    expect!["the page token belongs to another request"].assert_eq(&refused(&other));
    let garbled = JobLogsRequest { page_token: Some("x".repeat(34)), ..next.clone() };
    expect!["not a page token of this service"].assert_eq(&refused(&garbled));
    store.write(&[lines[0].as_slice(), b"\n"].concat());
    expect!["the place of the page token is no longer there"].assert_eq(&refused(&next));
}

#[test]
fn an_unknown_run_is_an_error_with_the_runs_that_were_perhaps_meant() {
    let store = Store::with(&Sample::default(), IndexIs::Missing);
    let asked = databuild_model::ids::JobRunId::parse(&run_id().as_str()[..8]).unwrap();
    match store.reader().run_info(&asked) {
        Err(ReadError::RunNotFound { near, .. }) => assert_eq!(near, [run_id()]),
        other => panic!("{other:?}"),
    }
    assert!(Store::empty().reader().list_available_jobs(None).unwrap().is_empty());
}

#[test]
fn a_client_resumes_by_sequence_number() {
    let lines: Vec<_> = (1..=9).map(|n| log_line(n, n, Level::Info, "m")).collect();
    let width = lines[0].len() as u64 + 1;
    for index in [IndexIs::Missing, IndexIs::Live(500), IndexIs::Sealed] {
        let store = Store::with(&Sample { lines: lines.clone(), torn: Vec::new() }, index);
        let after = |n| store.reader().cursor_after_sequence(&run_id(), n).unwrap();
        assert_eq!(after(4).offset(), 4 * width);
        assert_eq!(after(9).offset(), 9 * width);
        assert_eq!(after(10), Cursor::START);
    }
}

#[test]
fn the_measurements_of_a_run_come_in_order() {
    let lines = vec![
        fixture::metric_line(1, "rows", 1.0),
        log_line(2, 2, Level::Info, "m"),
        fixture::metric_line(3, "rows", 2.5),
    ];
    for index in [IndexIs::Missing, IndexIs::Sealed] {
        let store = Store::with(&Sample { lines: lines.clone(), torn: Vec::new() }, index);
        let points = store.reader().get_job_metrics(&run_id()).unwrap();
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        assert_eq!(values, [1.0, 2.5]);
    }
}
