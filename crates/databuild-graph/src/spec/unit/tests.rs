//! Units, right and wrong.

use super::*;
use proptest::prelude::*;

fn duration(text: &str) -> String {
    parse_duration(text)
        .map_or_else(|error| error.to_string(), |time| format!("{} ms", time.as_millis()))
}

fn size(text: &str) -> String {
    parse_size(text).map_or_else(|error| error.to_string(), |bytes| bytes.to_string())
}

#[test]
fn durations() {
    for (text, expected) in [
        ("90s", "90000 ms"),
        ("10m", "600000 ms"),
        ("3d", "259200000 ms"),
        ("1h30m", "5400000 ms"),
        ("1h 30m", "5400000 ms"),
        ("500ms", "500 ms"),
        ("2 w", "1209600000 ms"),
        ("10", "`10` has no unit"),
        ("m", "a number must stand before `m`"),
        ("10min", "`min` is not a unit"),
        ("1.5h", "`.` is not a unit"),
        ("-1s", "a number must stand before `-`"),
        ("", "it is empty"),
        ("0s", "it must be more than nothing"),
        ("99999999999999999999999999999999999999999d", "it is too large"),
        ("99999999999999d", "it is too large"),
    ] {
        assert_eq!(duration(text), expected, "{text:?}");
    }
}

#[test]
fn sizes() {
    for (text, expected) in [
        ("100MB", "100000000"),
        ("1MiB", "1048576"),
        ("20GiB", "21474836480"),
        ("512 B", "512"),
        ("1mb", "`mb` is not a unit"),
        ("100", "`100` has no unit"),
        ("99999999999TiB", "it is too large"),
    ] {
        assert_eq!(size(text), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,20}") {
        drop((parse_duration(&text), parse_size(&text)));
    }
}
