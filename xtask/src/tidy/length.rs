//! Files stay short enough to be read in one go. The number is a tripwire: a file that trips it has
//! a second subject in it.

use super::{Complaint, tree::Tree};

/// Lines of a file without its tests. Most are to have 100 to 400.
const LINES_MAX: usize = 500;

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    tree.rust_files()
        .filter(|(file, _)| !file.is_test() && !file.path.ends_with("/proto/generated.rs"))
        .filter_map(|(file, rust)| {
            let lines = rust.product_lines().count();
            let what = format!("{lines} lines without tests, {LINES_MAX} allowed: move one subject into a file of its own");
            (lines > LINES_MAX).then(|| Complaint::new(&file.path, 0, what))
        })
        .collect()
}
