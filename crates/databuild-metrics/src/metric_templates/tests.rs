//! The catalogue keeps its own rules.

use super::{ALL, Family, FamilyType, JOB_CPU_TOTAL_SECONDS, JOB_MEMORY_PEAK_MB, family_of};

/// The two names that are older than the rules.
const FIRST: [Family; 2] = [JOB_MEMORY_PEAK_MB, JOB_CPU_TOTAL_SECONDS];

#[test]
fn names_follow_the_naming_rules() {
    for family in ALL.iter().filter(|family| !FIRST.contains(family)) {
        let name = family.name;
        assert!(name.starts_with("databuild_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        let counts = family.kind == FamilyType::Counter;
        assert_eq!(name.ends_with("_total"), counts, "{name}: `_total` is for counters");
        let stem = name.trim_end_matches("_total");
        assert!(stem.ends_with(family.unit), "{name}: the unit stands last");
        assert!(!family.help.ends_with('.') && !family.help.is_empty(), "{name}");
    }
}

#[test]
fn each_name_stands_once_and_no_label_grows_with_the_data() {
    for (n, family) in ALL.iter().enumerate() {
        assert!(ALL[..n].iter().all(|other| other.name != family.name), "{}", family.name);
        for label in family.labels {
            assert!(!["job", "instance", "job_run_id", "build_id", "partition"].contains(label));
        }
    }
}

#[test]
fn what_wrappers_report_has_a_family() {
    assert_eq!(family_of("rows_processed").unwrap().name, "databuild_rows_processed_total");
    assert_eq!(family_of("job_memory_peak_mb"), Some(JOB_MEMORY_PEAK_MB));
    assert_eq!(family_of("temperature"), None);
}
