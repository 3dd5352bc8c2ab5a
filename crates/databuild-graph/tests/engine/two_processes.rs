//! Builds in processes of their own: two at once on overlapping partitions, one that dies, and one
//! with a thousand jobs.

use super::{World, engine_on, rig, wait_for};
use databuild_graph::bel::rows::{BuildFilter, PartitionFilter};
use databuild_graph::execute::{BuildRequest, Engine, StopFlag, reason_text};
use databuild_model::bel::transition::PartitionState;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SLOW: &str = "
key n 0 1 2 3 4 5
job item | item/n={n} | | 0 | echo {n} >> made; mkdir -p item; sleep 0.1; echo {n} > {out}
job sum | sum/n={n} | item/n={n} | 0 | echo sum{n} >> made; mkdir -p sum; cat {in} > {out}
";

#[expect(clippy::disallowed_methods, reason = "real processes are what is tested")]
fn build(world: &World, refs: &[&str]) -> Child {
    Command::new(rig())
        .arg("build")
        .arg(world.folder.path())
        .arg("1000")
        .args(refs)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn said(child: Child) -> String {
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

fn made(world: &World) -> Vec<String> {
    let mut lines: Vec<String> = world.read("made").lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

const EACH_ONCE: [&str; 12] =
    ["0", "1", "2", "3", "4", "5", "sum0", "sum1", "sum2", "sum3", "sum4", "sum5"];

#[test]
fn each_partition_is_made_once_and_both_end_right() {
    let world = World::new(SLOW);
    let one = build(&world, &["sum/n={0,1,2,3}"]);
    let two = build(&world, &["sum/n={2,3,4,5}"]);
    let (one, two) = (said(one), said(two));
    assert!(one.starts_with("Completed"), "{one}");
    assert!(two.starts_with("Completed"), "{two}");
    assert_eq!(made(&world), EACH_ONCE, "{one}{two}");
}

#[test]
fn when_one_is_killed_the_other_takes_over() {
    let world = World::new(SLOW);
    let mut one = build(&world, &["sum/n=*"]);
    wait_for(&world.path("made"));
    let two = build(&world, &["sum/n=*"]);
    one.kill().unwrap();
    one.wait().unwrap();
    let two = said(two);
    assert!(two.starts_with("Completed"), "{two}");
    let filter = PartitionFilter::default();
    let rows = world.engine.bel().partitions(&filter).unwrap();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|row| row.state == PartitionState::Available), "{rows:?}");
    // What the first one was at when it died was begun twice, and nothing else.
    let begun = made(&world);
    let again = begun.len() - EACH_ONCE.len();
    assert!(again <= 8, "{begun:?}");
    let builds = world.engine.bel().builds(&BuildFilter::default()).unwrap();
    let states: Vec<&str> = builds.iter().map(|build| build.state.as_str()).collect();
    assert_eq!(states, ["completed", "lost"]);
}

#[test]
fn a_build_whose_process_died_is_shown_as_lost_and_ended_by_the_next() {
    let world = World::new("key n 0\njob item | item/n={n} | | 0 | touch begun; sleep 30");
    let mut one = build(&world, &["item/n=0"]);
    wait_for(&world.path("begun"));
    one.kill().unwrap();
    one.wait().unwrap();
    let bel = world.engine.bel();
    let shown = |text| bel.builds(&BuildFilter::default()).unwrap()[0].state.as_str() == text;
    assert!(shown("lost"));
    assert!(bel.builds(&BuildFilter::default()).unwrap()[0].ended_at.is_none());
    // The job outlives its build, so what it makes is being made.
    assert_eq!(reasons(&world.engine, &world.request(&["item/n=0"])), ["being made now (1.1)"]);
    let fixed = "key n 0\njob item | item/n={n} | | 0 | mkdir -p item; echo > {out}";
    let engine = engine_on(world.folder.path(), fixed);
    let fixed = World { engine, folder: world.folder };
    let (outcome, seen) = fixed.build(&fixed.request(&["item/n=0"]));
    assert_eq!(outcome.made, 1);
    assert!(seen.text().contains("lost 1"), "{}", seen.text());
    assert!(outcome.duration < Duration::from_secs(20));
    let builds = fixed.engine.bel().builds(&BuildFilter::default()).unwrap();
    assert!(builds.last().unwrap().ended_at.is_some());
}

fn reasons(engine: &Engine, request: &BuildRequest) -> Vec<String> {
    let (plan, _spec) = engine.plan(request, &StopFlag::new()).unwrap();
    plan.tasks.iter().map(|task| reason_text(&plan, task)).collect()
}

/// The dead build's job does not let go for a while. Meanwhile all else is built.
#[test]
fn what_a_dead_build_left_running_holds_up_only_its_own_partitions() {
    let job = "trap 'test -e free && exit 1' TERM; touch begun; while ! test -e free; do sleep 0.05; done; exit 1";
    let project = format!(
        "key n 0
         job item | item/n={{n}} | | 0 | test -e begun && mkdir -p item && echo > {{out}} || {{ {job}; }}
         job other | other/n={{n}} | | 0 | mkdir -p other && echo > {{out}} && touch free"
    );
    let world = World::new(&project);
    let mut one = build(&world, &["item/n=0"]);
    wait_for(&world.path("begun"));
    one.kill().unwrap();
    one.wait().unwrap();
    let (outcome, seen) = world.build(&world.request(&["item/n=0", "other/n=0"]));
    let seen = seen.text();
    let at = |text: &str| seen.find(text).unwrap_or_else(|| panic!("no {text:?} in {seen}"));
    assert_eq!(outcome.made, 2);
    // Only the end of the other job lets the job of the dead build go.
    assert!(at("Made other/n=0") < at("lost 1"), "{seen}");
    assert!(at("lost 1") < at("start item/n=0"), "{seen}");
}

#[test]
fn a_thousand_short_jobs_lose_nothing_and_leave_nothing() {
    let values: String = (0..1000).map(|n| format!(" {n}")).collect();
    let world = World::new(&format!(
        "key n{values}\njob raw | raw/n={{n}} | | 0 | echo {{n}} > {{out}}; echo made {{n}}"
    ));
    std::fs::create_dir(world.path("raw")).unwrap();
    let said = said(build(&world, &["raw/n=*"]));
    assert_eq!(said, "Completed made=1000 delegated=0 failed=0 files=0 children=\"\"\n");
    let mut made = vec![false; 1000];
    for day in std::fs::read_dir(world.path(".databuild/logs")).unwrap() {
        let files = std::fs::read_dir(day.unwrap().path()).into_iter().flatten().flatten();
        for file in files.filter(|file| file.path().extension().is_some_and(|e| e == "jsonl")) {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let (_, rest) = text.split_once("\"message\":\"made ").unwrap();
            let n: usize = rest.split_once('"').unwrap().0.parse().unwrap();
            assert!(!std::mem::replace(&mut made[n], true), "{n} twice");
            assert_eq!(text.lines().count(), 5, "{text}");
        }
    }
    assert!(made.into_iter().all(|made| made));
}
