//! Texts of the kernel.

use super::{counter_files, killed_pid, parse_count};
use std::path::PathBuf;

#[test]
fn both_generations_of_control_groups() {
    assert_eq!(parse_count("low 0\nhigh 3\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n"), Some(2));
    assert_eq!(parse_count("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
    assert_eq!(parse_count("oom_kill_disable 0\nunder_oom 0\n"), None);
    assert_eq!(
        counter_files("9:name=systemd:/\n4:cpu,memory:/a/b\n0::/c\n"),
        [
            "/sys/fs/cgroup/memory/a/b/memory.oom_control",
            "/sys/fs/cgroup/memory/memory.oom_control",
            "/sys/fs/cgroup/c/memory.events",
            "/sys/fs/cgroup/unified/c/memory.events",
        ]
        .map(PathBuf::from)
    );
}

#[test]
fn the_word_of_the_kernel() {
    let record = "3,1,2,-;Memory cgroup out of memory: Killed process 4711 (python3) total-vm:1kB";
    assert_eq!(killed_pid(record), Some(4711));
    assert_eq!(killed_pid("6,1,2,-;usb 1-1: new device"), None);
}
