//! How many files this process may have open. Those that hold many take as many as the machine lets them; jobs
//! get what they would have had without us: some programs break when they get numbers above 1,023.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// More than the largest build needs: a thousand runs take eight thousand. Some machines allow a thousand million,
/// and whoever goes through all numbers takes a minute for that.
const MOST: u64 = 1 << 20;

/// What it was before it was raised.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Lets this process have as many open files as it may allow itself.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let (Some(now), most) = (limit.current, limit.maximum.unwrap_or(MOST).min(MOST)) else {
        return;
    };
    // Where it is refused there are fewer, which is what is told when they do not suffice.
    if now < most && set(most, limit).is_ok() {
        BEFORE.get_or_init(|| now);
    }
}

/// What children are to have, if this process has raised it for itself.
pub(crate) fn before() -> Option<u64> {
    BEFORE.get().copied()
}

/// Lets this process and its children have so many.
pub(crate) fn lower(to: u64) {
    // One that keeps more is not worse off.
    set(to, getrlimit(Resource::Nofile)).ok();
}

fn set(current: u64, limit: Rlimit) -> rustix::io::Result<()> {
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), ..limit })
}
