//! `syscalls`: a small build is killed, or given an error, at its first system call of a kind, at its
//! second, and so on until a build passes without that call; by strace, in the program as it is.

use crate::report::Figures;
use crate::rigs::kill;
use crate::world::{World, must_end};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is given: the name that people read, and strace's word.
const FAULTS: [(&str, &str); 4] = [
    ("kill", "signal=KILL"),
    ("no space", "error=ENOSPC"),
    ("disk error", "error=EIO"),
    ("interrupted", "error=EINTR"),
];

/// System calls, and which of [`FAULTS`] they can have.
///
/// A plain write gets no error: half of them only wake a thread, and no kernel refuses these. What an
/// error of a write to a file does is the business of `failpoints` and `full`.
const CALLS: [(&str, usize); 10] = [
    ("write,writev", 1),
    ("pwrite64", 3),
    ("fdatasync,fsync,syncfs", 3),
    ("openat", 4),
    ("rename,renameat,renameat2", 3),
    ("unlink,unlinkat", 1),
    ("ftruncate", 1),
    ("mkdir,mkdirat,mknodat", 2),
    ("splice", 2),
    ("fcntl,flock", 1),
];

/// Whose calls: the program's own, or also those of the wrapper and the job.
const WHOSE: [(&str, &[&str]); 2] = [("executor", &["-b", "execve"]), ("all", &[])];

/// The longest that a build may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Bytes that the job prints: a dozen batches.
const JOB_BYTES: u64 = 20_000;

/// Which combinations have been played to their end.
#[derive(Default)]
pub(crate) struct Played(Mutex<BTreeSet<usize>>);

/// The fault of a seed: each combination in turn, at the first call, then at the second.
pub(crate) fn cycle(seed: u64, program: &Path, played: &Played) -> Figures {
    let mut figures = Figures::default();
    let combinations = combinations();
    let number = usize::try_from(seed).unwrap_or(0);
    let (at, nth) = (number % combinations.len(), number / combinations.len() + 1);
    let is_done = |played: &Played| {
        let done = played.0.lock().unwrap_or_else(PoisonError::into_inner);
        (done.contains(&at), done.len() == combinations.len())
    };
    let (done, all) = is_done(played);
    figures.exhausted = all;
    let Some(combination) = combinations.get(at).filter(|_| !done) else { return figures };
    match break_it(seed, program, *combination, nth, &mut figures) {
        Ok(true) => figures.faults += 1,
        Ok(false) => {
            played.0.lock().unwrap_or_else(PoisonError::into_inner).insert(at);
        }
        Err(error) => figures.find(seed, &error),
    }
    figures
}

#[derive(Clone, Copy)]
struct Combination {
    calls: &'static str,
    fault: (&'static str, &'static str),
    whose: (&'static str, &'static [&'static str]),
}

fn combinations() -> Vec<Combination> {
    let mut all = Vec::new();
    for whose in WHOSE {
        for (calls, faults) in CALLS {
            // What only the wrapper calls is not looked for where it is not traced.
            let faults = if calls == "splice" && whose.0 == "executor" { 0 } else { faults };
            all.extend(FAULTS.into_iter().take(faults).map(|fault| Combination {
                calls,
                fault,
                whose,
            }));
        }
    }
    all
}

/// Whether strace can be used here.
pub(crate) fn can_trace(program: &Path) -> Result<bool> {
    let world = World::new(program)?;
    let mut command = world.command("strace");
    let status = command.args(["-o", "/dev/null", "true"]).status();
    Ok(status.is_ok_and(|status| status.success()))
}

fn break_it(
    seed: u64,
    program: &Path,
    combination: Combination,
    nth: usize,
    figures: &mut Figures,
) -> Result<bool> {
    let Combination { calls, fault: (fault, word), whose: (whose, options) } = combination;
    let world = World::new(program)?;
    world.write_project(&[(seed, JOB_BYTES, 0)])?;
    let trace = world.told().with_file_name("trace");
    let wanted = format!("talk-{seed}");
    let mut command = world.command("strace");
    command.args(["-f", "-qq"]).args(options).arg("-o").arg(&trace);
    command.arg("-e").arg(format!("trace={calls}"));
    command.arg("-e").arg(format!("inject={calls}:{word}:when={nth}"));
    command.arg(program).args(["build", "-q", &wanted]);
    let what = format!("{fault} at call {nth} of {calls} ({whose})");
    let mut build = world.start(&mut command)?;
    must_end(&mut build, &world, PATIENCE).with_context(|| what.clone())?;
    let traced = std::fs::read(&trace).unwrap_or_default();
    let traced = String::from_utf8_lossy(&traced);
    let fired = traced.contains("INJECTED") || traced.contains("killed by SIGKILL");
    figures.cycles += 1;
    let mut again = world.databuild();
    let mut again = world.start(again.args(["build", "-q", &wanted]))?;
    let status = must_end(&mut again, &world, PATIENCE);
    let status = status.with_context(|| format!("the build after {what}"))?;
    ensure!(status.success(), "after {what} a build ends with {status}: {}", world.said());
    kill::account(&world, figures).with_context(|| what)?;
    Ok(fired)
}
