//! What a plugin writes on its standard error: a file of its own beside the pipeline's state, with one
//! older one, so that a plugin that floods fills no disk.

use databuild_logs::fs::{Fs, OsFs};
use databuild_plugin::process::Complaints;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the file is called in the folder of the pipeline.
pub(super) const FILE: &str = "plugin.log";

/// The file is begun anew beyond this: some ten thousand lines, enough to see how it began.
const BYTES_MAX: u64 = 4 << 20;

/// Keeps what is written in the file at `path`. Where that is not possible it is lost: nothing depends on it.
pub(super) fn keep(path: PathBuf) -> Complaints {
    let mut file = open(&path).ok();
    let mut bytes = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |it| it.len());
    Box::new(move |line| {
        if BYTES_MAX <= bytes && OsFs.rename(&path, &path.with_added_extension("old")).is_ok() {
            (file, bytes) = (open(&path).ok(), 0);
        }
        if let Some(file) = &mut file {
            let mut text = line.to_vec();
            text.push(b'\n');
            bytes += text.len() as u64;
            file.write_all(&text).ok();
        }
    })
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, keep};

    #[test]
    fn a_flood_keeps_its_end_and_what_was_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugin.log");
        let mut complain = keep(path.clone());
        let line = [b'x'; 1 << 20];
        for _ in 0..7 {
            complain(&line);
        }
        complain(b"the last");
        let kept = std::fs::read(&path).unwrap();
        assert!(kept.ends_with(b"the last\n"));
        let old = std::fs::metadata(path.with_added_extension("old")).unwrap().len();
        assert!(kept.len() as u64 <= BYTES_MAX + line.len() as u64 && BYTES_MAX <= old);
    }
}
