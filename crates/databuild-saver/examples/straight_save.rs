//! The obvious program, to be compared with: each line is parsed into types of its own, the runs are merged
//! by time, and each log line is formatted and written by one write into the file of its run, which is renamed
//! at 10 MB. It uses nothing of ours, on purpose, keeps no checkpoint and syncs nothing.
//!
//! `straight_save BASE FILE…`

use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Entry {
    timestamp: String,
    content: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Log(Log),
    Metric(serde::de::IgnoredAny),
    JobEvent(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Log {
    level: String,
    message: String,
    fields: BTreeMap<String, String>,
}

struct Output {
    path: PathBuf,
    file: File,
    bytes: u64,
    rolled: u32,
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Output {
    fn write(&mut self, line: &str) -> std::io::Result<()> {
        if 10_000_000 < self.bytes + line.len() as u64 {
            let archive = self.path.with_extension(format!("{}.log", self.rolled));
            #[expect(clippy::disallowed_methods, reason = "the obvious program")]
            std::fs::rename(&self.path, archive)?;
            self.file = open(&self.path)?;
            (self.bytes, self.rolled) = (0, self.rolled + 1);
        }
        self.bytes += line.len() as u64;
        self.file.write_all(line.as_bytes())
    }
}

fn next(lines: &mut Lines<BufReader<File>>) -> Result<Option<Entry>, Box<dyn Error>> {
    let Some(line) = lines.next() else { return Ok(None) };
    Ok(Some(serde_json::from_str(&line?)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let base = args.next().ok_or("usage: straight_save BASE FILE…")?;
    let mut inputs = Vec::new();
    let mut outputs = Vec::new();
    let mut heads = BinaryHeap::new();
    let mut entries: Vec<Option<Entry>> = Vec::new();
    for (number, path) in args.enumerate() {
        let mut lines = BufReader::new(File::open(&path)?).lines();
        let path = base.join(path.file_stem().ok_or("no name")?).with_extension("log");
        outputs.push(Output { file: open(&path)?, path, bytes: 0, rolled: 0 });
        let first = next(&mut lines)?;
        heads.extend(first.as_ref().map(|entry| Reverse((entry.timestamp.clone(), number))));
        entries.push(first);
        inputs.push(lines);
    }
    while let Some(Reverse((_, number))) = heads.pop() {
        let (Some(lines), Some(slot), Some(output)) =
            (inputs.get_mut(number), entries.get_mut(number), outputs.get_mut(number))
        else {
            break;
        };
        if let Some(entry) = slot.take()
            && let Content::Log(log) = entry.content
        {
            let field = |name: &str| log.fields.get(name).map_or("", String::as_str);
            let time = entry.timestamp.replace('T', " ").replace('.', ",");
            let time = time.get(..23).unwrap_or(&time);
            let (level, thread) = (&log.level, field("thread"));
            let line = format!("{time} {level:<5} [{thread}]  - {}\n", log.message);
            output.write(&line)?;
        }
        *slot = next(lines)?;
        heads.extend(slot.as_ref().map(|entry| Reverse((entry.timestamp.clone(), number))));
    }
    Ok(())
}
