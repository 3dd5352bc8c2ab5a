//! What is put together from memory and from a file that may have lost something.

use super::{Rewrite, Upto};
use crate::format::IndexHeader;
use crate::fs::Fs;
use crate::fs::faulty::FaultyFs;
use crate::store::RunPaths;
use crate::testing::{context, log_line, run_id};
use expect_test::{Expect, expect};
use std::path::Path;
use std::sync::Arc;

fn upto(bytes: &[u8]) -> Upto {
    Upto { bytes: bytes.len() as u64, hash: *blake3::hash(bytes).as_bytes() }
}

/// Three lines were said, the first is safe, the bytes from `held_from` on are in memory, and the file
/// has `found`. Shows which lines are in the new file.
#[track_caller]
fn check(found: impl FnOnce(&mut Vec<u8>), held_from: usize, expect: Expect) {
    let lines: Vec<String> =
        (1..=3).map(|seq| log_line("r", seq, "INFO", "hello") + "\n").collect();
    let said = lines.concat().into_bytes();
    let mut old = said.clone();
    found(&mut old);
    let fs = FaultyFs::default();
    let paths = RunPaths::new(Path::new("/logs"), context("r").started_at.day(), &run_id("r"));
    fs.create_dir_all(&paths.dir).unwrap();
    let file = fs.create_new(&paths.entries).unwrap();
    crate::fs::append_all(file.as_ref(), &old).unwrap();
    drop(fs.create_new(&paths.index).unwrap());
    let header = IndexHeader {
        job_run_id: run_id("r"),
        job_label: None,
        job_type: None,
        app: None,
        build_id: None,
    };
    let rewrite = Rewrite {
        paths: paths.clone(),
        header,
        old: Arc::from(file),
        held: said[held_from..].to_vec(),
        held_from: held_from as u64,
        said: upto(&said),
        safe: upto(lines[0].as_bytes()),
        told: 0,
        note: b"NOTE\n".to_vec(),
        loss: b"LOSS\n".to_vec(),
    };
    let result = match rewrite.run(&fs) {
        Err(error) => format!("{error}\n"),
        Ok(new) => {
            let text = String::from_utf8(fs.dump()[&paths.entries].clone()).unwrap();
            let name = |line: &str| match lines.iter().position(|known| known.trim() == line) {
                Some(at) => format!("line {}\n", at + 1),
                None => format!("{line}\n"),
            };
            assert_eq!(new.counted.tally.so_far().bytes, text.len() as u64);
            assert_eq!(new.whole, text.ends_with("NOTE\n"));
            assert!(fs.open_read(&paths.entries).unwrap().is_locked().unwrap());
            text.lines().map(name).collect()
        }
    };
    expect.assert_eq(&result);
    // The old file is there still, under one name or the other.
    assert!(fs.dump().values().any(|bytes| *bytes == old));
}

#[test]
fn a_file_that_has_everything_is_copied() {
    check(
        |_| (),
        486,
        expect![[r#"
        line 1
        line 2
        line 3
        NOTE
    "#]],
    );
}

#[test]
fn what_is_in_memory_need_not_be_in_the_file() {
    check(
        |old| old[200..].fill(0),
        200,
        expect![[r#"
        line 1
        line 2
        line 3
        NOTE
    "#]],
    );
    check(
        |old| old.truncate(200),
        190,
        expect![[r#"
        line 1
        line 2
        line 3
        NOTE
    "#]],
    );
}

#[test]
fn what_the_disk_lost_is_left_out_and_named() {
    check(
        |old| old[250..].fill(0),
        400,
        expect![[r#"
        line 1
        LOSS
    "#]],
    );
    check(
        |old| old.truncate(250),
        400,
        expect![[r#"
        line 1
        LOSS
    "#]],
    );
}

#[test]
fn a_file_that_lost_what_was_safe_is_left_as_it_is() {
    check(
        |old| old[10] = 0,
        400,
        expect![[r#"
        what was synced before is not what was written
    "#]],
    );
}
