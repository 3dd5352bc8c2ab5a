//! What every file system must do, the real one and the one that tests break.

use super::faulty::{Faults, FaultyFs};
use super::{DirItem, Fs, OsFs, append_all, read_whole};
use std::io::ErrorKind;
use std::path::Path;

/// The contract, in an empty folder.
fn contract(fs: &dyn Fs, root: &Path) {
    let (dir, path) = (root.join("a/b"), root.join("a/b/file"));
    let kind = |error: std::io::Error| error.kind();
    assert_eq!(fs.open_read(&path).err().map(kind), Some(ErrorKind::NotFound));
    assert_eq!(fs.create_new(&path).err().map(kind), Some(ErrorKind::NotFound));
    assert_eq!(fs.list(&dir).err().map(kind), Some(ErrorKind::NotFound));
    fs.create_dir_all(&dir).unwrap();
    fs.create_dir_all(&dir).unwrap();

    let file = fs.create_new(&path).unwrap();
    assert_eq!(fs.create_new(&path).err().map(kind), Some(ErrorKind::AlreadyExists));
    append_all(file.as_ref(), b"one two").unwrap();
    let again = fs.open_append(&path).unwrap();
    append_all(again.as_ref(), b" three").unwrap();
    let reader = fs.open_read(&path).unwrap();
    assert!(reader.append(b"x").is_err(), "opened for reading only");
    assert_eq!(read_whole(reader.as_ref(), 100).unwrap(), b"one two three");
    assert_eq!(read_whole(reader.as_ref(), 12).err().map(kind), Some(ErrorKind::FileTooLarge));
    let mut four = [0; 4];
    assert_eq!(reader.read_at(&mut four, 11).unwrap(), 2);
    assert_eq!(reader.read_at(&mut four, 13).unwrap(), 0);

    file.truncate(3).unwrap();
    append_all(again.as_ref(), b"!").unwrap();
    assert_eq!(read_whole(reader.as_ref(), 100).unwrap(), b"one!", "appended behind the cut");
    file.sync_data().unwrap();
    fs.sync_dir(&dir).unwrap();
    fs.open_all(&dir).unwrap().sync_all().unwrap();
    assert_eq!(fs.open_all(&root.join("none")).err().map(kind), Some(ErrorKind::NotFound));

    assert!(!reader.is_locked().unwrap());
    assert!(file.try_lock().unwrap() && file.try_lock().unwrap());
    assert!(!again.try_lock().unwrap() && reader.is_locked().unwrap());
    drop(file);
    assert!(again.try_lock().unwrap(), "closing gives the lock back");

    fs.rename(&path, &dir.join("other")).unwrap();
    let item = DirItem { name: "other".to_owned(), is_dir: false };
    assert_eq!(fs.list(&dir).unwrap(), [item]);
    assert_eq!(fs.list(root).unwrap(), [DirItem { name: "a".to_owned(), is_dir: true }]);
    fs.remove(&dir.join("other")).unwrap();
    assert_eq!(fs.remove(&dir.join("other")).err().map(kind), Some(ErrorKind::NotFound));
    assert_eq!(fs.list(&dir).unwrap(), []);
}

#[test]
fn the_real_file_system_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    contract(&OsFs, root.path());
}

#[test]
fn the_faulty_file_system_keeps_the_contract() {
    let fs = FaultyFs::default();
    fs.create_dir_all(Path::new("/x")).unwrap();
    contract(&fs, Path::new("/x"));
}

#[test]
fn short_writes_are_continued() {
    let fs = FaultyFs::default();
    fs.set(Faults { write_bytes_max: Some(2), ..Faults::default() });
    fs.create_dir_all(Path::new("/x")).unwrap();
    contract(&fs, Path::new("/x"));
}

#[test]
fn files_are_private_and_links_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("d/e");
    OsFs.create_dir_all(&dir).unwrap();
    drop(OsFs.create_new(&dir.join("f")).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    // The umask may take more away.
    assert_eq!(mode(&dir) & !0o750, 0);
    assert_eq!(mode(&dir.join("f")) & !0o640, 0);
    symlink("f", dir.join("link")).unwrap();
    symlink("nothing", dir.join("dangling")).unwrap();
    assert!(OsFs.open_read(&dir.join("link")).is_err());
    assert!(OsFs.open_append(&dir.join("link")).is_err());
    assert!(OsFs.create_new(&dir.join("dangling")).is_err());
    assert!(OsFs.open_read(&dir).is_err(), "a folder is not a file");
}

#[test]
fn no_link_is_followed_within_a_store_and_any_on_the_way_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, elsewhere) = (dir.path().join("real/logs"), dir.path().join("elsewhere"));
    for folder in [store.join("day"), elsewhere.clone()] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(store.join("day/a"), "ours").unwrap();
    std::fs::write(elsewhere.join("a"), "theirs").unwrap();
    std::os::unix::fs::symlink(&elsewhere, store.join("linked")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("a"), store.join("day/b")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("way")).unwrap();
    let way = dir.path().join("way/logs");
    assert!(OsFs.open_read(&way.join("day/a")).is_ok());
    assert!(OsFs.create_new(&way.join("day/c")).is_ok());
    for name in ["linked/a", "day/b", "linked/new"] {
        let path = way.join(name);
        let results = [OsFs.open_read(&path), OsFs.open_append(&path), OsFs.create_new(&path)]
            .map(|r| r.is_ok());
        assert_eq!(results, [false; 3], "{name}");
    }
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 1, "nothing was made there");
}
