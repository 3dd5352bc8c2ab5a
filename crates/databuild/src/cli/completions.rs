//! `databuild completions SHELL`: a script for the shell, on stdout. The script asks this program for what
//! fits, so that names of jobs, partitions, builds and runs are offered too.

use super::args::{Cli, CompletionsArgs};
use super::outcome::{Exit, Failure};
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};
use std::io::Write;

/// Set by the scripts: the shell that asks.
const VARIABLE: &str = "_DATABUILD_COMPLETE";

/// Bash takes words apart at `=` and `:`, which stand in every partition: this script puts them
/// together again, and gives bash what it does not have yet.
const BASH: &str = r#"_databuild() {
    local line=${COMP_LINE:0:COMP_POINT} current words
    IFS=$' \t' read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    local IFS=$'\013'
    COMPREPLY=($(_DATABUILD_COMPLETE=bash _CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) \
        "${words[0]}" -- "${words[@]}" 2> /dev/null))
    local there=${current%"${current##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$there"}")
    [[ ${COMPREPLY[0]-} == *[=/:] ]] && compopt -o nospace 2> /dev/null
    return 0
}
complete -o bashdefault -F _databuild databuild
"#;

/// Answers a script of a shell, if one asks. `false` if this is an ordinary call.
pub(super) fn answer() -> bool {
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    // What cannot be answered is no completion; the shell has no use for an error.
    asked.try_complete(std::env::args_os(), here.as_deref()).unwrap_or(true)
}

/// Prints the script. It is made in memory first, so that a closed pipe is an error and no panic.
pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let name = args.shell.to_string();
    match (args.shell, Shells::builtins().completer(&name)) {
        (Shell::Bash, _) => script.extend_from_slice(BASH.as_bytes()),
        (_, Some(shell)) => {
            shell.write_registration(
                VARIABLE,
                "databuild",
                "databuild",
                "databuild",
                &mut script,
            )?;
        }
        (other, None) => {
            clap_complete::generate(other, &mut Cli::command(), "databuild", &mut script);
        }
    }
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
