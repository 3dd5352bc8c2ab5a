//! The job wrapper: a child goes in, `JobLogEntry` lines come out.
//!
//! [`wrap`] runs one job and writes its whole life as one stream of JSON lines; the page
//! `docs/formats/wrapper-protocol.md` describes it. [`output`] makes the lines by which a job tells
//! the wrapper more than text. The crate knows nothing of graph, store or network: it reads a
//! `JobConfig`, starts a process and writes lines.

mod channel;
mod clock_watch;
mod config;
mod emit;
mod exit;
#[doc(hidden)]
pub mod hot;
mod identity;
mod job;
mod launch;
mod lifecycle;
mod limits;
mod lines;
mod oom;
pub mod output;
mod process_tree;
mod rate;
mod report;
mod run;
mod sample;
mod signals;
mod sink;
mod spool;
mod structured;
mod sys;
mod terminal;
mod text;
mod told;
mod usage;
mod wrapper;

pub use run::wrap;

use std::ffi::OsString;
use std::os::fd::OwnedFd;

/// Where the job's standard input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStdin {
    /// `/dev/null`: the right one when the configuration came by our own standard input.
    Null,
    /// Ours. If that is a terminal, the job's process group has it while the job runs.
    Inherit,
}

/// What [`wrap`] needs to know besides the job's own configuration.
#[derive(Debug)]
pub struct WrapOptions {
    /// The `JobConfig` as JSON. Page: `docs/formats/job-config.md`.
    pub config: Vec<u8>,
    /// `DATABUILD_JOB_RUN_ID`, which wins over the id in the configuration. If neither is there, one
    /// is made.
    pub run_id: Option<String>,
    /// Where entries go, usually standard output.
    pub output: OwnedFd,
    /// Where the wrapper's own complaints go, usually standard error.
    pub diagnostics: OwnedFd,
    /// The job's standard input.
    pub job_stdin: JobStdin,
    /// `PATH` as the wrapper has it: to say where a command was looked for.
    pub search_path: Option<OsString>,
    /// `TRACEPARENT` as the wrapper has it; if absent, one is made for the job.
    pub traceparent: Option<String>,
}
