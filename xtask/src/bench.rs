//! `cargo xtask bench`: what the product costs, next to what any contributor has. What is measured
//! and how is in `docs/explanation/performance.md`.

mod comparisons;
mod data;
mod measure;
mod saver;
mod table;
mod trickle;

pub(crate) use trickle::{TrickleArguments, trickle};

use crate::process::command;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use measure::Cost;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use table::{Comparison, Row};

/// The run whose entries are made up; what the examples of the store call the first run that they
/// collect.
pub(crate) const RUN: &str = "run-0";

/// What input looks like.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// Entries of one run, as the wrapper writes them
    Entries,
    /// Lines as a job prints them
    Plain,
}

/// Writes input to standard output.
///
/// # Errors
/// Nobody reads it to the end.
pub(crate) fn print_data(form: Form, bytes: usize, seed: u64) -> Result<()> {
    Ok(std::io::stdout().write_all(&make_data(form, bytes, seed))?)
}

pub(crate) fn make_data(form: Form, bytes: usize, seed: u64) -> Vec<u8> {
    match form {
        Form::Entries => data::entries(RUN, seed, bytes),
        Form::Plain => data::plain_lines(seed, bytes),
    }
}

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Only these comparisons
    #[arg(value_name = "NAME", help = format!("Only these: {}", comparisons::names()))]
    only: Vec<String>,
    /// How often each program is run
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Megabytes of input of a capture
    #[arg(long, default_value_t = 100)]
    megabytes: usize,
    /// Megabytes of the run that is read
    #[arg(long, default_value_t = 1000)]
    read_megabytes: usize,
    /// Figures for programs, one JSON value
    #[arg(long)]
    json: bool,
}

/// Measures, and prints what came of it.
///
/// # Errors
/// Something cannot be built or run, or there is no comparison of that name.
pub(crate) fn run(root: &Path, arguments: &BenchArguments) -> Result<()> {
    let known = |name: &String| comparisons::ALL.iter().any(|(known, _)| known == name);
    if let Some(unknown) = arguments.only.iter().find(|name| !known(name)) {
        bail!("there is no comparison {unknown:?}; there are {}", comparisons::names());
    }
    let place = tempfile::Builder::new().prefix("databuild-bench-").tempdir()?;
    let bench = Bench {
        root: root.to_owned(),
        release: crate::suite::target_folder()?.join("release"),
        place: place.path().to_owned(),
        repetitions: arguments.repetitions,
        capture_bytes: arguments.megabytes * 1_000_000,
        read_bytes: arguments.read_megabytes * 1_000_000,
    };
    let (mut results, mut failures) = (Vec::new(), Vec::new());
    for (name, compare) in comparisons::ALL {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|wanted| wanted == name) {
            continue;
        }
        match compare(&bench) {
            Ok(comparisons) if arguments.json => {
                results.extend(comparisons.iter().map(Comparison::json));
            }
            Ok(comparisons) => {
                comparisons.iter().for_each(|figures| println!("{}", figures.table()))
            }
            // The figures of the others are still worth having.
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    }
    if !failures.is_empty() {
        bail!("not compared: {}", failures.join("; "));
    }
    Ok(())
}

/// Where things are while benches run.
struct Bench {
    root: PathBuf,
    /// Built programs.
    release: PathBuf,
    /// A folder that goes away at the end.
    place: PathBuf,
    repetitions: usize,
    capture_bytes: usize,
    read_bytes: usize,
}

/// A program that takes part in a comparison.
struct Contender {
    name: String,
    /// Made anew for each run, after what an earlier one left was removed.
    make: Make,
    /// What runs beside it; its output is the program's input.
    feeder: Option<Make>,
}

type Make = Box<dyn Fn() -> Result<Command>>;

impl Contender {
    fn new(name: impl Into<String>, make: impl Fn() -> Result<Command> + 'static) -> Contender {
        Contender { name: name.into(), make: Box::new(make), feeder: None }
    }

    fn fed_by(mut self, feeder: impl Fn() -> Result<Command> + 'static) -> Contender {
        self.feeder = Some(Box::new(feeder));
        self
    }

    /// Fed with the contents of a file, through a pipe.
    fn fed_with(self, file: &Path) -> Contender {
        let file = file.to_owned();
        self.fed_by(move || {
            let mut cat = command("cat", Path::new("/"));
            cat.arg(&file);
            Ok(cat)
        })
    }

    fn run_once(&self) -> Result<Cost> {
        // What the run before left is removed here, before anything is started.
        let mut program = (self.make)()?;
        let mut feeder = self.feeder.as_ref().map(|make| make()).transpose()?;
        measure::run(&mut program, feeder.as_mut()).with_context(|| self.name.clone())
    }
}

impl Bench {
    /// Runs the contenders in turn, so that a slow minute of the machine hits all of them.
    fn compare(
        &self,
        title: impl Into<String>,
        bytes: usize,
        contenders: &[Contender],
    ) -> Result<Comparison> {
        let mut rows: Vec<Row> = contenders
            .iter()
            .map(|contender| Row { name: contender.name.clone(), costs: Vec::new() })
            .collect();
        for _ in 0..self.repetitions {
            for (contender, row) in contenders.iter().zip(&mut rows) {
                row.costs.push(contender.run_once()?);
            }
        }
        Ok(Comparison { title: title.into(), bytes, rows })
    }

    /// A file of input, made once.
    fn input(&self, form: Form, bytes: usize) -> Result<PathBuf> {
        let path = self.place.join(format!("{form:?}-{bytes}"));
        if !path.exists() {
            fs::write(&path, make_data(form, bytes, 1))?;
        }
        Ok(path)
    }

    /// Files of entries of so many runs, as the examples of the store call them.
    fn inputs_of_runs(&self, runs: usize, bytes: usize) -> Result<()> {
        for run in 0..runs {
            let entries = data::entries(&format!("run-{run}"), 1, bytes);
            fs::write(self.place.join(format!("pipes-{runs}/run-{run}.in")), entries)?;
        }
        Ok(())
    }

    /// An empty folder.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.place.join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// An example of a crate, built.
    fn example(&self, package: &str, name: &str) -> Result<PathBuf> {
        self.build(&["--package", package, "--example", name])?;
        Ok(self.release.join("examples").join(name))
    }

    /// The product, built.
    fn databuild(&self) -> Result<PathBuf> {
        self.build(&["--package", "databuild", "--bin", "databuild"])?;
        Ok(self.release.join("databuild"))
    }

    fn build(&self, what: &[&str]) -> Result<()> {
        let target = self.release.parent().unwrap_or(&self.release);
        let mut cargo = command("cargo", &self.root);
        cargo.args(["build", "--locked", "--release", "--quiet"]).args(what);
        let status =
            cargo.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0").status()?;
        if !status.success() {
            bail!("cannot build {}", what.join(" "));
        }
        Ok(())
    }
}
