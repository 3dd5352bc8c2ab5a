//! Records with a checksum, one after the other: what makes a torn tail visible.
//!
//! A record is `length u32 | crc32 u32 | kind u8 | payload`, numbers little-endian; the length is
//! that of the payload, the checksum covers kind and payload. Zeros, as a power cut may leave them at
//! the end of a file, are not a record: the checksum of an empty payload of kind 0 is not 0.

use crate::limits;

/// Bytes of a record before its payload.
pub const HEAD_BYTES: usize = 9;

/// Appends a record to `out`. A payload beyond [`limits::RECORD_BYTES_MAX`] would be unreadable;
/// writers keep below it by construction.
pub fn write_record(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= limits::RECORD_BYTES_MAX);
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&checksum(kind, payload).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}

/// A whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it begins.
    pub offset: usize,
    /// Where the next one begins.
    pub end: usize,
    /// Which type of record.
    pub kind: u8,
    /// Its content.
    pub payload: &'a [u8],
}

/// The record that begins at `offset`; nothing at the end of the bytes, and nothing when what is
/// there is not whole.
pub fn read_record(bytes: &[u8], offset: usize) -> Option<Record<'_>> {
    let rest = bytes.get(offset..)?;
    let (head, rest) = rest.split_at_checked(HEAD_BYTES)?;
    let (len, head) = head.split_first_chunk::<4>()?;
    let (crc, kind) = head.split_first_chunk::<4>()?;
    let &[kind] = kind else { return None };
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    if limits::RECORD_BYTES_MAX < len {
        return None;
    }
    let payload = rest.get(..len)?;
    (checksum(kind, payload) == u32::from_le_bytes(*crc)).then_some(Record {
        offset,
        end: offset + HEAD_BYTES + len,
        kind,
        payload,
    })
}

/// The records from `offset` on, up to the first that is not whole.
pub fn records(bytes: &[u8], offset: usize) -> impl Iterator<Item = Record<'_>> {
    let mut at = offset;
    std::iter::from_fn(move || {
        let record = read_record(bytes, at)?;
        at = record.end;
        Some(record)
    })
}

#[cfg(test)]
mod tests;
