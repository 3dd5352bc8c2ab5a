//! Golden tests of `docs/formats/spool.md`.

use super::*;

#[test]
fn the_forms_are_written_as_they_were_read() {
    let run = r#"{"version":1,"job_run_id":"r1","started_at_ns":1737973846000000000,"run":6,"app":"shop","executor":"b/pid:[1]/7/99","config":{"outputs":[],"args":["true"],"spool_dir":"logs/.spool/r1","capture":"spool","on_parent_death":"stop"}}"#;
    let read: SpoolRun = serde_json::from_str(run).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), run);
    assert_eq!(read.day().to_string(), "2025-01-27");
    let state = r#"{"version":1,"phase":"ended","wrapper":"b/pid:[1]/8/100","job":"b/pid:[1]/9/101","launched_at_ns":1737973846000000000,"ended_at_ns":1737973847000000000,"exit_code":3,"memory_peak_bytes":4096,"cpu_seconds":0.5,"wrapper_restarts":1}"#;
    let read: SpoolState = serde_json::from_str(state).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), state);
    let state = r#"{"version":1,"phase":"running","wrapper":"b/pid:[1]/8/100","blocked":"no_space","blocked_since_ns":1737973847000000000,"wrapper_restarts":0}"#;
    let read: SpoolState = serde_json::from_str(state).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), state);
    assert_eq!(read.blocked.as_deref().and_then(Block::parse), Some(Block::NoSpace));
    let resume = r#"{"version":1,"next_sequence":12,"stdout_consumed":400,"stderr_consumed":0,"stdout_fragments":2,"stderr_fragments":0,"events":["job_config_started","task_launched"],"manifest":false}"#;
    let read: Resume = serde_json::from_str(resume).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), resume);
}

#[test]
fn names_of_segments_sort_as_offsets_and_are_read_back() {
    let names: Vec<String> =
        [0, 9, 10, u64::MAX].map(|at| segment_name(Stream::Stderr, at)).to_vec();
    assert!(names.is_sorted());
    assert_eq!(parse_segment_name(&names[2]), Some((Stream::Stderr, 10)));
    for other in ["stdout.fifo", "stdout.1", "stored", "stdout.+0000000000000000001"] {
        assert_eq!(parse_segment_name(other), None, "{other}");
    }
}

#[test]
fn a_torn_stored_mark_is_no_mark() {
    let bytes = encode_stored_mark(7);
    assert_eq!(decode_stored_mark(&bytes), Some(7));
    assert_eq!(decode_stored_mark(&bytes[..15]), None);
    let mut mixed = bytes;
    mixed[..8].copy_from_slice(&8u64.to_le_bytes());
    assert_eq!(decode_stored_mark(&mixed), None);
    assert_eq!(decode_stored_mark(&[0; 16]), None);
}
