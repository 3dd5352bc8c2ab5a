//! The log as a whole: what it refuses, what it answers, and that its tables are what its events say.

use super::claim::Claim;
use super::lease::owner::{Liveness, Owner};
use super::lease::{self, Hold, Lease};
use super::rows::{BuildFilter, EventFilter, PartitionFilter, RunFilter};
use super::select::Selected;
use super::*;
use databuild_model::bel::transition::{BuildState, PartitionState, RunState};
use databuild_model::bel::{
    BuildEnd, BuildEnded, BuildKind, PartitionSet, PlannedTask, RunEnd, RunEnded, RunScheduled,
    RunSummary, TaskEnd, TaskEnded,
};
use databuild_model::cause::Cause;
use databuild_model::ids::{JobLabel, JobRunId, PartitionRef};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A second passes whenever it is asked.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.fetch_add(1, Ordering::SeqCst) * 1_000_000_000)
    }

    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

struct World {
    folder: tempfile::TempDir,
    bel: Bel,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Ticking(AtomicI64::new(1_700_000_000)));
        let bel = Bel::open(folder.path().join("state/bel.sqlite"), clock).unwrap();
        World { folder, bel }
    }

    /// A build that executes three tasks, each making one partition, held by this process.
    fn executing(&self, name: &str) -> BuildId {
        let build = BuildId::parse(name).unwrap();
        let until = Timestamp::from_nanos(i64::MAX / 2);
        self.bel.receive(&build, received(0), &Owner::this_process(), until).unwrap();
        let start = [
            BuildEvent::BuildPlanning {},
            BuildEvent::TasksPlanned { tasks: (0..3).map(planned).collect() },
            BuildEvent::BuildPlanned { tasks: 3, up_to_date: 1 },
            BuildEvent::BuildExecuting {},
        ];
        self.bel.append(&build, start).unwrap();
        build
    }

    /// All tables as text, without the events themselves.
    fn tables(&self) -> String {
        let connection = Connection::open(self.bel.path()).unwrap();
        let mut text = String::new();
        for table in schema::PROJECTION_TABLES {
            let mut statement =
                connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
            let n = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells: Vec<String> = (0..n)
                    .map(|i| format!("{:?}", row.get::<_, rusqlite::types::Value>(i).unwrap()))
                    .collect();
                text += &cells.join(" ");
                text += "\n";
            }
        }
        text
    }
}

fn received(number: u64) -> BuildReceived {
    BuildReceived {
        number,
        kind: BuildKind::Partitions,
        origin: "test".into(),
        wanted: vec!["a/*".into()],
        retry_of: None,
        forced: false,
    }
}

fn partition(n: u32) -> PartitionRef {
    PartitionRef::parse(format!("a/n={n}")).unwrap()
}

fn planned(task: u32) -> PlannedTask {
    PlannedTask {
        task,
        job_label: JobLabel::parse("a").unwrap(),
        outputs: vec![partition(task)],
        reason: "missing".into(),
    }
}

fn scheduled(build: &BuildId, task: u32, run: u32) -> RunScheduled {
    RunScheduled {
        run,
        job_run_id: JobRunId::parse(format!("{build}-{task}-{run}")).unwrap(),
        task,
        attempt: 1,
        job_label: JobLabel::parse("a").unwrap(),
        app: None,
        job_type: None,
        outputs: vec![partition(task)],
        inputs: vec![],
        command: vec!["make".into()],
    }
}

fn set(run: u32, n: u32) -> PartitionSet {
    PartitionSet { run, partitions: vec![partition(n)] }
}

fn ended(run: u32, end: RunEnd, seconds: f64) -> BuildEvent {
    let cause = if end == RunEnd::Completed { Cause::Success } else { Cause::Exit };
    let summary = RunSummary { duration_seconds: seconds, warnings: 1, ..RunSummary::of(cause) };
    BuildEvent::RunEnded(RunEnded { run, end, summary })
}

fn done(run: u32, task: u32) -> [BuildEvent; 4] {
    [
        BuildEvent::RunStarted { run, process: Owner::this_process().0 },
        ended(run, RunEnd::Completed, f64::from(run)),
        BuildEvent::PartitionsMade(set(run, task)),
        BuildEvent::TaskEnded(TaskEnded { task, end: TaskEnd::Made, reason: None }),
    ]
}

#[track_caller]
fn refused(world: &World, build: &BuildId, event: BuildEvent, expect: Expect) {
    let before = world.tables();
    let error = world.bel.append(build, [event]).unwrap_err();
    let source = std::error::Error::source(&error).map(|e| format!(": {e}")).unwrap_or_default();
    expect.assert_eq(&format!("{error}{source}"));
    assert_eq!(world.tables(), before);
}

#[test]
fn what_the_diagram_does_not_have_is_refused_and_leaves_no_trace() {
    let world = World::new();
    let build = world.executing("b1");
    let claim = world.bel.claim(&build, scheduled(&build, 0, 0), Timestamp::MAX).unwrap();
    assert_eq!(claim, Claim::Granted { run: 1 });
    let other = world.executing("b2");
    refused(
        &world,
        &other,
        BuildEvent::BuildPlanning {},
        expect![
            "the build event log refuses build_planning: a build that is executing cannot plan"
        ],
    );
    refused(
        &world,
        &other,
        BuildEvent::PartitionsMade(set(1, 0)),
        expect!["the build event log has no run 1 of this build"],
    );
    refused(
        &world,
        &build,
        ended(1, RunEnd::Completed, 0.0),
        expect![
            "the build event log refuses run_ended: a job run that is scheduled cannot end(completed)"
        ],
    );
    refused(
        &world,
        &build,
        BuildEvent::PartitionsFailed(set(1, 2)),
        expect!["a/n=2 is not held by run 1 of this build"],
    );
    let received = BuildEvent::BuildReceived(received(1));
    refused(
        &world,
        &BuildId::parse("b3").unwrap(),
        received,
        expect!["the build event log has a build 1 already"],
    );
    let over = BuildEnded { end: BuildEnd::Failed, reason: None };
    world.bel.append(&build, [BuildEvent::BuildEnded(over)]).unwrap();
    refused(
        &world,
        &build,
        BuildEvent::PartitionsMade(set(1, 0)),
        expect![
            "the build event log refuses partitions_made: a build that is failed cannot partitions_made"
        ],
    );
}

#[test]
fn a_partition_is_made_by_one_build_and_the_other_waits_for_it() {
    let world = World::new();
    let (one, two) = (world.executing("b1"), world.executing("b2"));
    let claim = |build: &BuildId, since| {
        world.bel.claim(build, scheduled(build, 0, 0), Timestamp::from_nanos(since)).unwrap()
    };
    assert_eq!(claim(&one, 0), Claim::Granted { run: 1 });
    assert_eq!(claim(&two, 0), Claim::Held { by: one.clone() });
    assert!(world.bel.is_held(&two, &[partition(0)]).unwrap());
    world.bel.append(&one, done(1, 0)).unwrap();
    assert!(!world.bel.is_held(&two, &[partition(0)]).unwrap());
    assert_eq!(claim(&two, 0), Claim::Made);
    // A build that planned after that had its reasons to make it again.
    let three = world.executing("b3");
    assert_eq!(claim(&three, i64::MAX), Claim::Granted { run: 1 });
    let row = world.bel.partition(&partition(0)).unwrap().unwrap();
    assert_eq!((row.state, row.instance), (PartitionState::Building, 1));
    let running = BuildEvent::RunStarted { run: 1, process: String::new() };
    let failed = BuildEvent::PartitionsFailed(set(1, 0));
    world.bel.append(&three, [running, ended(1, RunEnd::Failed, 0.0), failed]).unwrap();
    assert_eq!(claim(&two, 0), Claim::Granted { run: 1 });
}

#[test]
fn what_was_made_from_an_older_input_is_made_again() {
    let world = World::new();
    let [one, two, three] = ["b1", "b2", "b3"].map(|name| world.executing(name));
    let claim = |build: &BuildId, task| {
        let inputs = vec![partition(1)];
        let scheduled = RunScheduled { inputs, ..scheduled(build, task, 0) };
        world.bel.claim(build, scheduled, Timestamp::from_nanos(0)).unwrap()
    };
    assert_eq!(claim(&one, 0), Claim::Granted { run: 1 });
    world.bel.append(&one, [BuildEvent::RunStarted { run: 1, process: String::new() }]).unwrap();
    assert_eq!(claim(&two, 1), Claim::Granted { run: 1 });
    world.bel.append(&two, done(1, 1)).unwrap();
    let [_, rest @ ..] = done(1, 0);
    world.bel.append(&one, rest).unwrap();
    // Its input was made while it ran.
    assert_eq!(claim(&three, 0), Claim::Granted { run: 1 });
}

#[test]
fn a_lease_holds_while_its_process_does_and_says_so() {
    let lease = Lease { until: Timestamp::from_nanos(10_000_000_000), owner: Owner("x".into()) };
    let judge = |liveness, seconds: i64| {
        lease::judge(Some(&lease), liveness, Timestamp::from_nanos(seconds * 1_000_000_000))
    };
    assert_eq!(judge(Liveness::Alive, 11), Hold::Live);
    assert_eq!(judge(Liveness::Unknown, 12), Hold::Live);
    assert_eq!(judge(Liveness::Unknown, 13), Hold::Lost);
    assert_eq!(judge(Liveness::Alive, 60), Hold::Lost);
    assert_eq!(judge(Liveness::Gone, 1), Hold::Lost);
    assert_eq!(lease::judge(None, Liveness::Alive, Timestamp::MIN), Hold::Lost);
}

#[test]
fn a_process_is_told_from_another_of_its_number() {
    let me = Owner::this_process();
    assert_eq!(me.liveness(), Liveness::Alive);
    let (head, start) = me.0.rsplit_once('/').unwrap();
    let earlier = Owner(format!("{head}/{}", start.parse::<u64>().unwrap() - 1));
    assert_eq!(earlier.liveness(), Liveness::Gone);
    assert_eq!(earlier.pid_here(), None);
    assert_eq!(Owner(format!("elsewhere/{start}/1")).liveness(), Liveness::Unknown);
    assert_eq!(Owner("nonsense".into()).liveness(), Liveness::Unknown);
}

#[test]
fn a_lost_build_is_shown_as_lost_before_and_after_it_is_ended() {
    let world = World::new();
    let build = world.executing("b1");
    world.bel.claim(&build, scheduled(&build, 1, 0), Timestamp::MAX).unwrap();
    assert!(!world.bel.end_lost(&build).unwrap(), "it is alive");
    Connection::open(world.bel.path()).unwrap().execute("DELETE FROM leases", ()).unwrap();
    let show = || {
        let build = world.bel.build(&build).unwrap().unwrap();
        let run = world.bel.runs(&RunFilter::default()).unwrap().remove(0);
        let partition = world.bel.partition(&partition(1)).unwrap().unwrap();
        format!("{} {} {}", build.state, run.state, partition.state)
    };
    assert_eq!(show(), "lost lost failed");
    assert_eq!(world.bel.lost_builds().unwrap(), std::slice::from_ref(&build));
    assert!(world.bel.end_lost(&build).unwrap());
    assert_eq!(show(), "lost lost failed");
    assert_eq!(world.bel.lost_builds().unwrap(), []);
    assert!(!world.bel.renew(&build, Timestamp::MAX).unwrap());
}

#[test]
fn a_build_that_cannot_go_on_leaves_what_it_was_making_to_others() {
    let world = World::new();
    let build = world.executing("b1");
    world.bel.claim(&build, scheduled(&build, 1, 0), Timestamp::MAX).unwrap();
    world.bel.end_failed(&build, "the disk is full").unwrap();
    world.bel.end_failed(&build, "said once").unwrap();
    let found = world.bel.build(&build).unwrap().unwrap();
    assert_eq!(
        (found.state.to_string().as_str(), found.reason.as_deref()),
        ("failed", Some("the disk is full"))
    );
    let next = world.executing("b2");
    let claim = world.bel.claim(&next, scheduled(&next, 1, 0), Timestamp::MAX).unwrap();
    assert_eq!(claim, Claim::Granted { run: 1 });
}

#[test]
fn lost_builds_behind_living_ones_are_found_in_a_short_page() {
    let world = World::new();
    for name in ["b1", "b2", "b3", "b4", "b5"] {
        let build = world.executing(name);
        world.bel.claim(&build, scheduled(&build, 1, 0), Timestamp::MAX).ok();
    }
    let connection = Connection::open(world.bel.path()).unwrap();
    connection.execute("DELETE FROM leases WHERE build_id IN ('b1', 'b3')", ()).unwrap();
    let find = |limit, before| {
        let states = vec![BuildState::Ended(BuildEnd::Lost)];
        let filter = BuildFilter { states, before, limit: Some(limit), since: None };
        let rows = world.bel.builds(&filter).unwrap();
        rows.iter().map(|row| row.number).collect::<Vec<_>>()
    };
    assert_eq!(find(1, None), [3], "the living ones are newer and fill a page of their own");
    assert_eq!(find(1, Some(3)), [1]);
    assert_eq!(find(2, None), [3, 1]);
    assert_eq!(find(9, None), [3, 1]);
    assert!(find(9, Some(1)).is_empty());
    let states = vec![RunState::Ended(RunEnd::Lost)];
    let filter = RunFilter { states, limit: Some(1), ..RunFilter::default() };
    let runs = world.bel.runs(&filter).unwrap();
    assert_eq!(runs.len(), 1);
}

#[track_caller]
fn check_find(world: &World, text: &str, expect: &str) {
    let build = match world.bel.find_build(text).unwrap() {
        Selected::One(row) => row.number.to_string(),
        Selected::Nothing => "-".into(),
        Selected::Ambiguous(rows) => format!("{} of them", rows.len()),
    };
    let run = match world.bel.find_run(text).unwrap() {
        Selected::One(row) => row.number.to_string(),
        Selected::Nothing => "-".into(),
        Selected::Ambiguous(rows) => format!("{} of them", rows.len()),
    };
    assert_eq!(format!("{build} {run}"), expect, "{text}");
}

#[test]
fn builds_and_runs_are_found_by_what_people_type() {
    let world = World::new();
    let (one, two) = (world.executing("build-one"), world.executing("build-two"));
    for (build, task) in [(&one, 0), (&one, 1), (&two, 2)] {
        world.bel.claim(build, scheduled(build, task, 0), Timestamp::MAX).unwrap();
    }
    world.bel.append(&one, done(1, 0)).unwrap();
    check_find(&world, "1", "1 -");
    check_find(&world, "1.2", "- 1.2");
    check_find(&world, "9.9", "- -");
    check_find(&world, "build-one", "1 2 of them");
    check_find(&world, "build-", "2 of them 3 of them");
    check_find(&world, "build-one-1", "- 1.2");
    check_find(&world, "bui", "- -");
    check_find(&world, "@latest", "2 2.1");
    check_find(&world, "@running", "2 of them 2 of them");
    check_find(&world, "@failed", "- -");
    check_find(&world, "@nonsense", "- -");
}

#[test]
fn pages_of_events_follow_one_another() {
    let world = World::new();
    let build = world.executing("b1");
    world.executing("b2");
    let filter = EventFilter { build: Some(build), types: vec![] };
    let first = world.bel.events(0, &filter, 3).unwrap();
    let second = world.bel.events(first.next_idx, &filter, 3).unwrap();
    let third = world.bel.events(second.next_idx, &filter, 3).unwrap();
    let shape = |page: &rows::EventPage| (page.events.len(), page.next_idx, page.has_more);
    assert_eq!(shape(&first), (3, 3, true));
    assert_eq!(shape(&second), (2, 5, false));
    assert_eq!(shape(&third), (0, 5, false));
}

#[test]
fn the_usual_duration_is_the_median_of_successes() {
    let world = World::new();
    let build = world.executing("b1");
    let label = JobLabel::parse("a").unwrap();
    assert_eq!(world.bel.usual_duration(&label).unwrap(), None);
    for task in 0..3 {
        world.bel.claim(&build, scheduled(&build, task, 0), Timestamp::MAX).unwrap();
        world.bel.append(&build, done(task + 1, task)).unwrap();
    }
    assert_eq!(world.bel.usual_duration(&label).unwrap(), Some(Duration::from_secs(2)));
    let partitions = world.bel.partitions(&PartitionFilter {
        prefix: Some("a/".into()),
        after: Some(partition(0)),
        ..PartitionFilter::default()
    });
    assert_eq!(partitions.unwrap().len(), 2);
    let builds = world.bel.builds(&BuildFilter::default()).unwrap();
    assert_eq!((builds[0].tasks.made, builds[0].warnings, builds[0].runs), (3, 3, 3));
}

#[test]
fn a_log_of_a_newer_version_is_left_alone() {
    let world = World::new();
    let path = world.bel.path().to_path_buf();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let clock = Arc::new(Ticking(AtomicI64::new(0)));
    let error = Bel::open(&path, clock).unwrap_err().to_string();
    let shown = error.replace(&world.folder.path().display().to_string(), "");
    expect!["the build event log /state/bel.sqlite is of version 99, and this program knows versions up to 1"].assert_eq(&shown);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

fn any_event() -> impl Strategy<Value = BuildEvent> {
    let (task, run) = (0..3_u32, 1..4_u32);
    let end = prop_oneof![
        Just(RunEnd::Completed),
        Just(RunEnd::Failed),
        Just(RunEnd::Cancelled),
        Just(RunEnd::Lost)
    ];
    let task_end = prop_oneof![
        Just(TaskEnd::Made),
        Just(TaskEnd::Delegated),
        Just(TaskEnd::Failed),
        Just(TaskEnd::NotStarted),
        Just(TaskEnd::Cancelled)
    ];
    prop_oneof![
        6 => (task.clone(), run.clone()).prop_map(|(task, run)| {
            // The build's name makes the id unique; it is filled in below.
            BuildEvent::RunScheduled(scheduled(&BuildId::parse("x").unwrap(), task, run))
        }),
        6 => (run.clone(), task.clone()).prop_map(|(run, n)| BuildEvent::PartitionsClaimed(set(run, n))),
        6 => run.clone().prop_map(|run| BuildEvent::RunStarted { run, process: "p".into() }),
        6 => (run.clone(), end).prop_map(|(run, end)| ended(run, end, 1.0)),
        4 => (run.clone(), task.clone()).prop_map(|(run, n)| BuildEvent::PartitionsMade(set(run, n))),
        3 => (run.clone(), task.clone()).prop_map(|(run, n)| BuildEvent::PartitionsFailed(set(run, n))),
        3 => (run, task.clone()).prop_map(|(run, n)| BuildEvent::PartitionsReleased(set(run, n))),
        3 => (task.clone(), task_end).prop_map(|(task, end)| {
            BuildEvent::TaskEnded(TaskEnded { task, end, reason: Some("r".into()) })
        }),
        2 => task.prop_map(|task| BuildEvent::TaskWaiting { task, on: BuildId::parse("b0").unwrap() }),
        1 => Just(BuildEvent::BuildPlanning {}),
        1 => Just(BuildEvent::BuildCancelRequested { by: "x".into() }),
        1 => Just(BuildEvent::BuildEnded(BuildEnded { end: BuildEnd::Failed, reason: None })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn tables_made_again_from_the_events_are_the_live_ones(
        events in prop::collection::vec((0..2_usize, any_event()), 1..80)
    ) {
        let world = World::new();
        let builds = [world.executing("b0"), world.executing("b1")];
        let mut accepted = 10;
        for (which, mut event) in events {
            let build = &builds[which];
            if let BuildEvent::RunScheduled(run) = &mut event {
                *run = scheduled(build, run.task, run.run);
            }
            accepted += u64::from(world.bel.append(build, [event]).is_ok());
        }
        let live = world.tables();
        prop_assert_eq!(world.bel.rebuild_projections().unwrap(), accepted);
        prop_assert_eq!(world.tables(), live);
    }
}
