//! The program: reads top to bottom, one exit code per outcome.
fn main() {}
