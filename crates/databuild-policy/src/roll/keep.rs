//! Which rolled files go: those beyond a number, an age or a total, each counted literally. What is there
//! is read from the folder, so files of any age are found, and of an idle pipeline too.

use databuild_model::time::Timestamp;
use std::time::Duration;

/// What is kept; whichever is reached first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepPolicy {
    /// At most so many files.
    pub files: Option<u64>,
    /// None that was changed longer ago.
    pub age: Option<Duration>,
    /// At most so many bytes in all.
    pub bytes: Option<u64>,
}

/// A rolled file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name.
    pub name: String,
    /// When it was last changed.
    pub changed: Timestamp,
    /// Its length.
    pub bytes: u64,
}

/// A step of the clock forwards by more than this is no reason to remove what is old by it.
const CLOCK_STEP_MAX: Duration = Duration::from_secs(86_400);

impl KeepPolicy {
    /// The names of those that go, oldest first. `last` is the file that was closed last, and stays; if nobody
    /// knows, because an earlier process closed it, it is the one that was changed last.
    /// `before` is the time of the last look, if there was one: what became old because the clock went
    /// forward by more than a day stays until it is looked at again.
    pub fn removes<'a>(
        &self,
        archives: &'a [Archive],
        last: Option<&str>,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<&'a str> {
        let mut newest: Vec<&Archive> = archives.iter().collect();
        newest.sort_by(|a, b| (b.changed, &b.name).cmp(&(a.changed, &a.name)));
        let last = last.or_else(|| newest.first().map(|it| it.name.as_str()));
        let now = match before {
            Some(before) if CLOCK_STEP_MAX < now.since(before) => before,
            Some(_) | None => now,
        };
        let mut bytes = 0_u64;
        let mut removed = Vec::new();
        for (n, archive) in newest.iter().enumerate() {
            bytes = bytes.saturating_add(archive.bytes);
            let too_many = self.files.is_some_and(|max| max <= n as u64);
            let too_large = self.bytes.is_some_and(|max| max < bytes);
            let too_old = self.age.is_some_and(|max| max < now.since(archive.changed));
            if (too_many || too_large || too_old) && last != Some(archive.name.as_str()) {
                removed.push(archive.name.as_str());
            }
        }
        removed.reverse();
        removed
    }
}

#[cfg(test)]
mod tests;
