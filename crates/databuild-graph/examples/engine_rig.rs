//! The processes that tests of the engine need: `engine_rig wrap` is a small job wrapper, and
//! `engine_rig build FOLDER LEASE_MS REF…` a build of the project in `FOLDER/project.txt`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program of the tests"
)]

#[path = "../tests/engine/project.rs"]
mod project;

use databuild_graph::execute::observe::Unobserved;
use databuild_graph::execute::{BuildRequest, StopFlag, Wanted, WrapperCommand};
use databuild_graph::spec::wanted::RefPattern;
use databuild_model::job_config::JobConfig;
use serde_json::{Value, json};
use signal_hook::consts::SIGTERM;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match *words {
        ["wrap"] => wrap(None),
        ["wrap", "--config", path] => wrap(Some(path)),
        ["build", folder, lease, ref refs @ ..] => build(Path::new(folder), lease, refs),
        _ => Err("engine_rig wrap | build FOLDER LEASE_MS REF…".into()),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("engine_rig: {error}");
            ExitCode::from(125)
        }
    }
}

fn build(folder: &Path, lease: &str, refs: &[&str]) -> Result<u8, Box<dyn Error>> {
    let spec = project::spec(folder, &std::fs::read_to_string(folder.join("project.txt"))?)?;
    let wrapper = WrapperCommand { program: std::env::current_exe()?, args: vec!["wrap".into()] };
    let lease = Duration::from_millis(lease.parse()?);
    let engine = project::engine(folder, Some(spec), wrapper, lease)?;
    let before = open_files();
    let wanted = refs.iter().map(|text| RefPattern::parse(text)).collect::<Result<_, _>>()?;
    let mut request = BuildRequest::new("rig", Wanted::Partitions(wanted));
    request.parallel = std::num::NonZeroUsize::new(8);
    let outcome = engine.build(&request, &Unobserved, &StopFlag::new())?;
    println!(
        "{:?} made={} delegated={} failed={} files={} children={:?}",
        outcome.end,
        outcome.made,
        outcome.delegated,
        outcome.failed.len(),
        open_files() - before,
        children(),
    );
    Ok(0)
}

fn open_files() -> isize {
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    isize::try_from(files).unwrap_or(-1)
}

fn children() -> String {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")));
    lists.map(Result::unwrap_or_default).collect()
}

struct Lines {
    run: String,
    next: u64,
}

impl Lines {
    fn write(&mut self, content: &Value) {
        let line = json!({
            "timestamp": "2025-01-27T10:30:45Z", "job_id": self.run, "outputs": [],
            "sequence_number": self.next, "content": content,
        });
        self.next += 1;
        // Nobody may be listening any more.
        writeln!(std::io::stdout(), "{line}").ok();
    }

    fn event(&mut self, name: &str, metadata: &Value, exit_code: Option<i32>) {
        let mut event = json!({"event_type": name, "metadata": metadata});
        if let (Some(code), Some(event)) = (exit_code, event.as_object_mut()) {
            event.insert("exit_code".into(), code.into());
        }
        self.write(&json!({ "job_event": event }));
    }
}

fn wrap(config: Option<&str>) -> Result<u8, Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&stop))?;
    let mut text = String::new();
    match config {
        Some(path) => text = std::fs::read_to_string(path)?,
        None => drop(std::io::stdin().read_to_string(&mut text)?),
    }
    let config: JobConfig = serde_json::from_str(&text)?;
    let run = std::env::var("DATABUILD_JOB_RUN_ID")?;
    let mut lines = Lines { run, next: 1 };
    lines.event("job_config_started", &json!({}), None);
    let Some((program, args)) = config.args.split_first() else {
        return Err("no command".into());
    };
    let mut child = Command::new(program)
        .args(args)
        .envs(&config.env)
        .current_dir(PathBuf::from(config.cwd.unwrap_or_default()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    lines.event("task_launched", &json!({"pid": child.id().to_string()}), None);
    let output = child.stdout.take().ok_or("no pipe")?;
    let group = rustix::process::Pid::from_child(&child);
    let mut told = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match line.strip_prefix("rows ").and_then(|rows| rows.parse::<f64>().ok()) {
                    Some(rows) => lines.write(
                        &json!({"metric": {"name": "rows_processed", "value": rows, "unit": ""}}),
                    ),
                    None => lines.write(&json!({"log": {"level": "INFO", "message": line}})),
                }
            }
        });
        while child.try_wait().is_ok_and(|status| status.is_none()) {
            if stop.swap(false, Ordering::SeqCst) {
                use rustix::process::{Signal, kill_process_group};
                told += 1;
                let signal = if told == 1 { Signal::TERM } else { Signal::KILL };
                kill_process_group(group, signal).ok();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let status = child.wait()?;
    let stopped = 0 < told;
    let cause = match (status.code(), status.signal()) {
        (Some(0), _) => "success",
        _ if stopped => "cancelled",
        (Some(_), _) => "exit",
        _ => "signal",
    };
    if cause == "success" {
        // A wrapper that is wrong about what was made.
        let forgets = config.env.contains_key("RIG_FORGETS");
        let outputs = config.outputs.get(usize::from(forgets)..).unwrap_or_default();
        lines.write(&json!({"manifest": {
            "outputs": outputs, "inputs": [], "start_time": 0, "end_time": 0,
            "task": {"job": {"label": config.job_label}},
        }}));
    }
    let metadata = json!({
        "last_sequence": lines.next.to_string(), "cause": cause,
        "duration_seconds": "0.5", "complete": "true",
    });
    lines.event("run_end", &metadata, status.code());
    Ok(u8::try_from(status.code().unwrap_or(137)).unwrap_or(1))
}
