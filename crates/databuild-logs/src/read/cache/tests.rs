//! The bounds of the cache.

use super::{Cache, Kept};
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use std::sync::Arc;

fn fill(cache: &Cache, runs: usize) {
    for run in 0..runs {
        let run = JobRunId::parse(format!("run-{run}")).unwrap();
        cache.put(&run, &Arc::new(Kept::unknown(Day::from_number(1), None)));
        cache.put(&run, &Arc::new(Kept::unknown(Day::from_number(2), None)));
    }
}

#[test]
fn holds_at_most_so_many_runs_and_so_many_bytes() {
    let by_count = Cache::new(3, 1 << 20);
    fill(&by_count, 10);
    assert_eq!(by_count.load(), (3, 3 * super::ENTRY_BYTES));
    let by_bytes = Cache::new(100, 4 * super::ENTRY_BYTES + 1);
    fill(&by_bytes, 10);
    assert_eq!(by_bytes.load(), (4, 4 * super::ENTRY_BYTES));
    let nothing = Cache::new(0, 0);
    fill(&nothing, 10);
    assert_eq!(nothing.load(), (0, 0));
}

#[test]
fn knows_the_newest_and_forgets_on_demand() {
    let cache = Cache::new(3, 1 << 20);
    fill(&cache, 5);
    let run = |n: u32| JobRunId::parse(format!("run-{n}")).unwrap();
    assert_eq!(cache.day_of(&run(4)), Some(Day::from_number(2)));
    assert_eq!(cache.day_of(&run(1)), None);
    cache.forget(&run(4));
    assert_eq!(cache.day_of(&run(4)), None);
}
