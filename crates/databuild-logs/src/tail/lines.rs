//! Whole lines of a run's file, as many as there is room for.

use crate::format::journal::BatchRecord;
use crate::fs::{self, Fs};
use crate::store::RunPaths;
use databuild_model::limits;
use std::io;
use std::path::{Path, PathBuf};

/// What is next of a stretch.
pub(super) enum Piece {
    /// Lines; `rest` if there are more.
    Lines {
        /// The lines.
        bytes: Vec<u8>,
        /// How many.
        lines: u64,
        /// There is more.
        rest: bool,
    },
    /// The file is gone, or is not what was journalled.
    Gone,
}

/// The lines of `batch` that follow its first `done` bytes, about `room` bytes of them but at least one.
///
/// The file is opened each time: a disk that failed makes the collector put another one in its place, and
/// what an old one still shows is suspect.
pub(super) fn read_piece(
    fs: &dyn Fs,
    logs_dir: &Path,
    batch: &BatchRecord,
    done: u64,
    room: usize,
) -> Result<Piece, (PathBuf, io::Error)> {
    let path = RunPaths::new(logs_dir, batch.day, &batch.job_run_id).entries;
    let left = batch.bytes.saturating_sub(done);
    if left == 0 {
        return Ok(Piece::Lines { bytes: Vec::new(), lines: 0, rest: false });
    }
    let read = || {
        let file = match fs.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Piece::Gone),
            file => file?,
        };
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let mut want = room.min(left);
        loop {
            let mut bytes = vec![0; want];
            let got = fs::read_full_at(file.as_ref(), &mut bytes, batch.offset + done)?;
            bytes.truncate(got);
            if let Some(last) = last_line_feed(&bytes, room) {
                bytes.truncate(last + 1);
                let lines = memchr::memchr_iter(b'\n', &bytes).count() as u64;
                let rest = bytes.len() < left;
                return Ok(Piece::Lines { bytes, lines, rest });
            }
            if got < want || want == left || LINE_BYTES_MAX < want {
                return Ok(Piece::Gone);
            }
            want = want.saturating_mul(2).min(left);
        }
    };
    read().map_err(|error| (path.clone(), error))
}

/// The last one of the first `room` bytes; if there is none, the next one.
fn last_line_feed(bytes: &[u8], room: usize) -> Option<usize> {
    let within = bytes.get(..room).unwrap_or(bytes);
    memchr::memrchr(b'\n', within).or_else(|| memchr::memchr(b'\n', bytes))
}

/// A file without a line feed in so many bytes is none of ours.
const LINE_BYTES_MAX: usize = 4 * limits::ENTRY_LINE_BYTES_MAX;
