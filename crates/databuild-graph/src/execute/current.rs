//! The project of an engine, which may be another one tomorrow: whoever plans or builds takes it as it is
//! then, and keeps that to the end.

use crate::spec::ProjectSpec;
use std::sync::{Arc, PoisonError, RwLock};

/// What makes what, as of now; nothing where only single commands are run.
#[derive(Debug, Default)]
pub struct CurrentSpec(RwLock<Option<Arc<ProjectSpec>>>);

impl CurrentSpec {
    /// As it is now.
    pub fn get(&self) -> Option<Arc<ProjectSpec>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it is this one. Builds that have begun go on with theirs.
    pub fn set(&self, spec: Option<Arc<ProjectSpec>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = spec;
    }
}

impl From<Option<Arc<ProjectSpec>>> for CurrentSpec {
    fn from(spec: Option<Arc<ProjectSpec>>) -> Self {
        CurrentSpec(RwLock::new(spec))
    }
}
