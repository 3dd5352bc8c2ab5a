//! One build after another, in one process.

use super::{Seen, World, wait_for};
use databuild_graph::bel::rows::RunFilter;
use databuild_graph::bel::select::Selected;
use databuild_graph::execute::{
    BuildRequest, CommandRequest, CommandStdin, OnFailure, StopFlag, Wanted,
};
use databuild_graph::plan::Force;
use databuild_logs::fs::OsFs;
use databuild_logs::read::{LogReader, ReaderOptions};
use databuild_model::bel::BuildEnd;
use databuild_model::bel::transition::PartitionState;
use databuild_model::ids::{JobLabel, PartitionRef};
use expect_test::{Expect, expect};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

const CHAIN: &str = "
key n 1 2 3
job raw | raw/n={n} | | 0 | mkdir -p raw; echo {n} > {out}; echo made {n}; echo 'rows 5'
job sum | sum/n={n} | raw/n={n} | 0 | mkdir -p sum; cat {in} > {out}
";

/// One build with one job at a time, and everything that it told.
#[track_caller]
fn check(world: &World, request: BuildRequest, expect: Expect) {
    let request = BuildRequest { parallel: NonZeroUsize::new(1), ..request };
    let (_, seen) = world.build(&request);
    let notes = |line: &&str| !line.starts_with("note");
    let text: Vec<&str> = seen.text().leak().lines().filter(notes).collect();
    expect.assert_eq(&text.join("\n"));
}

#[test]
fn a_chain_is_made_once_and_then_is_there() {
    let world = World::new(CHAIN);
    check(
        &world,
        world.request(&["sum/n=1", "sum/n=2"]),
        expect![[r#"
            build 1
            wanted 2, to make 4, up to date 0
            start raw/n=1 1.1 #1
            Made raw/n=1
            start raw/n=2 1.2 #1
            Made raw/n=2
            start sum/n=1 1.3 #1
            Made sum/n=1
            start sum/n=2 1.4 #1
            Made sum/n=2
            Completed"#]],
    );
    check(
        &world,
        world.request(&["sum/n=1", "sum/n=2"]),
        expect![[r#"
            build 2
            wanted 2, to make 0, up to date 4
            Completed"#]],
    );
    std::fs::remove_file(world.path("sum/n=2")).unwrap();
    check(
        &world,
        world.request(&["sum/n=2"]),
        expect![[r#"
        build 3
        wanted 1, to make 1, up to date 1
        start sum/n=2 3.1 #1
        Made sum/n=2
        Completed"#]],
    );
    let force = BuildRequest { force: Force::All, ..world.request(&["sum/n=1"]) };
    check(
        &world,
        force,
        expect![[r#"
        build 4
        wanted 1, to make 2, up to date 0
        start raw/n=1 4.1 #1
        Made raw/n=1
        start sum/n=1 4.2 #1
        Made sum/n=1
        Completed"#]],
    );
}

#[test]
fn a_failure_stops_only_what_needs_it_and_retry_makes_the_rest() {
    let world = World::new(
        "key n 1 2 3
         job raw | raw/n={n} | | 0 | mkdir -p raw; test {n} != 2 -o -e fixed || exit 3; echo {n} > {out}
         job sum | sum/n={n} | raw/n={n} | 0 | mkdir -p sum; cat {in} > {out}",
    );
    let all = ["sum/n=1", "sum/n=2", "sum/n=3"];
    check(
        &world,
        world.request(&all),
        expect![[r#"
            build 1
            wanted 3, to make 6, up to date 0
            start raw/n=1 1.1 #1
            Made raw/n=1
            start raw/n=2 1.2 #1
            Failed raw/n=2
            NotStarted sum/n=2 it needs raw/n=2, which failed
            start raw/n=3 1.3 #1
            Made raw/n=3
            start sum/n=1 1.4 #1
            Made sum/n=1
            start sum/n=3 1.5 #1
            Made sum/n=3
            Failed"#]],
    );
    let failed = world.engine.bel().find_build("@failed").unwrap();
    let Selected::One(failed) = failed else { panic!("{failed:?}") };
    assert_eq!((failed.number, failed.tasks.made, failed.tasks.failed), (1, 4, 1));
    std::fs::write(world.path("fixed"), "").unwrap();
    let retry = BuildRequest::new("test", Wanted::RestOf(failed.id));
    check(
        &world,
        retry,
        expect![[r#"
        build 2
        wanted 2, to make 2, up to date 0
        start raw/n=2 2.1 #1
        Made raw/n=2
        start sum/n=2 2.2 #1
        Made sum/n=2
        Completed"#]],
    );
}

#[test]
fn fail_fast_starts_nothing_more() {
    let world = World::new(
        "key n 1 2 3
         job raw | raw/n={n} | | 0 | mkdir -p raw; test {n} != 1; echo {n} > {out}; test {n} != 1",
    );
    let request = world.request(&["raw/n=1", "raw/n=2", "raw/n=3"]);
    let request = BuildRequest { on_failure: OnFailure::FailFast, ..request };
    check(
        &world,
        request,
        expect![[r#"
        build 1
        wanted 3, to make 3, up to date 0
        start raw/n=1 1.1 #1
        Failed raw/n=1
        NotStarted raw/n=2 the build stops at the first failure
        NotStarted raw/n=3 the build stops at the first failure
        Failed"#]],
    );
}

#[test]
fn an_attempt_that_fails_is_made_again_as_a_new_run() {
    let world = World::new(
        "key n 1
         job raw | raw/n={n} | | 2 | mkdir -p raw; echo x >> tries; test $(wc -l < tries) = 3; r=$?; echo {n} > {out}; exit $r",
    );
    check(
        &world,
        world.request(&["raw/n=1"]),
        expect![[r#"
        build 1
        wanted 1, to make 1, up to date 0
        start raw/n=1 1.1 #1
        retry raw/n=1 1 of 3
        start raw/n=1 1.2 #2
        retry raw/n=1 2 of 3
        start raw/n=1 1.3 #3
        Made raw/n=1
        Completed"#]],
    );
    let runs = world.engine.bel().runs(&RunFilter::default()).unwrap();
    let runs: Vec<String> =
        runs.iter().map(|run| format!("{} #{} {}", run.number, run.attempt, run.state)).collect();
    expect!["1.3 #3 completed, 1.2 #2 failed, 1.1 #1 failed"].assert_eq(&runs.join(", "));
}

#[test]
fn a_job_that_ends_well_without_its_output_has_failed() {
    let world = World::new("key n 1\njob raw | raw/n={n} | | 0 | true");
    check(
        &world,
        world.request(&["raw/n=1"]),
        expect![[r#"
            build 1
            wanted 1, to make 1, up to date 0
            start raw/n=1 1.1 #1
            Failed raw/n=1 the job ended well but did not make raw/n=1
            Failed"#]],
    );
    let partition = PartitionRef::parse("raw/n=1").unwrap();
    let row = world.engine.bel().partition(&partition).unwrap().unwrap();
    assert_eq!(row.state, PartitionState::Failed);
}

#[test]
fn a_source_that_changes_while_it_is_read_is_read_again() {
    let world = World::new(
        "key n 1
         job raw | raw/n={n} | src | 0 | mkdir -p raw; cat {in} > {out}; test -e seen || { touch seen; sleep 0.1; echo late >> {in}; sleep 0.1; }",
    );
    std::fs::write(world.path("src"), "first\n").unwrap();
    let (outcome, _) = world.build(&world.request(&["raw/n=1"]));
    assert_eq!((outcome.made, world.read("raw/n=1").as_str()), (1, "first\n"));
    let partition = PartitionRef::parse("raw/n=1").unwrap();
    let row = world.engine.bel().partition(&partition).unwrap().unwrap();
    assert!(row.as_of < row.made_at, "{row:?}");
    let (outcome, _) = world.build(&world.request(&["raw/n=1"]));
    assert_eq!((outcome.made, world.read("raw/n=1").as_str()), (1, "first\nlate\n"));
    let (outcome, _) = world.build(&world.request(&["raw/n=1"]));
    assert_eq!((outcome.made, outcome.up_to_date), (0, 1));
}

/// The job kills its wrapper, and leaves a process behind that nobody waits for.
#[test]
fn a_wrapper_that_is_killed_is_a_lost_run_and_the_next_attempt_follows() {
    let world = World::new(
        "key n 1
         job raw | raw/n={n} | | 1 | test -e once && mkdir -p raw && echo > {out} || { touch once; echo begun; setsid sleep 60 & echo $! > left; sleep 0.3; kill -9 $PPID; sleep 60; }",
    );
    check(
        &world,
        world.request(&["raw/n=1"]),
        expect![[r#"
            build 1
            wanted 1, to make 1, up to date 0
            start raw/n=1 1.1 #1
            retry raw/n=1 1 of 2
            start raw/n=1 1.2 #2
            Made raw/n=1
            Completed"#]],
    );
    let reader = LogReader::new(
        ReaderOptions {
            logs_dir: world.path(".databuild/logs"),
            cache_runs: 1,
            cache_bytes: 1 << 20,
        },
        Arc::new(OsFs),
        Arc::new(super::project::RealClock::new()),
    );
    let runs = world.engine.bel().runs(&RunFilter::default()).unwrap();
    let lines = runs.iter().map(|run| {
        let stored = reader.run_info(&run.id).unwrap().state;
        let cause = run.summary.as_ref().map(|summary| summary.cause.as_str());
        format!("{} {} {cause:?}: {stored}\n", run.number, run.state)
    });
    expect![[r#"
        1.2 completed Some("success"): complete
        1.1 lost Some("wrapper_lost"): incomplete (wrapper lost)
    "#]]
    .assert_eq(&lines.collect::<String>());
    let left = world.read("left");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("gone", |(_, rest)| rest);
    assert!(["gone", "Z", "X"].iter().any(|word| state.starts_with(word)), "{stat}");
}

fn command(world: &World, args: &[&str], outputs: &[&str]) -> CommandRequest {
    CommandRequest {
        id: None,
        origin: "test".into(),
        label: JobLabel::parse("sh").unwrap(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        outputs: outputs.iter().map(|text| PartitionRef::parse(*text).unwrap()).collect(),
        app: None,
        job_type: None,
        env: std::iter::once(("WHO".to_owned(), "me".to_owned())).collect(),
        folder: world.folder.path().to_path_buf(),
        timeout: None,
        retries: 0,
        stdin: CommandStdin::Inherit,
    }
}

#[test]
fn one_command_is_a_build_with_one_run() {
    let world = World::new("");
    let run = |args: &[&str], outputs: &[&str]| {
        let request = command(&world, args, outputs);
        let done = world.engine.run_command(&request, &Seen::default(), &StopFlag::new()).unwrap();
        let rows = done.summary.rows;
        format!("{} {:?} {} rows {rows:?}", done.run, done.end, done.exit_code)
    };
    expect!["1.1 Completed 0 rows Some(12)"]
        .assert_eq(&run(&["sh", "-c", "test $WHO = me; echo rows 12"], &["s3://b/x"]));
    expect!["2.1 Failed 7 rows None"].assert_eq(&run(&["sh", "-c", "exit 7"], &[]));
    expect!["3.1 Failed 125 rows None"].assert_eq(&run(&["/no/such/command"], &[]));
    let mut forgets = command(&world, &["true"], &["s3://b/y", "s3://b/z"]);
    forgets.env.insert("RIG_FORGETS".to_owned(), String::new());
    let done = world.engine.run_command(&forgets, &Seen::default(), &StopFlag::new()).unwrap();
    let reason = done.summary.reason.unwrap_or_default();
    expect!["1: the job ended well but its manifest does not name s3://b/y"]
        .assert_eq(&format!("{}: {reason}", done.exit_code));
    let row = world.engine.bel().partition(&PartitionRef::parse("s3://b/x").unwrap());
    assert_eq!(row.unwrap().unwrap().state, PartitionState::Available);
    let left = std::fs::read_dir(world.path(".databuild/run-configs")).unwrap().count();
    assert_eq!(left, 0, "configurations are removed");
}

/// A build that is told to stop once its job runs; `times` is how often.
fn stopped(times: u32, job: &str) -> (World, databuild_graph::execute::BuildOutcome) {
    let world = World::new(&format!("key n 1 2\njob raw | raw/n={{n}} | | 1 | {job}"));
    let stop = StopFlag::new();
    let outcome = std::thread::scope(|scope| {
        let building = scope.spawn(|| {
            let mut request = world.request(&["raw/n=1", "raw/n=2"]);
            request.parallel = NonZeroUsize::new(1);
            world.engine.build(&request, &Seen::default(), &stop).unwrap()
        });
        wait_for(&world.path("started"));
        (0..times).for_each(|_| stop.raise());
        building.join().unwrap()
    });
    (world, outcome)
}

#[test]
fn a_stop_in_order_asks_the_job_and_starts_nothing_more() {
    let (world, outcome) = stopped(
        1,
        "trap 'echo asked > asked; exit 1' TERM; touch started; while :; do sleep 0.05; done",
    );
    assert_eq!(outcome.end, BuildEnd::Cancelled);
    assert_eq!(outcome.not_started.len(), 2);
    assert_eq!(world.read("asked"), "asked\n");
    let Selected::One(build) = world.engine.bel().find_build("1").unwrap() else { panic!() };
    assert_eq!((build.state.as_str(), build.tasks.cancelled, build.runs), ("cancelled", 2, 1));
}

#[test]
fn a_stop_while_planning_ends_the_needs_command_and_the_build() {
    let world = World::new("key n 1\njob raw | raw/n={n} | $sh<names | 0 | true");
    std::fs::write(world.path("names"), "touch started; sleep 60\n").unwrap();
    let stop = StopFlag::new();
    let outcome = std::thread::scope(|scope| {
        let request = world.request(&["raw/n=1"]);
        let engine = &world.engine;
        let building = {
            let stop = stop.clone();
            scope.spawn(move || engine.build(&request, &Seen::default(), &stop).unwrap())
        };
        wait_for(&world.path("started"));
        stop.raise();
        building.join().unwrap()
    });
    assert_eq!(outcome.end, BuildEnd::Cancelled);
    let Selected::One(build) = world.engine.bel().find_build("1").unwrap() else { panic!() };
    let reason = build.reason.as_deref();
    assert_eq!(reason, Some("it was stopped while it was planned"));
    assert_eq!(build.state.as_str(), "cancelled");
}

#[test]
fn a_second_stop_kills_a_job_that_does_not_listen() {
    let (_, outcome) = stopped(2, "trap '' TERM; touch started; while :; do sleep 0.05; done");
    assert_eq!(outcome.end, BuildEnd::Cancelled);
    assert!(outcome.duration < Duration::from_secs(20));
}
