//! The bytes of a run that are written and not durable yet, kept in case that the disk loses them.

use crate::limits;

/// Buffers that runs gave back, for others: what hundreds of runs say in a second would otherwise be
/// memory that the kernel clears anew, second after second.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<Vec<u8>>);

impl Spare {
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() != 0 && self.0.len() < limits::RETAINED_SPARE_MAX {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

/// What was written since the last sync, as long as it is little. When it is more, the kernel's memory
/// is asked for it, and the spool has it.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// Nothing if there was too much.
    bytes: Option<Vec<u8>>,
    /// Where in the file `bytes` begin.
    from: u64,
    /// Where the file ends.
    to: u64,
}

impl Retained {
    /// Nothing is retained of a file of `size` bytes, of which `synced` are durable.
    pub(super) fn new(size: u64, synced: u64) -> Self {
        Retained { bytes: (size == synced).then(Vec::new), from: size, to: size }
    }

    /// These bytes come next.
    pub(super) fn push(&mut self, bytes: &[u8], spare: &mut Spare) {
        self.to += bytes.len() as u64;
        match &mut self.bytes {
            Some(kept) if kept.len() + bytes.len() <= limits::RETAINED_BYTES_MAX => {
                if kept.capacity() == 0 && !bytes.is_empty() {
                    *kept = spare.take();
                }
                kept.extend_from_slice(bytes);
            }
            Some(_) | None => {
                if let Some(kept) = self.bytes.take() {
                    spare.give(kept);
                }
            }
        }
    }

    /// Everything up to `synced` is durable.
    pub(super) fn synced(&mut self, synced: u64, spare: &mut Spare) {
        match &mut self.bytes {
            Some(kept) => {
                let gone = usize::try_from(synced.saturating_sub(self.from)).unwrap_or(usize::MAX);
                kept.drain(..gone.min(kept.len()));
                self.from = synced.max(self.from);
                if kept.is_empty() {
                    // A run that is silent holds no memory.
                    spare.give(std::mem::take(kept));
                }
            }
            None if synced == self.to => *self = Retained::new(synced, synced),
            None => {}
        }
    }

    /// The end of the file as far as it is kept, and where that begins.
    pub(super) fn tail(&self) -> (&[u8], u64) {
        match &self.bytes {
            Some(kept) => (kept, self.from),
            None => (&[], self.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Retained, Spare};
    use crate::limits::RETAINED_BYTES_MAX;

    #[test]
    fn what_is_durable_is_let_go() {
        let spare = &mut Spare::default();
        let mut kept = Retained::new(10, 10);
        kept.push(b"abc", spare);
        kept.push(b"def", spare);
        assert_eq!(kept.tail(), (&b"abcdef"[..], 10));
        kept.synced(12, spare);
        assert_eq!(kept.tail(), (&b"cdef"[..], 12));
        kept.synced(16, spare);
        assert_eq!(kept.tail(), (&b""[..], 16));
    }

    #[test]
    fn too_much_is_not_kept_and_what_comes_after_a_sync_is() {
        let spare = &mut Spare::default();
        let mut kept = Retained::new(0, 0);
        let much = vec![b'a'; RETAINED_BYTES_MAX];
        kept.push(&much, spare);
        kept.push(b"b", spare);
        let end = RETAINED_BYTES_MAX as u64 + 1;
        assert_eq!(kept.tail(), (&b""[..], end));
        kept.synced(end - 1, spare);
        kept.push(b"c", spare);
        assert_eq!(kept.tail(), (&b""[..], end + 1), "there would be a hole");
        kept.synced(end + 1, spare);
        kept.push(b"d", spare);
        assert_eq!(kept.tail(), (&b"d"[..], end + 1));
    }

    #[test]
    fn a_file_that_is_not_durable_is_not_kept() {
        let spare = &mut Spare::default();
        let mut kept = Retained::new(10, 5);
        kept.push(b"a", spare);
        assert_eq!(kept.tail(), (&b""[..], 11));
    }

    #[test]
    fn a_buffer_that_one_run_gives_back_is_the_next_ones() {
        let spare = &mut Spare::default();
        let mut kept = Retained::new(0, 0);
        kept.push(b"abc", spare);
        let given = kept.tail().0.as_ptr();
        kept.synced(3, spare);
        let mut other = Retained::new(7, 7);
        other.push(b"de", spare);
        assert_eq!(other.tail(), (&b"de"[..], 7));
        assert_eq!(other.tail().0.as_ptr(), given);
    }
}
