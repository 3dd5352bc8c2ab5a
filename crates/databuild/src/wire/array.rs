//! A JSON array with one entry a line: what `-o json` prints and `application/json` answers.

use super::lines;

/// Writes an array piece by piece, so that a long answer never stands in memory as a whole.
///
/// ```text
/// [
/// {"timestamp":…},
/// {"timestamp":…}
/// ]
/// ```
/// An empty one is `[]`. A newline follows the last bracket.
#[derive(Debug, Default)]
pub(crate) struct ArrayWriter {
    entries: u64,
}

impl ArrayWriter {
    /// An array to which nothing was written yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends stored lines, each ended by a newline.
    pub(crate) fn push(&mut self, stored: &[u8], out: &mut Vec<u8>) {
        out.reserve(stored.len() + 8);
        for line in lines(stored) {
            out.extend_from_slice(if self.entries == 0 { b"[\n" } else { b",\n" });
            out.extend_from_slice(line);
            self.entries += 1;
        }
    }

    /// Closes the array.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.entries == 0 { b"[]\n" } else { b"\n]\n" });
    }
}

/// A whole array at once.
pub(crate) fn array(stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stored.len() + 8);
    let mut writer = ArrayWriter::new();
    writer.push(stored, &mut out);
    writer.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::{ArrayWriter, array};

    fn check(stored: &str, expect: &str) {
        assert_eq!(String::from_utf8(array(stored.as_bytes())).expect("UTF-8"), expect);
    }

    #[test]
    fn is_valid_json_with_one_entry_a_line() {
        check("", "[]\n");
        check("{}\n", "[\n{}\n]\n");
        check("{\"a\":1}\n{\"b\":2}\n", "[\n{\"a\":1},\n{\"b\":2}\n]\n");
    }

    #[test]
    fn pieces_and_the_whole_are_the_same_bytes() {
        let mut out = Vec::new();
        let mut writer = ArrayWriter::new();
        for piece in ["{\"a\":1}\n", "", "{\"b\":2}\n{\"c\":3}\n"] {
            writer.push(piece.as_bytes(), &mut out);
        }
        writer.finish(&mut out);
        assert_eq!(out, array(b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n"));
    }
}
