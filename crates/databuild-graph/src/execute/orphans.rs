//! Children of this process that it has not started: what is left of jobs whose wrapper died. They come to
//! us, so that how a job ended is not forgotten before another wrapper has asked; and who came, is buried.
//!
//! No child that somebody here waits for is ever taken: those are known by [`spawn`], and children in our
//! own process group are left to whoever started them.

use rustix::process::{
    Pid, WaitId, WaitIdOptions, WaitIdStatus, getpgrp, getpid, set_child_subreaper, waitid,
};
use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, RwLock};

/// What is known of our children.
#[derive(Debug, Default)]
struct Known {
    /// Those that were started here and are waited for.
    ours: BTreeSet<u32>,
    /// Runs whose wrapper was killed and that are not over: how their job ended is still to be asked.
    unsettled: usize,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { ours: BTreeSet::new(), unsettled: 0 });

/// Held by whoever starts a child until it is known, and by whoever takes the dead away.
static STARTING: RwLock<()> = RwLock::new(());

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that was started here.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) child: Child,
}

/// Starts `command`. From the first child on, orphans of ours come to this process.
pub(super) fn spawn(command: &mut Command) -> io::Result<Own> {
    static ONCE: Once = Once::new();
    // Without it the exit code of a job that ends in the moment after its wrapper is not known.
    ONCE.call_once(|| {
        set_child_subreaper(Some(getpid())).ok();
    });
    let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let child = command.spawn()?;
    known().ours.insert(child.id());
    Ok(Own { child })
}

impl Drop for Own {
    fn drop(&mut self) {
        known().ours.remove(&self.child.id());
    }
}

impl Own {
    /// Waits until it has ended, and leaves it there. If it was killed, what it leaves behind is not
    /// touched as long as the answer is kept.
    pub(super) fn wait_for_end(&self) -> Option<Settling> {
        let status = look(self.child.id(), WaitIdOptions::empty())?;
        is_killed(&status).then(Settling::begin)
    }
}

/// A run whose wrapper was killed, until it is over.
#[derive(Debug)]
pub(super) struct Settling(());

impl Settling {
    fn begin() -> Settling {
        known().unsettled += 1;
        Settling(())
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        known().unsettled -= 1;
        bury();
    }
}

/// How the child `pid` has ended, if it has, without taking it away.
fn look(pid: u32, more: WaitIdOptions) -> Option<WaitIdStatus> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | more;
    loop {
        match waitid(WaitId::Pid(pid), options) {
            Err(rustix::io::Errno::INTR) => {}
            found => return found.ok().flatten(),
        }
    }
}

fn is_killed(status: &WaitIdStatus) -> bool {
    status.killed() || status.dumped()
}

/// Takes away the orphans that have ended, unless somebody may still want to know how.
pub(super) fn bury() {
    let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    let (ours, unsettled) = {
        let known = known();
        (known.ours.clone(), known.unsettled)
    };
    let killed = |pid: &u32| look(*pid, WaitIdOptions::NOHANG).is_some_and(|it| is_killed(&it));
    // Whoever waits for a wrapper that was killed asks next what has become of its job.
    if unsettled != 0 || ours.iter().any(killed) {
        return;
    }
    for pid in dead_children().filter(|pid| !ours.contains(pid)) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It was there a moment ago, and nobody but us can take it.
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG).ok();
        }
    }
}

/// Children that have ended, but for those of our own process group.
fn dead_children() -> impl Iterator<Item = u32> {
    let (own, group) = (getpid(), getpgrp());
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|it| std::fs::read_to_string(it.path().join("children")).ok());
    let pids: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect();
    pids.into_iter().filter(move |pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit_once(')').map_or("", |it| it.1).split_ascii_whitespace();
        let is_zombie = fields.next() == Some("Z");
        let mut number = || fields.next().and_then(|it| it.parse().ok()).and_then(Pid::from_raw);
        is_zombie && number() == Some(own) && number().is_some_and(|it| it != group)
    })
}

#[cfg(test)]
mod tests;
