//! The environment as far as it configures us, read once. Nothing else of the program asks it for
//! settings; flags that may stand in it are read by the argument parser.

use super::problem::{Code, Problem, nearest, one_of};
use std::path::PathBuf;

/// Every variable that means something to us, in the environment of ours or of a job.
pub(crate) const KNOWN: [&str; 18] = [
    "DATABUILD_ATTEMPT",
    "DATABUILD_BUILD_ID",
    "DATABUILD_COLOR",
    "DATABUILD_FILE",
    "DATABUILD_JOBS",
    "DATABUILD_JOB_LABEL",
    "DATABUILD_JOB_RUN_ID",
    "DATABUILD_LISTEN",
    "DATABUILD_LOGS_DIR",
    "DATABUILD_LOG_CACHE_SIZE",
    "DATABUILD_LOG_REFRESH_INTERVAL_MS",
    "DATABUILD_NO_PAGER",
    "DATABUILD_OUTPUT",
    "DATABUILD_OUTPUTS",
    "DATABUILD_PAGER",
    "DATABUILD_PROGRESS",
    "DATABUILD_TARGET_DIR",
    "DATABUILD_UTC",
];

/// What the keys of a run begin with in the environment of a job.
const KEY_PREFIX: &str = "DATABUILD_KEY_";

/// What is ours begins with this.
const PREFIX: &str = "DATABUILD_";

/// The settings of the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `DATABUILD_LOGS_DIR`.
    pub(crate) logs_dir: Option<PathBuf>,
    /// `DATABUILD_LOG_REFRESH_INTERVAL_MS`, as it stands there.
    pub(crate) refresh_interval_ms: Option<String>,
    /// `DATABUILD_LOG_CACHE_SIZE`, as it stands there.
    pub(crate) cache_size: Option<String>,
    /// `DATABUILD_LISTEN`.
    pub(crate) listen: Option<String>,
    /// `PATH`, for the check whether programs are there.
    pub(crate) path: Vec<PathBuf>,
    /// Variables that begin like ours and are none.
    pub(crate) unknown: Vec<String>,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn read() -> Environment {
        Environment::of(
            std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value)),
        )
    }

    /// An environment of these variables. An empty one counts as absent.
    pub(crate) fn of<V: Into<std::ffi::OsString>>(
        variables: impl IntoIterator<Item = (String, V)>,
    ) -> Environment {
        let mut env = Environment::default();
        for (name, value) in variables {
            let value: std::ffi::OsString = value.into();
            let known = KNOWN.contains(&name.as_str()) || name.starts_with(KEY_PREFIX);
            if name.starts_with(PREFIX) && !known {
                env.unknown.push(name);
                continue;
            }
            if value.is_empty() {
                continue;
            }
            let text = || Some(value.to_string_lossy().into_owned());
            match name.as_str() {
                "DATABUILD_LOGS_DIR" => env.logs_dir = Some(PathBuf::from(&value)),
                "DATABUILD_LOG_REFRESH_INTERVAL_MS" => env.refresh_interval_ms = text(),
                "DATABUILD_LOG_CACHE_SIZE" => env.cache_size = text(),
                "DATABUILD_LISTEN" => env.listen = text(),
                "PATH" => env.path = std::env::split_paths(&value).collect(),
                _ => {}
            }
        }
        env.unknown.sort_unstable();
        env
    }

    /// A warning for each variable that begins like ours and is none.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = Problem> + '_ {
        self.unknown.iter().map(|name| {
            let near = nearest(name, KNOWN);
            let help = if near.is_empty() {
                "nothing reads it; docs/reference/environment.md lists what is read".to_owned()
            } else {
                format!("did you mean {}?", one_of(&near))
            };
            Problem::warning(
                Code::UnknownVariable,
                format!("the variable `{name}` means nothing"),
                help,
            )
        })
    }
}
