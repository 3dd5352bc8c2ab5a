//! `cargo xtask soak`: the rigs of the crate `faults` at length. The gate of the same name runs each
//! of them for a moment.

use crate::suite::{House, Outcome, output_of, target_folder};
use anyhow::{Result, bail, ensure};
use clap::Args;
use std::path::{Path, PathBuf};

/// How long and what.
#[derive(Args)]
pub(crate) struct SoakArguments {
    /// How long all rigs together go on
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Only these rigs; `--rig help` names them
    #[arg(long = "rig")]
    rigs: Vec<String>,
    /// One seed only, again and again until it breaks something or the time is over
    #[arg(long)]
    seed: Option<u64>,
    /// Where to begin to count seeds, so that two soaks try other things
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Break the program as it is released: figures of speed and memory are worth more
    #[arg(long)]
    release: bool,
}

/// Seconds of each rig in the gate: all of them together take about five minutes on two cores.
const GATE_SECONDS: u64 = 25;

/// Runs the rigs, and prints what they counted.
pub(crate) fn run(root: &Path, arguments: &SoakArguments) -> Result<()> {
    let house = House::new(root, target_folder()?);
    let profile = if arguments.release { Profile::Release } else { Profile::Debug };
    let rigs = build(&house, profile)?;
    let mut command = crate::process::command(rigs, root);
    command.args(["--minutes", &arguments.minutes.to_string()]);
    command.args(["--first-seed", &arguments.first_seed.to_string()]);
    for rig in &arguments.rigs {
        command.args(["--rig", rig]);
    }
    if let Some(seed) = arguments.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if !command.status()?.success() {
        bail!("a rig found something");
    }
    Ok(())
}

/// Runs each rig for a moment.
pub(crate) fn gate(house: &House) -> Outcome {
    let failed = |said| Outcome::Failed { passed: 0, failed: 1, said };
    let rigs = match build(house, Profile::Debug) {
        Ok(rigs) => rigs,
        Err(error) => return failed(format!("{error:#}")),
    };
    let mut command = house.command(&rigs.display().to_string());
    let (ended_well, said) =
        output_of(command.args(["--small", "--seconds", &GATE_SECONDS.to_string()]));
    println!("{}", said.trim_end());
    if ended_well { Outcome::Passed(1) } else { failed(said) }
}

/// How the rigs and the program are compiled.
#[derive(Clone, Copy)]
enum Profile {
    Debug,
    Release,
}

/// Compiles the rigs and the program that they break, and answers where the rigs are.
fn build(house: &House, profile: Profile) -> Result<PathBuf> {
    let mut command = house.command("cargo");
    command.args(["build", "--locked", "--quiet", "--package", "faults", "--package", "databuild"]);
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    let (ended_well, said) = output_of(&mut command);
    ensure!(ended_well, "{said}");
    Ok(house.target().join(folder).join("faults"))
}
