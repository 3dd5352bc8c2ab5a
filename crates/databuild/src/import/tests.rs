//! Configurations of logback in; whole project files, or all that is refused, out.

use super::*;
use crate::config::env::Environment;
use crate::config::report::{self, Named};
use crate::config::tests::source;
use crate::config::{self};
use expect_test::{Expect, expect, expect_file};

fn options(without: &[&str]) -> Options {
    let without = without.iter().map(|it| (*it).to_owned()).collect();
    Options { without, ..Options::default() }
}

/// What is imported passes the check of a project file; what is not is told.
fn imported(xml: &str, options: &Options) -> String {
    match import("logback.xml", xml, options) {
        Ok(text) => {
            let source = source(&text);
            let (_, problems) = config::check(&source, &Environment::default());
            let report = report::human(Named::of("made.toml", &text), &problems);
            assert_eq!(report, "", "{text}");
            text
        }
        Err(problems) => report::human(Named::of("logback.xml", xml), &problems),
    }
}

#[test]
fn a_pipeline_of_cdap() {
    let toml = imported(include_str!("tests/cdap.xml"), &options(&[]));
    expect_file!["./tests/cdap.toml"].assert_eq(&toml);
}

#[test]
fn a_configuration_of_logback() {
    let options = Options { zone: Some("Europe/Berlin".to_owned()), ..options(&["STDOUT"]) };
    let toml = imported(include_str!("tests/logback.xml"), &options);
    expect_file!["./tests/logback.toml"].assert_eq(&toml);
}

#[test]
fn all_that_cannot_be_imported_is_told_at_once() {
    let told = imported(include_str!("tests/wrong.xml"), &options(&["GONE"]));
    expect_file!["./tests/wrong.txt"].assert_eq(&told);
}

#[track_caller]
fn check(xml: &str, expected: Expect) {
    expected.assert_eq(&imported(xml, &options(&[])));
}

#[test]
fn what_is_no_configuration() {
    check(
        "<configuration><root>",
        expect![[r#"
        error DB0421: the root node was opened but never closed
          ┌─ logback.xml:1:1
        1 │ <configuration><root>
          │ ^ only the configuration itself is read; a file with a DTD is refused too
    "#]],
    );
    check(
        "<project/>",
        expect![[r#"
        error DB0422: <project> is no configuration of logback
          ┌─ logback.xml:1:1
        1 │ <project/>
          │ ^^^^^^^^ the outermost element is <configuration>
    "#]],
    );
    check(
        "<!DOCTYPE configuration [<!ENTITY x \"y\">]><configuration/>",
        expect![[r#"
        error DB0421: XML with DTD detected
          ┌─ logback.xml:1:1
        1 │ <!DOCTYPE configuration [<!ENTITY x "y">]><configuration/>
          │ ^ only the configuration itself is read; a file with a DTD is refused too
    "#]],
    );
}

#[test]
fn variables_are_replaced_deeply() {
    let mut given = BTreeMap::new();
    given.insert("home".to_owned(), "/srv".to_owned());
    let mut variables = variables::Variables::new(&given);
    for (name, value) in [("dir", "${home}/x"), ("which", "dir"), ("a", "${b}"), ("b", "${a}")] {
        variables.define(name, value);
    }
    for (text, expected) in [
        ("plain $ {} %d{x}", Ok("plain $ {} %d{x}")),
        ("${dir}/y", Ok("/srv/x/y")),
        ("${${which}}", Ok("/srv/x")),
        ("${none:-${dir}-d}", Ok("/srv/x-d")),
        ("${none:-}", Ok("")),
        ("${none:-%d{HH}}", Ok("%d{HH}")),
        ("${none}", Err("none")),
        ("${a}", Err("a")),
        ("${open", Err("open")),
    ] {
        let replaced = variables.replace(text);
        match expected {
            Ok(expected) => assert_eq!(replaced.as_deref(), Ok(expected), "{text}"),
            Err(name) => assert!(replaced.unwrap_err().iter().any(|it| it == name), "{text}"),
        }
    }
}
