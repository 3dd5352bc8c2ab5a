//! What people ask for, and the partitions that it stands for.

use super::*;
use crate::spec::draft::{JobDraft, KeyDraft, ProjectDraft};
use databuild_model::time::Day;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::fmt::Write as _;

fn spec() -> ProjectSpec {
    let time = |every: &str, from: &str, until: Option<&str>| KeyDraft::Time {
        every: Some(every.to_owned()),
        from: Some(from.to_owned()),
        until: until.map(str::to_owned),
    };
    let draft = ProjectDraft {
        folder: "/p".into(),
        keys: vec![
            ("date".to_owned(), time("day", "2025-01-20", None)),
            ("month".to_owned(), time("month", "2024-11", Some("2024-12"))),
            ("region".to_owned(), KeyDraft::List(vec!["eu".to_owned(), "us".to_owned()])),
            ("customer".to_owned(), KeyDraft::Word("any".to_owned())),
        ],
        jobs: vec![
            JobDraft::new("clean").out("clean/date={date}/region={region}").run("x"),
            JobDraft::new("report").out("report/date={date}").run("x"),
            JobDraft::new("month").out("s3://b/month/{month}.csv").run("x"),
            JobDraft::new("invoice").out("invoice/customer={customer}").run("x"),
            JobDraft::new("one").out("one").run("x"),
        ],
        ..ProjectDraft::default()
    };
    let (spec, problems) = crate::spec::check::check(&draft);
    assert_eq!(problems, Vec::new());
    spec
}

/// Early on 24 January: the newest day that is over is the 23rd.
fn now() -> Timestamp {
    Timestamp::from_nanos(Day::parse("2025-01-24").expect("a day").start().as_nanos() + 1)
}

#[track_caller]
fn check(wanted: &[&str], expected: Expect) {
    let spec = spec();
    let mut out = String::new();
    for text in wanted {
        let told = match RefPattern::parse(text).and_then(|pattern| pattern.expand(&spec, now())) {
            Ok(refs) => refs.iter().map(PartitionRef::as_str).collect::<Vec<_>>().join(" "),
            Err(error) => format!("{} {error} | {}", error.code.as_str(), error.help),
        };
        writeln!(out, "{text}: {told}").expect("text");
    }
    expected.assert_eq(&out);
}

#[test]
fn sets_of_dates() {
    check(
        &[
            "report/date=2025-01-22",
            "report/date=2025-01-20..2025-01-22",
            "report/date=2025-01-22..",
            "report/date={2025-01-20,2025-01-22..2025-01-23}",
            "report/date=*",
            "report/date=today",
            "report/date=yesterday",
            "report/date=last-2d",
            "report/date=2025-01-21..today",
            "report",
        ],
        expect![[r#"
            report/date=2025-01-22: report/date=2025-01-22
            report/date=2025-01-20..2025-01-22: report/date=2025-01-20 report/date=2025-01-21 report/date=2025-01-22
            report/date=2025-01-22..: report/date=2025-01-22 report/date=2025-01-23
            report/date={2025-01-20,2025-01-22..2025-01-23}: report/date=2025-01-20 report/date=2025-01-22 report/date=2025-01-23
            report/date=*: report/date=2025-01-20 report/date=2025-01-21 report/date=2025-01-22 report/date=2025-01-23
            report/date=today: report/date=2025-01-24
            report/date=yesterday: report/date=2025-01-23
            report/date=last-2d: report/date=2025-01-22 report/date=2025-01-23
            report/date=2025-01-21..today: report/date=2025-01-21 report/date=2025-01-22 report/date=2025-01-23 report/date=2025-01-24
            report: report/date=2025-01-23
        "#]],
    );
}

#[test]
fn sets_of_other_keys() {
    check(
        &[
            "clean",
            "clean/date=yesterday/region=*",
            "clean/date=today/region={us,eu}",
            "s3://b/month/*.csv",
            "s3://b/month/2024-11..2024-12.csv",
            "s3://b/month/last-1m.csv",
            "s3://b/month",
            "invoice/customer=acme",
            "invoice/customer={a,b}",
            "one",
            "some/source.csv",
        ],
        expect![[r#"
            clean: clean/date=2025-01-23/region=eu clean/date=2025-01-23/region=us
            clean/date=yesterday/region=*: clean/date=2025-01-23/region=eu clean/date=2025-01-23/region=us
            clean/date=today/region={us,eu}: clean/date=2025-01-24/region=us clean/date=2025-01-24/region=eu
            s3://b/month/*.csv: s3://b/month/2024-11.csv s3://b/month/2024-12.csv
            s3://b/month/2024-11..2024-12.csv: s3://b/month/2024-11.csv s3://b/month/2024-12.csv
            s3://b/month/last-1m.csv: s3://b/month/2024-12.csv
            s3://b/month: s3://b/month/2024-12.csv
            invoice/customer=acme: invoice/customer=acme
            invoice/customer={a,b}: invoice/customer=a invoice/customer=b
            one: one
            some/source.csv: some/source.csv
        "#]],
    );
}

#[test]
fn what_cannot_be_wanted() {
    check(
        &[
            "",
            "a//b",
            "../report/date=today",
            "report/date={2025-01-20",
            "report/date={{2025-01-20}}",
            "report/date={2025-01-20,{2025-01-21}}",
            "report/date=2025-1-20",
            "report/date=2025-01-19",
            "report/date=2025-01-22..2025-01-20",
            "report/date=2025-01-20..soon",
            "report/date=last-0d",
            "report/date=last-3m",
            "report/date=last-99d",
            "s3://b/month/today.csv",
            "s3://b/month/2025-01.csv",
            "clean/date=today/region=eus",
            "clean/date=today/region=asia",
            "clean/date=today/region=eu..us",
            "invoice",
            "invoice/customer=*",
            "invoice/customer=a..b",
            "repport",
            "zzz",
            "clean/date=*",
        ],
        expect![[r#"
            : DB0301 an empty text is no partition | write a partition such as clean/date=2025-01-26, or a set: date=2025-01-20..2025-01-26
            a//b: DB0301 `a//b` is no partition | remove the slash too many, `.` or `..`: partitions live below the project's root
            ../report/date=today: DB0301 `../report/date=today` is no partition | remove the slash too many, `.` or `..`: partitions live below the project's root
            report/date={2025-01-20: DB0301 a brace of `report/date={2025-01-20` has no partner | write a set as {x,y}
            report/date={{2025-01-20}}: DB0301 a brace of `report/date={{2025-01-20}}` has no partner | write a set as {x,y}
            report/date={2025-01-20,{2025-01-21}}: DB0301 a brace of `report/date={2025-01-20,{2025-01-21}}` has no partner | write a set as {x,y}
            report/date=2025-1-20: DB0303 `2025-1-20` is no day | write it as 2025-01-26
            report/date=2025-01-19: DB0303 `date` begins at 2025-01-20: there is no 2025-01-19 | ask for a later one, or change `from` under [keys]
            report/date=2025-01-22..2025-01-20: DB0302 `2025-01-22..2025-01-20` ends before it begins | put the earlier end first: 2025-01-20..2025-01-22
            report/date=2025-01-20..soon: DB0303 `soon` is no day | write it as 2025-01-26
            report/date=last-0d: DB0302 `last-0d` does not fit `date` | write last-7d for the newest seven days that are over
            report/date=last-3m: DB0302 `last-3m` does not fit `date` | write last-7d for the newest seven days that are over
            report/date=last-99d: report/date=2025-01-20 report/date=2025-01-21 report/date=2025-01-22 report/date=2025-01-23
            s3://b/month/today.csv: DB0302 `today` does not fit `month` | it counts in months: write 2025-01 or last-3m
            s3://b/month/2025-01.csv: DB0303 `month` ends at 2024-12: there is no 2025-01 | ask for an earlier one, or change `until` under [keys]
            clean/date=today/region=eus: DB0303 `eus` is not a value of `region` | did you mean `eu`?
            clean/date=today/region=asia: DB0303 `asia` is not a value of `region` | its values are eu, us
            clean/date=today/region=eu..us: DB0302 `region` is not a time key, so `eu..us` is no range of it | name the values: {x,y}
            invoice: DB0304 `invoice` needs a value for `customer` | give it a value: invoice/customer=x
            invoice/customer=*: DB0302 the values of `customer` are not known, so `*` cannot stand for them | name the values: {x,y}
            invoice/customer=a..b: DB0302 `customer` is not a time key, so `a..b` is no range of it | name the values: {x,y}
            repport: DB0305 nothing makes `repport` | did you mean `report`? Its partitions look like report/date=2025-01-26
            zzz: DB0305 nothing makes `zzz` | jobs make clean, report, s3://b/month, invoice, one; a partition looks like clean/date=2025-01-26/region=eu
            clean/date=*: DB0305 nothing makes `clean/date=*` | partitions of `clean` look like clean/date=2025-01-26/region=eu
        "#]],
    );
}

#[test]
fn matching_what_there_is_needs_no_project() {
    let matches = |text: &str, partition: &str| {
        let partition = PartitionRef::parse(partition).expect("a ref");
        RefPattern::parse(text).expect("a pattern").matches(&partition, now())
    };
    let partition = "clean/date=2025-01-23/region=eu";
    for (text, expected) in [
        ("clean", true),
        ("clean/date=2025-01-23", true),
        ("clean/date=2025-01-23/region=eu", true),
        ("clean/date=2025-01-23/region=eu/x", false),
        ("clea", false),
        ("clean/date=yesterday", true),
        ("clean/date=today", false),
        ("clean/date=2025-01-01..2025-01-31/region={us,eu}", true),
        ("clean/date=2025-01-24..", false),
        ("clean/*/region=eu", true),
        ("clean/date=*/region=us", false),
        ("clean/region=eu", false),
    ] {
        assert_eq!(matches(text, partition), expected, "{text}");
    }
}

proptest! {
    /// Each partition that a pattern stands for matches it, and is itself wanted exactly.
    #[test]
    fn what_is_wanted_matches(first in 20_u8..24, days in 0_u8..4, regions in prop_oneof![Just("*"), Just("{eu,us}"), Just("eu")]) {
        let spec = spec();
        let text = format!("clean/date=2025-01-{first}..2025-01-{}/region={regions}", first + days);
        let pattern = RefPattern::parse(&text).expect("a pattern");
        let refs = pattern.expand(&spec, now()).expect("partitions");
        prop_assert_eq!(refs.len(), (usize::from(days) + 1) * if regions == "eu" { 1 } else { 2 });
        for partition in refs {
            prop_assert!(pattern.matches(&partition, now()));
            let exact = RefPattern::exact(&partition).expand(&spec, now()).expect("itself");
            prop_assert_eq!(exact, vec![partition]);
        }
    }

    #[test]
    fn no_text_panics(text in "(\\PC|[{}*./=,]|date=|last-|today|2025-01-2|\\.\\.){0,30}") {
        if let Ok(pattern) = RefPattern::parse(&text) {
            drop(pattern.expand(&spec(), now()));
            pattern.matches(&PartitionRef::parse("clean/date=2025-01-23").expect("a ref"), now());
        }
    }
}
