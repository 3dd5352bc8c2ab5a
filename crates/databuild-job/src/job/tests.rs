//! How a process ended, asked by somebody who is not its parent.

use super::Job;
use crate::identity;
use crate::lifecycle::Exit;
use databuild_model::ids::JobRunId;
use rustix::process::{Pid, WaitId, WaitIdOptions};

#[track_caller]
fn check(script: &str, expect: Exit) {
    #[expect(clippy::disallowed_methods, reason = "a process that ends")]
    let mut child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let identity = identity::of(pid);
    let (_, handle) = identity::open(&identity).unwrap();
    let run = JobRunId::parse("r").unwrap();
    let job = Job::Adopted { pid, identity, handle, run };
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    rustix::process::waitid(WaitId::Pid(Pid::from_raw(pid).unwrap()), ended).unwrap();
    assert_eq!(job.adopted_exit(), expect, "not reaped");
    child.wait().unwrap();
    assert_eq!(job.adopted_exit(), expect, "reaped");
}

#[test]
fn its_end_is_known_before_and_after_it_is_reaped() {
    check("exit 0", Exit::Code(0));
    check("exit 7", Exit::Code(7));
    check("kill -TERM $$", Exit::Signal(15));
}
