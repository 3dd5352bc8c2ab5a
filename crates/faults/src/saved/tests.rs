//! The oracle notices what it is there to notice.

use super::{Archives, Event, Files, Names, found, held, plain};
use std::collections::BTreeMap;

fn files(of: &[(&str, &str)]) -> Files {
    of.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// What is said of files, of which two events of one run are wanted.
fn check(of: &[(&str, &str)]) -> String {
    let wanted: BTreeMap<Event, u64> = [1, 2].map(|n| (("r".to_owned(), n), 10)).into();
    let judged = plain(&files(of))
        .and_then(|files| found(&files, "saved", Names::InOrder))
        .and_then(|found| held(&found, &wanted));
    match judged {
        Ok((events, stored)) => format!("{events}, {stored} bytes"),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn what_is_right_is_right() {
    let good = [("saved/a.0.log", "r 1 x\n"), ("saved/a.log", "{\"run\":\"r\",\"seq\":2}\n")];
    assert_eq!(check(&good), "2 events saved, 0 lost, 0 duplicated, 20 bytes");
}

#[test]
fn what_is_lost_comes_twice_or_out_of_order_is_seen() {
    assert_eq!(
        check(&[("saved/a.log", "r 1 x\n")]),
        "2 events saved, 1 lost, 0 duplicated, 10 bytes"
    );
    assert_eq!(
        check(&[("saved/a.log", "r 1 x\nr 2 x\n"), ("saved/a.0.log", "r 1 x\n")]),
        "2 events saved, 0 lost, 1 duplicated, 20 bytes"
    );
    assert_eq!(
        check(&[("saved/a.0.log", "r 2 x\n"), ("saved/a.log", "r 1 x\n")]),
        "saved/a.log: event 1 of r stands behind 2"
    );
    assert_eq!(check(&[("saved/a.log", "r 1 x\nr 2")]), "saved/a.log ends within a line");
}

#[test]
fn an_archive_that_changes_is_seen() {
    let mut archives = Archives::default();
    archives.look(&files(&[("a.0.log", "1"), ("a.log", "2")])).unwrap();
    archives.look(&files(&[("a.0.log", "1"), ("a.log", "3")])).unwrap();
    let error = archives.look(&files(&[("a.0.log", "3")])).unwrap_err();
    assert_eq!(error.to_string(), "the archive a.0.log was overwritten");
}
