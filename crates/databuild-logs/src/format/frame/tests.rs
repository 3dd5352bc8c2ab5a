//! Records that are whole, and everything that is not.

use super::{read_record, records, write_record};
use proptest::prelude::*;

fn two() -> Vec<u8> {
    let mut bytes = Vec::new();
    write_record(1, b"first", &mut bytes);
    write_record(2, b"", &mut bytes);
    bytes
}

#[test]
fn a_cut_at_any_byte_leaves_the_records_before_it() {
    let bytes = two();
    let first = read_record(&bytes, 0).unwrap().end;
    for len in 0..=bytes.len() {
        let whole = records(&bytes[..len], 0).count();
        let expect = usize::from(first <= len) + usize::from(bytes.len() <= len);
        assert_eq!(whole, expect, "cut at {len}");
    }
}

#[test]
fn a_changed_bit_anywhere_is_seen() {
    let bytes = two();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(records(&changed, 0).count() < 2, "bit {bit}");
    }
}

#[test]
fn zeros_are_not_a_record() {
    assert_eq!(read_record(&[0; 64], 0), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, at in 0usize..64) {
        prop_assert!(records(&bytes, at).count() <= bytes.len());
    }
}
