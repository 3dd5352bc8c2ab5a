//! A page as `databuild.v1.JobLogsResponse`.

use super::lines;
use databuild_model::json;
use databuild_model::proto;
use databuild_model::request::JobLogsResponse;

/// Encodes stored lines as one message. What no strict reader takes is left out of the entries and
/// counted: the store keeps such lines, but protobuf has no form for them.
pub(crate) fn response(stored: &[u8], next_page_token: Option<&str>) -> (Vec<u8>, usize) {
    let mut unreadable = 0;
    let mut entries = Vec::new();
    for line in lines(stored) {
        match json::read_entry(line) {
            Ok((entry, _problems)) => entries.push(entry),
            Err(_) => unreadable += 1,
        }
    }
    let response = JobLogsResponse {
        entries,
        has_more: next_page_token.is_some(),
        next_page_token: next_page_token.unwrap_or_default().to_owned(),
    };
    (proto::encode_response(&response), unreadable)
}

#[cfg(test)]
mod tests {
    use super::response;
    use databuild_model::{json, proto};

    #[test]
    fn is_the_same_entries_as_the_stored_lines() {
        let stored = concat!(
            r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"a","outputs":[{"path":"x"}],"sequence_number":2,"#,
            r#""content":{"log":{"level":"INFO","message":"Processing started","fields":{"rows":"1000"}}}}"#,
            "\nnot an entry\n",
        );
        let (bytes, unreadable) = response(stored.as_bytes(), Some("next"));
        assert_eq!(unreadable, 1);
        let read = proto::decode_response(&bytes).expect("a message");
        assert!(read.has_more);
        assert_eq!(read.next_page_token, "next");
        let mut again = Vec::new();
        for entry in &read.entries {
            json::write_entry(entry, &mut again);
        }
        assert_eq!(again, stored.lines().next().expect("a line").as_bytes());
    }
}
