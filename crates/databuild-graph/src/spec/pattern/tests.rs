//! Patterns: what they match, what they stand for, where they meet.

use super::*;
use crate::spec::draft::{KeyDraft, ProjectDraft};
use databuild_model::time::{Day, Timestamp};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::fmt::Write as _;

fn keys() -> Keys {
    let time = |every: &str, from: Option<&str>| KeyDraft::Time {
        every: Some(every.to_owned()),
        from: from.map(str::to_owned),
        until: None,
    };
    let draft = ProjectDraft {
        folder: "/p".into(),
        keys: vec![
            ("date".to_owned(), time("day", Some("2025-01-01"))),
            ("hour".to_owned(), time("hour", None)),
            ("week".to_owned(), time("week", None)),
            ("month".to_owned(), time("month", None)),
            ("region".to_owned(), KeyDraft::List(vec!["eu".to_owned(), "us".to_owned()])),
            ("any".to_owned(), KeyDraft::Word("any".to_owned())),
            ("v".to_owned(), KeyDraft::Word("any".to_owned())),
        ],
        ..ProjectDraft::default()
    };
    let (spec, problems) = crate::spec::check::check(&draft);
    assert_eq!(problems, Vec::new());
    spec.keys
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text, &keys()).expect("a pattern")
}

fn now() -> Timestamp {
    Day::parse("2025-01-05").expect("a day").start()
}

const WRONG: &[&str] = &[
    "",
    "a/{date",
    "a/date}",
    "a/{}",
    "a/{da te}",
    "a/{dat}",
    "a/{date-1}",
    "a/{date-1x}",
    "a/{date-1h}",
    "a/{region-1d}",
    "a/{region..region}",
    "a/{date..date-1d}",
    "a/{date..hour}",
    "a/{month in date}",
    "a/{week in month}",
    "a/{region in month}",
    "a/{date in any}",
    "a/{*}",
    "a/any={*}",
    "a/hour={*}",
    "a/nope={*}",
    "a/{date}{region}",
    "a/{date}-{region}",
    "/a",
    "a/",
    "a//b",
    "a/../b",
    "a/./b",
    "{date}/a",
    "a\u{7}b",
    "s3://b//x",
    "a/{date..{date}}",
];

#[test]
fn what_cannot_be_a_pattern() {
    let mut out = String::new();
    for text in WRONG {
        let errors = Pattern::parse(text, &keys()).expect_err(text);
        let told: Vec<_> =
            errors.iter().map(|error| format!("{:?} {}", error.at, error.fault)).collect();
        writeln!(out, "{text:?}: {}", told.join("; ")).expect("text");
        for error in errors {
            assert!(text.get(error.at.clone()).is_some(), "{text:?} {error:?}");
        }
    }
    expect![[r#"
        "": 0..0 the pattern is empty
        "a/{date": 2..3 a brace without its partner
        "a/date}": 6..7 a brace without its partner
        "a/{}": 2..4 `{}` is neither a key nor a range of one
        "a/{da te}": 2..9 `{da te}` is neither a key nor a range of one
        "a/{dat}": 2..7 there is no key `dat`
        "a/{date-1}": 2..10 `{date-1}` is neither a key nor a range of one
        "a/{date-1x}": 2..11 `date` counts in days: `1x` does not fit
        "a/{date-1h}": 2..11 `date` counts in days: `1h` does not fit
        "a/{region-1d}": 2..13 `region` is not a time key, so nothing lies before or after its values
        "a/{region..region}": 2..18 `region` is not a time key, so nothing lies before or after its values
        "a/{date..date-1d}": 2..17 the range `date..date-1d` ends before it begins
        "a/{date..hour}": 2..14 a range runs over one key, this one over `date` and `hour`
        "a/{month in date}": 2..17 `month` does not lie within `date`
        "a/{week in month}": 2..17 `week` does not lie within `month`
        "a/{region in month}": 2..19 `region` is not a time key, so nothing lies before or after its values
        "a/{date in any}": 2..15 `any` is not a time key, so nothing lies before or after its values
        "a/{*}": 2..5 `{*}` must follow the name of a key and `=`
        "a/any={*}": 6..9 the values of `any` are not known, so `{*}` cannot stand for them
        "a/hour={*}": 7..10 the values of `hour` are not known, so `{*}` cannot stand for them
        "a/nope={*}": 7..10 there is no key `nope`
        "a/{date}{region}": 8..16 nothing tells where one value ends and the next begins
        "a/{date}-{region}": 9..17 nothing tells where one value ends and the next begins
        "/a": 0..1 the pattern is not a path below the root
        "a/": 1..2 the pattern is not a path below the root
        "a//b": 1..2 the pattern is not a path below the root
        "a/../b": 2..4 the pattern is not a path below the root
        "a/./b": 2..3 the pattern is not a path below the root
        "{date}/a": 0..1 the pattern does not begin with a fixed name
        "a\u{7}b": 1..2 a partition cannot have control characters
        "s3://b//x": 6..7 the pattern is not a path below the root
        "a/{date..{date}}": 2..3 a brace without its partner; 15..16 a brace without its partner
    "#]].assert_eq(&out);
}

#[track_caller]
fn check_bind(text: &str, refs: &[&str], expected: Expect) {
    let (pattern, keys) = (pattern(text), keys());
    let mut out = String::new();
    for text in refs {
        let bound = pattern.bind(&keys, text).map(|binding| {
            let pairs: Vec<_> = binding
                .iter()
                .map(|(key, value)| format!("{}={value}", keys.get(key).name))
                .collect();
            pairs.join(" ")
        });
        writeln!(out, "{text}: {}", bound.unwrap_or_else(|| "no".to_owned())).expect("text");
    }
    expected.assert_eq(&out);
}

#[test]
fn what_a_pattern_matches() {
    check_bind(
        "clean/date={date}/r_{region}.csv",
        &[
            "clean/date=2025-01-26/r_eu.csv",
            "clean/date=2025-01-26/r_asia.csv",
            "clean/date=2025-02-30/r_eu.csv",
            "clean/date=2024-12-31/r_eu.csv",
            "clean/date=2025-01-26/r_eu.csv/x",
            "clean/date=2025-01-26/r_eu.cs",
            "clean/date=2025-01-26",
            "xclean/date=2025-01-26/r_eu.csv",
        ],
        expect![[r#"
            clean/date=2025-01-26/r_eu.csv: date=2025-01-26 region=eu
            clean/date=2025-01-26/r_asia.csv: no
            clean/date=2025-02-30/r_eu.csv: no
            clean/date=2024-12-31/r_eu.csv: no
            clean/date=2025-01-26/r_eu.csv/x: no
            clean/date=2025-01-26/r_eu.cs: no
            clean/date=2025-01-26: no
            xclean/date=2025-01-26/r_eu.csv: no
        "#]],
    );
    check_bind(
        "s3://b/x/{any}/{v}",
        &["s3://b/x/1/2", "s3://b/x/a.b/c:d", "s3://b/x/../2", "s3://b/x//2"],
        expect![[r#"
            s3://b/x/1/2: any=1 v=2
            s3://b/x/a.b/c:d: any=a.b v=c:d
            s3://b/x/../2: no
            s3://b/x//2: no
        "#]],
    );
    check_bind(
        "x/{any}/copy-of-{any}",
        &["x/1/copy-of-1", "x/1/copy-of-2"],
        expect![[r#"
        x/1/copy-of-1: any=1
        x/1/copy-of-2: no
    "#]],
    );
    check_bind(
        "x/region={*}/{date}",
        &["x/region=eu/2025-01-02", "x/region=asia/2025-01-02"],
        expect![[r#"
            x/region=eu/2025-01-02: date=2025-01-02
            x/region=asia/2025-01-02: no
        "#]],
    );
    check_bind(
        "é/{any}",
        &["é/1", "e/1"],
        expect![[r#"
        é/1: any=1
        e/1: no
    "#]],
    );
}

#[track_caller]
fn check_expand(text: &str, run: &str, expected: Expect) {
    let keys = keys();
    let out = pattern("run/{date}/{hour}/{month}/{region}/{any}");
    let binding = out.bind(&keys, run).expect("a run");
    let mut refs = Vec::new();
    let told = match pattern(text).expand(&keys, &binding, now(), &mut refs) {
        Ok(()) => refs.join(" "),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&told);
}

#[test]
fn what_a_pattern_stands_for() {
    let run = "run/2025-01-03/2025-01-03T01/2025-02/eu/z";
    check_expand("a/{date}/{region}/{any}", run, expect!["a/2025-01-03/eu/z"]);
    check_expand("a/{date-1d}", run, expect!["a/2025-01-02"]);
    check_expand("a/{date-1w}", run, expect![[""]]);
    check_expand("a/{date-6d..date}", run, expect!["a/2025-01-01 a/2025-01-02 a/2025-01-03"]);
    check_expand(
        "a/{date+1d..date+2d}/region={*}",
        run,
        expect![
            "a/2025-01-04/region=eu a/2025-01-04/region=us a/2025-01-05/region=eu a/2025-01-05/region=us"
        ],
    );
    check_expand(
        "a/{hour-2h..hour}",
        run,
        expect!["a/2025-01-02T23 a/2025-01-03T00 a/2025-01-03T01"],
    );
    check_expand(
        "a/{date in month}",
        "run/2025-01-03/2025-01-03T01/2025-01/eu/z",
        expect![
            "a/2025-01-01 a/2025-01-02 a/2025-01-03 a/2025-01-04 a/2025-01-05 a/2025-01-06 a/2025-01-07 a/2025-01-08 a/2025-01-09 a/2025-01-10 a/2025-01-11 a/2025-01-12 a/2025-01-13 a/2025-01-14 a/2025-01-15 a/2025-01-16 a/2025-01-17 a/2025-01-18 a/2025-01-19 a/2025-01-20 a/2025-01-21 a/2025-01-22 a/2025-01-23 a/2025-01-24 a/2025-01-25 a/2025-01-26 a/2025-01-27 a/2025-01-28 a/2025-01-29 a/2025-01-30 a/2025-01-31"
        ],
    );
    check_expand(
        "a/{hour in date}",
        run,
        expect![
            "a/2025-01-03T00 a/2025-01-03T01 a/2025-01-03T02 a/2025-01-03T03 a/2025-01-03T04 a/2025-01-03T05 a/2025-01-03T06 a/2025-01-03T07 a/2025-01-03T08 a/2025-01-03T09 a/2025-01-03T10 a/2025-01-03T11 a/2025-01-03T12 a/2025-01-03T13 a/2025-01-03T14 a/2025-01-03T15 a/2025-01-03T16 a/2025-01-03T17 a/2025-01-03T18 a/2025-01-03T19 a/2025-01-03T20 a/2025-01-03T21 a/2025-01-03T22 a/2025-01-03T23"
        ],
    );
    check_expand(
        "a/date={*}",
        run,
        expect!["a/date=2025-01-01 a/date=2025-01-02 a/date=2025-01-03 a/date=2025-01-04"],
    );
    check_expand("a/{v}", run, expect!["the run has no key `v`"]);
    check_expand(
        "a/{hour-99999d..hour}",
        run,
        expect!["2399977 partitions where at most 100000 are possible"],
    );
}

#[test]
fn where_patterns_meet() {
    let mut out = String::new();
    for (a, b) in [
        ("a/{date}", "a/{date}"),
        ("a/{date}", "a/{hour}"),
        ("a/{date}", "a/{any}"),
        ("a/{date}", "a/2025-01-01"),
        ("a/{date}", "a/2024-01-01"),
        ("a/{date}", "b/{date}"),
        ("a/{date}", "a/{date}/x"),
        ("a/{region}", "a/eu"),
        ("a/{region}", "a/asia"),
        ("a/{region}", "a/{any}"),
        ("a/x{any}", "a/{any}y"),
        ("a/x{any}", "a/y{any}"),
        ("a/x{region}", "a/{any}"),
        ("a/{any}.csv", "a/{any}.txt"),
        ("a/b", "a/b"),
        ("a/region={*}", "a/region=us"),
    ] {
        let (x, y) = (pattern(a), pattern(b));
        assert_eq!(x.overlap(&y, &keys()), y.overlap(&x, &keys()), "{a} {b}");
        writeln!(out, "{a}  {b}: {:?}", x.overlap(&y, &keys())).expect("text");
    }
    expect![[r#"
        a/{date}  a/{date}: Certain
        a/{date}  a/{hour}: Never
        a/{date}  a/{any}: Certain
        a/{date}  a/2025-01-01: Certain
        a/{date}  a/2024-01-01: Never
        a/{date}  b/{date}: Never
        a/{date}  a/{date}/x: Never
        a/{region}  a/eu: Certain
        a/{region}  a/asia: Never
        a/{region}  a/{any}: Certain
        a/x{any}  a/{any}y: Perhaps
        a/x{any}  a/y{any}: Never
        a/x{region}  a/{any}: Certain
        a/{any}.csv  a/{any}.txt: Never
        a/b  a/b: Certain
        a/region={*}  a/region=us: Certain
    "#]]
    .assert_eq(&out);
}

#[test]
fn datasets_and_examples() {
    let keys = keys();
    for (text, dataset, example) in [
        ("clean/date={date}/region={region}", "clean", "clean/date=2025-01-26/region=eu"),
        ("s3://b/x/{month}.csv", "s3://b/x", "s3://b/x/2025-01.csv"),
        ("fixed/name", "fixed/name", "fixed/name"),
        ("part-{any}", "part-", "part-x"),
    ] {
        assert_eq!(
            (pattern(text).dataset(), pattern(text).example(&keys).as_str()),
            (dataset, example)
        );
    }
}

/// A piece of a pattern: fixed text or a key.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9._-]{1,6}".prop_filter("a path", |text| !text.starts_with('.')),
        Just("{date}".to_owned()),
        Just("{region}".to_owned()),
        Just("x-{any}.csv".to_owned()),
        Just("v={v}".to_owned()),
        Just("{month}".to_owned()),
    ]
}

proptest! {
    #[test]
    fn matching_undoes_rendering(
        pieces in proptest::collection::vec(piece(), 0..5),
        day in 0_i32..10_000,
        any in "[A-Za-z0-9_+:-]{1,8}",
        v in "[A-Za-z0-9_+:-]{1,8}",
        region in 0_usize..2,
    ) {
        let keys = keys();
        let pattern = Pattern::parse(&format!("set/{}", pieces.join("/")).trim_end_matches('/').replace("//", "/"), &keys).expect("a pattern");
        let day = Day::from_number(20_089 + day).to_string();
        let mut binding = Binding::default();
        for (name, value) in [("date", day.as_str()), ("month", &day[..7]), ("any", &any), ("v", &v), ("region", ["eu", "us"][region])] {
            binding.add(keys.find(name).expect("a key"), value);
        }
        let mut refs = Vec::new();
        pattern.expand(&keys, &binding, now(), &mut refs).expect("one ref");
        prop_assert_eq!(refs.len(), 1);
        let bound = pattern.bind(&keys, &refs[0]).expect("its own ref");
        for key in pattern.binds() {
            prop_assert_eq!(bound.get(key), binding.get(key));
        }
        // And rendering undoes matching.
        let mut again = Vec::new();
        pattern.expand(&keys, &bound, now(), &mut again).expect("one ref");
        prop_assert_eq!(refs, again);
    }

    #[test]
    fn no_text_panics(text in "(\\PC|[{}*./=]|date|-1d|\\.\\.){0,30}", wanted in "\\PC{0,30}") {
        if let Ok(parsed) = Pattern::parse(&text, &keys()) {
            parsed.bind(&keys(), &wanted);
            parsed.fit(&wanted);
            parsed.overlap(&pattern("a/{any}"), &keys());
            parsed.example(&keys());
        }
    }
}
