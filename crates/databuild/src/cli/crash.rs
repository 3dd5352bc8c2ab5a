//! The last net: a panic becomes exit code 70 and a note that says what to send to us.

use super::outcome::{Exit, Failure};
use std::io::Write;
use std::panic;

/// Runs `main`; a panic in it is told in three lines and ends with [`Exit::Bug`].
pub(crate) fn guard(main: fn() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let words = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let note = format!(
            "error: databuild {} has a bug: {words} ({place})\n  \
             what jobs wrote is on disk; the same command can be run again\n  \
             please report this line together with the command\n",
            env!("CARGO_PKG_VERSION"),
        );
        // Nobody is left to tell if stderr is gone.
        std::io::stderr().write_all(note.as_bytes()).ok();
    }));
    panic::catch_unwind(main).unwrap_or(Ok(Exit::Bug))
}

#[cfg(test)]
mod tests {
    use super::{Exit, guard};

    #[test]
    fn a_panic_is_a_bug_and_nothing_else_is() {
        assert!(matches!(guard(|| panic!("this panic belongs to a test")), Ok(Exit::Bug)));
        assert!(matches!(guard(|| Ok(Exit::Nothing)), Ok(Exit::Nothing)));
        drop(std::panic::take_hook());
    }
}
