//! The golden manifest of version 1; page: `docs/formats/run-archive.md`.

use super::{ArchivedRun, Manifest, read, write};
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;

const GOLDEN: &str = r#"{
  "format": "databuild-runs",
  "version": 1,
  "written_by": "databuild 0.1.0",
  "runs": [
    {
      "job_run_id": "0194a725-3a80-7e4f-8a5b-6c7d8e9f0a1b",
      "day": "2025-01-27",
      "entries": 37,
      "bytes": 8812,
      "blake3": "2a00000000000000000000000000000000000000000000000000000000000000",
      "state": "complete",
      "record": {"run":"42.6"}
    }
  ]
}
"#;

#[test]
fn the_golden_manifest_is_read_and_written() {
    let mut blake3 = [0; 32];
    blake3[0] = 42;
    let manifest = Manifest {
        written_by: "databuild 0.1.0".to_owned(),
        runs: vec![ArchivedRun {
            job_run_id: JobRunId::parse("0194a725-3a80-7e4f-8a5b-6c7d8e9f0a1b").unwrap(),
            day: Day::parse("2025-01-27").unwrap(),
            entries: 37,
            bytes: 8812,
            blake3,
            state: "complete".to_owned(),
            record: Some("{\"run\":\"42.6\"}".to_owned()),
        }],
    };
    assert_eq!(String::from_utf8(write(&manifest).unwrap()).unwrap(), GOLDEN);
    assert_eq!(read(GOLDEN.as_bytes()).unwrap(), manifest);
}

#[test]
fn what_is_no_manifest_is_refused_with_a_reason() {
    let check = |from: &str, to: &str, expect: &str| {
        let error = read(GOLDEN.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    check("{", "[", "the first member is no manifest of runs");
    check(
        "\"version\": 1",
        "\"version\": 2, \"what\": []",
        "this is databuild-runs of version 2, and only databuild-runs of version 1 is read",
    );
    check(
        "0194a725",
        "../../x",
        "the manifest says job_run_id \"../../x-3a80-7e4f-8a5b-6c7d8e9f0a1b\", which is none",
    );
    check("2025-01-27", "2025/01/27", "the manifest says day \"2025/01/27\", which is none");
    check(
        "2a00",
        "2a",
        "the manifest says blake3 \"2a000000000000000000000000000000000000000000000000000000000000\", which is none",
    );
}
