//! Stores made for tests: lines as they may stand in a file, and an index of them with blocks small
//! enough that every boundary is met.

use crate::format::index::{IndexHeader, write_block, write_header, write_seal};
use crate::format::{Block, IndexRow, Posting, RunRecord};
use crate::fs::{Fs, FsFile, OsFs};
use crate::read::{LogReader, ReaderOptions};
use crate::store::facts::LineReader;
use databuild_model::cause::run_end;
use databuild_model::clock::Clock;
use databuild_model::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, WrapperJobEvent, event,
};
use databuild_model::ids::JobRunId;
use databuild_model::json::{read_entry, write_entry};
use databuild_model::level::Level;
use databuild_model::time::{Day, Timestamp};
use proptest::prelude::*;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Blocks of the generated indexes end after so many bytes.
const BLOCK_BYTES: usize = 300;

/// A run of version 7 whose id says 2025-01-27.
pub(crate) fn run_id() -> JobRunId {
    JobRunId::parse("0194a725-3a80-7e4f-8a5b-6c7d8e9f0a1b").unwrap()
}

pub(crate) fn day() -> Day {
    Day::parse("2025-01-27").unwrap()
}

/// What a file holds: whole lines, then a piece of one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) torn: Vec<u8>,
}

/// What there is of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IndexIs {
    Missing,
    /// So many thousandths of the blocks.
    Live(usize),
    /// A sealed one, cut after so many thousandths of its bytes.
    Torn(usize),
    Sealed,
}

impl Sample {
    pub(crate) fn bytes(&self, index: IndexIs) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        if !matches!(index, IndexIs::Sealed) {
            bytes.extend_from_slice(&self.torn);
        }
        bytes
    }
}

/// A store in a folder of its own, and a clock to read it by.
pub(crate) struct Store {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    reader: OnceLock<LogReader>,
}

#[derive(Default)]
pub(crate) struct TestClock {
    wall: AtomicI64,
}

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(self.wall.load(Ordering::SeqCst))
    }
    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

impl Store {
    pub(crate) fn empty() -> Store {
        Store {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(TestClock::default()),
            reader: OnceLock::new(),
        }
    }

    /// A store with one run. Its clock is far ahead, so that no file is new.
    pub(crate) fn with(sample: &Sample, index: IndexIs) -> Store {
        let store = Store::empty();
        store.clock.wall.store(i64::MAX, Ordering::SeqCst);
        store.write(&sample.bytes(index));
        if let Some(bytes) = index_of(sample, index) {
            store.write_index(&bytes);
        }
        store
    }

    pub(crate) fn path_of(&self, run: &JobRunId, suffix: &str) -> PathBuf {
        let folder = self.folder.path().join(day().to_string());
        std::fs::create_dir_all(&folder).unwrap();
        folder.join(format!("{run}{suffix}"))
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path_of(&run_id(), ".jsonl"), bytes).unwrap();
    }

    pub(crate) fn write_index(&self, bytes: &[u8]) {
        std::fs::write(self.path_of(&run_id(), ".idx"), bytes).unwrap();
    }

    pub(crate) fn append(&self, bytes: &[u8]) {
        let path = self.path_of(&run_id(), ".jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// The writer's lock, held as long as the file.
    pub(crate) fn lock(&self) -> Box<dyn FsFile> {
        let file = OsFs.open_append(&self.path_of(&run_id(), ".jsonl")).unwrap();
        assert!(file.try_lock().unwrap());
        file
    }

    pub(crate) fn set_wall_to_now(&self) {
        let path = self.path_of(&run_id(), ".jsonl");
        let modified = OsFs.open_read(&path).unwrap().modified().unwrap();
        self.clock.wall.store(modified, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.wall.fetch_add(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    /// A reader with a small cache, the same one each time.
    pub(crate) fn reader(&self) -> LogReader {
        let make = || {
            let options = ReaderOptions {
                logs_dir: self.folder.path().to_owned(),
                cache_runs: 4,
                cache_bytes: 1 << 20,
            };
            LogReader::new(options, Arc::new(OsFs), self.clock.clone())
        };
        self.reader.get_or_init(make).clone()
    }
}

/// The bytes of an index of `sample`.
pub(crate) fn index_of(sample: &Sample, index: IndexIs) -> Option<Vec<u8>> {
    let header = IndexHeader {
        job_run_id: run_id(),
        job_label: None,
        job_type: None,
        app: None,
        build_id: None,
    };
    let mut out = Vec::new();
    write_header(&header, &mut out);
    let (blocks, record) = blocks_of(&sample.lines);
    match index {
        IndexIs::Missing => return None,
        IndexIs::Live(part) => {
            let some = blocks.len() * part / 1000;
            blocks[..some].iter().for_each(|block| write_block(block, &mut out));
        }
        IndexIs::Torn(part) => {
            blocks.iter().for_each(|block| write_block(block, &mut out));
            write_seal(&record, &mut out);
            out.truncate(out.len() * part / 1000);
        }
        IndexIs::Sealed => {
            blocks.iter().for_each(|block| write_block(block, &mut out));
            write_seal(&record, &mut out);
        }
    }
    Some(out)
}

fn blocks_of(lines: &[Vec<u8>]) -> (Vec<Block>, RunRecord) {
    let (mut blocks, mut record) = (Vec::<Block>::new(), RunRecord::default());
    let mut reader = LineReader::new(run_id());
    for line in lines {
        if blocks.last().is_none_or(|block| BLOCK_BYTES as u64 <= block.row.bytes) {
            let row = IndexRow {
                offset: record.bytes,
                first_line: record.entries,
                min_time: Timestamp::MAX,
                max_time: Timestamp::MIN,
                ..IndexRow::default()
            };
            blocks.push(Block { row, postings: Vec::new() });
        }
        let block = blocks.last_mut().unwrap();
        if let Ok((entry, _)) = read_entry(line) {
            add(block, &mut record, &entry);
        }
        block.row.entries += 1;
        block.row.bytes += line.len() as u64 + 1;
        record.entries += 1;
        record.bytes += line.len() as u64 + 1;
        record.end = reader.look(line).facts().and_then(|facts| facts.end.as_deref().copied());
    }
    for block in &mut blocks {
        if block.row.max_time < block.row.min_time {
            // No entry in it: any time is as good.
            (block.row.min_time, block.row.max_time) = Default::default();
        }
    }
    (blocks, record)
}

fn add(block: &mut Block, record: &mut RunRecord, entry: &JobLogEntry) {
    let (line, offset) = (record.entries, record.bytes);
    let time = entry.timestamp;
    let row = &mut block.row;
    row.min_time = row.min_time.min(time);
    row.max_time = row.max_time.max(time);
    row.max_sequence = row.max_sequence.max(entry.sequence_number);
    let low = if row.min_sequence == 0 { u64::MAX } else { row.min_sequence };
    row.min_sequence =
        low.min(if entry.sequence_number == 0 { low } else { entry.sequence_number });
    if row.min_sequence == u64::MAX {
        row.min_sequence = 0;
    }
    row.kind_counts[entry.content.kind() as usize] += 1;
    record.kind_counts[entry.content.kind() as usize] += 1;
    record.last_sequence = record.last_sequence.max(entry.sequence_number);
    record.first_time = Some(record.first_time.map_or(time, |first| first.min(time)));
    record.last_time = Some(record.last_time.map_or(time, |last| last.max(time)));
    if let Content::Log(log) = &entry.content {
        row.level_counts[log.level as usize] += 1;
        record.level_counts[log.level as usize] += 1;
        if Level::Warn <= log.level {
            block.postings.push(Posting { line, offset, level: log.level });
        }
        if Level::Error <= log.level && record.first_error_line.is_none() {
            record.first_error_line = Some(line);
        }
    }
}

pub(crate) fn level_of(entry: &JobLogEntry) -> Option<Level> {
    match &entry.content {
        Content::Log(log) => Some(log.level),
        Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
    }
}

pub(crate) fn line_of(time: i64, sequence: i64, content: Content) -> Vec<u8> {
    let sequence = u64::try_from(sequence).unwrap();
    let entry = JobLogEntry::new(Timestamp::from_nanos(time), run_id(), sequence, content);
    let mut out = Vec::new();
    write_entry(&entry, &mut out);
    out
}

pub(crate) fn log_line(time: i64, sequence: i64, level: Level, message: &str) -> Vec<u8> {
    line_of(time, sequence, Content::Log(LogMessage::new(level, message)))
}

pub(crate) fn metric_line(sequence: i64, name: &str, value: f64) -> Vec<u8> {
    line_of(sequence, sequence, Content::Metric(MetricPoint::new(name, value, "rows")))
}

pub(crate) fn run_end_line(sequence: i64, complete: bool) -> Vec<u8> {
    let facts =
        [(run_end::CAUSE, "success"), (run_end::COMPLETE, if complete { "true" } else { "false" })];
    let end = WrapperJobEvent::new(event::RUN_END, facts.into_iter().collect::<Fields>());
    line_of(sequence, sequence, Content::JobEvent(end))
}

/// Lines as they may stand in a file: mostly ours, some by other wrappers, few that are no entries.
pub(crate) fn entry_lines() -> impl Strategy<Value = Vec<u8>> {
    let word = || {
        prop::sample::select(vec![
            "row 10", "bad ä", "Bad\nrow", "a\"o", "\\", "KK", "k", "x\ty", "aäo", "",
        ])
    };
    let fields = || prop::collection::vec((word(), word()), 0..3);
    let level = prop::sample::select(Level::ALL.to_vec());
    let content = prop_oneof![
        5 => (level.clone(), word(), fields()).prop_map(|(level, message, fields)| {
            let mut log = LogMessage::new(level, message);
            log.fields = fields.into_iter().collect();
            Content::Log(log)
        }),
        1 => (word(), fields()).prop_map(|(name, labels)| {
            let mut metric = MetricPoint::new(name, 1.5, "rows");
            metric.labels = labels.into_iter().collect();
            Content::Metric(metric)
        }),
        1 => (word(), fields()).prop_map(|(name, facts)| {
            Content::JobEvent(WrapperJobEvent::new(name, facts.into_iter().collect()))
        }),
    ];
    let ours = (0..400_i64, 0..60_i64, content)
        .prop_map(|(time, sequence, content)| line_of(time, sequence, content));
    let id = run_id();
    let others = (0..400_i64, prop::sample::select(vec!["error", "WARNING", "info", "17", "loud"]), word())
        .prop_map(move |(time, level, message)| {
            let time = Timestamp::from_nanos(time);
            let message = message.replace('\\', "\\\\").replace('"', "\\u0022").replace(['\n', '\t'], "\\n");
            format!(
                r#" {{"job_id" : "{id}", "log":{{"message":"{message}","n":5,"level":"{level}"}}, "timestamp":"{time}"}} "#
            )
            .into_bytes()
        });
    let broken = prop::sample::select(vec![
        b"".to_vec(),
        b"{}".to_vec(),
        b"nonsense".to_vec(),
        b"{\"timestamp\":\"".to_vec(),
        vec![0xff, 0xfe, b'{'],
    ]);
    prop_oneof![8 => ours, 2 => others, 1 => broken]
}
