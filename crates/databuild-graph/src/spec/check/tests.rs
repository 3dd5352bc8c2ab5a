//! What a draft lacks, where no file is needed to see it. Whole files are checked by the program.

use super::*;
use crate::spec::draft::{CommandDraft, JobDraft, KeyDraft};
use crate::spec::problem::Step;
use databuild_model::ids::PartitionRef;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

#[track_caller]
fn check_draft(draft: &ProjectDraft, expected: Expect) {
    let (_, problems) = check(draft);
    let mut out = String::new();
    for problem in problems {
        let steps = problem.place.path.iter().map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Item(at) => at.to_string(),
        });
        let place = steps.collect::<Vec<_>>().join(".");
        writeln!(out, "{} {place}: {} | {}", problem.code.as_str(), problem.message, problem.help)
            .expect("text");
    }
    expected.assert_eq(&out);
}

fn project(jobs: Vec<JobDraft>) -> ProjectDraft {
    ProjectDraft { folder: "/p".into(), jobs, ..ProjectDraft::default() }
}

#[test]
fn circles_through_the_past_need_a_beginning() {
    let mut draft = project(vec![
        JobDraft::new("a").input("b/{date-1d}").out("a/{date}").run("x"),
        JobDraft::new("b").input("a/{date}").out("b/{date}").run("x"),
    ]);
    check_draft(
        &draft,
        expect![[r#"
        DB0218 jobs.a.in: jobs need one another's past, which has no beginning: a → b → a | give the key a start: date = { every = "day", from = "2025-01-01" }
    "#]],
    );
    let from = Some("2025-01-01".to_owned());
    draft.keys = vec![("date".to_owned(), KeyDraft::Time { every: None, from, until: None })];
    check_draft(&draft, expect![[""]]);
}

#[test]
fn each_circle_is_told_once() {
    let job = |name: &str, inputs: &[&str]| {
        let job = JobDraft::new(name).out(format!("{name}/{{date}}")).run("x");
        inputs.iter().fold(job, |job, input| job.input(format!("{input}/{{date}}")))
    };
    check_draft(
        &project(vec![job("a", &["b"]), job("b", &["a", "c"]), job("c", &["d"]), job("d", &["c"])]),
        expect![[r#"
            DB0217 jobs.a.in: jobs need one another in a circle: a → b → a | take one `in` of the circle away
            DB0217 jobs.c.in: jobs need one another in a circle: c → d → c | take one `in` of the circle away
        "#]],
    );
}

#[test]
fn names_variables_and_commands() {
    let mut job = JobDraft::new("a b").out("a");
    job.app = Some("../x".to_owned());
    job.job_type = Some("a/b".to_owned());
    job.env.insert("DATABUILD_X".to_owned(), String::new());
    job.env.insert("A=B".to_owned(), String::new());
    job.needs = Some(CommandDraft::Direct(Vec::new()));
    let draft = ProjectDraft {
        name: Some(".x".to_owned()),
        root: Some("://".to_owned()),
        ..project(vec![job])
    };
    check_draft(
        &draft,
        expect![[r#"
            DB0201 project.name: `.x` cannot be the project's name: a name of an application cannot begin with a dot | begin with a letter or a digit
            DB0223 project.root: `://` is not a place for partitions | write a folder, or a URI such as s3://bucket/folder
            DB0201 jobs.a b: `a b` cannot be the name of a job: a job label cannot contain ' ' (byte 1); allowed are A-Z a-z 0-9 . _ - / : + @ | use only A-Z a-z 0-9 . _ - / : + @
            DB0212 jobs.a b: job `a b` has no command | say how it is made: run = "python make.py {out}"
            DB0219 jobs.a b.needs: there is no command | write a command, or `true` for nothing to do
            DB0201 jobs.a b.app: `../x` cannot be the name of an application: a name of an application cannot contain '/' (byte 2); allowed are A-Z a-z 0-9 . _ - | use only A-Z a-z 0-9 . _ -
            DB0201 jobs.a b.type: `a/b` cannot be a type of job | use only A-Z a-z 0-9 . _ -
            DB0224 jobs.a b.env.A=B: `A=B` cannot be a variable | use a name without `=`, and a text without NUL
            DB0224 jobs.a b.env.DATABUILD_X: the variable `DATABUILD_X` is taken | use another name: these are given by the build
        "#]],
    );
}

#[test]
fn where_partitions_are() {
    let at = |root: Option<&str>, dir: Option<&str>, partition: &str| {
        let mut job = JobDraft::new("a").out("a").run("x");
        job.dir = dir.map(str::to_owned);
        let (spec, problems) =
            check(&ProjectDraft { root: root.map(str::to_owned), ..project(vec![job]) });
        assert_eq!(problems, Vec::new());
        let partition = PartitionRef::parse(partition).expect("a ref");
        let path = spec
            .local_path(&partition)
            .map_or_else(|| "elsewhere".to_owned(), |path| path.display().to_string());
        format!("{path} {}", spec.location(&spec.jobs[0], &partition))
    };
    assert_eq!(at(None, None, "a/x"), "/p/a/x a/x");
    assert_eq!(at(Some("."), None, "a/x"), "/p/a/x a/x");
    assert_eq!(at(Some("data"), None, "a/x"), "/p/data/a/x data/a/x");
    assert_eq!(at(Some("data"), Some("./sub"), "a/x"), "/p/data/a/x /p/data/a/x");
    assert_eq!(at(Some("/lake"), None, "a/x"), "/lake/a/x /lake/a/x");
    assert_eq!(at(Some("s3://b/shop/"), None, "a/x"), "elsewhere s3://b/shop/a/x");
    assert_eq!(at(Some("s3://b/shop/"), None, "hdfs://n/a"), "elsewhere hdfs://n/a");
    assert_eq!(at(None, None, "file:///data/x"), "/data/x /data/x");
}

#[test]
fn a_project_without_a_name_has_that_of_its_folder() {
    for (folder, name) in
        [("/home/my shop", "my-shop"), ("/", "project"), ("/.hidden", "hidden"), ("/é", "-")]
    {
        let (spec, _) = check(&ProjectDraft { folder: folder.into(), ..ProjectDraft::default() });
        assert_eq!(spec.name.as_str(), name);
    }
}
