//! A few stories with every run of the tests; the rig itself plays thousands.

use super::{Between, story};
use std::sync::Arc;

#[test]
fn no_cut_breaks_a_promise() {
    let honest: &Between = &|disk| Arc::new(disk);
    for seed in 0..5 {
        let figures = story(seed, honest);
        assert!(figures.is_good(), "seed {seed}: {:?}", figures.findings);
        assert!(0 < figures.cycles);
    }
}
