//! The log saver beside the obvious program: 64 runs merged by time into 64 files that are rolled.

use super::table::Comparison;
use super::{Bench, Contender, data};
use crate::process::command;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Stdio;
use std::{fs, path::Path};

const RUNS: usize = 64;

/// Runs that speak at the same time, merged and written with a pattern layout.
pub(super) fn compare(bench: &Bench) -> Result<Vec<Comparison>> {
    let save = bench.example("databuild-saver", "save")?;
    let straight = bench.example("databuild-saver", "straight_save")?;
    let folder = bench.folder("saver-in")?;
    let mut files = Vec::new();
    for run in 0..RUNS {
        let file = folder.join(format!("run-{run}.jsonl"));
        let entries = data::entries(&format!("run-{run}"), run as u64, bench.capture_bytes / RUNS);
        fs::write(&file, entries)?;
        files.push(file);
    }
    let contenders = [
        into_folders(bench, "straight", straight, &["saver-straight"], &files),
        into_folders(bench, "saver", save, &["saver-home", "saver-out"], &files),
    ];
    let title = format!("Saver: {RUNS} runs merged by time into {RUNS} rolled files");
    Ok(vec![bench.compare(title, bench.capture_bytes, &contenders)?])
}

/// A program that writes into new folders.
fn into_folders(
    bench: &Bench,
    name: &str,
    program: PathBuf,
    folders: &[&str],
    files: &[PathBuf],
) -> Contender {
    let folders: Vec<PathBuf> = folders.iter().map(|name| bench.place.join(name)).collect();
    let files = files.to_vec();
    Contender::new(name, move || {
        for folder in &folders {
            renew(folder)?;
        }
        let mut program = command(&program, Path::new("/"));
        program.args(&folders).args(&files).stdout(Stdio::null());
        Ok(program)
    })
}

fn renew(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir(folder)?)
}
