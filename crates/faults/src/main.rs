//! Rigs that break the machine under the product, and look whether its promises hold. Started by
//! `cargo xtask soak` and by the gate of the same name of `cargo xtask test`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod chance;
mod check;
mod clock;
mod disk;
mod faulty;
mod job;
mod ledger;
mod liar;
mod report;
mod rigs;
mod saved;
mod script;
mod service;
mod session;
mod shutdown;
mod world;

use clap::{Parser, Subcommand, ValueEnum};
use clock::Stopwatch;
use report::{Events, Figures};
use rigs::scale::Size;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Break things, and look.
#[derive(Parser, Clone)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only these rigs
    #[arg(long = "rig", value_enum)]
    rigs: Vec<Rig>,
    /// One seed only, again and again until something is found or the time is over
    #[arg(long)]
    seed: Option<u64>,
    /// Where to begin to count seeds
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// How long each rig goes on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long all of them together go on, instead
    #[arg(long)]
    minutes: Option<u64>,
    /// What has a size is a tenth of what is promised
    #[arg(long)]
    small: bool,
    /// The program to break [default: the `databuild` beside this program]
    #[arg(long)]
    databuild: Option<PathBuf>,
}

/// What the rigs start as processes of their own.
#[derive(Subcommand, Clone)]
enum Part {
    /// A job whose every byte is known
    #[command(hide = true)]
    Job(job::JobArguments),
    /// A cycle of the rig of that name, in name spaces of its own
    #[command(hide = true)]
    Full(rigs::full::FullArguments),
    /// A cycle of the rig of that name, in name spaces of its own
    #[command(hide = true)]
    Ext4(rigs::ext4::Ext4Arguments),
    /// A collector of many streams
    #[command(hide = true)]
    Collect(rigs::scale::CollectArguments),
    /// Who speaks on them
    #[command(hide = true)]
    Speak(rigs::scale::SpeakArguments),
}

/// What is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rig {
    /// Kill the processes of a build at any moment
    Kill,
    /// Kill them, or give them an error, at each system call
    Syscalls,
    /// Fill the file system of the logs up, and free it
    Full,
    /// Cut the power of a disk in memory after any step
    Power,
    /// Cut the power of a real file system under the processes of a build
    Ext4,
    /// Let go wrong what can, at each named point of a collector's life
    Failpoints,
    /// Kill log savers, or stop them while others come, at any moment
    Saver,
    /// Kill a log saver at any operation on a place in memory, or cut its power
    SaverPower,
    /// Seed bugs of durability, to see whether they are caught
    Bugs,
    /// As many runs at once as is promised
    Scale,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    match &arguments.part {
        // What it says is what it is to say, and nothing of its own troubles.
        Some(Part::Job(job)) => {
            let done = job::run(job, &run_id()).is_ok();
            return if done { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Some(Part::Full(full)) => {
            return ended(rigs::full::inside(full).map(|line| println!("{line}")));
        }
        Some(Part::Ext4(ext4)) => {
            return ended(rigs::ext4::inside(ext4).map(|line| println!("{line}")));
        }
        Some(Part::Collect(collect)) => return ended(rigs::scale::collect(collect)),
        Some(Part::Speak(speak)) => return ended(rigs::scale::speak(speak)),
        None => {}
    }
    let rigs = std::mem::take(&mut arguments.rigs);
    let rigs = if rigs.is_empty() { Rig::value_variants() } else { &rigs };
    if let Some(minutes) = arguments.minutes {
        arguments.seconds = minutes.saturating_mul(60).div_ceil(rigs.len().max(1) as u64);
    }
    let mut good = true;
    println!("{:<12}{}", "rig", report::HEAD);
    for rig in rigs {
        let figures = run(*rig, &arguments).unwrap_or_else(|error| {
            let mut broken = Figures::default();
            broken.find(arguments.first_seed, &error);
            broken
        });
        let name = rig.to_possible_value().map(|value| value.get_name().to_owned());
        let name = name.unwrap_or_default();
        println!("{name:<12}{figures}");
        if figures.events != Events::default() {
            println!("  {}", figures.events);
        }
        for note in &figures.notes {
            println!("  {note}");
        }
        for skipped in &figures.skipped {
            println!("  not done: {skipped}");
        }
        for finding in &figures.findings {
            eprintln!("{name}: {}", finding.what);
            eprintln!("  again: cargo xtask soak --rig {name} --seed {}", finding.seed);
        }
        good &= figures.is_good();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The job run that this process is the job of.
#[expect(clippy::disallowed_methods, reason = "a job is told by its environment who it is")]
fn run_id() -> String {
    std::env::var("DATABUILD_JOB_RUN_ID").unwrap_or_default()
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(rig: Rig, arguments: &Arguments) -> anyhow::Result<Figures> {
    Ok(match rig {
        Rig::Kill => {
            let program = program(arguments)?;
            side_by_side(arguments, &|seed| rigs::kill::cycle(seed, &program))
        }
        Rig::Saver => {
            let program = program(arguments)?;
            side_by_side(arguments, &|seed| rigs::saver::cycle(seed, &program))
        }
        Rig::SaverPower => side_by_side(arguments, &|seed| rigs::saver_power::story(seed, None)),
        Rig::Full => {
            let program = program(arguments)?;
            side_by_side(arguments, &|seed| rigs::full::cycle(seed, &program))
        }
        Rig::Ext4 => {
            let program = program(arguments)?;
            side_by_side(arguments, &|seed| rigs::ext4::cycle(seed, &program))
        }
        Rig::Syscalls => {
            let program = program(arguments)?;
            if !rigs::syscalls::can_trace(&program)? {
                let skipped = vec!["syscalls: strace is missing, or may not trace".to_owned()];
                return Ok(Figures { skipped, ..Figures::default() });
            }
            let played = rigs::syscalls::Played::default();
            // A seed is the number of a call here: there is nothing to try before the first.
            let from_first = Arguments { first_seed: 1, ..arguments.clone() };
            side_by_side(&from_first, &|seed| rigs::syscalls::cycle(seed, &program, &played))
        }
        Rig::Power => {
            side_by_side(arguments, &|seed| rigs::power::story(seed, &|disk| Arc::new(disk)))
        }
        Rig::Failpoints => {
            let points = rigs::failpoints::Failpoints::new()?;
            let mut figures = side_by_side(arguments, &|seed| points.cycle(seed));
            figures.notes.push(points.note());
            figures
        }
        Rig::Bugs => {
            let seed = arguments.seed.unwrap_or(arguments.first_seed);
            rigs::bugs::all(seed, &program(arguments)?)
        }
        Rig::Scale => {
            let size = if arguments.small { Size::SMALL } else { Size::FULL };
            rigs::scale::all(&program(arguments)?, size)
        }
    })
}

/// The program under test.
fn program(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let beside = || Ok(std::env::current_exe()?.with_file_name("databuild"));
    let program = arguments.databuild.clone().map_or_else(beside, anyhow::Ok)?;
    anyhow::ensure!(program.is_file(), "there is no {}", program.display());
    Ok(std::fs::canonicalize(program)?)
}

/// Seed after seed, on every core, until the time is over or something is found.
fn side_by_side(arguments: &Arguments, work: &(dyn Fn(u64) -> Figures + Sync)) -> Figures {
    let watch = Stopwatch::start();
    let patience = Duration::from_secs(arguments.seconds);
    let next = AtomicU64::new(arguments.first_seed);
    let worker = || {
        let mut figures = Figures::default();
        while watch.elapsed() < patience && figures.findings.is_empty() && !figures.exhausted {
            let seed = arguments.seed.unwrap_or_else(|| next.fetch_add(1, Ordering::Relaxed));
            figures.add(work(seed));
        }
        figures
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let mut all = Figures::default();
        for worker in workers {
            match worker.join() {
                Ok(figures) => all.add(figures),
                Err(_) => all.find(0, &anyhow::anyhow!("the rig itself is broken")),
            }
        }
        all
    })
}
