//! The last dead letters of a pipeline, for people and REST.

use databuild_io::sink::{Sink, SinkError};
use databuild_saver::format::dead_letter::DeadLetter;

/// Read from the end of the file at once; a page of letters is mostly in the first piece.
const READ_BYTES: u64 = 1 << 20;

/// The last `count` letters of `pipeline`, oldest first, as they stand in the file and read. A line that is
/// no letter is passed over.
pub(crate) fn letters(
    home: &dyn Sink,
    pipeline: &str,
    count: usize,
) -> Result<Vec<(String, DeadLetter)>, SinkError> {
    let path = format!("{pipeline}/dead-letters.jsonl");
    let Some(stat) = home.stat(&path)? else { return Ok(Vec::new()) };
    let (mut tail, mut from) = (Vec::new(), stat.bytes);
    while 0 < from && tail.iter().filter(|byte| **byte == b'\n').count() <= count {
        let start = from.saturating_sub(READ_BYTES);
        let bytes = usize::try_from(from - start).unwrap_or(usize::MAX);
        let mut piece = home.read(&path, start, bytes)?;
        piece.append(&mut tail);
        (tail, from) = (piece, start);
    }
    let lines = tail.split(|byte| *byte == b'\n');
    let read = lines.filter_map(|line| {
        let text = std::str::from_utf8(line).ok()?;
        Some((text.to_owned(), DeadLetter::read(line)?))
    });
    let mut found: Vec<_> = read.collect();
    found.drain(..found.len().saturating_sub(count));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::letters;
    use databuild_io::sink::{LocalSink, Modes, Sink};
    use databuild_model::time::Timestamp;
    use databuild_saver::format::dead_letter::DeadLetter;

    #[test]
    fn the_last_ones_come_oldest_first() {
        let dir = tempfile::tempdir().unwrap();
        let home = LocalSink::open(dir.path(), Modes::default()).unwrap();
        assert!(letters(&home, "a", 2).unwrap().is_empty());
        let mut text = Vec::new();
        for place in 0..5 {
            let now = Timestamp::from_nanos(0);
            DeadLetter::new("a", "r", place, Some(b"{}"), "no", now).write(&mut text);
        }
        text.extend_from_slice(b"{\"torn");
        home.append_from("a/dead-letters.jsonl", 0).unwrap().append(&text).unwrap();
        let found = letters(&home, "a", 2).unwrap();
        let places: Vec<u64> = found.iter().map(|(_, letter)| letter.place).collect();
        assert_eq!(places, [3, 4]);
        assert_eq!(letters(&home, "a", 9).unwrap().len(), 5);
    }
}
