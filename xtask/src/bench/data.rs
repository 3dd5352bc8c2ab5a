//! Input for benches and instruction counts: made up, like what jobs print, and the same each time.

use std::fmt::{Arguments, Write};

/// Mean time between two lines of a log.
const STEP_MICROSECONDS: u64 = 1_000;
/// 10:00:00 of the day of all entries.
const START_SECONDS: u64 = 36_000;

const COMPONENTS: &[&str] = &[
    "reader",
    "parser",
    "join",
    "writer",
    "checkpoint",
    "http.client",
    "storage.block",
    "planner",
];
const MESSAGES: &[&str] = &[
    "read block # of file part-# in # ms, # rows so far",
    "received response # from 10.#.#.#:# for request # after # ms",
    "task # on stage # finished: # records, # bytes shuffled, gc time # ms",
    "cache hit for key user/#/profile, age # s, size # bytes",
    "opening connection # of pool orders to db-#.internal, # idle, # busy",
    "wrote partition # with # rows to s3://bucket/clean/date=2025-01-#/part-#.parquet",
    "retrying upload of part # (attempt #): connection reset by peer after # bytes",
    "skipped record #: field amount is \\\"#,#\\\" and not a number",
    "merged # runs into one of # bytes, # duplicates dropped",
    "heartbeat of worker # is # ms late, last seen block #",
];

/// Numbers that look random and are the same for the same seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.below(u64::try_from(words.len()).unwrap_or(1));
        usize::try_from(at).ok().and_then(|at| words.get(at)).copied().unwrap_or_default()
    }

    fn level(&mut self) -> &'static str {
        match self.below(1000) {
            0..15 => "ERROR",
            15..60 => "WARN",
            60..140 => "DEBUG",
            _ => "INFO",
        }
    }

    fn message(&mut self) -> String {
        let mut message = String::new();
        for (i, part) in self.of(MESSAGES).split('#').enumerate() {
            if i > 0 {
                // Half of the numbers of a log are few; the others are new each time.
                let bound = if self.below(2) == 0 { 256 } else { 10_000_000 };
                append(&mut message, format_args!("{}", self.below(bound)));
            }
            message.push_str(part);
        }
        message
    }
}

/// At least `bytes` of entries of one run, in order, as the wrapper writes them: about 360 bytes a
/// line, 92 % logs, 5 % metrics, 3 % events.
pub(crate) fn entries(run: &str, seed: u64, bytes: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = String::with_capacity(bytes + 1024);
    let (mut sequence, mut offset, mut micros) = (0_u64, 0_u64, 0_u64);
    while text.len() < bytes {
        sequence += 1;
        micros += dice.below(2 * STEP_MICROSECONDS);
        let head = format_args!(
            "{{\"timestamp\":\"{}\",\"job_id\":\"{run}\",\"outputs\":[{{\"path\":\"clean/date=2025-01-27\"}}],\
             \"sequence_number\":{sequence},\"content\":",
            time(micros)
        );
        append(&mut text, head);
        append(&mut text, format_args!("{}}}\n", content(&mut dice, offset)));
        offset += 150;
    }
    text.into_bytes()
}

fn content(dice: &mut Dice, offset: u64) -> String {
    match dice.below(100) {
        0..3 => format!(
            "{{\"job_event\":{{\"event_type\":\"heartbeat\",\"metadata\":{{\"memory_mb\":\"{}\",\"cpu_seconds\":\"{}\"}}}}}}",
            dice.below(4000),
            dice.below(900)
        ),
        3..8 => format!(
            "{{\"metric\":{{\"name\":\"rows_processed\",\"value\":{},\"labels\":{{\"stage\":\"{}\"}},\"unit\":\"rows\"}}}}",
            dice.below(1_000_000),
            dice.of(COMPONENTS)
        ),
        _ => format!(
            "{{\"log\":{{\"level\":\"{}\",\"message\":\"{}\",\"fields\":{{\"component\":\"{}\",\"thread\":\"worker-{}\"}},\
             \"stream\":\"stdout\",\"offset\":{offset}}}}}",
            dice.level(),
            dice.message(),
            dice.of(COMPONENTS),
            dice.below(16)
        ),
    }
}

/// At least `bytes` of what a job prints: about 150 bytes a line.
pub(crate) fn plain_lines(seed: u64, bytes: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = String::with_capacity(bytes + 1024);
    let mut micros = 0;
    while text.len() < bytes {
        micros += dice.below(2 * STEP_MICROSECONDS);
        let line = format_args!(
            "{} {} [worker-{}] org.example.{}: {}\n",
            time(micros),
            dice.level(),
            dice.below(16),
            dice.of(COMPONENTS),
            dice.message().replace('\\', "")
        );
        append(&mut text, line);
    }
    text.into_bytes()
}

/// RFC 3339 of so many microseconds after the start; a day's end begins the same day again.
fn time(micros: u64) -> String {
    let of_day = (START_SECONDS + micros / 1_000_000) % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("2025-01-27T{hour:02}:{minute:02}:{second:02}.{:06}000Z", micros % 1_000_000)
}

fn append(text: &mut String, what: Arguments<'_>) {
    // Writing to a String does not fail.
    text.write_fmt(what).ok();
}
