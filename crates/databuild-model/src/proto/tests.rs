//! The protobuf form carries all that the JSON form carries.

use super::{decode_entry, decode_request, decode_response, encode_entry, encode_response, pb};
use crate::ids::JobRunId;
use crate::json::tests::any_entry;
use crate::json::{read_entry, write_entry};
use crate::request::{JobLogsResponse, Order};
use proptest::prelude::*;
use prost::Message;

fn through_json(entry: &crate::entry::JobLogEntry) -> crate::entry::JobLogEntry {
    let mut line = Vec::new();
    write_entry(entry, &mut line);
    read_entry(&line).unwrap().0
}

#[test]
fn an_answer_comes_back() {
    let lines = include_str!("../json/goldens.jsonl").lines();
    let entries = lines.map(|line| read_entry(line.as_bytes()).unwrap().0).collect();
    let response = JobLogsResponse { entries, has_more: true, next_page_token: "next".to_owned() };
    assert_eq!(decode_response(&encode_response(&response)).unwrap(), response);
}

#[test]
fn a_request_means_what_the_schema_says() {
    let bytes = pb::JobLogsRequest {
        job_run_id: "r".into(),
        since_timestamp: 5,
        min_level: Some(2),
        order: pb::Order::Descending.into(),
        query: "x".into(),
        ..Default::default()
    }
    .encode_to_vec();
    let request = decode_request(&bytes).unwrap();
    assert_eq!(request.filter.since.unwrap().as_nanos(), 5);
    assert_eq!(request.filter.levels.unwrap().bits(), 0b11_1000);
    assert_eq!((request.limit, request.tail, request.order), (None, None, Order::Desc));
    let hostile = pb::JobLogsRequest { job_run_id: "../r".into(), ..Default::default() };
    assert!(decode_request(&hostile.encode_to_vec()).is_err());
}

proptest! {
    #[test]
    fn json_and_protobuf_convert_into_each_other(entry in any_entry()) {
        let back = decode_entry(&encode_entry(&entry)).unwrap();
        prop_assert_eq!(through_json(&back), through_json(&entry));
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_is_valid(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(entry) = decode_entry(&bytes) {
            let again = encode_entry(&decode_entry(&encode_entry(&entry)).unwrap());
            prop_assert_eq!(again, encode_entry(&entry));
        }
        if let Ok(request) = decode_request(&bytes) {
            prop_assert!(JobRunId::is_valid(request.job_run_id.as_str()));
        }
    }
}
