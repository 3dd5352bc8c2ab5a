//! `kill`: builds under load, by a command or by a service, of whose processes some are killed at any
//! moment. Afterwards what the jobs wrote is held, byte for byte, against what is stored.

use crate::chance::Chance;
use crate::job;
use crate::report::Figures;
use crate::service::Service;
use crate::world::{Role, World, must_end};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// The longest that a build may take after a kill. It is done in a second if nothing hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// The time in which kills fall, in milliseconds. A build takes about as long.
const KILL_WITHIN_MS: u64 = 700;

/// Most kills in a cycle.
const KILLS_MAX: u64 = 3;

/// One build, some kills, and the account.
pub(crate) fn cycle(seed: u64, program: &Path) -> Figures {
    let mut figures = Figures { cycles: 1, ..Figures::default() };
    if let Err(error) = break_it(seed, program, &mut figures) {
        figures.find(seed, &error);
    }
    figures
}

/// Who was asked for the build.
enum Asked {
    Command(Child),
    Service(Service),
}

fn break_it(seed: u64, program: &Path, figures: &mut Figures) -> Result<()> {
    let mut chance = Chance::new(seed);
    let world = World::new(program)?;
    let jobs: Vec<_> = (0..1 + chance.below(3))
        .map(|n| (seed.wrapping_mul(10) + n, 1 + chance.below(600_000), chance.below(12)))
        .collect();
    world.write_project(&jobs)?;
    let wanted: Vec<_> = jobs.iter().map(|(n, ..)| format!("talk-{n}")).collect();
    let mut command = world.databuild();
    command.args(["build", "-q", "-j", "3"]).args(&wanted);
    let asked = if chance.one_in(3) {
        let service =
            Service::start(&world)?.context("the service is gone before it was killed")?;
        let (status, answer) = service.build(&wanted)?;
        ensure!(status == 202, "the service answers {answer}");
        Asked::Service(service)
    } else {
        Asked::Command(world.start(&mut command)?)
    };
    let mut killed = Vec::new();
    for _ in 0..1 + chance.below(KILLS_MAX) {
        job::pause(Duration::from_millis(chance.below(KILL_WITHIN_MS)))?;
        killed.extend(kill_one(&world, &mut chance));
    }
    figures.faults += killed.len() as u64;
    let told = |what: &str| format!("{what} after the kill of {killed:?}");
    let service = match asked {
        Asked::Command(mut build) => {
            must_end(&mut build, &world, PATIENCE).with_context(|| told("the build"))?;
            None
        }
        Asked::Service(service) => Some(service),
    };
    let service = match service {
        // Whoever supervises a service starts it again; or nobody does.
        Some(mut service) if chance.one_in(2) => {
            if service.is_gone()? {
                let next = Service::start(&world).with_context(|| told("the next service"))?;
                service = next.with_context(|| told("the next service is gone"))?;
            }
            Some(service)
        }
        asked => asked,
    };
    // Whoever comes next takes over what is left, and makes what is missing.
    let mut again = world.start(&mut command)?;
    let status = must_end(&mut again, &world, PATIENCE).with_context(|| told("the next build"))?;
    ensure!(status.success(), "{} ends with {status}: {}", told("the next build"), world.said());
    if let Some(service) = service {
        service.stop(&world, PATIENCE).with_context(|| told("the service"))?;
    }
    let named = figures.account.named;
    account(&world, figures).with_context(|| told("the account"))?;
    let lost = figures.account.named - named;
    ensure!(lost == 0 || may_lose(&killed), "{lost} bytes are lost {}", told(""));
    Ok(())
}

/// Whether the kernel may have had to throw away what nobody held any more: when those who hold the two
/// ends of a job's output died together. Of one alone nothing is lost.
fn may_lose(killed: &[Role]) -> bool {
    let ours = killed.iter().filter(|role| **role != Role::Job).count();
    1 < ours
}

/// Kills one of the processes, or all of ours at once; tells which.
fn kill_one(world: &World, chance: &mut Chance) -> Vec<Role> {
    let mut targets = world.processes();
    targets.retain(|process| process.role != Role::Other);
    if chance.one_in(5) {
        targets.retain(|process| process.role != Role::Job);
    } else if !targets.is_empty() {
        let one = targets.swap_remove(chance.index(targets.len()));
        targets = vec![one];
    }
    for process in &targets {
        process.kill();
    }
    targets.iter().map(|process| process.role).collect()
}

/// Every run for which a job wrote something is in the store, and its account is even.
pub(crate) fn account(world: &World, figures: &mut Figures) -> Result<()> {
    let balances = world.balance()?;
    for run in world.told_runs()? {
        let stored = balances.iter().any(|(stored, _)| stored.as_str() == run);
        ensure!(stored, "there is no record of run {run}, whose job wrote");
    }
    for (_, balance) in balances {
        figures.account.add(balance);
    }
    Ok(())
}
