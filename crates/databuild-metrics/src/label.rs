//! What may stand behind the `=` of a label: values from sets that people keep small.

use crate::saver::PipelineState;
use databuild_model::cause::Cause;
use databuild_model::ids::{AppName, JobLabel, PipelineName};
use databuild_model::level::Level;

mod sealed {
    pub trait Sealed {}
}

/// A value that may label a series, because there are only ever a few of its kind.
///
/// Sealed: a partition, a run or a build has no implementation and can get none outside this file.
///
/// ```compile_fail
/// use databuild_metrics::label::LabelValue;
/// use databuild_model::ids::PartitionRef;
/// fn label(value: &impl LabelValue) -> String { value.label() }
/// label(&PartitionRef::parse("clean/date=2025-01-27").unwrap());
/// ```
///
/// ```
/// use databuild_metrics::label::LabelValue;
/// use databuild_model::ids::JobLabel;
/// fn label(value: &impl LabelValue) -> String { value.label() }
/// assert_eq!(label(&JobLabel::parse("clean").unwrap()), "clean");
/// ```
pub trait LabelValue: sealed::Sealed {
    /// The text of the label.
    fn label(&self) -> String;
}

macro_rules! label_values {
    ($($kind:ty),*) => {$(
        impl sealed::Sealed for $kind {}
        impl LabelValue for $kind {
            fn label(&self) -> String {
                self.as_str().to_owned()
            }
        }
    )*};
}

label_values!(JobLabel, AppName, PipelineName, PipelineState, Level, Cause);
