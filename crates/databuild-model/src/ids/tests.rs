//! Names that are taken, names that are refused, and what the refusal says.

use super::{JobLabel, JobRunId, PartitionRef};
use proptest::prelude::*;

fn refusal(text: &str) -> String {
    JobRunId::parse(text).unwrap_err().to_string()
}

#[test]
fn a_run_id_is_a_plain_file_name() {
    for good in
        ["job_run_123abc", "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "a.b", "-", &"x".repeat(128)]
    {
        assert_eq!(JobRunId::parse(good).unwrap().as_str(), good);
    }
    assert_eq!(refusal(""), "a job run id must not be empty");
    assert_eq!(refusal(".."), "a job run id cannot begin with a dot");
    assert_eq!(
        refusal("a/../b"),
        "a job run id cannot contain '/' (byte 1); allowed are A-Z a-z 0-9 . _ -"
    );
    assert_eq!(refusal(&"x".repeat(129)), "a job run id has at most 128 bytes, this one has 129");
}

#[test]
fn a_label_may_be_a_path_and_a_partition_any_uri() {
    JobLabel::parse("//pkg:clean").unwrap();
    JobLabel::parse("a b").unwrap_err();
    PartitionRef::parse("s3://bucket/dataset/date=2025-01-27").unwrap();
    PartitionRef::parse("größe/tag=1").unwrap();
    PartitionRef::parse("a\nb").unwrap_err();
}

proptest! {
    #[test]
    fn no_accepted_run_id_can_leave_its_folder(text in ".{0,200}") {
        if let Ok(id) = JobRunId::parse(text) {
            let path = std::path::Path::new("base").join(id.as_str());
            prop_assert_eq!(path.parent(), Some(std::path::Path::new("base")));
            prop_assert_eq!(path.components().count(), 2);
        }
    }
}
