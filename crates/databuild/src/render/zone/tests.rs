//! What `TZ` may mean, and what of it is read.

use super::{files, is_safe};
use std::ffi::OsStr;
use std::path::Path;

#[test]
fn what_does_not_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    assert!(is_safe(&file("zone", "TZif")) && is_safe(Path::new("/no/such/file")));
    assert!(is_safe(folder.path()), "reading a folder is an error");
    for path in ["/dev/zero", "/dev/stdin", "/proc/kmsg", "/proc/self/environ"] {
        assert!(!is_safe(Path::new(path)), "{path}");
    }
    assert!(!is_safe(&file("empty", "")));
}

#[test]
fn a_zone_is_looked_for_where_zones_are() {
    let found: Vec<_> = files(OsStr::new(":a/b"), Some(OsStr::new("/mine"))).collect();
    let places = ["a/b", "/usr/share/zoneinfo/a/b", "/usr/share/lib/zoneinfo/a/b"];
    assert!(places.iter().all(|it| found.contains(&it.into())), "{found:?}");
    assert!(found.contains(&"/etc/zoneinfo/a/b".into()) && found.contains(&"/mine/a/b".into()));
}
