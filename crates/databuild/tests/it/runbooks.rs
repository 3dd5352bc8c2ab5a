//! Somebody reads a runbook when something is wrong already: each command in it is one that there is.

use crate::env::TestEnv;
use std::path::Path;

const HOW_TO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/how-to");

/// The commands of ours in a page: lines of blocks, and what stands between backticks.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.push(line.split(" #").next().unwrap_or_default());
        } else {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    // What goes into a file is not what is understood here.
    let words = found.into_iter().map(|command| command.split(" > ").next().unwrap_or_default());
    let ours = words.filter(|command| command.starts_with("databuild "));
    ours.map(|command| command.trim().to_owned()).collect()
}

#[test]
fn each_command_of_the_runbooks_is_understood() {
    let env = TestEnv::new();
    let mut count = 0;
    let folder = std::fs::read_dir(Path::new(HOW_TO).join("runbooks")).expect("the pages");
    let pages = folder.map(|entry| entry.expect("a page").path());
    for path in pages.chain([Path::new(HOW_TO).join("prometheus.md")]) {
        for command in commands(&std::fs::read_to_string(&path).expect("a page")) {
            // Words before it are read first, and one that is not known is an error.
            let output = env.sh(&format!("{command} --help"));
            assert!(output.status.success(), "{}: {command}\n{output:?}", path.display());
            count += 1;
        }
    }
    assert!(20 < count, "{count} commands");
}
