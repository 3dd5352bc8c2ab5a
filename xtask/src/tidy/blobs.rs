//! What git keeps for ever stays small and readable.

use super::{Complaint, tree::Tree};

/// Largest file that may be tracked. The largest that we want, the lock file and the history that the
/// demo ships with, are below 100 KB; a data set or a build product is above 256 KiB.
const BYTES_MAX: usize = 256 << 10;

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        if file.bytes > BYTES_MAX {
            let what = format!("{} bytes is too much for git: generate it, or cut it", file.bytes);
            complaints.push(Complaint::new(&file.path, 0, what));
        }
        if file.text.is_none() {
            complaints.push(Complaint::new(
                &file.path,
                0,
                "not text: generate it, or write it as text",
            ));
        }
    }
    complaints
}
