//! What is found wrong with the disk and the collector.

use super::{collects, disk_has_room, hindered};
use databuild_logs::collect::{CollectorStats, Health};
use std::time::Duration;

#[test]
fn a_disk_is_low_before_it_is_full() {
    assert_eq!(disk_has_room((20, 1000)), Ok(()));
    assert_eq!(disk_has_room((0, 0)).map_err(|said| said.contains("0 MB free, 0.0 %")), Err(true));
    let said = disk_has_room((19_000_000, 1_000_000_000)).unwrap_err();
    assert_eq!(said, "of the logs has 19 MB free, 1.9 %: jobs will stand still when it is full");
}

#[test]
fn a_collector_that_waits_says_for_what() {
    let stats =
        CollectorStats { runs: 3, lag: Duration::from_secs(2), ..CollectorStats::default() };
    assert_eq!(collects(stats), Ok(()));
    let slow = CollectorStats { lag: Duration::from_secs(99), ..stats };
    assert_eq!(collects(slow).unwrap_err(), "has entries that wait for the disk since 99 s");
    let full = CollectorStats { runs_without_space: 2, ..slow };
    let said = "has 2 job runs that stand still: no space on the disk of the logs";
    assert_eq!(collects(full).unwrap_err(), said);
}

#[test]
fn a_collector_that_cannot_keep_a_file_names_it() {
    assert_eq!(hindered(Health::default()), None);
    let problems = vec!["cannot keep /logs/a.jsonl: Input/output error".to_owned()];
    let said = hindered(Health { problems, count: 3 }).unwrap();
    let start = "cannot keep /logs/a.jsonl: Input/output error, and 2 more: look at the disk";
    assert!(said.starts_with(start), "{said}");
}
