//! What the project could make by now: every partition of every job whose keys have an end on both
//! sides.

use databuild_graph::spec::ProjectSpec;
use databuild_graph::spec::wanted::RefPattern;
use databuild_model::ids::PartitionRef;
use databuild_model::time::Timestamp;

/// Partitions that are due, and for each `out` that cannot be listed, why.
pub(super) fn due(spec: &ProjectSpec, now: Timestamp) -> (Vec<PartitionRef>, Vec<String>) {
    let (mut partitions, mut unlisted) = (Vec::new(), Vec::new());
    for out in spec.jobs.iter().flat_map(|job| &job.out) {
        let all = RefPattern::parse(&with_stars(out.as_str()));
        match all.and_then(|pattern| pattern.expand(spec, now)) {
            Ok(found) => partitions.extend(found),
            Err(why) => unlisted.push(format!("{} is not listed: {}", out.as_str(), why.message)),
        }
    }
    partitions.sort();
    partitions.dedup();
    (partitions, unlisted)
}

/// `clean/date={date}` as `clean/date=*`.
fn with_stars(pattern: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in pattern.chars() {
        match c {
            '{' => {
                inside = true;
                text.push('*');
            }
            '}' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}
