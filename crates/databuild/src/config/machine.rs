//! What a project needs of the machine it stands on: `databuild check --env`. The only check that
//! looks at the world.

use super::Config;
use super::env::Environment;
use super::problem::{Code, Problem};
use databuild_graph::spec::Root;
use databuild_plugin::process::ProcessSettings;
use databuild_saver::settings::ProcessorSettings;
use std::path::{Path, PathBuf};

/// What the machine lacks.
pub(crate) fn check(config: &Config, env: &Environment) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut folders: Vec<PathBuf> = vec![config.logs_dir.clone(), config.state_dir.clone()];
    if let Root::Local(root) = &config.spec.root {
        folders.push(root.clone());
    }
    for pipeline in &config.saver {
        match &pipeline.processor {
            ProcessorSettings::Files(files) => folders.push(PathBuf::from(files.path.base())),
            ProcessorSettings::Process(process) => plugin(&pipeline.name, process, &mut problems),
        }
    }
    folders.dedup();
    for folder in folders {
        writable(&folder, &mut problems);
    }
    for job in &config.spec.jobs {
        let start = config.spec.start_folder(job);
        if !start.is_dir() {
            let message =
                format!("job `{}` starts in {}, which is not there", job.label, start.display());
            problems.push(Problem::error(
                Code::NoFolder,
                None,
                message,
                "make the folder, or correct `dir`",
            ));
            continue;
        }
        for command in [Some(&job.run), job.needs.as_ref()].into_iter().flatten() {
            let Some(program) = command.program() else { continue };
            if !exists(program, &start, &env.path) {
                let message = format!("job `{}` starts `{program}`, which is not there", job.label);
                let help =
                    "install it, or correct the command; it is looked for in the folders of PATH";
                problems.push(Problem::error(Code::NoProgram, None, message, help));
            }
        }
    }
    problems
}

/// Tries the folder, or the nearest above it that exists: it would be made there.
fn writable(folder: &Path, problems: &mut Vec<Problem>) {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let access =
        rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    let why = match access {
        _ if !there.is_dir() => "it is not a folder".to_owned(),
        Ok(()) => return,
        Err(why) => why.to_string(),
    };
    let message = format!("{} cannot be written: {why}", there.display());
    problems.push(Problem::error(
        Code::NotWritable,
        None,
        message,
        "make it writable, or choose another folder",
    ));
}

/// A plugin has an environment of its own, and in it a `PATH`.
fn plugin(name: &str, process: &ProcessSettings, problems: &mut Vec<Problem>) {
    let folders = process.environment.get("PATH").map(String::as_str).unwrap_or_default();
    let folders: Vec<PathBuf> = folders.split(':').map(PathBuf::from).collect();
    let Some(program) = process.command.first() else { return };
    if !exists(program, &process.folder, &folders) {
        let message = format!("the plugin `{name}` starts `{program}`, which is not there");
        let help =
            "install it, or correct the command; it is looked for along the PATH of its `env`";
        problems.push(Problem::error(Code::NoProgram, None, message, help));
    }
}

/// Whether the system would find a program.
fn exists(program: &str, start: &Path, folders: &[PathBuf]) -> bool {
    let executable = |path: PathBuf| {
        path.is_file() && rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    if program.contains('/') {
        return executable(start.join(program));
    }
    folders.iter().any(|folder| executable(folder.join(program)))
}
