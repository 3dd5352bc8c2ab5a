//! Rigs that break the machine under the product, and look whether its promises hold. Started by
//! `cargo xtask soak` and by the gate of the same name of `cargo xtask test`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod chance;
mod check;
mod clock;
mod disk;
mod report;
mod rigs;
mod script;
mod session;

use clap::{Parser, ValueEnum};
use clock::Stopwatch;
use report::Figures;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Break things, and look.
#[derive(Parser)]
struct Arguments {
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
}

/// What is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rig {
    /// Cut the power of a disk in memory after any step
    Power,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let rigs = std::mem::take(&mut arguments.rigs);
    let rigs = if rigs.is_empty() { Rig::value_variants() } else { &rigs };
    if let Some(minutes) = arguments.minutes {
        arguments.seconds = minutes.saturating_mul(60).div_ceil(rigs.len().max(1) as u64);
    }
    let mut good = true;
    println!("{:<12}{}", "rig", report::HEAD);
    for rig in rigs {
        let figures = run(*rig, &arguments);
        let name = rig.to_possible_value().map(|value| value.get_name().to_owned());
        let name = name.unwrap_or_default();
        println!("{name:<12}{figures}");
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

fn run(rig: Rig, arguments: &Arguments) -> Figures {
    match rig {
        Rig::Power => {
            side_by_side(arguments, &|seed| rigs::power::story(seed, &|disk| Arc::new(disk)))
        }
    }
}

/// Seed after seed, on every core, until the time is over or something is found.
fn side_by_side(arguments: &Arguments, work: &(dyn Fn(u64) -> Figures + Sync)) -> Figures {
    let watch = Stopwatch::start();
    let patience = Duration::from_secs(arguments.seconds);
    let next = AtomicU64::new(arguments.first_seed);
    let worker = || {
        let mut figures = Figures::default();
        while watch.elapsed() < patience && figures.findings.is_empty() {
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
