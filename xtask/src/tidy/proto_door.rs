//! Generated protobuf types appear behind one door, `model::proto`, so that the rest of the product
//! has one entry type.

use super::{Complaint, tree::Tree};

const DOOR: &str = "crates/databuild-model/src/proto";
const SIGNS: &[&str] = &["prost::", "proto::generated", "generated::databuild"];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, rust) in tree.product_files().filter(|(file, _)| !file.path.starts_with(DOOR)) {
        for (i, line) in rust.code.lines().enumerate() {
            if SIGNS.iter().any(|sign| line.contains(sign)) {
                let what = "generated types stay behind model::proto: add a function there that speaks our types";
                complaints.push(Complaint::new(&file.path, i + 1, what));
            }
        }
    }
    complaints
}
