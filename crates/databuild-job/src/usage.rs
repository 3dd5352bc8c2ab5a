//! What the job's processes use: sampled while they live, and the kernel's sums once they are reaped.

use crate::job::Job;
use crate::limits::{SAMPLE_FIRST, SAMPLE_INTERVAL};
use crate::sys;
use databuild_model::spool::SpoolState;
use std::time::Duration;

/// Use of memory and CPU by the whole tree.
#[derive(Debug)]
pub(crate) struct Usage {
    /// What children of ours had used before the job began.
    before: Duration,
    /// Memory of all processes at the last look.
    pub(crate) memory: u64,
    /// The most memory that was seen: of all processes at one look, or of one process by the kernel.
    pub(crate) memory_peak: u64,
    /// CPU time of all processes, ended ones included.
    pub(crate) cpu: Duration,
    /// Processes at the last look.
    pub(crate) processes: usize,
    wait: Duration,
    pub(crate) next: Duration,
}

impl Usage {
    /// The job begins now.
    pub(crate) fn start(now: Duration) -> Self {
        Usage {
            before: sys::children_usage().cpu,
            memory: 0,
            memory_peak: 0,
            cpu: Duration::ZERO,
            processes: 0,
            wait: SAMPLE_FIRST,
            next: now + SAMPLE_FIRST,
        }
    }

    /// What another wrapper has seen counts too.
    pub(crate) fn go_on(&mut self, state: &SpoolState) {
        self.memory_peak = self.memory_peak.max(state.memory_peak_bytes.unwrap_or(0));
        let cpu = state.cpu_seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
        self.cpu = self.cpu.max(cpu.unwrap_or_default());
    }

    /// Looks at the processes that there are of `job`, or descend from the process `own`.
    pub(crate) fn sample(&mut self, job: &Job, own: i32, now: Duration) {
        let alive = job.processes(own);
        self.memory = alive.iter().map(|it| it.memory).sum();
        self.processes = alive.iter().filter(|it| !it.zombie).count();
        let running: Duration = alive.iter().map(|it| it.cpu).sum();
        self.add(running);
        self.wait = (self.wait * 2).min(SAMPLE_INTERVAL);
        self.next = now + self.wait;
    }

    /// All processes are reaped: the kernel's sums are final.
    pub(crate) fn finish(&mut self) {
        self.memory = 0;
        self.processes = 0;
        self.add(Duration::ZERO);
    }

    fn add(&mut self, running: Duration) {
        let reaped = sys::children_usage();
        self.memory_peak = self.memory_peak.max(self.memory).max(reaped.memory_peak);
        // The kernel counts what lives in ticks and may round it up; a sum never falls.
        self.cpu = self.cpu.max(reaped.cpu.saturating_sub(self.before) + running);
    }
}
