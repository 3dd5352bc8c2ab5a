//! Tiny graphs and what happens to their tasks, as one line each.

use super::*;

/// `graph` is a need list a task (`- 0 0,1`); `steps` are `n` (next), `d3` (done), `f3` (failed),
/// `a3` (again), `h3` (hold), `x` (give up). The answer shows what `n`, `f` and `x` gave.
#[track_caller]
fn check(graph: &str, steps: &str, expect: &str) {
    let needs: Vec<Vec<usize>> = graph
        .split_whitespace()
        .map(|list| list.split(',').filter_map(|need| need.parse().ok()).collect())
        .collect();
    let mut schedule = Schedule::new(needs.iter().map(Vec::as_slice));
    let mut seen = Vec::new();
    let list = |dropped: Vec<Dropped>| -> String {
        let names: Vec<String> = dropped.iter().map(|d| d.task.to_string()).collect();
        format!("[{}]", names.join(","))
    };
    for step in steps.split_whitespace() {
        let task = step[1..].parse().unwrap_or(0);
        match &step[..1] {
            "n" => seen.push(schedule.next().map_or("-".to_owned(), |task| task.to_string())),
            "d" => schedule.done(task),
            "f" => seen.push(list(schedule.failed(task))),
            "a" => schedule.again(task),
            "h" => schedule.hold(task),
            "x" => seen.push(list(schedule.give_up())),
            other => panic!("{other}"),
        }
    }
    let end = if schedule.is_over() { " over" } else { "" };
    assert_eq!(format!("{}{end}", seen.join(" ")), expect);
}

#[test]
fn the_smallest_number_is_next() {
    check("- - -", "n n n n", "0 1 2 -");
}

#[test]
fn a_task_waits_for_all_that_it_needs() {
    check("- - 0,1", "n n d1 n d0 n d2", "0 1 - 2 over");
}

#[test]
fn a_failure_takes_along_what_needs_it_and_nothing_else() {
    check("- 0 1 - 3 2,4", "n f0 n d3 n d4", "0 [1,2,5] 3 4 over");
}

#[test]
fn what_is_dropped_once_is_not_dropped_again() {
    check("- - 0,1", "n n f0 f1", "0 1 [2] [] over");
}

#[test]
fn a_retry_goes_back_into_the_queue() {
    check("- - 0", "n a0 n d0 n n d1 d2", "0 0 1 2 over");
}

#[test]
fn a_held_task_takes_no_turn_until_it_is_let_go() {
    check("- - 0", "n h0 n n a0 n d0 n", "0 1 - 0 2");
}

#[test]
fn giving_up_leaves_what_runs() {
    check("- - 0 -", "n n h1 x d0 n", "0 1 [1,2,3] - over");
}
