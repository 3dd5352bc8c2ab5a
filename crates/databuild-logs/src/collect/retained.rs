//! The bytes of a run that are written and not durable yet, kept in case that the disk loses them.

use crate::limits;

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
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.to += bytes.len() as u64;
        match &mut self.bytes {
            Some(kept) if kept.len() + bytes.len() <= limits::RETAINED_BYTES_MAX => {
                kept.extend_from_slice(bytes);
            }
            Some(_) | None => self.bytes = None,
        }
    }

    /// Everything up to `synced` is durable.
    pub(super) fn synced(&mut self, synced: u64) {
        match &mut self.bytes {
            Some(kept) => {
                let gone = usize::try_from(synced.saturating_sub(self.from)).unwrap_or(usize::MAX);
                kept.drain(..gone.min(kept.len()));
                self.from = synced.max(self.from);
                if kept.is_empty() {
                    // A run that is silent holds no memory.
                    *kept = Vec::new();
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
    use super::Retained;
    use crate::limits::RETAINED_BYTES_MAX;

    #[test]
    fn what_is_durable_is_let_go() {
        let mut kept = Retained::new(10, 10);
        kept.push(b"abc");
        kept.push(b"def");
        assert_eq!(kept.tail(), (&b"abcdef"[..], 10));
        kept.synced(12);
        assert_eq!(kept.tail(), (&b"cdef"[..], 12));
        kept.synced(16);
        assert_eq!(kept.tail(), (&b""[..], 16));
    }

    #[test]
    fn too_much_is_not_kept_and_what_comes_after_a_sync_is() {
        let mut kept = Retained::new(0, 0);
        let much = vec![b'a'; RETAINED_BYTES_MAX];
        kept.push(&much);
        kept.push(b"b");
        let end = RETAINED_BYTES_MAX as u64 + 1;
        assert_eq!(kept.tail(), (&b""[..], end));
        kept.synced(end - 1);
        kept.push(b"c");
        assert_eq!(kept.tail(), (&b""[..], end + 1), "there would be a hole");
        kept.synced(end + 1);
        kept.push(b"d");
        assert_eq!(kept.tail(), (&b"d"[..], end + 1));
    }

    #[test]
    fn a_file_that_is_not_durable_is_not_kept() {
        let mut kept = Retained::new(10, 5);
        kept.push(b"a");
        assert_eq!(kept.tail(), (&b""[..], 11));
    }
}
