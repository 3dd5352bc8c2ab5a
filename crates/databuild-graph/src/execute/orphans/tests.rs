//! Real children and their orphans.

use super::{Own, bury, dead_children, spawn};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// A child with a child of its own, in a group of its own, whose number is the answer.
fn parent(script: &str) -> (Own, u32) {
    #[expect(clippy::disallowed_methods, reason = "children to be buried")]
    let mut command = Command::new("sh");
    command.args(["-c", script]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut own = spawn(&mut command).unwrap();
    let mut line = String::new();
    BufReader::new(own.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (own, line.trim().parse().unwrap())
}

fn is_dead_child(pid: u32) -> bool {
    dead_children().any(|it| it == pid)
}

#[track_caller]
fn wait_until(what: impl Fn() -> bool) {
    for _ in 0..4_000 {
        if what() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    panic!("it never came");
}

#[test]
fn the_job_of_a_killed_wrapper_comes_to_us_and_is_kept_until_its_run_is_over() {
    let (mut own, job) = parent("sleep 0.1 >/dev/null & echo $!; wait");
    own.child.kill().unwrap();
    let settling = own.wait_for_end();
    assert!(settling.is_some());
    own.child.wait().unwrap();
    drop(own);
    wait_until(|| is_dead_child(job));
    bury();
    assert!(is_dead_child(job), "somebody may still ask how it ended");
    drop(settling);
    // Another test may keep a run open just now; its end buries all.
    wait_until(|| !is_dead_child(job));
}

#[test]
fn who_is_waited_for_is_not_taken() {
    let (mut own, _) = parent("echo $$; exit 7");
    assert!(own.wait_for_end().is_none(), "it ended by itself");
    bury();
    assert_eq!(own.child.wait().unwrap().code(), Some(7));
}
