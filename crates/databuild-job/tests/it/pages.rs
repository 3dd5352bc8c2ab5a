//! The sample on the page `docs/formats/wrapper-protocol.md` is what the wrapper says.

use crate::wrapped::{command, sh, start};
use databuild_model::entry::{Content, JobLogEntry};
use databuild_model::json::{read_entry, write_entry};
use databuild_model::time::Timestamp;

/// The entry with everything that differs from run to run taken out.
fn masked(mut entry: JobLogEntry) -> String {
    entry.timestamp = Timestamp::default();
    match &mut entry.content {
        Content::JobEvent(event) => {
            for (name, value) in &mut event.metadata.0 {
                if ["pid", "host", "traceparent", "duration_seconds"].contains(&name.as_str()) {
                    "?".clone_into(value);
                }
            }
        }
        Content::Metric(point) => point.value = 0.0,
        Content::Manifest(manifest) => (manifest.start_time, manifest.end_time) = (0, 0),
        Content::Log(_) => {}
    }
    let mut line = Vec::new();
    write_entry(&entry, &mut line);
    String::from_utf8(line).unwrap()
}

#[test]
fn the_sample_of_the_protocol_is_true() {
    let page = include_str!("../../../../docs/formats/wrapper-protocol.md");
    let sample = page.lines().filter(|line| line.starts_with("{\"timestamp\""));
    let sample: Vec<String> =
        sample.map(|line| masked(read_entry(line.as_bytes()).unwrap().0)).collect();
    let config = sh(
        "echo 'warning: 3 rows skipped' >&2",
        r#","job_label":"clean","attempt":1,"job_run_id":"run-1""#,
    );
    let config = config.replace("made/x=1", "clean/date=2025-01-27");
    let said = start(command(), &config).end();
    let said: Vec<String> = said.entries.into_iter().map(masked).collect();
    assert_eq!(said, sample);
}
