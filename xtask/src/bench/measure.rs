//! One program, run once: what it cost. Only its own time counts, neither that of its children nor
//! that of whoever feeds it.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The kernel's clock ticks per second, in which `/proc` counts; the same on every Linux for decades.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one run of a program cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// User and system time of the program itself.
    pub(super) cpu_seconds: f64,
    /// From its start to its end.
    pub(super) wall_seconds: f64,
}

/// Runs `program`, with the output of `feeder` as its standard input if there is one.
///
/// # Errors
/// One of them cannot be started, or the program fails.
#[expect(clippy::disallowed_methods, reason = "time on the wall is what is measured")]
pub(super) fn run(program: &mut Command, feeder: Option<&mut Command>) -> Result<Cost> {
    let mut fed = None;
    if let Some(feeder) = feeder {
        let mut child = feeder.stdout(Stdio::piped()).spawn().context("cannot start the feeder")?;
        program.stdin(child.stdout.take().context("the feeder has no output")?);
        fed = Some(child);
    }
    let begun = Instant::now();
    let child = program
        .spawn()
        .with_context(|| format!("cannot start {}", program.get_program().display()))?;
    let cost = finish(child, begun);
    // The command keeps our end of the pipe, which would keep a feeder alive that nobody reads.
    program.stdin(Stdio::null());
    if let Some(mut feeder) = fed {
        feeder.wait()?;
    }
    cost
}

/// Waits for `child` and reads what it cost before the kernel forgets.
fn finish(mut child: Child, begun: Instant) -> Result<Cost> {
    let pid = Pid::from_child(&child);
    // Not reaped: its numbers are still there.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let wall_seconds = begun.elapsed().as_secs_f64();
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let status = child.wait()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(Cost {
        cpu_seconds: cpu_seconds(&stat).context("/proc/…/stat is not as expected")?,
        wall_seconds,
    })
}

/// User and system time in a line of `/proc/…/stat`.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name may hold anything, also a bracket; after its last one come numbers.
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut ticks = numbers.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests;
