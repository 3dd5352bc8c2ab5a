//! Runs the `needs` command of a job, which prints the partitions that a run of it needs.

use crate::limits;
use crate::plan::{NeedsRunner, TaskCommand};
use crate::spec::JobSpec;
use std::process::{Command, Stdio};

/// Runs them as processes, one after another.
pub(super) struct CommandNeeds;

impl NeedsRunner for CommandNeeds {
    fn needs(&mut self, _job: &JobSpec, command: &TaskCommand) -> Result<Vec<String>, String> {
        let Some((program, args)) = command.args.split_first() else { return Ok(Vec::new()) };
        #[expect(clippy::disallowed_methods, reason = "the executor starts `needs` commands")]
        let mut child = Command::new(program);
        let ran = child
            .args(args)
            .envs(&command.env)
            .current_dir(&command.folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if !ran.status.success() {
            let said = String::from_utf8_lossy(&ran.stderr);
            let last = said.trim().lines().last().unwrap_or("it printed nothing to stderr");
            return Err(format!("{}: {last}", ran.status));
        }
        let text = String::from_utf8(ran.stdout).map_err(|_| "it printed no UTF-8".to_owned())?;
        let lines: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if limits::INPUTS_PER_TASK_MAX < lines.len() {
            return Err(format!("it printed {} partitions", lines.len()));
        }
        Ok(lines)
    }
}
