//! What every sink does, as a suite: called by the tests of each, with a place that is empty.

use super::{FilePlace, Sink, SinkErrorKind};

/// One thing that every sink does.
pub type Claim = (&'static str, fn(&dyn Sink) -> Result<(), String>);

/// All of them. Each wants an empty place.
pub const CLAIMS: &[Claim] = &[
    ("a file is made with its folders, grows, and is read", grows),
    ("what is beyond the place is cut", cuts),
    ("a file shorter than the place is not touched", short),
    ("a rename keeps the bytes and never overwrites", renames),
    ("a removed file is gone", removes),
    ("a list has the files of one folder", lists),
    ("paths that lead out are refused", refuses),
    ("an open file knows what was done to its name", places),
    ("an open file knows what was done to its length", lengths),
    ("a lock has one holder", locks),
];

/// Checks each claim on a place of its own; the first that does not hold, with what was seen.
pub fn check(mut empty: impl FnMut() -> Box<dyn Sink>) -> Result<(), String> {
    CLAIMS.iter().try_for_each(|(name, claim)| {
        claim(empty().as_ref()).map_err(|seen| format!("{name}: {seen}"))
    })
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

fn write(sink: &dyn Sink, path: &str, at: u64, bytes: &[u8]) -> Result<u64, String> {
    let mut file = sink.append_from(path, at).map_err(text)?;
    file.append(bytes).map_err(text)?;
    let durable = file.sync().map_err(text)?;
    file.close().map_err(text)?;
    sink.sync_names(path).map_err(text)?;
    Ok(durable)
}

fn read(sink: &dyn Sink, path: &str) -> Result<String, String> {
    String::from_utf8(sink.read(path, 0, 1 << 20).map_err(text)?).map_err(text)
}

fn kind<T>(done: Result<T, super::SinkError>) -> Option<SinkErrorKind> {
    done.err().map(|error| error.kind)
}

fn grows(sink: &dyn Sink) -> Result<(), String> {
    same(sink.stat("a/b/c.log").map_err(text)?, None)?;
    same(write(sink, "a/b/c.log", 0, b"one\n")?, 4)?;
    same(write(sink, "a/b/c.log", 4, b"two\n")?, 8)?;
    same(read(sink, "a/b/c.log")?.as_str(), "one\ntwo\n")?;
    same(sink.read("a/b/c.log", 2, 3).map_err(text)?, b"e\nt".to_vec())?;
    same(sink.read("a/b/c.log", 8, 3).map_err(text)?, Vec::new())?;
    same(sink.stat("a/b/c.log").map_err(text)?.map(|stat| stat.bytes), Some(8))
}

fn cuts(sink: &dyn Sink) -> Result<(), String> {
    write(sink, "f", 0, b"one\ntwo\n")?;
    same(write(sink, "f", 4, b"2\n")?, 6)?;
    same(read(sink, "f")?.as_str(), "one\n2\n")
}

fn short(sink: &dyn Sink) -> Result<(), String> {
    write(sink, "f", 0, b"one\n")?;
    same(kind(sink.append_from("f", 5)), Some(SinkErrorKind::Short))?;
    same(kind(sink.append_from("g", 5)), Some(SinkErrorKind::Missing))?;
    same(read(sink, "f")?.as_str(), "one\n")?;
    same(sink.stat("g").map_err(text)?, None)
}

fn renames(sink: &dyn Sink) -> Result<(), String> {
    write(sink, "f", 0, b"old\n")?;
    sink.rename("f", "archive/f.0").map_err(text)?;
    sink.sync_names("archive/f.0").map_err(text)?;
    write(sink, "f", 0, b"new\n")?;
    same(kind(sink.rename("f", "archive/f.0")), Some(SinkErrorKind::Exists))?;
    same(kind(sink.rename("g", "archive/f.1")), Some(SinkErrorKind::Missing))?;
    same((read(sink, "archive/f.0")?, read(sink, "f")?), ("old\n".to_owned(), "new\n".to_owned()))
}

fn removes(sink: &dyn Sink) -> Result<(), String> {
    write(sink, "f", 0, b"old\n")?;
    sink.remove("f").map_err(text)?;
    same(sink.stat("f").map_err(text)?, None)?;
    same(kind(sink.remove("f")), Some(SinkErrorKind::Missing))?;
    same(kind(sink.read("f", 0, 1)), Some(SinkErrorKind::Missing))
}

fn lists(sink: &dyn Sink) -> Result<(), String> {
    for path in ["x/1", "x/2", "x/y/3", "4"] {
        write(sink, path, 0, path.as_bytes())?;
    }
    let names = |folder: &str| -> Result<Vec<(String, u64)>, String> {
        let mut files: Vec<_> = sink
            .list(folder)
            .map_err(text)?
            .into_iter()
            .map(|file| (file.name, file.stat.bytes))
            .collect();
        files.sort();
        Ok(files)
    };
    let of = |files: &[(&str, u64)]| -> Vec<(String, u64)> {
        files.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    };
    same(names("")?, of(&[("4", 1)]))?;
    same(names("x")?, of(&[("1", 3), ("2", 3)]))?;
    same(names("x/y")?, of(&[("3", 5)]))?;
    same(names("z")?, of(&[]))?;
    same(sink.folders("").map_err(text)?, vec!["x".to_owned()])?;
    same(sink.folders("x").map_err(text)?, vec!["y".to_owned()])?;
    same(sink.folders("z").map_err(text)?, Vec::new())?;
    same(sink.identity().map_err(text)?, sink.identity().map_err(text)?)
}

fn refuses(sink: &dyn Sink) -> Result<(), String> {
    let long = "n".repeat(256);
    for path in ["", "/f", "../f", "a/../f", "a//f", "a/", ".", "./f", "a/./f", "a\0b", &long] {
        let seen = kind(sink.append_from(path, 0));
        same((path, seen), (path, Some(SinkErrorKind::BadPath)))?;
        same((path, kind(sink.stat(path))), (path, Some(SinkErrorKind::BadPath)))?;
    }
    Ok(())
}

fn places(sink: &dyn Sink) -> Result<(), String> {
    let mut file = sink.append_from("f", 0).map_err(text)?;
    file.append(b"one\n").map_err(text)?;
    same(file.place().map_err(text)?, FilePlace::Here { bytes: 4 })?;
    sink.rename("f", "g").map_err(text)?;
    same(file.place().map_err(text)?, FilePlace::Renamed)?;
    write(sink, "f", 0, b"another\n")?;
    same(file.place().map_err(text)?, FilePlace::Renamed)?;
    sink.remove("g").map_err(text)?;
    same(file.place().map_err(text)?, FilePlace::Removed)
}

fn lengths(sink: &dyn Sink) -> Result<(), String> {
    let mut file = sink.append_from("f", 0).map_err(text)?;
    file.append(b"one\n").map_err(text)?;
    // Somebody else writes into it: both are there.
    write(sink, "f", 4, b"theirs\n")?;
    same(file.place().map_err(text)?, FilePlace::Here { bytes: 11 })?;
    file.append(b"two\n").map_err(text)?;
    same(read(sink, "f")?.as_str(), "one\ntheirs\ntwo\n")?;
    same(file.place().map_err(text)?, FilePlace::Here { bytes: 15 })?;
    // Somebody else cuts it: nothing goes behind what is left.
    sink.append_from("f", 4).and_then(|file| file.close()).map_err(text)?;
    same(file.place().map_err(text)?, FilePlace::Here { bytes: 4 })?;
    same(kind(file.append(b"three\n")), Some(SinkErrorKind::Short))?;
    same(read(sink, "f")?.as_str(), "one\n")
}

fn locks(sink: &dyn Sink) -> Result<(), String> {
    let held = sink.lock("lock").map_err(text)?;
    same(held.is_some(), true)?;
    same(sink.lock("lock").map_err(text)?.is_some(), false)?;
    same(sink.lock("other").map_err(text)?.is_some(), true)?;
    drop(held);
    same(sink.lock("lock").map_err(text)?.is_some(), true)
}
