//! Everything that a contributor or CI runs.
fn main() {}
