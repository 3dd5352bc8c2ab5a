//! The committed description is what the types say, and what it says of entries is what is stored.

use super::{document, entry::JobLogEntry};
use expect_test::expect_file;

#[test]
fn the_committed_description_is_the_one_of_the_types() {
    expect_file!["../../../../../openapi/databuild-v1.json"].assert_eq(&document());
}

#[test]
fn operations_have_names_of_their_own() {
    let api: serde_json::Value = serde_json::from_str(&document()).expect("JSON");
    let paths = api["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
    let mut names: Vec<&str> =
        operations.map(|o| o["operationId"].as_str().expect("a name")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn entries_are_described_as_they_are_stored() {
    let lines = [
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"a","outputs":[{"path":"x"}],"sequence_number":2,"content":{"log":{"level":"INFO","message":"m","fields":{"rows":"1000"},"stream":"stdout","offset":7,"bytes":2,"cr":1}},"job_label":"l","app":"shop","build_id":"b"}"#,
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"a","outputs":[],"sequence_number":3,"content":{"metric":{"name":"n","value":"NaN","labels":{"a":"b"},"unit":"","stream":"stderr","offset":0,"bytes":9}}}"#,
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"a","outputs":[],"sequence_number":4,"content":{"job_event":{"event_type":"run_end","metadata":{"cause":"exit"},"exit_code":3,"job_label":"l"}}}"#,
    ];
    for line in lines {
        let (entry, problems) =
            databuild_model::json::read_entry(line.as_bytes()).expect("an entry");
        assert!(problems.is_empty(), "{problems:?}");
        let mut again = Vec::new();
        databuild_model::json::write_entry(&entry, &mut again);
        assert_eq!(String::from_utf8(again).expect("UTF-8"), line);
        let _described: JobLogEntry = serde_json::from_str(line).expect(line);
    }
}
