//! Reasons and hints for real files.

use super::{diagnose, distance};
use std::fs;
use std::io;
use std::path::Path;

#[track_caller]
fn check(folder: &Path, name: &str, errno: i32, reason: &str, hint: &str, code: i32) {
    let error = io::Error::from_raw_os_error(errno);
    let found = diagnose(name, Some(folder), Some(folder.as_os_str()), &error);
    let hint = hint.replace("DIR", folder.to_str().unwrap());
    assert_eq!((&found.reason[..], &found.hint[..], found.code), (reason, &hint[..], code));
}

#[test]
fn each_failure_has_its_reason_and_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    fs::write(folder.join("clean"), "#!/opt/none/python3 -u\n").unwrap();
    fs::write(folder.join("dos"), "#!/bin/sh\r\n").unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    let check = |name, errno, reason, hint, code| check(folder, name, errno, reason, hint, code);
    check(
        "clena",
        libc::ENOENT,
        "clena: command not found",
        "did you mean clean? PATH is DIR",
        127,
    );
    check(
        "qqqq",
        libc::ENOENT,
        "qqqq: command not found",
        "install it, or give its whole path; PATH is DIR",
        127,
    );
    check("./none", libc::ENOENT, "./none: not found", "relative paths begin at DIR", 127);
    check(
        "./clean",
        libc::ENOENT,
        "./clean: its interpreter /opt/none/python3 was not found",
        "install /opt/none/python3, or change the first line of DIR/./clean",
        126,
    );
    check(
        "./dos",
        libc::ENOENT,
        "./dos: its interpreter /bin/sh was not found",
        "the #! line ends in a carriage return: save the file with Unix line ends",
        126,
    );
    check("./clean", libc::EACCES, "./clean: not executable", "chmod +x DIR/./clean", 126);
    check("./sub", libc::EACCES, "./sub: not executable", "it is a folder", 126);
}

#[test]
fn distances() {
    assert_eq!(distance("clean", "clean", 2), 0);
    assert_eq!(distance("clena", "clean", 2), 1);
    assert_eq!(distance("clan", "clean", 2), 1);
    assert_eq!(distance("clean", "qwert", 2), 4);
    assert_eq!(distance("clean", "cleaner-than", 2), 3);
}
