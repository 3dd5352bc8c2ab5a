//! Names there and back.

use super::{JournalName, RunFile, parse_day_dir, parse_run_file, run_path};
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use proptest::prelude::*;

#[test]
fn a_run_has_one_path() {
    let run = JobRunId::parse("018f-ab.c").unwrap();
    let day = Day::parse("2025-01-27").unwrap();
    assert_eq!(run_path(day, &run, RunFile::Entries), "2025-01-27/018f-ab.c.jsonl");
    assert_eq!(run_path(day, &run, RunFile::Index), "2025-01-27/018f-ab.c.idx");
    assert_eq!(parse_run_file("018f-ab.c.idx"), Some((run, RunFile::Index)));
}

#[test]
fn files_of_others_are_not_ours() {
    for name in ["a", ".jsonl", "a b.jsonl", ".x.idx", "a.jsonl.zst", "a.JSONL", "ä.idx"] {
        assert_eq!(parse_run_file(name), None, "{name}");
    }
    for name in ["2025-1-27", "2025-02-30", ".journal", "2025-01-27 ", "lost+found"] {
        assert_eq!(parse_day_dir(name), None, "{name}");
    }
    for name in ["2025-01-27.journal", "2025-01-27-x.journal", "2025-01-27-01.journal"] {
        assert_eq!(JournalName::parse(name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn every_name_reads_back(
        number in 0i32..40_000,
        run in "[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}",
        collector: u16,
    ) {
        let day = Day::from_number(number);
        let run = JobRunId::parse(run).unwrap();
        for file in [RunFile::Entries, RunFile::Index] {
            let path = run_path(day, &run, file);
            let (dir, name) = path.split_once('/').unwrap();
            prop_assert_eq!(parse_day_dir(dir), Some(day));
            prop_assert_eq!(parse_run_file(name), Some((run.clone(), file)));
        }
        let journal = JournalName { day, collector };
        prop_assert_eq!(JournalName::parse(&journal.file_name()), Some(journal));
    }
}
