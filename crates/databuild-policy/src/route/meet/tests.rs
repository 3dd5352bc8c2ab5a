//! Paths and names of rolled files in, whether they can meet out.

use super::*;
use crate::roll::period::Zone;

fn shapes(path: &str, name: Option<&str>) -> Vec<PathShape> {
    let path = PathTemplate::parse(path).unwrap();
    match name {
        None => vec![PathShape::of_active(&path)],
        Some(name) => {
            let name = ArchiveName::parse(name, &Zone::UTC).unwrap();
            PathShape::of_archives(&path, &name)
        }
    }
}

#[track_caller]
fn check(one: (&str, Option<&str>), other: (&str, Option<&str>), meet: bool) {
    let (left, right) = (shapes(one.0, one.1), shapes(other.0, other.1));
    let any = |left: &[PathShape], right: &[PathShape]| {
        left.iter().any(|one| right.iter().any(|other| one.may_meet(other)))
    };
    assert_eq!(any(&left, &right), meet, "{one:?} {other:?}");
    assert_eq!(any(&right, &left), meet, "{other:?} {one:?}");
}

#[test]
fn files_that_are_written() {
    for (one, other, meet) in [
        ("l/a.log", "l/a.log", true),
        ("l/a.log", "l/b.log", false),
        ("l/{app}/a.log", "l/x/a.log", true),
        ("l/{app}/a.log", "l/x/y/a.log", false),
        ("l/{app}.log", "l/{job}.log", true),
        ("l/{app}-err.log", "l/{job}.log", true),
        ("l/{app}.err", "l/{job}.log", false),
        ("l/{app}{job}.log", "l/a.log", false),
        ("l/{app}{job}.log", "l/ab.log", true),
        ("l/{app}/{job}.log", "l/{job}/{app}.log", true),
    ] {
        check((one, None), (other, None), meet);
    }
}

#[test]
fn files_that_are_rolled() {
    const USUAL: Option<&str> = Some("{name}.%d{yyyy-MM-dd}.%i{ext}.gz");
    for (one, other, meet) in [
        (("l/a.log", USUAL), ("l/a.log", None), false),
        (("l/a.log", USUAL), ("l/b.log", USUAL), false),
        (("l/a.log", USUAL), ("l/a.2025-01-27.0.log", None), true),
        (("l/a.log", USUAL), ("l/a.2025-01-27.0.log.gz", None), true),
        (("l/a.log", USUAL), ("l/a.audit.0.log", None), false),
        (("l/a.log", Some("x.%i.log")), ("l/b.log", Some("x.%i.log")), true),
        (("l/{app}/a.log", Some("x.%i.log")), ("l/{job}/b.log", Some("x.%i.log")), true),
        (("l/{app}/a.log", Some("x.%i.log")), ("l/{job}/b.log", Some("{name}.%i.log")), false),
        (("l/{job}.log", USUAL), ("l/{job}.err", USUAL), false),
        (("l/{job}", USUAL), ("l/x.err", USUAL), true),
        (("l/a.log", Some("{name}.%d{MMM-yyyy-dd}{ext}")), ("l/a.Jan-2025-01.log", None), true),
    ] {
        check(one, other, meet);
    }
}
