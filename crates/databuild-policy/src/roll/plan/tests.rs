//! A pattern and the names of a folder in, what is done out. Every plan is also done step by step, and
//! after each step begun again from what the folder then holds.

use super::*;
use crate::commit::{Outputs, Repair, repairs};
use crate::roll::period::Zone;
use std::collections::BTreeMap;

const WHEN: &str = "2025-01-27T10:00:00Z";

fn naming(text: &str) -> ArchiveNaming {
    let (pattern, window) = text.split_once(' ').unwrap_or((text, ""));
    let name = ArchiveName::parse(pattern, &Zone::UTC).unwrap().bind("x.log");
    match window.split_once("..") {
        None => ArchiveNaming::Dated(name),
        Some((min, max)) => {
            ArchiveNaming::Window { name, min: min.parse().unwrap(), max: max.parse().unwrap() }
        }
    }
}

/// The files with their lengths; each has its own, so that it is known again.
fn folder(listing: &str) -> BTreeMap<String, u64> {
    let names = listing.split_whitespace().map(str::to_owned);
    let mut files: BTreeMap<String, u64> = names.zip(1..).collect();
    files.insert("x.log".to_owned(), 100);
    files
}

fn roll(naming: &ArchiveNaming, files: &BTreeMap<String, u64>) -> RollPlan {
    let when = Timestamp::parse(WHEN).unwrap();
    let archive = |(name, bytes): (&String, &u64)| Archive {
        name: name.clone(),
        changed: when,
        bytes: *bytes,
    };
    let listing: Vec<Archive> = files.iter().map(archive).collect();
    plan(naming, &listing, "x.log", files["x.log"], when)
}

fn rename(files: &mut BTreeMap<String, u64>, from: &str, to: &str) {
    let bytes = files.remove(from).unwrap();
    assert_eq!(files.insert(to.to_owned(), bytes), None, "{to} is overwritten");
}

fn check(pattern: &str, listing: &str, expected: &str) {
    let files = folder(listing);
    let plan = roll(&naming(pattern), &files);
    let removed = plan.remove.iter().map(|name| format!("-{name}"));
    let renamed = plan.renames.iter().map(|it| format!("{}>{}", it.from, it.to));
    assert_eq!(removed.chain(renamed).collect::<Vec<_>>().join(" "), expected, "{pattern}");

    let mut before = files;
    before.retain(|name, _| !plan.remove.contains(name));
    let mut after = before.clone();
    plan.renames.iter().for_each(|it| rename(&mut after, &it.from, &it.to));
    let outputs = Outputs { intents: plan.renames.clone(), ..Outputs::default() };
    for done in 0..=plan.renames.len() {
        let mut files = before.clone();
        plan.renames.iter().take(done).for_each(|it| rename(&mut files, &it.from, &it.to));
        for repair in repairs(&outputs, |name| files.get(name).copied()) {
            let Repair::Rename { from, to } = repair else { panic!("{pattern}: {repair:?}") };
            rename(&mut files, &from, &to);
        }
        assert_eq!(files, after, "{pattern}: a crash after {done} renames");
    }
}

#[test]
fn a_dated_name_gets_the_next_index() {
    check("x.%d.%i.log", "", "x.log>x.2025-01-27.0.log");
    check(
        "x.%d.%i.log.gz",
        "x.2025-01-27.7.log x.2025-01-27.10.log.gz x.2025-01-26.99.log.gz",
        "x.log>x.2025-01-27.11.log",
    );
    check("x.%i", "x.0 x.007", "x.log>x.8");
}

#[test]
fn a_name_without_an_index_that_is_taken_gets_one() {
    check("x.%d.log", "", "x.log>x.2025-01-27.log");
    check("x.%d.log", "x.2025-01-27.log", "x.log>x.2025-01-27.1.log");
    check("x.%d.log.gz", "x.2025-01-27.log.gz", "x.log>x.2025-01-27.1.log");
    check(
        "x.%d.log.gz",
        "x.2025-01-27.log.gz x.2025-01-27.1.log.gz x.2025-01-27.2.log",
        "x.log>x.2025-01-27.3.log",
    );
    check("{name}-%d{yyyy-MM-dd}{ext}", "x-2025-01-27.log", "x.log>x-2025-01-27.1.log");
    check("v1.2/x-%d", "v1.2/x-2025-01-27", "x.log>v1.2/x-2025-01-27.1");
    check("%d{yyyy-MM-dd}/v1.2/x", "2025-01-27/v1.2/x", "x.log>2025-01-27/v1.2/x.1");
}

#[test]
fn a_window_moves_up_and_the_oldest_goes() {
    check("x.%i.log 1..3", "", "x.log>x.1.log");
    check("x.%i.log 1..3", "x.1.log", "x.1.log>x.2.log x.log>x.1.log");
    check(
        "x.%i.log 1..3",
        "x.1.log x.2.log x.3.log x.4.log",
        "-x.3.log x.2.log>x.3.log x.1.log>x.2.log x.log>x.1.log",
    );
    check("x.%03i 0..1", "x.000 x.001", "-x.001 x.000>x.001 x.log>x.000");
    check("x.%i 5..1", "x.5", "-x.5 x.log>x.5");
    check("x.%i 0..18446744073709551615", "x.0", "x.0>x.1 x.log>x.0");
}

#[test]
fn a_hole_in_a_window_is_filled_and_nothing_goes() {
    check("x.%i.log 1..3", "x.1.log x.3.log", "x.1.log>x.2.log x.log>x.1.log");
    check("x.%i.log 1..3", "x.2.log x.3.log", "x.log>x.1.log");
}

#[test]
fn both_forms_of_a_file_move_together() {
    check(
        "x.%i.log.gz 1..3",
        "x.1.log x.1.log.gz x.2.log.gz x.3.log x.3.log.gz",
        "-x.3.log -x.3.log.gz x.2.log.gz>x.3.log.gz x.1.log>x.2.log x.1.log.gz>x.2.log.gz x.log>x.1.log",
    );
}
