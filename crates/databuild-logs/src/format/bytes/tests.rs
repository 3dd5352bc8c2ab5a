//! Values there and back, and input that no writer made.

use super::{Reader, Writer};
use proptest::prelude::*;

#[test]
fn a_varint_has_no_more_than_64_bits() {
    let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(Reader(&max).varint(), Some(u64::MAX));
    let more = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(Reader(&more).varint(), None);
    assert_eq!(Reader(&[0x80; 11]).varint(), None);
    assert_eq!(Reader(&[0x80]).varint(), None);
}

proptest! {
    #[test]
    fn values_read_back(number: u64, signed: i64, maybe: Option<i64>, text in ".{0,40}") {
        let mut out = Writer::default();
        out.varint(number);
        out.zigzag(signed);
        out.option(maybe);
        out.text(&text);
        let mut input = Reader(&out.0);
        prop_assert_eq!(input.varint(), Some(number));
        prop_assert_eq!(input.zigzag(), Some(signed));
        prop_assert_eq!(input.option(), Some(maybe));
        prop_assert_eq!(input.text(), Some(text.as_str()));
        prop_assert!(input.0.is_empty());
    }

    #[test]
    fn numbers_of_any_length_read_back(numbers in prop::collection::vec((any::<u64>(), 0u32..64), 1..9)) {
        let numbers: Vec<u64> = numbers.into_iter().map(|(number, less)| number >> less).collect();
        let mut out = Writer::default();
        numbers.iter().for_each(|number| out.varint(*number));
        let mut input = Reader(&out.0);
        for number in numbers {
            prop_assert_eq!(input.varint(), Some(number));
        }
        prop_assert!(input.0.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let mut input = Reader(&bytes);
        while input.varint().is_some() && input.option().is_some() && input.text().is_some() {}
    }
}
