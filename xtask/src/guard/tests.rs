//! When a count of instructions is too many.

use super::{Counts, judge, write};
use std::collections::BTreeMap;

fn counts(rustc: &str, scan: u64) -> Counts {
    let instructions_per_line = BTreeMap::from([("scan".to_owned(), scan)]);
    Counts { rustc: rustc.to_owned(), instructions_per_line }
}

#[test]
fn a_little_more_is_noise_and_more_is_not() {
    assert_eq!(judge(&counts("1", 1000), &counts("1", 1050)), Vec::<String>::new());
    assert_eq!(judge(&counts("1", 1000), &counts("1", 1051)).len(), 1);
    assert_eq!(judge(&counts("1", 1000), &counts("2", 1250)), Vec::<String>::new());
    assert_eq!(judge(&counts("1", 1000), &counts("2", 1251)).len(), 1);
}

#[test]
fn what_is_written_is_read() {
    let counts = counts("1.95.0", 7);
    assert_eq!(toml::from_str::<Counts>(&write(&counts)).unwrap(), counts);
}
