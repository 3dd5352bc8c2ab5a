//! Running what was planned: one [`Engine`] for command line and service alike. It decides in
//! values, starts wrappers, and records every step in the build event log.
//!
//! It knows the wrapper as a program that reads a `JobConfig` and prints entries, and no more.

mod adopt;
mod course;
mod current;
mod drive;
pub mod engine;
mod floor;
mod heartbeat;
mod keep;
mod keeper;
mod needs;
mod note;
pub mod observe;
mod orphans;
pub mod outcome;
mod process;
mod reason;
pub mod request;
mod run;
mod schedule;
mod spool;
mod states;
pub mod stop;
mod takeover;
mod verdict;
pub mod view;
mod work;
mod wrapper;

pub use current::CurrentSpec;
pub use engine::{BuildError, CaptureOptions, Engine, EngineParts, PlanError};
pub use keeper::Adopt;
pub use observe::{BuildObserver, Progress};
pub use outcome::{BuildOutcome, CommandOutcome, FailedTask, NotStartedTask};
pub use reason::reason_text;
pub use request::{BuildRequest, CommandRequest, CommandStdin, OnFailure, Wanted, WrapperCommand};
pub use stop::{StopFlag, StopLevel};
