//! Patterns in; names, periods and problems out.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn parsed(text: &str) -> Result<ArchiveName, String> {
    ArchiveName::parse(text, &Zone::UTC)
        .map_err(|problems| problems.iter().map(|it| format!("{it}\n")).collect())
}

#[test]
fn names_are_made_and_known_again() {
    let name = parsed("a+b.%d{yyyy-MM-dd}.%03i.log.gz").unwrap();
    let now = at("2025-01-27T10:00:00Z");
    assert_eq!(name.render(now, 7), "a+b.2025-01-27.007.log");
    assert_eq!(name.render_whole(now, 7), "a+b.2025-01-27.007.log.gz");
    assert_eq!(name.every().unwrap().0, Period::Day);
    assert!(name.is_one("a+b.2024-12-31.000.log.gz") && name.is_one("a+b.2024-12-31.1000.log"));
    for other in [
        "aab.2024-12-31.000.log",
        "a+b.2024-12-31.log.gz",
        "a+b.2024-12-31.000.log.zst",
        "xa+b.2024-12-31.000.log",
    ] {
        assert!(!name.is_one(other), "{other}");
    }
}

#[test]
fn a_name_that_got_an_index_of_its_own_is_known_again() {
    let name = parsed("x.%d{yyyy-MM-dd}.log.gz").unwrap();
    for one in ["x.2025-01-27.log", "x.2025-01-27.1.log", "x.2025-01-27.12.log.gz"] {
        assert!(name.is_one(one), "{one}");
    }
    for other in ["x.2025-01-27.a.log", "x.2025-01-27.1.1.log", "x.2025-01-27.log.1"] {
        assert!(!name.is_one(other), "{other}");
    }
}

#[test]
fn an_index_goes_on_after_the_highest_of_its_period() {
    let name = parsed("a+b.%d{yyyy-MM-dd}.%i").unwrap();
    let now = at("2025-01-27T10:00:00Z");
    let taken =
        ["a+b.2025-01-27.7", "a+b.2025-01-27.10.gz", "a+b.2025-01-26.99", "aab.2025-01-27.50"];
    assert_eq!(name.next_index(now, taken), 11);
    assert_eq!(name.next_index(at("2025-01-28T00:00:00Z"), taken), 0);
}

#[test]
fn the_finest_part_of_a_date_is_the_period() {
    for (pattern, period) in [
        ("x.%d", Some(Period::Day)),
        ("x.%d{yyyy-MM-dd_HH}", Some(Period::Hour)),
        ("x.%d{yyyy-MM-dd'T'HHmm}", Some(Period::Minute)),
        ("x.%d{yyyyMMdd.HHmmss}", Some(Period::Second)),
        ("x.%d{YYYY-ww}", Some(Period::Week)),
        ("x.%d{yyyy-MM}", Some(Period::Month)),
        ("%d{yyyy/MM, aux}/x.%d{yyyy-MM-dd, Europe/Berlin}", Some(Period::Day)),
        ("x.%d{yyyy-MM, aux}.%i", None),
        ("x.%i", None),
    ] {
        assert_eq!(parsed(pattern).unwrap().every().map(|it| it.0), period, "{pattern}");
    }
}

#[test]
fn names_that_would_meet_are_refused() {
    for (pattern, problem) in [
        (
            "x.log",
            "column 1: every rolled file would have the same name; add %i, or a date such as %d{yyyy-MM-dd}\n",
        ),
        (
            "x.%d{yyyy}",
            "column 1: a date that is the same for longer than a month; add months or days, or mark it as aux\n",
        ),
        (
            "x.%d{dd}",
            "column 1: a date that comes again, so that names would meet; add what is missing, as in %d{yyyy-MM-dd_HH}\n",
        ),
        (
            "x.%d{EEE}",
            "column 1: a date that comes again, so that names would meet; add what is missing, as in %d{yyyy-MM-dd_HH}\n",
        ),
        (
            "x.%d{yyyy-MM-dd hh}",
            "column 1: a date that comes again, so that names would meet; add what is missing, as in %d{yyyy-MM-dd_HH}\n",
        ),
        (
            "%d{yyyy-MM}/x.%d{yyyy-MM-dd}",
            "column 1: two dates that both decide when a file is rolled; mark the coarser one as %d{yyyy/MM, aux}\n",
        ),
        (
            "x.%d.log.zip",
            "column 1: `.zip` is not how files are compressed here; let the name end with .gz or .zst, or with neither\n",
        ),
        (
            "x.%d{yyyy-MM-dd, aux}",
            "column 1: every rolled file would have the same name; add %i, or a date such as %d{yyyy-MM-dd}\n",
        ),
        (
            "old/%i/x.log",
            "column 5: %i in the name of a folder; put it behind the last slash; folders are told apart by %d\n",
        ),
        (
            "%i-%d{yyyy/MM/dd}.log",
            "column 1: %i in the name of a folder; put it behind the last slash; folders are told apart by %d\n",
        ),
        ("x.%i.%i", "column 1: %i stands twice; leave one of them out\n"),
        ("x.%p", "column 3: a `%` that is neither %d nor %i; names know only %d{…} and %i\n"),
    ] {
        let problems = parsed(pattern).unwrap_err();
        assert!(problems.contains(problem), "{pattern}: {problems}");
    }
}

#[test]
fn a_name_with_placeholders_is_bound_to_a_file() {
    let name = parsed("{name}.%d{yyyy-MM-dd}.%i{ext}.gz").unwrap();
    let now = at("2025-01-27T10:00:00Z");
    for (file, archive) in [
        ("error.log", "error.2025-01-27.4.log.gz"),
        ("a.b+%i{x}.log", "a.b+%i{x}.2025-01-27.4.log.gz"),
        ("error", "error.2025-01-27.4.gz"),
        (".error", ".error.2025-01-27.4.gz"),
        ("%64.%d", "%64.2025-01-27.4.%d.gz"),
    ] {
        let bound = name.bind(file);
        assert_eq!(bound.render_whole(now, 4), archive);
        assert!(bound.is_one(archive), "{archive}");
        assert!(bound.is_one(archive.strip_suffix(".gz").unwrap()), "{archive}");
        assert!(!bound.is_one(file) && !bound.is_one(&format!("x{archive}")), "{file}");
        assert_eq!(bound.next_index(now, [archive]), 5);
    }
    let (one, other) = (name.bind("a.log"), name.bind("a.b.log"));
    assert!(!one.is_one(&other.render_whole(now, 0)) && !other.is_one(&one.render_whole(now, 0)));
}

#[test]
fn placeholders_stand_anywhere() {
    let name = parsed("%d{yyyyMMdd}-{name}-%03i{ext}").unwrap().bind("job-7.log");
    let now = at("2025-01-27T10:00:00Z");
    assert_eq!(name.render(now, 12), "20250127-job-7-012.log");
    assert!(name.is_one("20250127-job-7-012.log") && name.is_one("20240101-job-7-1000.log"));
    assert!(!name.is_one("20250127-job-8-012.log") && !name.is_one("20250127-job-7-12.log"));
    assert_eq!(name.next_index(now, ["20250127-job-7-012.log", "20250127-job-8-099.log"]), 13);
}

#[test]
fn braces_are_placeholders_or_wrong() {
    for (pattern, problem) in [
        (
            "{nme}.%i",
            "column 1: there is no {nme} in the name of a rolled file; there are {name}, which is the file's name without its extension, and {ext}\n",
        ),
        ("x.%i{ext", "column 5: a brace that is never closed; close it with }\n"),
        ("x.%d{yyyy-MM-dd", "column 3: a brace that is never closed; close it with }\n"),
    ] {
        assert_eq!(parsed(pattern).unwrap_err(), problem, "{pattern}");
    }
}

#[test]
fn a_date_with_a_comma_stands_in_quotes() {
    let name = parsed("x.%d{\"yyyy-MM-dd,HH\", Europe/Berlin}").unwrap();
    assert_eq!(name.render(at("2025-01-27T10:00:00Z"), 0), "x.2025-01-27,11");
    assert!(name.is_one("x.2025-01-27,11"));
}

#[test]
fn a_name_that_a_folder_would_not_take_is_cut() {
    let name = parsed("{name}.%d{yyyy-MM-dd}.%i{ext}.gz").unwrap();
    let now = at("2025-01-27T10:00:00Z");
    let render = |file: &str| name.bind(file).render_whole(now, 123_456);
    let one = render(&format!("{}a.log", "é".repeat(120)));
    let other = render(&format!("{}b.log", "é".repeat(120)));
    assert!(one.len() <= NAME_BYTES_MAX && one.ends_with(".2025-01-27.123456.log.gz"), "{one}");
    assert_ne!(one, other);
    assert!(name.bind(&format!("{}a.log", "é".repeat(120))).is_one(&one));
    let fits = format!("{}.log", "x".repeat(200));
    assert!(render(&fits).starts_with(&"x".repeat(200)));
}

#[test]
fn the_file_of_an_archive_is_found() {
    let check = |pattern: &str, archive: &str, files: &[&str]| {
        let found = parsed(pattern).unwrap().origins(archive, ".log");
        assert_eq!(found, files, "{archive} by {pattern}");
    };
    let daily = "{name}.%d{yyyy-MM-dd}{ext}.gz";
    check(daily, "error.2025-01-27.log.gz", &["error.log"]);
    check(daily, "error.2025-01-27.log", &["error.log"]);
    check(daily, "error.2025-01-27.3.log", &["error.log"]);
    check(daily, "error.2025-01-27", &["error"]);
    check(daily, "error.log", &[]);
    check(daily, ".2025-01-27.log", &[]);
    check("{name}.%i{ext}", "a.b.07.log", &["a.b.log"]);
    check("{name}.%03i{ext}", "a.b.07.log", &[]);
    check("{name}.%i", "a.b.7", &["a.b.log"]);
    check("old/{name}.%i{ext}", "old/a.7.log", &["a.log"]);
    check("old/{name}.%i{ext}", "a.7.log", &[]);
    // A name of which both could be the index: both are looked for.
    check("{name}%i{ext}", "a12.log", &["a.log", "a1.log"]);
    // All files of a folder have one, so it says nothing.
    check("all.%i.log", "all.7.log", &[]);
}
