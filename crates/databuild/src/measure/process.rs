//! This process as the kernel sees it: `/proc/self` and nothing else.

use databuild_metrics::own::Process;
use std::fs;

/// Processor time, memory, open files and the start of this process; nothing without `/proc`.
pub(crate) fn of_this_process() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let boot = boot_seconds(&fs::read_to_string("/proc/stat").ok()?)?;
    let ticks = float(rustix::param::clock_ticks_per_second());
    let page = float(u64::try_from(rustix::param::page_size()).ok()?);
    let open_fds = fs::read_dir("/proc/self/fd").ok()?.count();
    let mut process = parse(&stat, ticks, page, boot)?;
    process.max_fds = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    // The folder is itself an open file while it is counted.
    process.open_fds = u64::try_from(open_fds).ok()?.saturating_sub(1);
    Some(process)
}

/// What `/proc/self/stat` says, in the order of `proc_pid_stat(5)`.
fn parse(stat: &str, ticks: f64, page: f64, boot: f64) -> Option<Process> {
    // The name, in brackets, may hold anything; what follows it begins with field 3.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Process {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        resident_bytes: whole(field(24)? * page),
        virtual_bytes: whole(field(23)?),
        open_fds: 0,
        max_fds: None,
        start_seconds: boot + field(22)? / ticks,
    })
}

fn boot_seconds(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the kernel counts from zero, and a float holds what it counts here exactly"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::{Process, boot_seconds, of_this_process, parse};

    #[test]
    fn the_fields_are_those_of_the_manual() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 9 0 1000 8192 32 1";
        let expect = Process {
            cpu_seconds: 2.0,
            resident_bytes: 32 * 4096,
            virtual_bytes: 8192,
            open_fds: 0,
            max_fds: None,
            start_seconds: 510.0,
        };
        assert_eq!(parse(stat, 100.0, 4096.0, 500.0), Some(expect));
        assert_eq!(boot_seconds("cpu 1\nbtime 17\nx"), Some(17.0));
        assert_eq!(parse("", 100.0, 4096.0, 0.0), None);
    }

    #[test]
    fn this_process_has_memory_and_files() {
        let process = of_this_process().expect("a process on Linux");
        assert!(0 < process.resident_bytes && 2 < process.open_fds, "{process:?}");
        assert!(process.resident_bytes < process.virtual_bytes, "{process:?}");
        assert!(process.max_fds.is_none_or(|most| process.open_fds <= most), "{process:?}");
    }
}
