//! Reading what the kernel says about a process, and measuring one.

use super::{cpu_seconds, run};
use crate::process::command;
use std::path::Path;

#[test]
fn time_is_read_behind_the_name() {
    let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 9 9 20 0 1 0 100";
    assert_eq!(cpu_seconds(stat), Some(2.0));
    assert_eq!(cpu_seconds("42 (a) S 1"), None);
}

#[test]
fn a_program_is_fed_and_its_own_time_measured() {
    let here = Path::new(".");
    let mut feeder = command("printf", here);
    let mut program = command("sh", here);
    program.args(["-c", "read line; test \"$line\" = fed"]);
    let cost = run(&mut program, Some(feeder.arg("fed\n"))).unwrap();
    assert!(cost.cpu_seconds < 1.0 && cost.wall_seconds > 0.0, "{cost:?}");
    assert!(run(&mut command("false", here), None).is_err());
}
