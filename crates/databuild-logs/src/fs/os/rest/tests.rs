//! A file that rests is the same file.

use super::{Held, Shelf};
use crate::fs::{Fs, OsFs, append_all};
use std::path::Path;
use std::sync::Arc;

/// A new file with the writer's lock.
fn locked(path: &Path) -> Arc<Held> {
    let file = super::super::open(path, super::super::CREATING).unwrap();
    assert!(super::super::try_lock(&file).unwrap());
    Arc::new(Held::new(file))
}

fn append(held: &Arc<Held>, text: &str) -> std::io::Result<usize> {
    held.with(|mut file| std::io::Write::write(&mut file, text.as_bytes()))
}

#[test]
fn no_more_have_a_descriptor_than_should_and_each_says_all_it_has_to() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Arc::new(Shelf::new(3));
    let paths: Vec<_> = (0..20).map(|n| dir.path().join(format!("{n}"))).collect();
    let files: Vec<_> = paths.iter().map(|path| locked(path)).collect();
    for (held, path) in files.iter().zip(&paths) {
        held.may_rest_on(path, &shelf);
    }
    let awake = || files.iter().filter(|held| held.file.read().unwrap().is_some()).count();
    for round in 0..3 {
        for held in &files {
            append(held, &format!("{round} ")).unwrap();
            assert!(awake() <= 3);
        }
    }
    for path in &paths {
        assert_eq!(std::fs::read(path).unwrap(), b"0 1 2 ");
        assert!(OsFs.open_read(path).unwrap().is_locked().unwrap(), "the lock stays");
    }
    drop(files);
    for path in &paths {
        assert!(!OsFs.open_read(path).unwrap().is_locked().unwrap(), "and goes with the file");
    }
}

#[test]
fn files_that_are_gone_leave_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Arc::new(Shelf::new(4));
    for n in 0..50 {
        let path = dir.path().join(format!("{n}"));
        locked(&path).may_rest_on(&path, &shelf);
        assert!(shelf.lock().len() <= 4);
    }
}

#[test]
fn a_file_that_was_replaced_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let shelf = Arc::new(Shelf::new(1));
    let held = locked(&path);
    held.may_rest_on(&path, &shelf);
    shelf.rest_some(1);
    OsFs.rename(&path, &dir.path().join("old")).unwrap();
    append_all(OsFs.create_new(&path).unwrap().as_ref(), b"other").unwrap();
    assert!(append(&held, "mine").is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"other");
}

#[test]
fn what_is_in_use_keeps_its_descriptor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let (held, shelf) = (locked(&path), Arc::new(Shelf::new(1)));
    held.may_rest_on(&path, &shelf);
    let seen = held.with(|_| {
        assert!(!held.rest());
        Ok(())
    });
    seen.unwrap();
    shelf.rest_some(1);
    assert!(held.file.read().unwrap().is_none() && held.rest(), "nothing is left to give back");
    append(&held, "again").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"again");
}
