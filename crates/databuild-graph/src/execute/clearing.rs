//! What dead builds left running: stopped in small steps, so that nothing has to wait for it but the
//! tasks that make the same partitions.

use super::process::Leftover;
use crate::bel::lease::owner::Owner;
use databuild_model::ids::BuildId;
use std::time::Duration;

/// Dead builds whose wrappers have not all ended.
#[derive(Debug, Default)]
pub(super) struct Clearing {
    builds: Vec<(BuildId, Vec<Leftover>)>,
}

impl Clearing {
    /// Begins with the wrappers of `build`, unless that was done before.
    pub(super) fn begin(&mut self, build: &BuildId, wrappers: &[Owner]) {
        if !self.goes_on(build) {
            let left = wrappers.iter().filter_map(Leftover::open).collect();
            self.builds.push((build.clone(), left));
        }
    }

    /// Whether there is still something of `build` to be stopped.
    pub(super) fn goes_on(&self, build: &BuildId) -> bool {
        self.builds.iter().any(|(other, _)| other == build)
    }

    /// Does what is due at `now`, and gives the builds of which nothing is left any more.
    pub(super) fn step(&mut self, now: Duration) -> Vec<BuildId> {
        let mut gone = Vec::new();
        self.builds.retain_mut(|(build, left)| {
            left.retain_mut(|wrapper| !wrapper.step(now));
            if left.is_empty() {
                gone.push(build.clone());
            }
            !left.is_empty()
        });
        gone
    }
}
