//! Nothing of a job is left behind: no process, no zombie, no descriptor.

use crate::wrapped::{Said, command, in_each_capture, run, sh, start};
use std::io::Read;

in_each_capture! {
    whoever_outlives_the_job_is_named_and_stopped
    output_of_a_grandchild_that_ends_in_time_is_kept
    orphans_are_reaped_while_the_job_runs
    the_job_sees_three_descriptors
}

const SHORT: &str = r#","drain_ms":100,"grace_ms":100"#;

fn is_alive(pid: &str) -> bool {
    std::path::Path::new("/proc").join(pid.trim()).exists()
}

/// Runs `script`, which prints `left PID` of a process that outlives it. `$said` is a file that it makes
/// when it has, and `wait_for_it` waits for that.
fn leftover(script: &str) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said");
    let wait = "wait_for_it() { while [ ! -e $said ]; do sleep 0.01; done; }";
    let script = format!("export said={}; {wait}; {script}", file.display());
    let said = run(&sh(&script, SHORT));
    let pid = said.messages().iter().find_map(|it| it.strip_prefix("left ")).unwrap().to_owned();
    assert!(!is_alive(&pid), "{pid} still runs");
    assert_eq!((said.code, said.end("complete")), (Some(0), "true"));
    let left = &said.event("processes_left").metadata;
    assert!(left.get("pids").unwrap().split(' ').any(|it| it == pid), "{left:?}");
    assert!(left.get("commands").unwrap().contains("sleep 1000"), "{left:?}");
    said
}

fn whoever_outlives_the_job_is_named_and_stopped() {
    let said = leftover("sleep 1000 & echo left $!");
    let holding = said.event("processes_left").metadata.get("holding").unwrap();
    assert!(holding.ends_with(": stdout stderr"), "{holding}");
    leftover("sleep 1000 >/dev/null 2>&1 & echo left $!");
    leftover("setsid sh -c 'echo left $$; : >$said; exec sleep 1000' & wait_for_it");
    leftover("(setsid sh -c 'echo left $$; : >$said; exec sleep 1000' &) ; wait_for_it");
    leftover("sh -c 'trap \"\" TERM; echo left $$; : >$said; exec sleep 1000' & wait_for_it");
}

fn output_of_a_grandchild_that_ends_in_time_is_kept() {
    let said = run(&sh("(sleep 0.1; echo late) & echo early", ""));
    assert_eq!(said.messages(), ["early", "late"]);
    assert!(said.events().iter().all(|it| it.event_type != "processes_left"));
}

fn orphans_are_reaped_while_the_job_runs() {
    // 300 orphans that end at once; then the job waits until it is the wrapper's only child.
    let script = "n=0; while [ $n -lt 300 ]; do n=$((n+1)); (true &); done
        n=0; while [ $n -lt 500 ]; do
          n=$((n+1)); set -- $(cat /proc/$PPID/task/$PPID/children)
          [ $# = 1 ] && { echo alone; exit 0; }
        done; echo $# children; exit 1";
    let said = run(&sh(script, ""));
    assert_eq!(said.messages(), ["alone"]);
}

fn the_job_sees_three_descriptors() {
    #[expect(clippy::disallowed_methods, reason = "a shell that leaves descriptors open")]
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec 7</dev/null 9>/dev/null; exec \"$0\""]).arg(command().get_program());
    shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    shell.stderr(std::process::Stdio::piped());
    // `ls` itself opens the folder as 3.
    let config = r#"{"args":["ls","/proc/self/fd"]}"#;
    assert_eq!(start(shell, config).end().messages(), ["0", "1", "2", "3"]);
}

#[test]
fn the_job_dies_with_the_wrapper() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("held");
    let made = run(&sh(&format!("mkfifo {}", fifo.display()), ""));
    assert_eq!(made.code, Some(0));
    let script = format!("exec 5>{}; echo ready; exec sleep 1000", fifo.display());
    let mut running = start(command(), &sh(&script, ""));
    // Opens when the job has opened its end, and ends when the job has ended.
    let mut held = std::fs::File::open(fifo).unwrap();
    running.wait_for("ready");
    running.signal(rustix::process::Signal::KILL);
    held.read_to_end(&mut Vec::new()).unwrap();
    let mut child = running.hang_up();
    assert_eq!(child.wait().unwrap().code(), None);
}

#[test]
fn standard_input_is_empty_or_inherited() {
    assert_eq!(run(&sh("cat; echo end", "")).messages(), ["end"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(&file, sh("cat", "")).unwrap();
    let mut command = command();
    command.arg(file);
    assert_eq!(start(command, "from outside\n").end().messages(), ["from outside"]);
}
