//! Templates in, paths or problems out; and properties over hostile values.

use super::*;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn event<'a>(app: &'a str, job: &'a str) -> LayoutEvent<'a> {
    let at = Timestamp::parse("2025-01-27T23:59:59Z").unwrap();
    LayoutEvent { app, job, ..LayoutEvent::saying(at, Level::Warn, "x") }
}

fn render(template: &str, event: &LayoutEvent<'_>) -> String {
    match PathTemplate::parse(template) {
        Ok(template) => {
            let mut path = String::new();
            template.render(event, &mut path);
            path
        }
        Err(problems) => problems.iter().map(|it| format!("{it}\n")).collect(),
    }
}

fn check(template: &str, app: &str, expected: Expect) {
    expected.assert_eq(&render(template, &event(app, "clean")));
}

#[test]
fn fields_are_encoded() {
    check(
        "logs/{app}/{job}-{date}.{level}.log",
        "shop",
        expect!["logs/shop/clean-2025-01-27.warn.log"],
    );
    check(
        "hdfs://nn1:8020/logs/{app}/error.log",
        "../../etc",
        expect!["hdfs://nn1:8020/logs/%2E.%2F..%2Fetc/error.log"],
    );
    check("logs/{app}/a.log", "", expect!["logs/%/a.log"]);
    check("logs/x.{app}", "{job}", expect!["logs/x.%7Bjob%7D"]);
    check("/var/log/all.log", "shop", expect!["/var/log/all.log"]);
}

#[test]
fn mistakes_are_told_with_their_column() {
    check(
        "{app}/error.log",
        "",
        expect![[r#"
        column 1: a path needs a folder that is the same for all files; begin with one, as in logs/{app}/error.log
    "#]],
    );
    check(
        "logs/{aap}/{}/x}",
        "",
        expect![[r#"
        column 6: there is no field {aap}; did you mean {app}?
        column 12: there is no field {}; there are {app} {job} {run} {build} {level} {date} {partition} {stream} {logger}
        column 16: this } closes nothing; fields stand in {braces}
    "#]],
    );
    check(
        "logs/../{app}/",
        "",
        expect![[r#"
        column 1: a path has no empty names; leave one slash between names, none at the end
        column 1: `.` and `..` have no place in a path; write the folder that is meant
    "#]],
    );
    check(
        "s3://{app}/x.log",
        "",
        expect![[r#"
        column 1: a path needs a folder that is the same for all files; begin with one, as in logs/{app}/error.log
    "#]],
    );
}

#[test]
fn templates_that_can_name_one_file_are_found() {
    let meets = |left: &str, right: &str| {
        let (left, right) =
            (PathTemplate::parse(left).unwrap(), PathTemplate::parse(right).unwrap());
        assert_eq!(left.may_meet(&right), right.may_meet(&left));
        left.may_meet(&right)
    };
    assert!(meets("l/{app}/a.log", "l/{app}/a.log"));
    assert!(meets("l/{app}/a.log", "l/shop/{level}.log"));
    assert!(meets("l/{app}-{job}.log", "l/x-y-z.log"));
    assert!(!meets("l/{app}/a.log", "l/{app}/b.log"));
    assert!(!meets("l/{app}.log", "l/{app}/x.log"));
    assert!(!meets("l/{app}/a.log", "m/{app}/a.log"));
    assert!(!meets("l/a{app}", "l/a"));
}

proptest! {
    #[test]
    fn no_value_leaves_the_base(app in ".{0,300}", job in any::<String>()) {
        let path = render("base/{app}/{job}{job}.log", &event(&app, &job));
        let names: Vec<&str> = path.split('/').collect();
        prop_assert_eq!(names.len(), 3);
        prop_assert_eq!(names[0], "base");
        for name in &names[1..] {
            prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.'));
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
        }
    }

    #[test]
    fn different_values_have_different_files(one in "[./%a-c]{0,4}", other in "[./%a-c]{0,4}") {
        let path = |value: &str| render("base/{app}/x", &event(value, "j"));
        prop_assert_eq!(one == other, path(&one) == path(&other));
    }

    #[test]
    fn what_meets_is_found(app in "[a-b-]{1,3}", job in "[a-b-]{1,3}") {
        let templates = ["b/{app}-{job}", "b/{job}{app}", "b/a{app}", "b/{app}"];
        for left in templates {
            for right in templates {
                if render(left, &event(&app, &job)) == render(right, &event(&job, &app)) {
                    let left = PathTemplate::parse(left).unwrap();
                    prop_assert!(left.may_meet(&PathTemplate::parse(right).unwrap()));
                }
            }
        }
    }
}

#[test]
fn names_that_a_template_can_give_are_known_again() {
    let path = PathTemplate::parse("logs/{app}/x-{job}.{level}.log").unwrap();
    assert_eq!((path.depth(), path.literal_extension()), (2, Some(".log")));
    let may = |depth: usize, name: &str| path.may_name(depth, name);
    assert!(may(0, "shop") && may(0, "%2E.%2F") && may(0, "%"));
    assert!(!may(0, "") && !may(0, ".hidden") && !may(0, "a b") && !may(0, "a/b"));
    assert!(may(1, "x-a.b.info.log") && may(1, "x-a.info.log"));
    assert!(!may(1, "x-a.log") && !may(1, "y-a.info.log") && !may(1, "x-a.info.txt"));
    assert!(!may(2, "x"));
    for field in ["a.b", "", "\u{e9}", &"n".repeat(300), ".x"] {
        let event = LayoutEvent {
            app: field,
            job: field,
            ..LayoutEvent::saying(Timestamp::MIN, Level::Info, "")
        };
        let mut out = String::new();
        path.render(&event, &mut out);
        let names: Vec<&str> = out.strip_prefix("logs/").unwrap().split('/').collect();
        assert!(may(0, names[0]) && may(1, names[1]), "{names:?}");
    }
    assert_eq!(PathTemplate::parse("logs/x.{app}").unwrap().literal_extension(), None);
    assert_eq!(PathTemplate::parse("logs/.hidden").unwrap().literal_extension(), None);
}
