//! The golden of `docs/formats/dead-letters.md`.

use super::*;
use expect_test::expect;

#[test]
fn the_entry_stands_in_it_as_it_is_stored() {
    let now = Timestamp::from_nanos(1_737_973_846_000_000_000);
    let mut out = Vec::new();
    let letter = |place, entry: &[u8], reason| {
        DeadLetter::new("errors", "r1", place, Some(entry), reason, now)
    };
    letter(6, br#"{"a": 1.50}"#, "too large").write(&mut out);
    letter(7, b"no \xffJSON", "no entry").write(&mut out);
    expect![[r#"
        {"v":1,"at":"2025-01-27T10:30:46Z","pipeline":"errors","run":"r1","place":6,"reason":"too large","entry":{"a": 1.50}}
        {"v":1,"at":"2025-01-27T10:30:46Z","pipeline":"errors","run":"r1","place":7,"reason":"no entry","raw":"no �JSON"}
    "#]].assert_eq(std::str::from_utf8(&out).unwrap());
    let read = DeadLetter::read(out.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((read.place, read.entry.unwrap().get()), (6, r#"{"a": 1.50}"#));
}
