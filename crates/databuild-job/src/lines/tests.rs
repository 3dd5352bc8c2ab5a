//! Framing on tiny texts, and the property that no byte is lost whatever the reads are.

use super::{Capture, Form, Moment, Piece, Sink};
use crate::limits::{PROGRESS_BYTES_MAX, READ_BYTES};
use databuild_model::entry::Stream;
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::limits::FRAGMENT_BYTES_MAX;
use databuild_model::time::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    offset: u64,
    span: u64,
    cr: u32,
    loses: bool,
    bytes: Vec<u8>,
    form: Form,
}

#[derive(Default)]
struct Taker {
    taken: Vec<Taken>,
    room: Option<usize>,
}

impl Sink for Taker {
    fn full(&self) -> bool {
        self.room.is_some_and(|room| room <= self.taken.len())
    }

    fn take(&mut self, piece: &Piece<'_>) {
        self.taken.push(Taken {
            offset: piece.offset,
            span: piece.span,
            cr: piece.cr,
            loses: piece.loses,
            bytes: piece.bytes.to_vec(),
            form: piece.form,
        });
    }
}

fn at(millis: u64) -> Moment {
    Moment { wall: Timestamp::default(), mono: Duration::from_millis(millis) }
}

fn feed(capture: &mut Capture, text: &[u8], now: Moment, taker: &mut Taker) {
    let mut rest = text;
    while !rest.is_empty() {
        let space = capture.space();
        let count = rest.len().min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        capture.filled(count, now);
        rest = &rest[count..];
        while capture.step(taker) {
            taker.room = taker.room.map(|room| room + 1);
        }
    }
}

/// Feeds reads (milliseconds and text), ticking whenever a deadline has passed, and compares pieces
/// as `offset form text`.
#[track_caller]
fn check(reads: &[(u64, &str)], expect: &[&str]) {
    let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
    let mut taker = Taker::default();
    for &(millis, text) in reads {
        while let Some(due) = capture.deadline().filter(|due| *due <= at(millis).mono) {
            capture.tick(Moment { mono: due, ..at(0) }, &mut taker);
        }
        feed(&mut capture, text.as_bytes(), at(millis), &mut taker);
    }
    capture.finish(&mut taker);
    let shown: Vec<String> = taker
        .taken
        .iter()
        .map(|it| {
            let text = String::from_utf8_lossy(&it.bytes).replace('\n', "⏎");
            match it.form {
                Form::Text => format!("{} {text}", it.offset),
                Form::Object => format!("{} object {text}", it.offset),
                Form::Fragment { number, last } => format!("{} part {number} {last}", it.offset),
                Form::Progress { replaced } => format!("{} -{replaced} {text}", it.offset),
            }
        })
        .collect();
    assert_eq!(shown, expect);
}

#[test]
fn lines_are_pieces_and_their_ends_do_not_matter() {
    check(&[(0, "a\nb\r\n\nc")], &["0 a", "2 b", "5 ", "6 c"]);
    check(&[(0, "a\r"), (1, "\nb\r\r\n")], &["0 a", "3 b"]);
    check(&[(0, "")], &[]);
}

#[test]
fn what_belongs_together_stays_together_unless_it_comes_late() {
    check(&[(0, "a\n  b\n"), (50, "  c\nd\n")], &["0 a⏎  b⏎  c", "10 d"]);
    check(&[(0, "a\r\n  b\r\n")], &["0 a⏎  b"]);
    check(&[(0, "a\n"), (100, "  b\n")], &["0 a", "2   b"]);
    check(&[(0, "{\"a\":1}\n  b\n")], &["0 object {\"a\":1}", "8   b"]);
}

#[test]
fn a_growing_entry_is_let_go_after_a_second() {
    let reads: Vec<(u64, &str)> =
        (0..15).map(|n| (n * 80, if n == 0 { "a\n" } else { " b\n" })).collect();
    let first = format!("0 a{}", "⏎ b".repeat(12));
    check(&reads, &[&first, "38  b", "41  b"]);
}

#[test]
fn of_a_progress_line_the_last_state_in_each_second_is_kept() {
    check(&[(0, "1%\r2%\r3%\n")], &["0 -2 3%"]);
    check(&[(0, "1%\r"), (10, "2%\r"), (900, "3%\r\n"), (901, "x\n")], &["0 -2 3%", "10 x"]);
    check(
        &[(0, "\r1%"), (400, "\r2%"), (1500, "\r3%"), (1600, "\r4%\ndone\n")],
        &["0 -0 1%", "4 -2 4%", "13 done"],
    );
    check(&[(0, "1%\r"), (2000, "2%\r\n")], &["0 -0 1%", "3 -0 2%"]);
    check(&[(0, "1%\r"), (2000, "\n"), (2001, "a\n")], &["0 -0 1%", "3 a"]);
    check(&[(0, "head\n10%\r20%\r")], &["0 head", "5 -1 20%"]);
}

#[test]
fn overlong_lines_are_given_in_parts_and_not_within_a_character() {
    let line = format!("{}é{}\nnext\n", "x".repeat(FRAGMENT_BYTES_MAX - 1), "y".repeat(7));
    check(&[(0, &line)], &["0 part 1 false", "262143 part 2 true", "262153 next"]);
    let exact = format!("{}\n", "x".repeat(FRAGMENT_BYTES_MAX));
    let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
    let mut taker = Taker::default();
    feed(&mut capture, exact.as_bytes(), at(0), &mut taker);
    capture.finish(&mut taker);
    assert_eq!(taker.taken.iter().map(|it| it.form).collect::<Vec<_>>(), [Form::Text]);
}

/// Asserts that the ranges of the pieces are all of the stream, one after another, and that pieces
/// which say so give back its bytes.
#[track_caller]
fn assert_tiles(taken: &[Taken], from: usize, stream: &[u8]) {
    let mut at = from;
    for piece in taken {
        assert_eq!(piece.offset, at as u64, "{piece:?}");
        at += usize::try_from(piece.span).unwrap();
        let range = stream
            .get(at - usize::try_from(piece.span).unwrap()..at)
            .expect("no more than there is");
        let Some(raw) = raw(piece) else {
            assert!(piece.loses, "{piece:?}");
            continue;
        };
        assert!(raw == range, "{piece:?} is not {range:?}");
    }
    assert_eq!(at, stream.len());
}

/// What is to be had from the entry that a piece becomes.
fn raw(piece: &Taken) -> Option<Vec<u8>> {
    let mut emitter = crate::emit::Emitter::new(JobRunId::parse("r").unwrap(), Vec::new());
    let form = if piece.form == Form::Object { Form::Text } else { piece.form };
    emitter.take(&Piece {
        stream: Stream::Stdout,
        offset: piece.offset,
        span: piece.span,
        cr: piece.cr,
        loses: piece.loses,
        when: Timestamp::default(),
        level: Level::Info,
        bytes: &piece.bytes,
        form,
    });
    let line = emitter.waiting().strip_suffix(b"\n").unwrap();
    let (entry, _) = databuild_model::json::read_entry(line).unwrap();
    let databuild_model::entry::Content::Log(log) = entry.content else { panic!("a log") };
    databuild_model::origin::raw_bytes(&log)
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[ -~]{0,40}",
        2 => "  [ -~]{0,10}",
        1 => Just("Traceback (most recent call last):".to_owned()),
        1 => Just("{\"message\":\"m\"}".to_owned()),
        1 => "\\PC{0,20}",
        1 => (FRAGMENT_BYTES_MAX - 2..FRAGMENT_BYTES_MAX * 3).prop_map(|n| "ü".repeat(n / 2)),
    ]
    .prop_map(String::into_bytes);
    let raw = proptest::collection::vec(any::<u8>().prop_filter("no CR", |&b| b != b'\r'), 0..30);
    proptest::collection::vec(prop_oneof![6 => line, 1 => raw], 0..20)
        .prop_map(|it| it.join(&b'\n'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_byte_comes_out_whatever_the_reads_and_the_pauses_are(
        stream in streams(),
        cuts in proptest::collection::vec((1_usize..300_000, 0_u64..1200), 1..8),
        room in 1_usize..5,
    ) {
        let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
        let mut taker = Taker { room: Some(room), ..Taker::default() };
        let (mut rest, mut millis, mut turn) = (&stream[..], 0, cuts.iter().cycle());
        while !rest.is_empty() {
            let &(count, pause) = turn.next().unwrap();
            let (now, later) = rest.split_at(count.min(rest.len()));
            feed(&mut capture, now, at(millis), &mut taker);
            rest = later;
            millis += pause;
            capture.tick(at(millis), &mut taker);
        }
        taker.room = None;
        capture.finish(&mut taker);
        prop_assert_eq!(capture.bytes(), stream.len() as u64);
        prop_assert!(taker.taken.iter().all(|it| it.bytes.len() <= FRAGMENT_BYTES_MAX));
        prop_assert!(taker.taken.iter().all(|it| !it.loses));
        assert_tiles(&taker.taken, 0, &stream);
    }

    #[test]
    fn with_carriage_returns_nothing_but_replaced_states_is_left_out(
        stream in "[ab\r\n ]{0,60}",
        cuts in proptest::collection::vec((1_usize..9, 0_u64..1200), 1..8),
    ) {
        let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
        let mut taker = Taker::default();
        let (mut rest, mut millis, mut turn) = (stream.as_bytes(), 0, cuts.iter().cycle());
        while !rest.is_empty() {
            let &(count, pause) = turn.next().unwrap();
            let (now, later) = rest.split_at(count.min(rest.len()));
            feed(&mut capture, now, at(millis), &mut taker);
            rest = later;
            millis += pause;
            capture.tick(at(millis), &mut taker);
        }
        capture.finish(&mut taker);
        assert_tiles(&taker.taken, 0, stream.as_bytes());
        // And every state is kept or counted.
        let states = |text: &str| text.split(['\r', '\n']).filter(|it| !it.is_empty()).count();
        let kept: usize = taker.taken.iter().map(|piece| {
            let replaced = if let Form::Progress { replaced } = piece.form { replaced } else { 0 };
            states(&String::from_utf8_lossy(&piece.bytes)) + usize::try_from(replaced).unwrap()
        }).sum();
        prop_assert_eq!(kept, states(&stream));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn ranges_tile_any_stream_and_whoever_goes_on_gives_the_rest(
        parts in proptest::collection::vec(prop_oneof![
            30 => proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..12),
            20 => "[ab\r\n ]{0,20}".prop_map(String::into_bytes),
            1 => (1_usize..3, prop_oneof![Just(b'\r'), Just(b'x'), Just(0xff)])
                .prop_map(|(n, byte)| vec![byte; n * (FRAGMENT_BYTES_MAX - 1)]),
        ], 0..12),
        cuts in proptest::collection::vec((1_usize..300_000, 0_u64..1200), 1..8),
        small in any::<bool>(),
        died in 0_usize..30,
    ) {
        let stream = parts.concat();
        let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
        let mut taker = Taker::default();
        let (mut rest, mut millis, mut turn) = (&stream[..], 0, cuts.iter().cycle());
        while !rest.is_empty() {
            let &(count, pause) = turn.next().unwrap();
            // Small reads of long streams would take all day.
            let count = if small && stream.len() < 1000 { 1 + count % 5 } else { count };
            let (now, later) = rest.split_at(count.min(rest.len()));
            feed(&mut capture, now, at(millis), &mut taker);
            rest = later;
            millis += pause;
            capture.tick(at(millis), &mut taker);
        }
        capture.finish(&mut taker);
        prop_assert_eq!(capture.consumed(), stream.len() as u64);
        assert_tiles(&taker.taken, 0, &stream);
        let gaps = taker.taken.iter().map(|it| it.span).max();
        prop_assert!(gaps.unwrap_or(0) <= 2 * READ_BYTES as u64 + PROGRESS_BYTES_MAX);

        // A capture that starts where some entry of the first one ended covers the rest.
        let mut stored = taker.taken;
        stored.truncate(died);
        let from = stored.iter().map(|it| it.span).sum::<u64>();
        let fragments = match stored.last().map(|it| it.form) {
            Some(Form::Fragment { number, last: false }) => number,
            _ => 0,
        };
        let mut second = Capture::going_on(Stream::Stdout, from, fragments);
        let mut taker = Taker::default();
        let from = usize::try_from(from).unwrap();
        feed(&mut second, &stream[from..], at(0), &mut taker);
        second.finish(&mut taker);
        assert_tiles(&taker.taken, from, &stream);
        prop_assert_eq!(second.bytes(), stream.len() as u64);
        if let (Some(first), true) = (taker.taken.first(), 0 < fragments) {
            let goes_on = matches!(first.form, Form::Fragment { number, .. } if number == fragments + 1);
            prop_assert!(goes_on);
        }
    }
}

#[test]
fn a_line_that_waits_goes_before_what_comes_on_the_other_stream() {
    let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
    let mut taker = Taker::default();
    feed(&mut capture, b"reading\n", at(0), &mut taker);
    capture.go_before(at(0), &mut taker);
    assert_eq!(taker.taken.len(), 0, "at the same moment nobody knows who was first");
    capture.go_before(at(5), &mut taker);
    assert_eq!(taker.taken.len(), 1);
    feed(&mut capture, b"Traceback (most recent call last):\n", at(6), &mut taker);
    capture.go_before(at(9), &mut taker);
    assert_eq!(taker.taken.len(), 1, "a crash report stays in one piece");
}
