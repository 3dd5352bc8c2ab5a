//! Every code has an explanation, and every sample is what it says.

use super::*;
use crate::config::env::Environment;
use crate::config::problem::Severity;
use crate::config::{self, tests::source};
use std::collections::BTreeSet;

#[test]
fn every_code_that_can_be_said_is_explained_and_no_other() {
    let said: BTreeSet<&str> = config::problem::Code::ALL
        .iter()
        .map(|code| code.as_str())
        .chain(databuild_graph::spec::problem::Code::ALL.iter().map(|code| code.as_str()))
        .chain(databuild_graph::spec::wanted::Code::ALL.iter().map(|code| code.as_str()))
        .chain(databuild_graph::plan::Code::ALL.iter().map(|code| code.as_str()))
        .collect();
    let explained: Vec<&str> = all().map(|explanation| explanation.code).collect();
    assert!(explained.is_sorted());
    assert_eq!(said, explained.iter().copied().collect());
    assert_eq!(said.len(), explained.len());
}

#[test]
fn every_wrong_file_has_its_error_and_every_right_one_has_none() {
    for explanation in all() {
        let codes = |sample: Sample| -> Vec<&str> {
            let Sample::File(text) = sample else { return Vec::new() };
            let (_, problems) = config::check(&source(text), &Environment::default());
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            errors.map(|problem| problem.code).collect()
        };
        if matches!(explanation.wrong, Sample::File(_)) {
            assert!(
                codes(explanation.wrong).contains(&explanation.code),
                "{}: {:?}",
                explanation.code,
                codes(explanation.wrong)
            );
        }
        assert_eq!(codes(explanation.right), Vec::<&str>::new(), "{}", explanation.code);
    }
}

#[test]
fn a_code_is_found_however_it_is_written() {
    for text in ["DB0103", "db0103", "103", "0103", " db103 "] {
        assert_eq!(find(text).map(|explanation| explanation.code), Some("DB0103"), "{text}");
    }
    for text in ["", "DB", "x", "99999999999999999999", "DB0199"] {
        assert!(find(text).is_none(), "{text}");
    }
}
