//! Walks over small blocks against splitting the whole text.

use super::{Caps, Line, Span, Walked, Walker, line_start, width};
use crate::read::file::RunFile;
use proptest::prelude::*;
use std::ops::ControlFlow;

fn file_of(text: &[u8]) -> (tempfile::TempDir, RunFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, text).unwrap();
    (folder, RunFile::open(&crate::fs::OsFs, &path).unwrap())
}

/// Caps small enough for lines of a hundred bytes to be too long.
fn walker(block: usize) -> Walker {
    let caps = Caps { block_bytes_max: block, line_read_bytes: block, line_bytes_max: 64 };
    Walker { block, caps, ..Walker::new() }
}

/// What a walk should see: where each whole line begins and its bytes, too long ones without.
fn expected(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut at = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if let Some((b'\n', body)) = line.split_last() {
            lines.push((at, if body.len() <= 64 { body.to_vec() } else { Vec::new() }));
        }
        at += width(line.len());
    }
    lines
}

fn walked(
    walk: impl FnOnce(&mut dyn FnMut(Line<'_>) -> ControlFlow<()>) -> std::io::Result<Walked>,
) -> Vec<(u64, Vec<u8>)> {
    let mut seen = Vec::new();
    let mut next = Vec::new();
    let mut visit = |line: Line<'_>| {
        seen.push((line.offset, line.bytes.to_vec()));
        next.push(line.next);
        ControlFlow::Continue(())
    };
    assert_eq!(walk(&mut visit).unwrap(), Walked::Through);
    for (pair, next) in seen.windows(2).zip(next) {
        assert!(next == pair[1].0 || pair[1].0 < pair[0].0);
    }
    seen
}

proptest! {
    #[test]
    fn both_directions_see_every_whole_line_once(
        lengths in prop::collection::vec(prop_oneof![0..20_usize, 60..70_usize, 100..400_usize], 0..30),
        torn in 0..30_usize,
        block in 1..40_usize,
    ) {
        let mut text: Vec<u8> = Vec::new();
        for (letter, length) in (b'a'..=b'z').cycle().zip(&lengths) {
            text.extend(std::iter::repeat_n(letter, *length));
            text.push(b'\n');
        }
        let whole = width(text.len());
        text.extend(std::iter::repeat_n(b'#', torn));
        let (_folder, file) = file_of(&text);
        prop_assert_eq!(line_start(&file, 0, width(text.len())).unwrap(), whole);
        let lines = expected(&text);
        let forward = walked(|visit| walker(block).forward(&file, &Span::Lines(0..width(text.len())), visit));
        prop_assert_eq!(&forward, &lines);
        let mut backward = walked(|visit| walker(block).backward(&file, &Span::Lines(0..whole), visit));
        backward.reverse();
        prop_assert_eq!(&backward, &lines);
        let mut one = walker(block);
        for (offset, bytes) in &lines {
            let seen = walked(|visit| one.forward(&file, &Span::Line(*offset), visit));
            prop_assert_eq!(&seen, &[(*offset, bytes.clone())]);
        }
    }
}
