//! Where the wrapper of a run has to go on, told by the stored entries alone.

use super::facts::{LineReader, Looked};
use super::{RunPaths, seal_of};
use crate::format::RunRecord;
use crate::fs::{self, Fs, FsFile};
use crate::limits;
use databuild_model::entry::{Content, Kind, Stream, field};
use databuild_model::ids::JobRunId;
use databuild_model::json;
use databuild_model::spool::{self, Resume};
use databuild_model::time::Day;
use std::io;
use std::path::{Path, PathBuf};

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It has ended: its file is sealed.
    #[error("job run {run} has ended; its logs are sealed")]
    Sealed {
        /// The run.
        run: JobRunId,
        /// Its seal.
        record: Box<RunRecord>,
    },
    /// Somebody is writing its file.
    #[error("somebody writes {path}")]
    Live {
        /// The file.
        path: PathBuf,
    },
    /// A file of it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Where to go on with `run`. What stands behind the last line feed is not looked at: it is cut off
/// before the next line is stored.
pub(crate) fn point(
    fs: &dyn Fs,
    logs_dir: &Path,
    day: Day,
    run: &JobRunId,
) -> Result<Resume, ResumeError> {
    let paths = RunPaths::new(logs_dir, day, run);
    let failed = |source| ResumeError::Read { path: paths.entries.clone(), source };
    let file = match fs.open_read(&paths.entries) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Fold::new(run.clone()).finish());
        }
        file => file.map_err(failed)?,
    };
    if file.is_locked().map_err(failed)? {
        return Err(ResumeError::Live { path: paths.entries.clone() });
    }
    if let Some(record) = seal_of(fs, &paths, file.size().map_err(failed)?).map_err(failed)? {
        return Err(ResumeError::Sealed { run: run.clone(), record: Box::new(record) });
    }
    fold(file.as_ref(), run).map_err(failed)
}

fn fold(file: &dyn FsFile, run: &JobRunId) -> io::Result<Resume> {
    let mut fold = Fold::new(run.clone());
    let mut chunk = vec![0; limits::READ_BYTES_MAX];
    let (mut rest, mut offset) = (Vec::new(), 0);
    loop {
        let got = fs::read_full_at(file, &mut chunk, offset)?;
        let Some(read) = chunk.get(..got).filter(|read| !read.is_empty()) else { break };
        offset += got as u64;
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', read) {
            let piece = read.get(from..at).unwrap_or_default();
            if rest.is_empty() {
                fold.line(piece);
            } else {
                rest.extend_from_slice(piece);
                fold.line(&rest);
                rest.clear();
            }
            from = at + 1;
        }
        rest.extend_from_slice(read.get(from..).unwrap_or_default());
    }
    Ok(fold.finish())
}

/// What the lines so far tell.
struct Fold {
    lines: LineReader,
    last_sequence: u64,
    /// The last line of each stream; read when it is known to be the last.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    resume: Resume,
}

impl Fold {
    fn new(run: JobRunId) -> Fold {
        let resume = Resume { version: spool::VERSION, ..Resume::default() };
        let lines = LineReader::new(run);
        Fold { lines, last_sequence: 0, stdout: Vec::new(), stderr: Vec::new(), resume }
    }

    fn line(&mut self, line: &[u8]) {
        let looked = self.lines.look(line);
        let Some(facts) = looked.facts().filter(|facts| !facts.foreign && facts.sequence != 0)
        else {
            return;
        };
        self.last_sequence = self.last_sequence.max(facts.sequence);
        match facts.kind {
            Kind::Log | Kind::Metric => match stream_of(line) {
                Some(Stream::Stdout) => line.clone_into(&mut self.stdout),
                Some(Stream::Stderr) => line.clone_into(&mut self.stderr),
                None => self.measurement(line),
            },
            Kind::Event => self.event(&looked),
            Kind::Manifest => self.resume.manifest = true,
        }
    }

    fn measurement(&mut self, line: &[u8]) {
        if let Ok((entry, _)) = json::read_entry(line)
            && let Content::Metric(point) = entry.content
        {
            insert(&mut self.resume.measurements, &point.name);
        }
    }

    fn event(&mut self, looked: &Looked<'_>) {
        match looked {
            Looked::Scanned(_, scan) => {
                insert(&mut self.resume.events, scan.event_type.unwrap_or_default());
            }
            Looked::Read(_, entry) => {
                if let Content::JobEvent(event) = &entry.content {
                    insert(&mut self.resume.events, &event.event_type);
                }
            }
            Looked::Refused(_) => {}
        }
    }

    fn finish(mut self) -> Resume {
        let (stdout, stderr) = (consumed(&self.stdout), consumed(&self.stderr));
        (self.resume.stdout_consumed, self.resume.stdout_fragments) = stdout;
        (self.resume.stderr_consumed, self.resume.stderr_fragments) = stderr;
        self.resume.next_sequence = self.last_sequence + 1;
        self.resume
    }
}

fn insert(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// Which stream a stored line is of. Within a text the quotes would be escaped.
fn stream_of(line: &[u8]) -> Option<Stream> {
    let has = |text: &[u8]| memchr::memmem::find(line, text).is_some();
    if has(b"\"stream\":\"stdout\"") {
        Some(Stream::Stdout)
    } else {
        has(b"\"stream\":\"stderr\"").then_some(Stream::Stderr)
    }
}

/// Bytes of the stream up to the end of this entry, and the fragments of the line that goes on there.
fn consumed(line: &[u8]) -> (u64, u64) {
    let Ok((entry, _)) = json::read_entry(line) else { return (0, 0) };
    let (fields, offset, unknown) = match &entry.content {
        Content::Log(log) => (Some(&log.fields), log.offset, &log.unknown),
        Content::Metric(point) => (None, None, &point.unknown),
        Content::JobEvent(_) | Content::Manifest(_) => return (0, 0),
    };
    let number = |key: &str| {
        let found = unknown.0.iter().find(|(name, _)| name == key);
        found.and_then(|(_, value)| value.get().parse::<u64>().ok())
    };
    let offset = offset.or_else(|| number("offset")).unwrap_or_default();
    let end = offset.saturating_add(number("bytes").unwrap_or_default());
    let open = fields.filter(|fields| fields.get(field::FRAGMENT_LAST).is_none());
    let fragment = open.and_then(|fields| fields.get(field::FRAGMENT)?.parse().ok());
    (end, fragment.unwrap_or_default())
}

#[cfg(test)]
mod tests;
