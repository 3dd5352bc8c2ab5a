//! The one text format that is parsed here.

use super::parse_stat;
use crate::sys;

#[test]
fn a_name_may_contain_anything() {
    let stat = "7 (a) S (b c) Z 3 7 7 0 -1 4194560 100 0 0 0 100 50 25 25 20 0 1 0 100 1000 10 0";
    let found = parse_stat(7, stat).unwrap();
    assert_eq!((found.parent, found.zombie, found.group), (3, true, 7));
    assert_eq!((found.started, found.status), (100, None));
    let per_second = sys::ticks_per_second();
    assert_eq!(found.cpu.as_millis(), u128::from(200 * 1000 / per_second));
    assert_eq!(found.memory, 10 * sys::page_bytes());
    assert_eq!(parse_stat(7, "7 (a"), None);
}
