//! The file for node_exporter's textfile collector: replaced as a whole, so that it is never read half
//! written.

use crate::cli::outcome::{Exit, Failure};
use databuild_logs::fs::{Fs, OsFs};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// The collector reads what ends in `.prom`.
const NAME: &str = "databuild.prom";

/// Writes the file into `dir`.
pub(super) fn write(dir: &Path, text: &str) -> Result<Exit, Failure> {
    replace(dir, text).map(|()| Exit::Done).map_err(|error| {
        let what = format!("cannot write {}", dir.join(NAME).display());
        Failure::new(Exit::State, anyhow::Error::new(error).context(what))
            .remedy("DIR is the folder of node_exporter's --collector.textfile.directory; it must exist and be writable")
    })
}

fn replace(dir: &Path, text: &str) -> io::Result<()> {
    // Each writer has its own, and the collector passes over it.
    let new = dir.join(format!("{NAME}.{}", std::process::id()));
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    OsFs.rename(&new, &dir.join(NAME))
}
