//! How long a plan takes to make and to record, and how much memory it holds: `cargo run --release
//! -p databuild-graph --example plan -- 100000`. The argument is how many runs are planned.

use databuild_graph::bel::Bel;
use databuild_graph::bel::lease::owner::Owner;
use databuild_graph::execute::reason_text;
use databuild_graph::limits::TASKS_PER_EVENT_MAX;
use databuild_graph::plan::{
    Force, NeedsRunner, PartitionState, PartitionStates, Plan, PlanOptions, Recipe, RunNumber,
    SourceState, StateError, TaskCommand, plan,
};
use databuild_graph::spec::check::check;
use databuild_graph::spec::draft::{JobDraft, KeyDraft, ProjectDraft};
use databuild_graph::spec::wanted::RefPattern;
use databuild_graph::spec::{JobSpec, ProjectSpec};
use databuild_model::bel::{BuildEvent, BuildKind, BuildReceived, PlannedTask};
use databuild_model::clock::Clock;
use databuild_model::ids::{BuildId, PartitionRef};
use databuild_model::time::Timestamp;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A world in which only sources exist, and where it is always the same time.
struct Nothing;

impl Clock for Nothing {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(1_700_000_000_000_000_000)
    }

    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

impl PartitionStates for Nothing {
    fn made(&self, _partition: &PartitionRef) -> Result<PartitionState, StateError> {
        Ok(PartitionState::Missing)
    }

    fn recipe(
        &self,
        _partition: &PartitionRef,
        _run: RunNumber,
    ) -> Result<Option<Recipe>, StateError> {
        Ok(None)
    }

    fn source(&self, _partition: &PartitionRef) -> Result<SourceState, StateError> {
        Ok(SourceState::Present { changed_at: None })
    }
}

impl NeedsRunner for Nothing {
    fn needs(&mut self, _job: &JobSpec, _command: &TaskCommand) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

/// Hours of raw data, cleaned, and a report over the last seven hours of each.
fn project() -> ProjectSpec {
    let hour = KeyDraft::Time {
        every: Some("hour".to_owned()),
        from: Some("2000-01-01T00".to_owned()),
        until: None,
    };
    let draft = ProjectDraft {
        folder: "/project".into(),
        keys: vec![("hour".to_owned(), hour)],
        jobs: vec![
            JobDraft::new("raw").input("source.csv").out("raw/hour={hour}").run("raw {in} {out}"),
            JobDraft::new("clean")
                .input("raw/hour={hour}")
                .out("clean/hour={hour}")
                .run("clean {in} {out}"),
            JobDraft::new("report")
                .input("clean/hour={hour-6h..hour}")
                .out("report/hour={hour}")
                .run("report {in} {out}"),
        ],
        ..ProjectDraft::default()
    };
    check(&draft).0
}

/// Resident memory in KiB, now and at its highest.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines =
        status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Records the plan as a build does, in a file of its own. Answers how large that became.
fn record(folder: &Path, spec: &ProjectSpec, plan: &Plan) -> Result<u64, Box<dyn Error>> {
    let path = folder.join("bel.sqlite");
    let bel = Bel::open(&path, Arc::new(Nothing))?;
    let build = BuildId::parse("a-plan")?;
    let received = BuildReceived {
        number: 0,
        kind: BuildKind::Partitions,
        origin: "example".to_owned(),
        wanted: Vec::new(),
        retry_of: None,
        forced: false,
    };
    bel.receive(&build, received, &Owner::this_process(), Nothing.wall())?;
    bel.append(&build, [BuildEvent::BuildPlanning {}])?;
    for (nth, some) in plan.tasks.chunks(TASKS_PER_EVENT_MAX).enumerate() {
        let planned = some.iter().enumerate().filter_map(|(at, task)| {
            Some(PlannedTask {
                task: u32::try_from(nth * TASKS_PER_EVENT_MAX + at).ok()?,
                job_label: spec.job(task.job)?.label.clone(),
                outputs: plan.partitions(&task.outputs).cloned().collect(),
                reason: reason_text(plan, task),
            })
        });
        bel.append(&build, [BuildEvent::TasksPlanned { tasks: planned.collect() }])?;
    }
    drop(bel);
    Ok(std::fs::metadata(&path)?.len())
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let spec = project();
    let now = Timestamp::parse("2025-01-27T00:00:00Z")?;
    let wanted = [RefPattern::parse(&format!("report/hour=last-{}h", count / 3))?];
    let options = PlanOptions { now, force: Force::Nothing, max_age: None, changed: false };
    let mut out = std::io::stdout().lock();
    writeln!(out, "before: {}", memory())?;
    let start = Instant::now();
    let planned = plan(&spec, &wanted, &Nothing, &mut Nothing, &options);
    let took = start.elapsed();
    let planned = planned.map_err(|_| "no plan")?;
    writeln!(out, "{} runs planned in {:.3} s", planned.tasks.len(), took.as_secs_f64())?;
    writeln!(out, "after: {}", memory())?;
    let start = Instant::now();
    let bytes: usize = planned
        .tasks
        .iter()
        .filter_map(|task| planned.command(&spec, task))
        .flat_map(|command| command.args)
        .map(|arg| arg.len())
        .sum();
    writeln!(out, "{bytes} bytes of commands rendered in {:.3} s", start.elapsed().as_secs_f64())?;
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    let bytes = record(folder.path(), &spec, &planned)?;
    let took = start.elapsed().as_secs_f64();
    writeln!(out, "recorded in {took:.3} s, {} MB on disk", bytes / 1_000_000)?;
    writeln!(out, "after: {}", memory())?;
    Ok(())
}
