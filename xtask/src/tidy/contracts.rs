//! Traits that several kinds implement have no default methods: a default makes each wrapper that
//! forgets to forward it silently wrong.

use super::{Complaint, tree::Tree};

/// The traits with a contract suite, or with a real and a test implementation.
const TRAITS: &[&str] = &["Bus", "Clock", "Fs", "LogProcessor", "Sink"];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, rust) in tree.product_files() {
        for name in TRAITS {
            for line in default_methods(&rust.code, name) {
                let what = format!(
                    "`{name}` may have no default methods: every implementation says what it does"
                );
                complaints.push(Complaint::new(&file.path, line, what));
            }
        }
    }
    complaints
}

/// Lines on which the trait called `name` opens a method's body.
fn default_methods(code: &str, name: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    // Depth of braces below the trait's own; None outside it.
    let mut depth: Option<i64> = None;
    for (i, line) in code.lines().enumerate() {
        let opens = depth.is_none() && declares(line, name);
        if !opens && depth.is_none() {
            continue;
        }
        let before = depth.unwrap_or(0);
        if before == 1 && line.contains('{') {
            lines.push(i + 1);
        }
        let after = before + count(line, '{') - count(line, '}');
        depth = (after > 0 || (opens && !line.contains('{'))).then_some(after);
    }
    lines
}

fn declares(line: &str, name: &str) -> bool {
    line.trim_start()
        .trim_start_matches("pub ")
        .trim_start_matches("pub(crate) ")
        .strip_prefix("trait ")
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn count(line: &str, bracket: char) -> i64 {
    i64::try_from(line.matches(bracket).count()).unwrap_or(i64::MAX)
}
