//! A link of a page to a file of the tree leads somewhere.

use super::{Complaint, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (i, line) in file.text().lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            for target in targets(line).filter(|_| !fenced) {
                let path = resolve(folder, target);
                let known = tree.files.iter().any(|other| {
                    other.path == path
                        || other.path.starts_with(&format!("{}/", path.trim_end_matches('/')))
                });
                if !known && !path.is_empty() {
                    let what = format!("leads to {path}, which is not there");
                    complaints.push(Complaint::new(&file.path, i + 1, what));
                }
            }
        }
    }
    complaints
}

/// Targets of the links in a line that point into the tree, without their anchors.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ']).next()?;
        let outside = target.contains("://") || target.starts_with("mailto:");
        let path = target.split('#').next()?;
        (!outside && !path.is_empty()).then_some(path)
    })
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
