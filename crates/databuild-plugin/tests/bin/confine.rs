//! Confines itself and becomes a plugin: what the hidden command of the program does.

#![expect(clippy::print_stderr, reason = "a program")]

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let error = databuild_plugin::process::confine(&args);
    let because = std::error::Error::source(&error).map(|it| format!(": {it}"));
    eprintln!("{error}{}", because.unwrap_or_default());
    ExitCode::from(error.exit_code())
}
