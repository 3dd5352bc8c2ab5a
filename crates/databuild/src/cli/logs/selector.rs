//! `-l job=clean,region=eu`: runs by their job and by the keys of the partitions that they make.

use super::super::outcome::{Exit, Failure};
use databuild_graph::bel::rows::RunRow;
use databuild_graph::spec::ProjectSpec;
use databuild_model::ids::PartitionRef;

/// Conditions that all must hold.
#[derive(Debug, Default)]
pub(super) struct Selector(Vec<(String, String)>);

impl Selector {
    /// Reads `KEY=VALUE` texts.
    pub(super) fn parse(texts: &[String]) -> Result<Selector, Failure> {
        let mut conditions = Vec::new();
        for text in texts {
            match text.trim().split_once('=') {
                Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                    conditions.push((key.to_owned(), value.to_owned()));
                }
                Some(_) | None => {
                    return Err(Failure::text(
                        Exit::Usage,
                        format!("-l: {text:?} is not KEY=VALUE"),
                    )
                    .remedy("give job=clean, or a partition key such as region=eu"));
                }
            }
        }
        Ok(Selector(conditions))
    }

    /// Whether it has no condition.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the run fulfils all of it. A key is one that the project knows, or one that stands in
    /// the ref itself, so that runs of other projects and of old jobs are found too.
    pub(super) fn matches(&self, run: &RunRow, spec: &ProjectSpec) -> bool {
        self.0.iter().all(|(key, value)| match key.as_str() {
            "job" => run.job_label.as_str() == value,
            key => run.outputs.iter().any(|output| has_key(output, key, value, spec)),
        })
    }
}

fn has_key(output: &PartitionRef, key: &str, value: &str, spec: &ProjectSpec) -> bool {
    let text = output.as_str();
    if text.split('/').any(|part| part.split_once('=') == Some((key, value))) {
        return true;
    }
    let Some(id) = spec.keys.find(key) else { return false };
    let mut outs = spec.jobs.iter().flat_map(|job| &job.out);
    outs.any(|out| out.bind(&spec.keys, text).and_then(|run| run.get(id)) == Some(value))
}
