//! Patterns and an event in, whole lines out; problems with their columns.
//! Golden samples of `docs/formats/saved-lines.md`.

mod oracle;
mod words;

use super::*;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};

const FIELDS: &[(&str, &str)] = &[("user", "ada"), ("rows", "12")];

fn event(text: &str) -> LayoutEvent<'_> {
    let at = Timestamp::parse("2025-01-27T10:30:46.123456789Z").unwrap();
    LayoutEvent {
        logger: "audit.shop.Orders",
        thread: "main",
        fields: FIELDS.into(),
        app: "shop",
        job: "clean",
        run: "r1",
        partition: "clean/date=2025-01-26",
        stream: "stderr",
        sequence: 7,
        ..LayoutEvent::saying(at, Level::Warn, text)
    }
}

fn rendered(layout: &str, text: &str, options: &LayoutOptions) -> String {
    let mut out = Vec::new();
    match Layout::parse(layout, options) {
        Ok(layout) => {
            let mut scratch = Scratch::default();
            layout.render(&event(text), &mut scratch, &mut out);
            let first = out.clone();
            layout.render(&event(text), &mut scratch, &mut out);
            assert_eq!(
                out,
                [first.as_slice(), first.as_slice()].concat(),
                "the cache changes nothing"
            );
            out = first;
        }
        Err(problems) => {
            for problem in problems {
                out.extend_from_slice(format!("{problem}\n").as_bytes());
            }
        }
    }
    String::from_utf8(out).unwrap()
}

/// Renders `layout` for an event that says `text`, or shows what is wrong.
fn check(layout: &str, text: &str, expected: Expect) {
    expected.assert_eq(&rendered(layout, text, &LayoutOptions::default()));
}

#[test]
fn words_and_widths() {
    check(
        "%d %-6level|%10.5logger|%.-5logger|%logger{12}|%thread %msg %kvp%n",
        "hello",
        expect![[r#"
            2025-01-27 10:30:46,123 WARN  |rders|audit|a.s.Orders|main hello user="ada" rows="12"
        "#]],
    );
    check(
        "%job %app %run %partition %seq %stream [%X{user}] [%X{no:-none}] %X %property\\_%n",
        "hello",
        expect![[r#"
            column 69: there is no property ``; write its value into the pattern
        "#]],
    );
    check(
        "%job %app %run %partition %seq %stream [%X{user}] [%X{no:-none}] %X%n",
        "hello",
        expect![[r#"
        clean shop r1 clean/date=2025-01-26 7 stderr [ada] [none] user=ada, rows=12
    "#]],
    );
}

#[test]
fn groups() {
    check(
        r"%-12(%level:%seq)|%highlight(%msg)|%replace(%msg){'l+', '<$0>'}|%prefix(%level %X{user})%n",
        "hello",
        expect![["WARN:7      |\u{1b}[31mhello\u{1b}[0;39m|he<ll>o|level=WARN user=ada\n"]],
    );
}

#[test]
fn dates_have_zones_and_fractions() {
    check(
        r#"%d{"HH:mm:ss,SSS"} %d{yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX, Europe/Berlin} %d{EEE d MMM yy hh a Z z, America/New_York}%n"#,
        "",
        expect![[r#"
            10:30:46,123 2025-01-27T11:30:46.123456+01:00 Mon 27 Jan 25 05 AM -0500 EST
        "#]],
    );
}

#[test]
fn a_message_cannot_look_like_another_event() {
    let forged = "one\r\n2025-01-27 10:30:46 INFO two\u{2028}three";
    check(
        "%level %msg%n",
        forged,
        expect![[r#"
        WARN one\r\n2025-01-27 10:30:46 INFO two\u2028three
    "#]],
    );
    let indent = LayoutOptions { newlines: Newlines::Indent, ..LayoutOptions::default() };
    assert_eq!(rendered("%msg%n", "a\nb", &indent), "a\n\tb\n");
    check(
        "%rawmsg%n",
        "a\nb",
        expect![[r#"
        a
        b
    "#]],
    );
}

const JAVA: &str = "order failed\njava.lang.IllegalStateException: no stock\n\tat shop.Orders.place(Orders.java:10)\n\tat shop.Main.main(Main.java:3)\nCaused by: java.io.IOException: disk\n\tat shop.Disk.read(Disk.java:7)\n\t... 1 more";

#[test]
fn tracebacks_of_java_in_any_order_and_length() {
    check(
        "%level %msg%n",
        JAVA,
        expect![[r#"
        WARN order failed
        java.lang.IllegalStateException: no stock
        	at shop.Orders.place(Orders.java:10)
        	at shop.Main.main(Main.java:3)
        Caused by: java.io.IOException: disk
        	at shop.Disk.read(Disk.java:7)
        	... 1 common frames omitted
    "#]],
    );
    check(
        "%msg|%ex{short}%nopex",
        JAVA,
        expect![[r#"
        order failed|java.lang.IllegalStateException: no stock
        	at shop.Orders.place(Orders.java:10)
        Caused by: java.io.IOException: disk
        	at shop.Disk.read(Disk.java:7)
    "#]],
    );
    check(
        "%rEx{full, shop.Main}",
        JAVA,
        expect![[r#"
        java.io.IOException: disk
        	at shop.Disk.read(Disk.java:7)
        	... 1 common frames omitted
        Wrapped by: java.lang.IllegalStateException: no stock
        	at shop.Orders.place(Orders.java:10)
         [1 skipped]
    "#]],
    );
    check(
        "%msg%nopex%n",
        JAVA,
        expect![[r#"
        order failed
    "#]],
    );
}

#[test]
fn tracebacks_of_others_stay_as_they_are() {
    let python = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nValueError: bad";
    check(
        "%level %msg%n",
        python,
        expect![[r#"
        WARN ValueError: bad
        	Traceback (most recent call last):
          File "a.py", line 1, in <module>
            f()
        	ValueError: bad
    "#]],
    );
    check(
        "%level %msg%n%ex{0}",
        python,
        expect![[r#"
        WARN ValueError: bad
        	Traceback (most recent call last):
        	ValueError: bad
    "#]],
    );
}

#[test]
fn what_logback_does_silently_wrong_is_refused_with_its_column() {
    for (pattern, problem) in [
        (
            "%d %nothere",
            "column 4: there is no word `%nothere`; for %n followed by `othere` write %n\\_othere\n",
        ),
        ("%mesage", "column 1: there is no word `%mesage`; did you mean %message?\n"),
        ("%p_%t", "column 1: there is no word `%p_`; the reference of layouts lists the words\n"),
        ("%m(x)", "column 1: `%m( … )` is no group; write %m without brackets, or \\( for one\n"),
        ("%m)x", "column 3: this `)` closes nothing; write `\\)` for a bracket\n"),
        (
            "100%%",
            "column 4: `%` must be followed by a word, not by `%`; write `\\%` for a percent sign\n",
        ),
        ("%m%", "column 3: a `%` at the end; write `\\%` for a percent sign\n"),
        (
            "\\q",
            "column 1: `\\q` means nothing; known are \\% \\( \\) \\\\ \\t \\n \\r and \\_ ; write `\\\\` for a backslash\n",
        ),
        ("%d{yyyy", "column 3: the brace that opens here is never closed; add `}`\n"),
        (
            "%-(%m",
            "column 1: `-` is not a width; a width is [-]min[.[-]max] with whole numbers, as in %-20.30logger\ncolumn 1: the bracket that opens here is never closed; add `)`, or write `\\(` for a bracket\n",
        ),
        (
            "%5.m",
            "column 1: `5.` is not a width; a width is [-]min[.[-]max] with whole numbers, as in %-20.30logger\n",
        ),
        (
            "%d{yyyy}{x}",
            "column 9: a second pair of braces would be printed as it stands; put all options into one pair, separated by commas\n",
        ),
        (
            "%d{HH:mm:ss,SSS}",
            "column 1: `SSS` is not a time zone; a comma separates options: quote the pattern, as in %d{\"HH:mm:ss,SSS\"}\n",
        ),
        (
            "%d{yyyy, Mars/Base}",
            "column 1: `Mars/Base` is not a time zone; name it as in Europe/Berlin, UTC or GMT+2\n",
        ),
        (
            "%d{foo}",
            "column 1: `f` means nothing in a date, or nothing that is offered here; use y M d H m s S and their like; write words in single quotes\n",
        ),
        (
            "%logger{x}",
            "column 1: `%logger` knows no option `x`; write a whole number, the length to shorten to, as in {36}\n",
        ),
        (
            "%replace(%m){'a'}",
            "column 1: `%replace` needs a regular expression and what to put in its place; write %replace(%msg){'regex', 'replacement'}\n",
        ),
        (
            "%replace(%m){'a', '$'}",
            "column 1: the replacement `$` has a `$` that names no group; write `\\$` for a dollar sign\n",
        ),
        ("%highlight", "column 1: `%highlight` has nothing to work on; write %highlight( … )\n"),
        (
            "%ex{some}",
            "column 1: `%ex` knows no option `some`; write `{full}`, `{short}` or a number of frames\n",
        ),
    ] {
        assert_eq!(rendered(pattern, "x", &LayoutOptions::default()), problem, "{pattern}");
    }
}

#[test]
fn forms_for_programs_are_one_line_each() {
    check(
        "json",
        "a\n\"b\"",
        expect![[r#"
        {"timestamp":"2025-01-27T10:30:46.123456789Z","level":"WARN","app":"shop","job":"clean","run":"r1","partition":"clean/date=2025-01-26","stream":"stderr","logger":"audit.shop.Orders","thread":"main","seq":7,"message":"a\n\"b\"","fields":{"user":"ada","rows":"12"}}
    "#]],
    );
    check(
        "logfmt",
        "a b",
        expect![[r#"
        time=2025-01-27T10:30:46.123456789Z level=warn app=shop job=clean run=r1 partition="clean/date=2025-01-26" stream=stderr logger=audit.shop.Orders thread=main seq=7 msg="a b" user=ada rows=12
    "#]],
    );
    check(
        "otlp",
        "x",
        expect![[r#"
        {"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"databuild.job","value":{"stringValue":"clean"}},{"key":"databuild.run","value":{"stringValue":"r1"}},{"key":"databuild.partition","value":{"stringValue":"clean/date=2025-01-26"}}]},"scopeLogs":[{"scope":{"name":"audit.shop.Orders"},"logRecords":[{"timeUnixNano":"1737973846123456789","severityNumber":13,"severityText":"WARN","body":{"stringValue":"x"},"attributes":[{"key":"log.iostream","value":{"stringValue":"stderr"}},{"key":"thread.name","value":{"stringValue":"main"}},{"key":"user","value":{"stringValue":"ada"}},{"key":"rows","value":{"stringValue":"12"}},{"key":"databuild.seq","value":{"intValue":"7"}}]}]}]}]}
    "#]],
    );
}

#[test]
fn an_entry_is_the_event_that_its_fields_say() {
    let line = br#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r1","outputs":[{"path":"p"}],"sequence_number":2,"content":{"log":{"level":"ERROR","message":"no stock","fields":{"logger":"shop.Orders","threadName":"w-1","exc_info":"Traceback (most recent call last):\n  File \"a.py\"\nValueError: x","sku":"7"},"stream":"stderr","offset":0}},"job_label":"clean","app":"shop"}"#;
    let (entry, problems) = databuild_model::json::read_entry(line).unwrap();
    assert_eq!(problems, []);
    let layout =
        Layout::parse("%app/%job %logger [%t] %level %m %kvp%n", &LayoutOptions::default());
    let mut out = Vec::new();
    with_event(&entry, |event| layout.unwrap().render(event, &mut Scratch::default(), &mut out));
    expect![[r#"
        shop/clean shop.Orders [w-1] ERROR no stock sku="7"
        	Traceback (most recent call last):
          File "a.py"
        	ValueError: x
    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
}
