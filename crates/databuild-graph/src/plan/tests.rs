//! Plans over small worlds: a project, what exists and since when, what is wanted; the whole plan out.

use super::*;
use crate::spec::check::check as check_spec;
use crate::spec::draft::{CommandDraft, JobDraft, KeyDraft, ProjectDraft};
use databuild_model::time::Day;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

/// What exists. Times are minutes after an arbitrary moment.
#[derive(Default)]
struct World {
    made: HashMap<String, PartitionState>,
    sources: HashMap<String, i64>,
    broken: Option<String>,
    asked: RefCell<Vec<String>>,
    lines: HashMap<String, Result<Vec<String>, String>>,
    /// Command and inputs by partition.
    recipes: HashMap<String, (String, String)>,
}

fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_nanos(minutes * 60_000_000_000)
}

impl PartitionStates for World {
    fn made(&self, partition: &PartitionRef) -> Result<PartitionState, StateError> {
        if self.broken.as_deref() == Some(partition.as_str()) {
            let source = Box::from("disk on fire");
            return Err(StateError { partition: partition.clone(), source });
        }
        self.asked.borrow_mut().push(partition.to_string());
        Ok(self.made.get(partition.as_str()).copied().unwrap_or(PartitionState::Missing))
    }

    fn recipe(
        &self,
        partition: &PartitionRef,
        _run: RunNumber,
    ) -> Result<Option<Recipe>, StateError> {
        let found = self.recipes.get(partition.as_str());
        Ok(found.map(|(command, inputs)| Recipe {
            command: vec!["sh".to_owned(), "-c".to_owned(), command.clone()],
            inputs: inputs
                .split_whitespace()
                .map(|input| PartitionRef::parse(input).expect("a ref"))
                .collect(),
        }))
    }

    fn source(&self, partition: &PartitionRef) -> Result<SourceState, StateError> {
        self.asked.borrow_mut().push(partition.to_string());
        Ok(match self.sources.get(partition.as_str()) {
            Some(&at) => SourceState::Present { changed_at: Some(minute(at)) },
            None => SourceState::Missing,
        })
    }
}

struct Runner<'a>(&'a World);

impl NeedsRunner for Runner<'_> {
    fn needs(&mut self, _job: &JobSpec, command: &TaskCommand) -> Result<Vec<String>, String> {
        let text = command.args.join(" ");
        self.0.lines.get(&text).cloned().unwrap_or(Err(format!("no answer to {text}")))
    }
}

impl World {
    /// `name#minute` is available since then, made by run 40.minute, which began then or, as in
    /// `name#from..minute`, before; `!name` failed; `~name` is being made; `@name#minute` is a source.
    fn new(text: &str) -> World {
        let mut world = World::default();
        for word in text.split_whitespace() {
            let (name, at) = word.rsplit_once('#').unwrap_or((word, "0"));
            let (from, at) = at.split_once("..").unwrap_or((at, at));
            let [from, at] = [from, at].map(|at| at.parse::<i64>().expect("a minute"));
            let run = RunNumber { build: 40, run: u32::try_from(at).expect("a small number") };
            match name.split_at(1) {
                ("@", name) => {
                    world.sources.insert(name.to_owned(), at);
                }
                ("!", name) => {
                    let failed = PartitionState::Failed { at: minute(at), run };
                    world.made.insert(name.to_owned(), failed);
                }
                ("~", name) => {
                    world.made.insert(name.to_owned(), PartitionState::Building { run });
                }
                _ => {
                    let there =
                        PartitionState::Available { made_at: minute(at), as_of: minute(from), run };
                    world.made.insert(name.to_owned(), there);
                }
            }
        }
        world
    }
}

/// `raw` from `src`, `clean` from `raw`, `report` from three days of `clean` in every region.
fn shop() -> ProjectDraft {
    ProjectDraft {
        folder: "/p".into(),
        keys: vec![
            ("region".to_owned(), KeyDraft::List(vec!["eu".to_owned(), "us".to_owned()])),
            (
                "date".to_owned(),
                KeyDraft::Time { every: None, from: Some("2025-01-01".to_owned()), until: None },
            ),
        ],
        jobs: vec![
            JobDraft::new("raw")
                .input("src/{date}.csv")
                .out("raw/date={date}/region={region}")
                .run("raw {date} {region} {out}"),
            JobDraft::new("clean")
                .input("raw/date={date}/region={region}")
                .out("clean/date={date}/region={region}")
                .run("clean {in} {out}"),
            JobDraft::new("report")
                .input("clean/date={date-2d..date}/region={*}")
                .out("report/date={date}")
                .run("report {in} > {out}"),
        ],
        ..ProjectDraft::default()
    }
}

fn spec_of(draft: &ProjectDraft) -> ProjectSpec {
    let (spec, problems) = check_spec(draft);
    assert_eq!(problems, Vec::new());
    spec
}

fn now() -> Timestamp {
    Timestamp::from_nanos(Day::parse("2025-01-27").expect("a day").start().as_nanos() + 1)
}

fn reason_text(plan: &Plan, reason: Reason) -> String {
    match reason {
        Reason::Missing => "missing".to_owned(),
        Reason::FailedBefore { run } => format!("failed before ({run})"),
        Reason::InterruptedBefore { run } => format!("interrupted before ({run})"),
        Reason::BeingMade { run } => format!("being made ({run})"),
        Reason::Stale { input, by: Some(by), .. } => {
            format!("stale: {} newer ({by})", plan.partition(input))
        }
        Reason::Stale { input, by: None, .. } => format!("stale: {} newer", plan.partition(input)),
        Reason::InputPlanned { input } => format!("input {} is made", plan.partition(input)),
        Reason::Forced => "forced".to_owned(),
        Reason::TooOld { made_at } => format!("too old: made {made_at}"),
        Reason::Changed { what, run } => format!("changed {what:?} ({run})"),
    }
}

fn render(spec: &ProjectSpec, plan: &Result<Plan, Vec<PlanProblem>>) -> String {
    let mut text = String::new();
    match plan {
        Ok(plan) => {
            for (nth, task) in plan.tasks.iter().enumerate() {
                let outputs: Vec<_> =
                    plan.partitions(&task.outputs).map(PartitionRef::as_str).collect();
                let reason = reason_text(plan, task.reason);
                let label = &spec.job(task.job).expect("a job").label;
                writeln!(
                    text,
                    "{nth} {label} {} after {:?}: {reason}",
                    outputs.join(" "),
                    task.needs
                )
                .expect("text");
            }
            let there: Vec<_> =
                plan.partitions(&plan.up_to_date).map(PartitionRef::as_str).collect();
            writeln!(text, "up to date: {}", there.join(" ")).expect("text");
        }
        Err(problems) => {
            for problem in problems {
                writeln!(text, "{}: {problem}\n    {}", problem.code(), problem.remedy())
                    .expect("text");
            }
        }
    }
    text
}

fn plan_of(
    spec: &ProjectSpec,
    world: &World,
    wanted: &str,
    force: Force,
) -> Result<Plan, Vec<PlanProblem>> {
    let (mut patterns, mut problems) = (Vec::new(), Vec::new());
    for text in wanted.split_whitespace() {
        match RefPattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => problems.push(PlanProblem::from(error)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    plan(
        spec,
        &patterns,
        world,
        &mut Runner(world),
        &PlanOptions { now: now(), force, max_age: None, changed: false },
    )
}

#[track_caller]
fn check_in(draft: &ProjectDraft, world: &World, wanted: &str, expected: Expect) {
    let spec = spec_of(draft);
    expected.assert_eq(&render(&spec, &plan_of(&spec, world, wanted, Force::Nothing)));
}

#[track_caller]
fn check(world: &str, wanted: &str, expected: Expect) {
    check_in(&shop(), &World::new(world), wanted, expected);
}

#[test]
fn the_closure_of_what_is_missing() {
    check(
        "@src/2025-01-01.csv @src/2025-01-02.csv",
        "report/date=2025-01-02",
        expect![[r#"
            0 raw raw/date=2025-01-01/region=eu after []: missing
            1 clean clean/date=2025-01-01/region=eu after [0]: missing
            2 raw raw/date=2025-01-01/region=us after []: missing
            3 clean clean/date=2025-01-01/region=us after [2]: missing
            4 raw raw/date=2025-01-02/region=eu after []: missing
            5 clean clean/date=2025-01-02/region=eu after [4]: missing
            6 raw raw/date=2025-01-02/region=us after []: missing
            7 clean clean/date=2025-01-02/region=us after [6]: missing
            8 report report/date=2025-01-02 after [1, 3, 5, 7]: missing
            up to date: 
        "#]],
    );
}

#[test]
fn nothing_to_do() {
    check(
        "@src/2025-01-01.csv#1 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#2
         clean/date=2025-01-01/region=eu#3 clean/date=2025-01-01/region=us#3 report/date=2025-01-01#4",
        "report/date=2025-01-01",
        expect![[r#"
            up to date: clean/date=2025-01-01/region=eu clean/date=2025-01-01/region=us raw/date=2025-01-01/region=eu raw/date=2025-01-01/region=us report/date=2025-01-01
        "#]],
    );
}

#[test]
fn a_newer_source_makes_all_that_follows() {
    check(
        "@src/2025-01-01.csv#9 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#10
         clean/date=2025-01-01/region=eu#3 clean/date=2025-01-01/region=us#11 report/date=2025-01-01#12",
        "report/date=2025-01-01",
        expect![[r#"
            0 raw raw/date=2025-01-01/region=eu after []: stale: src/2025-01-01.csv newer
            1 clean clean/date=2025-01-01/region=eu after [0]: input raw/date=2025-01-01/region=eu is made
            2 report report/date=2025-01-01 after [1]: input clean/date=2025-01-01/region=eu is made
            up to date: clean/date=2025-01-01/region=us raw/date=2025-01-01/region=us
        "#]],
    );
}

#[test]
fn an_input_that_changed_while_its_consumer_ran_is_newer() {
    check(
        "@src/2025-01-01.csv#3 raw/date=2025-01-01/region=eu#2..4 raw/date=2025-01-01/region=us#3..4
         clean/date=2025-01-01/region=eu#5 clean/date=2025-01-01/region=us#5..9 report/date=2025-01-01#8..10",
        "report/date=2025-01-01",
        expect![[r#"
            0 raw raw/date=2025-01-01/region=eu after []: stale: src/2025-01-01.csv newer
            1 clean clean/date=2025-01-01/region=eu after [0]: input raw/date=2025-01-01/region=eu is made
            2 report report/date=2025-01-01 after [1]: stale: clean/date=2025-01-01/region=us newer (40.9)
            up to date: clean/date=2025-01-01/region=us raw/date=2025-01-01/region=us
        "#]],
    );
}

#[test]
fn a_newer_input_and_its_run_are_named() {
    check(
        "@src/2025-01-01.csv#1 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#2
         clean/date=2025-01-01/region=eu#9 clean/date=2025-01-01/region=us#3 report/date=2025-01-01#4",
        "report/date=2025-01-01",
        expect![[r#"
            0 report report/date=2025-01-01 after []: stale: clean/date=2025-01-01/region=eu newer (40.9)
            up to date: clean/date=2025-01-01/region=eu clean/date=2025-01-01/region=us raw/date=2025-01-01/region=eu raw/date=2025-01-01/region=us
        "#]],
    );
}

#[test]
fn failed_and_being_made() {
    check(
        "@src/2025-01-01.csv#1 !raw/date=2025-01-01/region=eu#2 ~raw/date=2025-01-01/region=us#3",
        "raw/date=2025-01-01/region=*",
        expect![[r#"
            0 raw raw/date=2025-01-01/region=eu after []: failed before (40.2)
            1 raw raw/date=2025-01-01/region=us after []: being made (40.3)
            up to date: 
        "#]],
    );
}

#[test]
fn a_source_that_is_not_there() {
    check(
        "",
        "clean/date=2025-01-01/region=eu nothing/date=2025-01-01 claen/date=2025-01-01/region=eu",
        expect![[r#"
            DB0305: nothing makes `src/2025-01-01.csv`, and it is not there (`raw/date=2025-01-01/region=eu` needs it)
                put it at src/2025-01-01.csv, or add a job that makes it
            DB0305: nothing makes `nothing/date=2025-01-01`, and it is not there
                jobs make raw, clean, report; a partition looks like raw/date=2025-01-26/region=eu
            DB0305: nothing makes `claen/date=2025-01-01/region=eu`, and it is not there
                did you mean `clean`? Its partitions look like clean/date=2025-01-26/region=eu
        "#]],
    );
}

#[test]
fn what_cannot_be_wanted() {
    check(
        "",
        "report/date=2025-01-32 report/date=2024-12-31 report/date=2025-01-09..2025-01-02 clean/date=2025-01-01/region=eus
         clean/date=2025-01-01 repot report/date=last-3m",
        expect![[r#"
            DB0303: `2025-01-32` is no day
                write it as 2025-01-26
            DB0303: `date` begins at 2025-01-01: there is no 2024-12-31
                ask for a later one, or change `from` under [keys]
            DB0302: `2025-01-09..2025-01-02` ends before it begins
                put the earlier end first: 2025-01-02..2025-01-09
            DB0303: `eus` is not a value of `region`
                did you mean `eu`?
            DB0305: nothing makes `repot`
                did you mean `report`? Its partitions look like report/date=2025-01-26
            DB0302: `last-3m` does not fit `date`
                write last-7d for the newest seven days that are over
            DB0305: nothing makes `clean/date=2025-01-01`, and it is not there
                partitions of `clean` look like clean/date=2025-01-26/region=eu
        "#]],
    );
    check(
        "",
        "report/date={2025-01-01,{2025} ../x report//x",
        expect![[r#"
        DB0301: a brace of `report/date={2025-01-01,{2025}` has no partner
            write a set as {x,y}
        DB0301: `../x` is no partition
            remove the slash too many, `.` or `..`: partitions live below the project's root
        DB0301: `report//x` is no partition
            remove the slash too many, `.` or `..`: partitions live below the project's root
    "#]],
    );
}

#[test]
fn forced() {
    let spec = spec_of(&shop());
    let world = World::new("@src/2025-01-01.csv#1 raw/date=2025-01-01/region=eu#2");
    let text =
        |force| render(&spec, &plan_of(&spec, &world, "raw/date=2025-01-01/region=eu", force));
    expect![[r#"
        0 raw raw/date=2025-01-01/region=eu after []: forced
        up to date: 
    "#]]
    .assert_eq(&text(Force::Wanted));
    let world = World::new(
        "@src/2025-01-01.csv#1 raw/date=2025-01-01/region=eu#2 clean/date=2025-01-01/region=eu#3",
    );
    let text =
        |force| render(&spec, &plan_of(&spec, &world, "clean/date=2025-01-01/region=eu", force));
    expect![[r#"
        0 clean clean/date=2025-01-01/region=eu after []: forced
        up to date: raw/date=2025-01-01/region=eu
    "#]]
    .assert_eq(&text(Force::Wanted));
    expect![[r#"
        0 raw raw/date=2025-01-01/region=eu after []: forced
        1 clean clean/date=2025-01-01/region=eu after [0]: forced
        up to date: 
    "#]]
    .assert_eq(&text(Force::All));
}

#[test]
fn one_run_makes_several_partitions() {
    let draft = ProjectDraft {
        folder: "/p".into(),
        jobs: vec![
            JobDraft::new("split")
                .input("src/{date}")
                .out("good/date={date}")
                .out("bad/date={date}")
                .run("split {in} {out}"),
            JobDraft::new("sum")
                .input("bad/date={date}")
                .input("good/date={date}")
                .out("sum/date={date}")
                .run("sum {in}"),
        ],
        ..ProjectDraft::default()
    };
    check_in(
        &draft,
        &World::new("@src/2025-01-01 good/date=2025-01-01#5"),
        "sum/date=2025-01-01",
        expect![[r#"
            0 split good/date=2025-01-01 bad/date=2025-01-01 after []: missing
            1 sum sum/date=2025-01-01 after [0]: missing
            up to date: 
        "#]],
    );
}

#[test]
fn a_running_total_begins_at_the_start_of_its_key() {
    let mut draft = shop();
    draft.jobs = vec![
        JobDraft::new("total").input("total/date={date-1d}").out("total/date={date}").run("x"),
    ];
    check_in(
        &draft,
        &World::new(""),
        "total/date=2025-01-03",
        expect![[r#"
        0 total total/date=2025-01-01 after []: missing
        1 total total/date=2025-01-02 after [0]: missing
        2 total total/date=2025-01-03 after [1]: missing
        up to date: 
    "#]],
    );
}

#[test]
fn circles_that_only_values_show() {
    let mut draft = shop();
    draft.keys.push(("v".to_owned(), KeyDraft::Word("any".to_owned())));
    let mut job = JobDraft::new("a").out("a/v={v}").run("true");
    job.needs = Some(CommandDraft::Direct(vec!["needs".to_owned(), "{v}".to_owned()]));
    draft.jobs = vec![job];
    let mut world = World::new("");
    for (v, next) in [("1", "2"), ("2", "3"), ("3", "2")] {
        world.lines.insert(format!("needs {v}"), Ok(vec![format!("a/v={next}"), String::new()]));
    }
    check_in(
        &draft,
        &world,
        "a/v=1",
        expect![[r#"
        DB0312: partitions need one another in a circle: a/v=2 → a/v=3 → a/v=2
            take one `in` of the circle away
    "#]],
    );
    world.lines.insert("needs 3".to_owned(), Ok(vec!["warning: a/../b".to_owned()]));
    world.lines.insert("needs 2".to_owned(), Err("exit 3".to_owned()));
    check_in(
        &draft,
        &world,
        "a/v={2,3}",
        expect![[r#"
        DB0313: the `needs` command of job `a` failed for `a/v=2`: exit 3
            run the command by hand to see what it says
        DB0314: the `needs` command of job `a` printed "warning: a/../b" for `a/v=3`, which is no partition
            print one partition a line, such as clean/date=2025-01-26, and nothing else
    "#]],
    );
}

#[test]
fn two_jobs_that_only_values_show() {
    let mut draft = shop();
    draft.keys.push(("v".to_owned(), KeyDraft::Word("any".to_owned())));
    draft.jobs = vec![
        JobDraft::new("a").out("x/a{v}").run("true"),
        JobDraft::new("b").out("x/{v}b").run("true"),
    ];
    check_in(
        &draft,
        &World::new(""),
        "x/ab x/a1 x/1b",
        expect![[r#"
        DB0311: `x/ab` is made by two jobs: `a` and `b`
            give the two jobs different `out` patterns
    "#]],
    );
}

#[test]
fn a_state_that_cannot_be_read_ends_the_plan() {
    let world =
        World { broken: Some("raw/date=2025-01-01/region=eu".to_owned()), ..World::new("") };
    check_in(
        &shop(),
        &world,
        "clean/date=2025-01-01/region=eu",
        expect![[r#"
        DB0315: the state of raw/date=2025-01-01/region=eu cannot be read
            look at the cause; the state is in .databuild/bel.sqlite
    "#]],
    );
}

#[test]
fn commands_and_keys_of_a_task() {
    let spec = spec_of(&shop());
    let world = World::new("@src/2025-01-01.csv @src/2025-01-02.csv");
    let plan = plan_of(&spec, &world, "report/date=2025-01-01", Force::Nothing).expect("a plan");
    let mut text = String::new();
    for task in &plan.tasks {
        let command = plan.command(&spec, task).expect("a command");
        writeln!(text, "{:?} {:?} {}", command.args, command.env, command.folder.display())
            .expect("text");
    }
    expect![[r#"
        ["sh", "-c", "raw 2025-01-01 eu raw/date=2025-01-01/region=eu"] {"DATABUILD_KEY_DATE": "2025-01-01", "DATABUILD_KEY_REGION": "eu"} /p
        ["sh", "-c", "clean raw/date=2025-01-01/region=eu clean/date=2025-01-01/region=eu"] {"DATABUILD_KEY_DATE": "2025-01-01", "DATABUILD_KEY_REGION": "eu"} /p
        ["sh", "-c", "raw 2025-01-01 us raw/date=2025-01-01/region=us"] {"DATABUILD_KEY_DATE": "2025-01-01", "DATABUILD_KEY_REGION": "us"} /p
        ["sh", "-c", "clean raw/date=2025-01-01/region=us clean/date=2025-01-01/region=us"] {"DATABUILD_KEY_DATE": "2025-01-01", "DATABUILD_KEY_REGION": "us"} /p
        ["sh", "-c", "report clean/date=2025-01-01/region=eu clean/date=2025-01-01/region=us > report/date=2025-01-01"] {"DATABUILD_KEY_DATE": "2025-01-01"} /p
    "#]].assert_eq(&text);
}

#[test]
fn each_partition_is_asked_for_once() {
    let spec = spec_of(&shop());
    let world = World::new("@src/2025-01-01.csv @src/2025-01-02.csv @src/2025-01-03.csv");
    plan_of(
        &spec,
        &world,
        "report/date=2025-01-01..2025-01-03 report/date=2025-01-02",
        Force::Nothing,
    )
    .expect("a plan");
    let mut asked = world.asked.borrow().clone();
    let all = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), all);
    assert_eq!(all, 3 + 3 * 2 + 3 * 2 + 3);
}

#[test]
fn why_names_the_first_cause() {
    let spec = spec_of(&shop());
    let world = World::new(
        "@src/2025-01-01.csv#9 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#10
         clean/date=2025-01-01/region=eu#3 clean/date=2025-01-01/region=us#11 report/date=2025-01-01#12",
    );
    let partition = PartitionRef::parse("report/date=2025-01-01").expect("a ref");
    let options = PlanOptions { now: now(), force: Force::Nothing, max_age: None, changed: false };
    let why = why(&spec, &partition, &world, &mut Runner(&world), &options).expect("an answer");
    let mut text = String::new();
    for step in &why.steps {
        let reason = step
            .reason
            .map_or_else(|| "up to date".to_owned(), |reason| reason_text(&why.plan, reason));
        writeln!(text, "{} {:?} {reason}", step.partition, step.job.as_ref().map(JobLabelText))
            .expect("text");
    }
    expect![[r#"
        report/date=2025-01-01 Some(report) input clean/date=2025-01-01/region=eu is made
        clean/date=2025-01-01/region=eu Some(clean) input raw/date=2025-01-01/region=eu is made
        raw/date=2025-01-01/region=eu Some(raw) stale: src/2025-01-01.csv newer
        src/2025-01-01.csv None up to date
    "#]]
    .assert_eq(&text);
}

#[test]
fn what_is_too_old_is_made_again_and_what_needs_it() {
    let spec = spec_of(&shop());
    let world = World::new(
        "@src/2025-01-01.csv#1 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#10
         clean/date=2025-01-01/region=eu#11 clean/date=2025-01-01/region=us#12",
    );
    let patterns = [RefPattern::parse("clean/date=2025-01-01/region={eu,us}").expect("refs")];
    let at = |minutes| {
        let options = PlanOptions {
            now: minute(20),
            force: Force::Nothing,
            max_age: Some(minutes),
            changed: false,
        };
        render(&spec, &plan(&spec, &patterns, &world, &mut Runner(&world), &options))
    };
    let minutes = |count: u64| Duration::from_secs(60 * count);
    expect![[r#"
        up to date: clean/date=2025-01-01/region=eu clean/date=2025-01-01/region=us raw/date=2025-01-01/region=eu raw/date=2025-01-01/region=us
    "#]].assert_eq(&at(minutes(18)));
    expect![[r#"
        0 raw raw/date=2025-01-01/region=eu after []: too old: made 1970-01-01T00:02:00Z
        1 clean clean/date=2025-01-01/region=eu after [0]: input raw/date=2025-01-01/region=eu is made
        up to date: clean/date=2025-01-01/region=us raw/date=2025-01-01/region=us
    "#]].assert_eq(&at(minutes(17)));
}

#[test]
fn what_was_made_in_another_way_is_made_again_only_when_that_counts() {
    let spec = spec_of(&shop());
    let mut world = World::new(
        "@src/2025-01-01.csv#1 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#3
         clean/date=2025-01-01/region=eu#4 clean/date=2025-01-01/region=us#5",
    );
    let mut recipe = |name: &str, command: &str, inputs: &str| {
        world.recipes.insert(name.to_owned(), (command.to_owned(), inputs.to_owned()));
    };
    let raw = "raw/date=2025-01-01/region";
    let source = "src/2025-01-01.csv";
    recipe(&format!("{raw}=eu"), "raw 2025-01-01 eu raw/date=2025-01-01/region=eu", source);
    recipe(&format!("{raw}=us"), "raw --fast us", source);
    // The other one is as it was; how the first was made is not known any more.
    recipe("clean/date=2025-01-01/region=us", "clean", &format!("{raw}=us {raw}=eu"));
    let patterns = [RefPattern::parse("clean/date=2025-01-01/region={eu,us}").expect("refs")];
    let made = |changed| {
        let options = PlanOptions { now: now(), force: Force::Nothing, max_age: None, changed };
        render(&spec, &plan(&spec, &patterns, &world, &mut Runner(&world), &options))
    };
    expect![[r#"
        up to date: clean/date=2025-01-01/region=eu clean/date=2025-01-01/region=us raw/date=2025-01-01/region=eu raw/date=2025-01-01/region=us
    "#]].assert_eq(&made(false));
    expect![[r#"
        0 raw raw/date=2025-01-01/region=us after []: changed Command (40.3)
        1 clean clean/date=2025-01-01/region=us after [0]: input raw/date=2025-01-01/region=us is made
        up to date: clean/date=2025-01-01/region=eu raw/date=2025-01-01/region=eu
    "#]].assert_eq(&made(true));
    world.recipes.remove(&format!("{raw}=us"));
    let options = PlanOptions { now: now(), force: Force::Nothing, max_age: None, changed: true };
    let inputs = render(&spec, &plan(&spec, &patterns, &world, &mut Runner(&world), &options));
    expect![[r#"
        0 clean clean/date=2025-01-01/region=us after []: changed Inputs (40.5)
        up to date: clean/date=2025-01-01/region=eu raw/date=2025-01-01/region=eu raw/date=2025-01-01/region=us
    "#]].assert_eq(&inputs);
}

#[test]
fn upstream_tells_all_that_a_partition_is_made_from() {
    let spec = spec_of(&shop());
    let world = World::new(
        "@src/2025-01-01.csv#9 raw/date=2025-01-01/region=eu#2 raw/date=2025-01-01/region=us#10
         clean/date=2025-01-01/region=eu#3 clean/date=2025-01-01/region=us#11 report/date=2025-01-01#12",
    );
    let partition = PartitionRef::parse("report/date=2025-01-01").expect("a ref");
    let options = PlanOptions { now: now(), force: Force::Nothing, max_age: None, changed: false };
    let answer =
        upstream(&spec, &partition, &world, &mut Runner(&world), &options).expect("an answer");
    let mut text = String::new();
    for line in &answer.steps {
        let reason = line
            .step
            .reason
            .map_or_else(|| "up to date".to_owned(), |reason| reason_text(&answer.plan, reason));
        let indent = "  ".repeat(line.depth);
        writeln!(text, "{indent}{} {reason} seen={}", line.step.partition, line.seen)
            .expect("text");
    }
    expect![[r#"
        report/date=2025-01-01 input clean/date=2025-01-01/region=eu is made seen=false
          clean/date=2025-01-01/region=eu input raw/date=2025-01-01/region=eu is made seen=false
            raw/date=2025-01-01/region=eu stale: src/2025-01-01.csv newer seen=false
              src/2025-01-01.csv up to date seen=false
          clean/date=2025-01-01/region=us up to date seen=false
            raw/date=2025-01-01/region=us up to date seen=false
              src/2025-01-01.csv up to date seen=false
    "#]]
    .assert_eq(&text);
}

struct JobLabelText<'a>(&'a databuild_model::ids::JobLabel);

impl fmt::Debug for JobLabelText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

proptest! {
    /// Whatever exists: every task follows what it needs, has all its missing inputs made before, and
    /// the same world gives the same plan.
    #[test]
    fn order_respects_needs(bits in proptest::collection::vec((0_u8..4, 0_i64..50), 40)) {
        let spec = spec_of(&shop());
        let mut world = World::new("");
        let mut bits = bits.into_iter().cycle();
        for day in 1..=6 {
            world.sources.insert(format!("src/2025-01-0{day}.csv"), i64::from(day));
            for region in ["eu", "us"] {
                for set in ["raw", "clean"] {
                    let (kind, at) = bits.next().expect("endless");
                    let run = RunNumber { build: 1, run: 1 };
                    let state = match kind {
                        0 => PartitionState::Missing,
                        1 => PartitionState::Failed { at: minute(at), run },
                        _ => PartitionState::Available { made_at: minute(at), as_of: minute(at), run },
                    };
                    world.made.insert(format!("{set}/date=2025-01-0{day}/region={region}"), state);
                }
            }
        }
        let plan_once = plan_of(&spec, &world, "report/date=2025-01-01..2025-01-06", Force::Nothing).expect("a plan");
        let again = plan_of(&spec, &world, "report/date=2025-01-01..2025-01-06", Force::Nothing).expect("a plan");
        prop_assert_eq!(&plan_once, &again);
        let mut done: Vec<RefId> = plan_once.up_to_date.clone();
        for (nth, task) in plan_once.tasks.iter().enumerate() {
            prop_assert!(task.needs.iter().all(|&need| need < nth));
            for input in &task.inputs {
                let source = plan_once.partition(*input).as_str().starts_with("src/");
                prop_assert!(source || done.contains(input));
            }
            done.extend_from_slice(&task.outputs);
        }
        for wanted in &plan_once.wanted {
            prop_assert!(done.contains(wanted));
        }
    }
}
