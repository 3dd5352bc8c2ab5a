//! What a power cut may take, and what it may not.

use super::{Disk, Image, Medium, Mood, ROOT};
use crate::chance::Chance;
use databuild_logs::fs::Fs;
use std::path::Path;

/// What is left of `work` after a cut at its end, as `name=text`.
fn left(mood: Mood, seed: u64, work: impl Fn(&Disk)) -> String {
    let disk = Disk::new(&Image::default());
    work(&disk);
    let mut medium = Medium::new(&Image::default());
    disk.trace().iter().for_each(|step| medium.play(step));
    let image = medium.cut(mood, &mut Chance::new(seed));
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let name = |path: &Path| path.strip_prefix(ROOT).unwrap().display().to_string();
    let files = image.files.iter().map(|(path, bytes)| format!("{}={}", name(path), text(bytes)));
    files.collect::<Vec<_>>().join(" ")
}

fn append(disk: &Disk, name: &str, text: &str) {
    let path = Path::new(ROOT).join(name);
    let file = disk.create_new(&path).or_else(|_| disk.open_append(&path)).unwrap();
    file.append(text.as_bytes()).unwrap();
}

fn sync(disk: &Disk, name: &str) {
    disk.open_append(&Path::new(ROOT).join(name)).unwrap().sync_data().unwrap();
}

fn sync_dir(disk: &Disk, name: &str) {
    disk.sync_dir(&Path::new(ROOT).join(name)).unwrap();
}

#[test]
fn what_was_synced_stays() {
    for (seed, mood) in (0..60).zip(Mood::ALL.into_iter().cycle()) {
        let left = left(mood, seed, |disk| {
            append(disk, "a", "one");
            sync(disk, "a");
            sync_dir(disk, "");
        });
        assert_eq!(left, "a=one", "{mood:?}");
    }
}

#[test]
fn a_file_without_a_synced_name_is_gone_and_one_without_synced_data_is_empty() {
    let half = |disk: &Disk| {
        append(disk, "data", "one");
        sync(disk, "data");
        append(disk, "name", "two");
    };
    assert_eq!(left(Mood::Forgets, 1, half), "");
    assert_eq!(left(Mood::NamesOnly, 1, half), "data=one name=");
    assert_eq!(left(Mood::Kill, 1, half), "data=one name=two");
}

#[test]
fn a_folder_takes_what_is_in_it_along() {
    let work = |disk: &Disk| {
        disk.create_dir_all(&Path::new(ROOT).join("day")).unwrap();
        append(disk, "day/a", "one");
        sync(disk, "day/a");
        sync_dir(disk, "day");
    };
    assert_eq!(left(Mood::Forgets, 1, work), "");
    let and_above = |disk: &Disk| {
        work(disk);
        sync_dir(disk, "");
    };
    assert_eq!(left(Mood::Forgets, 1, and_above), "day/a=one");
}

#[test]
fn the_end_of_what_was_not_synced_is_anywhere() {
    let lefts: std::collections::BTreeSet<String> = (0..200)
        .map(|seed| {
            left(Mood::Some, seed, |disk| {
                append(disk, "a", "12");
                sync(disk, "a");
                sync_dir(disk, "");
                append(disk, "a", "34");
            })
        })
        .collect();
    assert_eq!(lefts.into_iter().collect::<Vec<_>>(), ["a=12", "a=123", "a=1234"]);
}

#[test]
fn the_killed_do_nothing_any_more() {
    let disk = Disk::new(&Image::default());
    let path = Path::new(ROOT).join("a");
    let file = disk.create_new(&path).unwrap();
    assert!(file.try_lock().unwrap());
    let after = disk.next_life();
    assert!(file.append(b"late").is_err());
    assert!(disk.is_dead() && !after.is_dead());
    let file = after.open_append(&path).unwrap();
    assert!(file.try_lock().unwrap(), "the lock went with its holder");
    assert_eq!(file.size().unwrap(), 0);
}
