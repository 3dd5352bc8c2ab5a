//! What earlier starts of a pipeline have left in its folders, found by the names that its files and archives
//! can have.

use super::retain::{Listings, join_folder};
use super::trouble;
use super::writer::{MultiFileWriter, join};
use databuild_io::sink::{SinkError, SinkErrorKind};
use databuild_plugin::processor::ProcessorError;
use databuild_policy::roll::name::ArchiveName;
use std::collections::BTreeSet;

impl MultiFileWriter {
    /// The files of this pipeline that are there, or of which archives are there.
    pub(super) fn search(&self) -> Result<BTreeSet<String>, ProcessorError> {
        let mut found = BTreeSet::new();
        let Some(naming) = &self.settings.archive else { return Ok(found) };
        let own = &self.settings.own;
        let mut folders = vec![String::new()];
        for depth in 0..own.depth().saturating_sub(1) {
            let mut deeper = Vec::new();
            for folder in &folders {
                let names = passable(self.sink.folders(folder))?.into_iter();
                let names = names.filter(|name| own.may_name(depth, name));
                deeper.extend(names.map(|name| join(folder, &name)));
            }
            folders = deeper;
        }
        for folder in &folders {
            for file in self.files_of(folder, naming.name())? {
                found.insert(join(folder, &file));
            }
        }
        Ok(found)
    }

    /// Names of files in `folder` that are there, or of which archives are.
    fn files_of(
        &self,
        folder: &str,
        name: &ArchiveName,
    ) -> Result<BTreeSet<String>, ProcessorError> {
        let own = &self.settings.own;
        if let Some(only) = own.literal_name() {
            return Ok(BTreeSet::from([only.to_owned()]));
        }
        let last = own.depth().saturating_sub(1);
        let extension = own.literal_extension().unwrap_or_default();
        let mut found = BTreeSet::new();
        for within in self.places(folder, name, &mut Listings::default())? {
            for file in passable(self.sink.list(&join_folder(folder, &within)))? {
                let of = name.origins(&join(&within, &file.name), extension);
                // What looks like an archive is one.
                let of = if of.is_empty() && within.is_empty() { vec![file.name] } else { of };
                found.extend(of.into_iter().filter(|file| own.may_name(last, file)));
            }
        }
        Ok(found)
    }
}

/// A folder of others, into which we may not look, has nothing of ours.
fn passable<T>(listed: Result<Vec<T>, SinkError>) -> Result<Vec<T>, ProcessorError> {
    match listed {
        Err(SinkError { kind: SinkErrorKind::Denied | SinkErrorKind::BadPath, .. }) => {
            Ok(Vec::new())
        }
        listed => listed.map_err(trouble),
    }
}
