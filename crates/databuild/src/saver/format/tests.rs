//! What a saver writes there and back; the page `docs/formats/saver-status.md` shows a real file.

use super::{ErrorEntry, PipelineEntry, SaverStatus, VERSION};

fn sample() -> SaverStatus {
    let mut entry = PipelineEntry::unknown("errors", "files", "/srv/logs/{app}/error.log");
    entry.state = "retrying".to_owned();
    entry.since = Some("2025-01-27T10:30:46Z".to_owned());
    (entry.events_in, entry.events_out) = (1240, 1200);
    (entry.in_per_second, entry.out_per_second) = (12.5, 12.0);
    entry.lag_seconds = 0.4;
    (entry.errors, entry.errors_recent, entry.errors_max) = (3, 1, 10);
    entry.last_error = Some(ErrorEntry {
        at: "2025-01-27T10:30:46Z".to_owned(),
        what: "cannot append to /srv/logs/shop/error.log: No space left on device".to_owned(),
        remedy: "free space there; the pipeline goes on by itself".to_owned(),
    });
    SaverStatus {
        v: VERSION,
        pid: 4711,
        started_at: "2025-01-27T10:00:00Z".to_owned(),
        written_at: "2025-01-27T10:30:47Z".to_owned(),
        configuration_problem: None,
        pipelines: vec![entry],
    }
}

#[test]
fn the_page_shows_a_real_file() {
    let page = include_str!("../../../../../docs/formats/saver-status.md");
    let text = String::from_utf8(sample().to_json()).unwrap();
    assert!(page.contains(text.trim_end()), "the page must hold:\n{text}");
}

#[test]
fn it_reads_back_what_it_writes_and_passes_over_what_is_new() {
    assert_eq!(SaverStatus::read(&sample().to_json()), Some(sample()));
    let text = String::from_utf8(sample().to_json()).unwrap();
    let later = text.replacen('{', "{\"new\":1,", 1);
    assert_eq!(SaverStatus::read(later.as_bytes()), Some(sample()));
    let another = text.replacen("\"v\":1", "\"v\":2", 1);
    assert_eq!(SaverStatus::read(another.as_bytes()), None);
    assert_eq!(SaverStatus::read(&text.as_bytes()[..100]), None);
}
