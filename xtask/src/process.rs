//! How this tool starts other programs: the one place that does.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// A command that runs in `folder`.
#[expect(clippy::disallowed_methods, reason = "this tool's work is to start other programs")]
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}
