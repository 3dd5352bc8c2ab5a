//! The record of a run: what its seal says, and what a reader of the seal alone can tell.

use super::bytes::{Reader, Writer};
use databuild_model::cause::Cause;
use databuild_model::ids::{AppName, BuildId, JobLabel};
use databuild_model::time::Timestamp;

/// What is known of a finished run file: counts over exactly the bytes that [`RunRecord::blake3`]
/// stands for, and how the run ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunRecord {
    /// The job, if known.
    pub job_label: Option<JobLabel>,
    /// The kind of job, if known.
    pub job_type: Option<String>,
    /// Whose logs these are, if known.
    pub app: Option<AppName>,
    /// The build, if known.
    pub build_id: Option<BuildId>,
    /// Lines of the file; each is an entry.
    pub entries: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Log entries by level; the place is that of `Level::ALL`.
    pub level_counts: [u64; 6],
    /// Entries by kind; the place is that of `Kind::ALL`.
    pub kind_counts: [u64; 4],
    /// The highest sequence number seen.
    pub last_sequence: u64,
    /// Lines that were not entries and are kept as text, and entries of another run.
    pub malformed: u64,
    /// Times that a sequence number was not the one after the one before.
    pub sequence_gaps: u64,
    /// Entries left out because they came again after the run was gone on with: their sequence numbers
    /// were stored before. Not known any more once an index has been rebuilt.
    pub replayed: u64,
    /// Bytes cut off the end because they were not a whole line.
    pub torn_bytes: u64,
    /// The earliest timestamp.
    pub first_time: Option<Timestamp>,
    /// The latest timestamp.
    pub last_time: Option<Timestamp>,
    /// The line of the first entry of level ERROR or above, counted from 0.
    pub first_error_line: Option<u64>,
    /// BLAKE3 of the file.
    pub blake3: [u8; 32],
    /// What the `run_end` event said; nothing if there was none, so the wrapper was lost.
    pub end: Option<RunEnd>,
}

/// How a run ended, as its wrapper said in the `run_end` event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunEnd {
    /// The exit code, where there is one.
    pub exit_code: Option<i32>,
    /// The signal that ended the command, if one did.
    pub signal: Option<i32>,
    /// Why it ended.
    pub cause: Cause,
    /// Whether every byte that the wrapper read is in the entries.
    pub complete: bool,
    /// Seconds from launch to end.
    pub duration_seconds: f64,
}

impl RunRecord {
    /// Whether the file holds all that the run said, in order, up to the end.
    pub fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| end.complete) && self.sequence_gaps == 0 && self.torn_bytes == 0
    }

    /// Appends the payload of a seal.
    pub fn write(&self, out: &mut Writer) {
        out.text_or_empty(self.job_label.as_ref().map(JobLabel::as_str));
        out.text_or_empty(self.job_type.as_deref());
        out.text_or_empty(self.app.as_ref().map(AppName::as_str));
        out.text_or_empty(self.build_id.as_ref().map(BuildId::as_str));
        for number in [self.entries, self.bytes]
            .iter()
            .chain(&self.level_counts)
            .chain(&self.kind_counts)
            .chain(&[self.last_sequence, self.malformed, self.sequence_gaps])
            .chain(&[self.replayed, self.torn_bytes])
        {
            out.varint(*number);
        }
        out.option(self.first_time.map(Timestamp::as_nanos));
        out.option(self.last_time.map(Timestamp::as_nanos));
        // Lines are far below 2^63: each has at least one byte.
        out.option(self.first_error_line.map(u64::cast_signed));
        out.0.extend_from_slice(&self.blake3);
        match &self.end {
            Some(end) => {
                out.u8(1);
                end.write(out);
            }
            None => out.u8(0),
        }
    }

    /// Reads the payload of a seal.
    pub fn read(input: &mut Reader<'_>) -> Option<RunRecord> {
        let mut record = RunRecord {
            job_label: optional(input.text()?, JobLabel::parse)?,
            job_type: Some(input.text()?.to_owned()).filter(|text| !text.is_empty()),
            app: optional(input.text()?, AppName::parse)?,
            build_id: optional(input.text()?, BuildId::parse)?,
            entries: input.varint()?,
            bytes: input.varint()?,
            ..RunRecord::default()
        };
        for count in record.level_counts.iter_mut().chain(&mut record.kind_counts) {
            *count = input.varint()?;
        }
        record.last_sequence = input.varint()?;
        record.malformed = input.varint()?;
        record.sequence_gaps = input.varint()?;
        record.replayed = input.varint()?;
        record.torn_bytes = input.varint()?;
        record.first_time = input.option()?.map(Timestamp::from_nanos);
        record.last_time = input.option()?.map(Timestamp::from_nanos);
        record.first_error_line = input.option()?.map(i64::cast_unsigned);
        record.blake3 = input.take(32)?.try_into().ok()?;
        record.end = match input.u8()? {
            0 => None,
            1 => Some(RunEnd::read(input)?),
            _ => return None,
        };
        Some(record)
    }
}

impl RunEnd {
    fn write(&self, out: &mut Writer) {
        out.option(self.exit_code.map(i64::from));
        out.option(self.signal.map(i64::from));
        out.text(self.cause.as_str());
        out.u8(u8::from(self.complete));
        out.0.extend_from_slice(&self.duration_seconds.to_le_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Option<RunEnd> {
        Some(RunEnd {
            exit_code: small(input.option()?)?,
            signal: small(input.option()?)?,
            cause: Cause::parse(input.text()?)?,
            complete: match input.u8()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            duration_seconds: f64::from_le_bytes(input.take(8)?.try_into().ok()?),
        })
    }
}

fn small(number: Option<i64>) -> Option<Option<i32>> {
    number.map(i32::try_from).transpose().ok()
}

/// An empty text is no name; any other must be a valid one.
pub(super) fn optional<T, E>(
    text: &str,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { parse(text.to_owned()).ok().map(Some) }
}
