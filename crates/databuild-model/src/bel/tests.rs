//! The JSON form of every event (`docs/formats/build-event-log.md`), and the whole of each state diagram.

use super::record::EventRecord;
use super::transition::{self, BuildState, PartitionState, RunState, TaskState};
use super::transition::{BuildStep, PartitionStep, RunStep, Settled, TaskStep};
use super::*;
use crate::time::Timestamp;
use expect_test::{expect, expect_file};

fn parts(refs: &[&str]) -> Vec<PartitionRef> {
    refs.iter().map(|text| PartitionRef::parse(*text).unwrap()).collect()
}

fn set(run: u32) -> PartitionSet {
    PartitionSet { run, partitions: parts(&["clean/date=2025-01-23", "s3://b/ü \"x\""]) }
}

/// One of each, in an order in which they could happen.
fn one_of_each() -> Vec<BuildEvent> {
    let label = JobLabel::parse("clean").unwrap();
    vec![
        BuildEvent::BuildReceived(BuildReceived {
            number: 42,
            kind: BuildKind::Partitions,
            origin: "cli".into(),
            wanted: vec!["clean/date=2025-01-20..2025-01-26".into()],
            retry_of: Some(BuildId::parse("0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a00").unwrap()),
            forced: true,
        }),
        BuildEvent::BuildPlanning {},
        BuildEvent::TasksPlanned {
            tasks: vec![PlannedTask {
                task: 0,
                job_label: label.clone(),
                outputs: parts(&["clean/date=2025-01-23"]),
                reason: "missing".into(),
            }],
        },
        BuildEvent::BuildPlanned { tasks: 1, up_to_date: 6 },
        BuildEvent::BuildExecuting {},
        BuildEvent::TaskWaiting { task: 0, on: BuildId::parse("b41").unwrap() },
        BuildEvent::RunScheduled(RunScheduled {
            run: 6,
            job_run_id: JobRunId::parse("0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b").unwrap(),
            task: 0,
            attempt: 2,
            job_label: label,
            app: Some(AppName::parse("shop").unwrap()),
            job_type: Some("batch".into()),
            outputs: parts(&["clean/date=2025-01-23"]),
            inputs: parts(&["raw/date=2025-01-23"]),
            command: vec!["python".into(), "clean.py".into()],
        }),
        BuildEvent::PartitionsClaimed(set(6)),
        BuildEvent::RunStarted { run: 6, process: "boot/4026531836/712/99123".into() },
        BuildEvent::RunEnded(RunEnded {
            run: 6,
            end: RunEnd::Failed,
            summary: RunSummary {
                cause: Cause::Exit,
                exit_code: Some(3),
                signal: None,
                duration_seconds: 0.412,
                entries: 37,
                warnings: 1,
                errors: 2,
                rows: Some(18_377),
                reason: Some("clean.py gave up".into()),
            },
        }),
        BuildEvent::PartitionsFailed(set(6)),
        BuildEvent::PartitionsMade(set(7)),
        BuildEvent::PartitionsReleased(set(8)),
        BuildEvent::TaskEnded(TaskEnded { task: 0, end: TaskEnd::Failed, reason: None }),
        BuildEvent::BuildCancelRequested { by: "service".into() },
        BuildEvent::BuildEnded(BuildEnded {
            end: BuildEnd::Failed,
            reason: Some("disk full".into()),
        }),
    ]
}

fn records() -> Vec<EventRecord> {
    (1..)
        .zip(one_of_each())
        .map(|(idx, event)| EventRecord {
            idx,
            event_id: format!("0194a1b2-0000-7000-8000-{idx:012}"),
            timestamp: Timestamp::parse("2025-01-27T10:30:45.25Z").unwrap(),
            build_id: BuildId::parse("0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a01").unwrap(),
            event,
        })
        .collect()
}

#[test]
fn the_json_form_is_the_golden_one() {
    let lines: String = records().iter().map(|record| record.to_json() + "\n").collect();
    expect_file!["goldens.jsonl"].assert_eq(&lines);
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    for record in records() {
        assert_eq!(EventRecord::from_json(&record.to_json()).unwrap(), record);
        let event = &record.event;
        let again = BuildEvent::from_parts(event.type_name(), EVENT_VERSION, &event.payload_json());
        assert_eq!(&again.unwrap(), event);
    }
}

#[test]
fn unknown_keys_are_skipped_and_newer_versions_refused() {
    let text = r#"{"idx":1,"event_id":"e","timestamp":"2025-01-27T10:30:45Z","build_id":"b","version":1,"type":"run_started","payload":{"run":1,"process":"p","host":"h"},"trace":1}"#;
    assert_eq!(EventRecord::from_json(text).unwrap().event.type_name(), "run_started");
    let newer = text.replace("\"version\":1", "\"version\":2");
    expect!["a build event of version 2, and this program knows versions up to 1"]
        .assert_eq(&EventRecord::from_json(&newer).unwrap_err().to_string());
    assert!(EventRecord::from_json(&text.replace("run_started", "run_flew")).is_err());
}

/// A diagram as text: a line a state, and after it what each step makes of it.
fn diagram<S: Copy + std::fmt::Display, T: Copy + std::fmt::Debug>(
    states: &[Option<S>],
    steps: &[T],
    next: impl Fn(Option<S>, T) -> Result<S, transition::Illegal>,
) -> String {
    let row = |&state: &Option<S>| {
        let name = state.map_or("-".to_owned(), |state| state.to_string());
        let arrows = steps
            .iter()
            .filter_map(|&step| next(state, step).ok().map(|to| format!(" {step:?}→{to}")));
        format!("{name}:{}\n", arrows.collect::<String>())
    };
    states.iter().map(row).collect()
}

fn all<S: Copy>(states: &[S]) -> Vec<Option<S>> {
    std::iter::once(None).chain(states.iter().copied().map(Some)).collect()
}

#[test]
fn the_whole_diagram_of_a_build() {
    use BuildEnd::{Cancelled, Completed, Failed, Lost};
    use BuildStep::{AddTasks, End, Execute, FinishPlan, Plan, Receive, RequestCancel};
    let steps = [
        Receive,
        Plan,
        AddTasks,
        FinishPlan,
        Execute,
        RequestCancel,
        End(Completed),
        End(Failed),
        End(Cancelled),
        End(Lost),
    ];
    expect![[r#"
        -: Receive→received
        received: Plan→planning RequestCancel→received End(Failed)→failed End(Cancelled)→cancelled End(Lost)→lost
        planning: AddTasks→planning FinishPlan→planned RequestCancel→planning End(Failed)→failed End(Cancelled)→cancelled End(Lost)→lost
        planned: Execute→executing RequestCancel→planned End(Completed)→completed End(Failed)→failed End(Cancelled)→cancelled End(Lost)→lost
        executing: RequestCancel→executing End(Completed)→completed End(Failed)→failed End(Cancelled)→cancelled End(Lost)→lost
        completed:
        failed:
        cancelled:
        lost:
    "#]].assert_eq(&diagram(&all(&BuildState::ALL), &steps, transition::build));
}

#[test]
fn the_whole_diagram_of_a_task() {
    use TaskEnd::{Cancelled, Delegated, Failed, Made, NotStarted};
    use TaskStep::{Attempt, End, Plan, Wait};
    let steps = [
        Plan,
        Wait,
        Attempt,
        End(Made),
        End(Delegated),
        End(Failed),
        End(NotStarted),
        End(Cancelled),
    ];
    expect![[r#"
        -: Plan→planned
        planned: Wait→waiting Attempt→running End(Delegated)→delegated End(NotStarted)→not_started End(Cancelled)→cancelled
        waiting: Wait→waiting Attempt→running End(Delegated)→delegated End(NotStarted)→not_started End(Cancelled)→cancelled
        running: Wait→waiting Attempt→running End(Made)→made End(Delegated)→delegated End(Failed)→failed End(Cancelled)→cancelled
        made:
        delegated:
        failed:
        not_started:
        cancelled:
    "#]].assert_eq(&diagram(&all(&TaskState::ALL), &steps, transition::task));
}

#[test]
fn the_whole_diagram_of_a_job_run() {
    use RunEnd::{Cancelled, Completed, Failed, Lost};
    use RunStep::{End, Schedule, Start};
    let steps = [Schedule, Start, End(Completed), End(Failed), End(Cancelled), End(Lost)];
    expect![[r#"
        -: Schedule→scheduled
        scheduled: Start→running End(Failed)→failed End(Cancelled)→cancelled End(Lost)→lost
        running: End(Completed)→completed End(Failed)→failed End(Cancelled)→cancelled End(Lost)→lost
        completed:
        failed:
        cancelled:
        lost:
    "#]]
    .assert_eq(&diagram(&all(&RunState::ALL), &steps, transition::run));
}

#[test]
fn the_whole_diagram_of_a_partition() {
    use PartitionStep::{Claim, Fail, Make, Release};
    let steps = [
        Claim,
        Make,
        Fail,
        Release { back_to: Settled::Missing },
        Release { back_to: Settled::Available },
        Release { back_to: Settled::Failed },
    ];
    let states: Vec<_> = PartitionState::ALL.into_iter().map(Some).collect();
    expect![[r#"
        missing: Claim→building
        building: Make→available Fail→failed Release { back_to: Missing }→missing Release { back_to: Available }→available Release { back_to: Failed }→failed
        available: Claim→building
        failed: Claim→building
    "#]].assert_eq(&diagram(&states, &steps, |state, step| {
        transition::partition(state.unwrap(), step)
    }));
}

#[test]
fn a_refusal_says_what_was_where() {
    let refusal = transition::run(Some(RunState::Ended(RunEnd::Lost)), RunStep::Start);
    expect!["a job run that is lost cannot start"].assert_eq(&refusal.unwrap_err().to_string());
}
