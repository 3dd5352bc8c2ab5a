//! The guard of the hot functions: instructions per line, counted by callgrind, compared with what is
//! committed. Time on a shared machine proves nothing; a count of instructions hardly moves.

use crate::bench::{Form, make_data};
use crate::process::command;
use crate::suite::{House, Outcome, is_there, output_of};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What is committed, below the root.
const COUNTS: &str = "xtask/src/guard/counts.toml";
/// How far above its committed count a function may be, in per cent: counts differ by less than one
/// per cent from machine to machine, and a change that costs more wants to be seen.
const PERCENT_OVER_MAX: u64 = 5;
/// The same for another compiler than the one that the counts were taken with.
const PERCENT_OVER_OTHER_COMPILER_MAX: u64 = 25;
/// Input of one count. Enough that start-up does not matter, little enough that callgrind, which is
/// fifty times slower than the machine, takes a second or two.
const INPUT_BYTES: usize = 2 << 20;

/// A program that does one hot thing with the lines on its standard input.
struct Hot {
    /// In the committed file.
    name: &'static str,
    package: &'static str,
    example: &'static str,
    form: Form,
    /// What it is told: names of folders that are not there yet, and beginning with a slash what it is told
    /// word for word.
    arguments: &'static [&'static str],
}

const HOT: &[Hot] = &[
    // What the collector looks at of each line.
    Hot {
        name: "scan",
        package: "databuild-model",
        example: "scan",
        form: Form::Entries,
        arguments: &[],
    },
    // All that the collector does: check, label, count, index, hash, write.
    Hot {
        name: "collect",
        package: "databuild-logs",
        example: "collect",
        form: Form::Entries,
        arguments: &["collected"],
    },
    // All that the wrapper does with a line of text.
    Hot {
        name: "wrap",
        package: "databuild-job",
        example: "lines",
        form: Form::Plain,
        arguments: &[],
    },
    // All that the log saver does with a stored line: check, order, lay out, route, write, sync, record.
    Hot {
        name: "save",
        package: "databuild-saver",
        example: "save",
        form: Form::Entries,
        arguments: &["saver", "saved", "/dev/stdin"],
    },
];

/// Instructions per line by name, and the compiler that made them.
#[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
struct Counts {
    rustc: String,
    instructions_per_line: BTreeMap<String, u64>,
}

/// Counts, and compares; with `UPDATE_EXPECT=1` writes what it counted.
pub(crate) fn gate(house: &House) -> Outcome {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Outcome::NotRun("counts are kept for x86-64 Linux".to_owned());
    }
    if !is_there("valgrind") {
        return Outcome::NotRun("valgrind is missing".to_owned());
    }
    match measure(house).and_then(|found| compare(house.root(), &found)) {
        Ok(passed) => Outcome::Passed(passed),
        Err(error) => Outcome::Failed { passed: 0, failed: 1, said: format!("{error:#}") },
    }
}

fn measure(house: &House) -> Result<Counts> {
    let place = tempfile::tempdir()?;
    let mut found = Counts { rustc: compiler(house)?, ..Counts::default() };
    for hot in HOT {
        let (ended_well, said) = output_of(
            house.command("cargo").args(["build", "--locked", "--release", "--quiet"]).args([
                "--package",
                hot.package,
                "--example",
                hot.example,
            ]),
        );
        ensure!(ended_well, "{said}");
        let lines = make_data(hot.form, INPUT_BYTES, 1);
        let n_lines = lines.iter().filter(|byte| **byte == b'\n').count();
        let of_lines = instructions(house, hot, place.path(), "lines", &lines)?;
        let work = of_lines - instructions(house, hot, place.path(), "nothing", b"")?;
        found.instructions_per_line.insert(hot.name.to_owned(), work / u64::try_from(n_lines)?);
    }
    Ok(found)
}

fn compiler(house: &House) -> Result<String> {
    let (ended_well, said) = output_of(house.command("rustc").arg("--version"));
    ensure!(ended_well, "{said}");
    Ok(said.split_whitespace().nth(1).unwrap_or_default().to_owned())
}

/// Instructions that a program takes for `input`, which it gets through a pipe.
fn instructions(house: &House, hot: &Hot, place: &Path, name: &str, input: &[u8]) -> Result<u64> {
    let file = place.join(name);
    fs::write(&file, input)?;
    let mut feeder = command("cat", place).arg(&file).stdout(Stdio::piped()).spawn()?;
    let mut program = house.command("valgrind");
    program.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    program.arg(house.target().join("release/examples").join(hot.example));
    for argument in hot.arguments {
        // An absolute path stays what it is.
        let folder = Path::new(argument).is_relative().then(|| format!("{argument}-{name}"));
        program.arg(folder.map_or_else(|| PathBuf::from(argument), |folder| place.join(folder)));
    }
    program.stdin(feeder.stdout.take().context("the feeder has no output")?);
    let (ended_well, said) = output_of(&mut program);
    // Nobody keeps the reading end open now, so it ends.
    drop(program);
    feeder.wait()?;
    ensure!(ended_well, "{said}");
    said.lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse().ok())
        .with_context(|| format!("callgrind gave no count:\n{said}"))
}

#[expect(clippy::disallowed_methods, reason = "the same switch as the tests' expected output")]
fn compare(root: &Path, found: &Counts) -> Result<u64> {
    for (name, count) in &found.instructions_per_line {
        println!("   {name}: {count} instructions per line");
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(root.join(COUNTS), write(found))?;
    }
    let text =
        fs::read_to_string(root.join(COUNTS)).with_context(|| format!("cannot read {COUNTS}"))?;
    let kept: Counts = toml::from_str(&text)?;
    let complaints = judge(&kept, found);
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(u64::try_from(found.instructions_per_line.len())?)
}

/// What got more expensive than it may.
fn judge(kept: &Counts, found: &Counts) -> Vec<String> {
    let over_max =
        if kept.rustc == found.rustc { PERCENT_OVER_MAX } else { PERCENT_OVER_OTHER_COMPILER_MAX };
    let mut complaints = Vec::new();
    for (name, now) in &found.instructions_per_line {
        let Some(before) = kept.instructions_per_line.get(name) else {
            complaints.push(format!(
                "{name} has no count yet: UPDATE_EXPECT=1 cargo xtask test instructions"
            ));
            continue;
        };
        if now * 100 > before * (100 + over_max) {
            complaints.push(format!(
                "{name} takes {now} instructions per line, {before} before: make it cheaper, or say in the \
                 commit what is bought with it and run UPDATE_EXPECT=1 cargo xtask test instructions"
            ));
        }
    }
    complaints
}

fn write(counts: &Counts) -> String {
    let mut text = format!(
        "# Counted by `cargo xtask test instructions`; UPDATE_EXPECT=1 writes it anew.\n\
         rustc = \"{}\"\n\n[instructions_per_line]\n",
        counts.rustc
    );
    for (name, count) in &counts.instructions_per_line {
        // Writing to a String does not fail.
        writeln!(text, "{name} = {count}").ok();
    }
    text
}

#[cfg(test)]
mod tests;
