//! The fast look at an origin agrees with the reader, and raw bytes are never guessed.

use super::{Origin, raw_bytes};
use crate::entry::{LogMessage, Stream};
use crate::json::tests::any_entry;
use crate::json::write_entry;
use crate::level::Level;
use crate::scan::Scanner;
use proptest::prelude::*;

#[track_caller]
fn check(message: &str, cr: u32, bytes: u64, fields: &[(&str, &str)], expect: Option<&str>) {
    let mut log = LogMessage::new(Level::Info, message);
    (log.cr, log.origin) = (cr, Origin::new(Stream::Stdout, 0, bytes));
    log.fields = fields.iter().copied().collect();
    let raw = raw_bytes(&log).map(|raw| String::from_utf8_lossy(&raw).into_owned());
    assert_eq!(raw.as_deref(), expect);
}

#[test]
fn the_bytes_of_a_plain_line_are_its_message_and_its_line_ends() {
    check("a", 0, 2, &[], Some("a\n"));
    check("a", 0, 1, &[], Some("a"));
    check("a\n b", 1, 7, &[], Some("a\r\n b\r\n"));
    check("a\n b", 1, 5, &[], Some("a\r\n b"));
    check("", 2, 2, &[], Some("\r\r"));
    check("?", 0, 2, &[("raw_base64", "/w==")], Some("\u{fffd}\n"));
}

#[test]
fn what_is_not_all_kept_is_not_guessed() {
    check("a", 0, 3, &[], None);
    check("ab", 0, 1, &[], None);
    check("a\n b", 1, 4, &[], None);
    check("9%", 0, 3, &[("progress_states", "0")], None);
    check("m", 0, 12, &[("rows", "1")], None);
    check("a", 0, 2, &[("raw_base64", "?")], None);
    check("a", u32::MAX, u64::MAX, &[], None);
}

proptest! {
    #[test]
    fn the_fast_look_agrees_with_the_reader(entry in any_entry()) {
        let mut line = Vec::new();
        write_entry(&entry, &mut line);
        let mut scanner = Scanner::new();
        if let Some(scan) = scanner.scan(&line) {
            prop_assert_eq!(Origin::of_line(&scan, &line).range(), entry.content.origin().range());
        }
    }
}
