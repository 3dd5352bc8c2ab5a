//! Answers in memory: stored lines, one after another in one buffer, exactly as they are on disk.

/// Stored lines without their newlines, in the order of an answer.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Where each line's newline stands in `bytes`.
    ends: Vec<usize>,
}

impl Lines {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The lines, each the JSON text of one entry.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        (0..self.ends.len()).map(|at| self.get(at).unwrap_or_default())
    }

    /// The line at a place of the answer, from 0.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |e| e + 1);
        self.bytes.get(start..end)
    }

    /// All lines as one text, each with its newline: NDJSON as it is stored.
    pub fn as_ndjson(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a line at the end.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
        self.bytes.push(b'\n');
    }

    /// What they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The lines as text, for tests and diagnostics.
impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}
