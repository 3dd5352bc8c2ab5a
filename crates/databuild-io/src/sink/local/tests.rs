//! The folder keeps the contract; links lead nowhere; modes are as asked for.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn sink(base: &Path) -> LocalSink {
    LocalSink::open(base, Modes::default()).unwrap()
}

#[test]
fn it_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut number = 0;
    crate::sink::contract::check(|| {
        number += 1;
        Box::new(sink(&dir.path().join(format!("base/{number}"))))
    })
    .unwrap();
}

#[test]
fn no_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("f"), "theirs").unwrap();
    let sink = sink(&dir.path().join("base"));
    std::os::unix::fs::symlink(&outside, sink.base().join("folder")).unwrap();
    std::os::unix::fs::symlink(outside.join("f"), sink.base().join("file")).unwrap();
    for path in ["folder/f", "folder/new", "file"] {
        let kind = sink.append_from(path, 0).map(drop).unwrap_err().kind;
        assert_eq!(kind, SinkErrorKind::BadPath, "{path}");
        assert!(sink.read(path, 0, 10).is_err());
    }
    assert_eq!(std::fs::read_to_string(outside.join("f")).unwrap(), "theirs");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn modes_are_as_asked_for_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let modes = Modes { file: 0o666, folder: 0o777 };
    let sink = LocalSink::open(&dir.path().join("base"), modes).unwrap();
    drop(sink.append_from("a/f", 0).unwrap());
    let mode = |path: &str| {
        std::fs::metadata(sink.base().join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("a"), mode("a/f")), (0o777, 0o666));
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(&dir.path().join("base"));
    let error = sink.remove("a/f").unwrap_err();
    let base = dir.path().display().to_string();
    assert_eq!(error.to_string().replace(&base, "DIR"), "cannot remove DIR/base/a/f");
    assert!(error.remedy().contains("somebody else"));
}
