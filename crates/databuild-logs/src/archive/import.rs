//! Taking an archive in: everything beside the store first, then checked, then moved to its place.
//!
//! Members are told apart by the exact names that the manifest's runs have; a path of the archive is
//! never used. Nothing is overwritten.

use crate::format::archive::{self, ArchivedRun, MANIFEST_NAME, ManifestError};
use crate::format::index;
use crate::fs::{self, Fs, FsFile};
use crate::read::{LogReader, ReadError};
use crate::store::RunPaths;
use crate::store::rebuild::rebuild;
use crate::store::recover::write_index;
use databuild_model::ids::JobRunId;
use databuild_policy::naming::{self, RunFile};
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest manifest that is read: some hundred thousand runs.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// Largest index that is taken; above it the entries are indexed anew.
const INDEX_BYTES_MAX: u64 = 512 << 20;

/// Read of a member at once.
const READ_BYTES: usize = 1 << 20;

/// A header of a member, by which an archive begins.
const HEAD_BYTES: u64 = 512;

/// Most bytes that are quoted of what is no archive: enough to know a file by.
const QUOTED_BYTES_MAX: usize = 24;

/// Where members wait until all of them are checked, in the store's folder.
const WAITING_DIR: &str = ".import";

/// What became of a run of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The run.
    pub run: ArchivedRun,
    /// Whether it was there already, byte for byte.
    pub was_there: bool,
}

/// How something begins that is no archive, in words: `begins with "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning(String);

impl Beginning {
    fn of(head: &[u8]) -> Self {
        let quoted = head.get(..QUOTED_BYTES_MAX).unwrap_or(head);
        let more = if quoted.len() < head.len() { "…" } else { "" };
        Beginning(match head {
            [] => "is empty".to_owned(),
            _ => format!("begins with \"{}\"{more}", quoted.escape_ascii()),
        })
    }
}

impl std::fmt::Display for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an archive was not taken in. Nothing of it is in the store, unless moving to the place failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// It does not begin as one.
    #[error("this is no archive of runs: it {begins}")]
    NoManifest {
        /// How it begins.
        begins: Beginning,
    },
    /// Its manifest is of no use.
    #[error("the manifest of the archive cannot be used")]
    Manifest(#[source] ManifestError),
    /// Something in it that the manifest does not name, or that is there twice, or is no file.
    #[error("{name:?} does not belong into the archive")]
    Member {
        /// Its name.
        name: String,
    },
    /// A run that the manifest names has no entries in it.
    #[error("the entries of job run {run} are not in the archive")]
    Absent {
        /// The run.
        run: JobRunId,
    },
    /// The bytes are not those that were exported.
    #[error("the entries of job run {run} are not those that were exported")]
    Damaged {
        /// The run.
        run: JobRunId,
    },
    /// There is another run with this id.
    #[error("job run {run} is in the store already, with other entries")]
    Different {
        /// The run.
        run: JobRunId,
    },
    /// The store cannot be read.
    #[error("cannot read the store")]
    Store(#[source] ReadError),
    /// Somebody else imports just now.
    #[error("another import is under way")]
    Busy,
    /// The store cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ImportError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            ImportError::Read(_) | ImportError::NoManifest { .. } => {
                "give a file that `databuild runs export` wrote; unpack a compressed one first, such as zstdcat FILE | databuild runs import -"
            }
            ImportError::Manifest(_) => {
                "use a version of the program that is as new as the archive"
            }
            ImportError::Member { .. }
            | ImportError::Absent { .. }
            | ImportError::Damaged { .. } => {
                "the archive was changed or cut: export it again; nothing was imported"
            }
            ImportError::Different { .. } => {
                "nothing was imported; look at both, and import into another folder with DATABUILD_LOGS_DIR"
            }
            ImportError::Store(error) => error.remedy(),
            ImportError::Busy => "wait until it has ended",
            ImportError::Write { .. } => "look at the permissions and the room of the logs folder",
        }
    }
}

/// Takes in what `input` holds. Runs that are there already, byte for byte, are left as they are.
pub fn import(
    fs: &dyn Fs,
    logs_dir: &Path,
    reader: &LogReader,
    input: &mut dyn Read,
) -> Result<Vec<Imported>, ImportError> {
    let waiting = Waiting::open(fs, logs_dir)?;
    let head = head(input).map_err(ImportError::Read)?;
    let none = || ImportError::NoManifest { begins: Beginning::of(&head) };
    let mut archive = tar::Archive::new(head.as_slice().chain(input));
    let mut members = archive.entries().map_err(ImportError::Read)?;
    let first = members.next().ok_or_else(none)?;
    // What the system says has another kind: this is what the reader of archives says of the bytes.
    let told = |error: io::Error| {
        if error.kind() == io::ErrorKind::Other { none() } else { ImportError::Read(error) }
    };
    let runs = manifest(first.map_err(told)?, none)?;
    let mut places = Places::new(&runs)?;
    let there = runs.iter().map(|run| is_there(reader, run)).collect::<Result<Vec<_>, _>>()?;
    for member in members {
        let mut member = member.map_err(ImportError::Read)?;
        let (at, file) = places.take(&member)?;
        if there.get(at) == Some(&true) {
            continue;
        }
        let Some(run) = runs.get(at) else { continue };
        match file {
            RunFile::Entries => waiting.entries(run, &mut member)?,
            RunFile::Index => waiting.index(run, &mut member)?,
        }
    }
    if let Some(run) = places.absent(&runs) {
        return Err(ImportError::Absent { run });
    }
    for (run, _) in runs.iter().zip(&there).filter(|(_, there)| !**there) {
        waiting.settle(run)?;
    }
    let done = runs.into_iter().zip(there).map(|(run, was_there)| Imported { run, was_there });
    Ok(done.collect())
}

/// The first block of `input`, or all of it if it is shorter.
fn head(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn manifest(
    member: tar::Entry<'_, impl Read>,
    none: impl FnOnce() -> ImportError,
) -> Result<Vec<ArchivedRun>, ImportError> {
    let is_manifest = *member.path_bytes() == *MANIFEST_NAME.as_bytes();
    if !is_manifest || MANIFEST_BYTES_MAX < member.size() {
        return Err(none());
    }
    let mut text = Vec::new();
    member.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(ImportError::Read)?;
    Ok(archive::read(&text).map_err(ImportError::Manifest)?.runs)
}

/// Whether the run is in the store as it is in the archive.
fn is_there(reader: &LogReader, run: &ArchivedRun) -> Result<bool, ImportError> {
    match reader.verify(&run.job_run_id, &|_| {}) {
        Ok(found) if found.record.blake3 == run.blake3 && found.record.bytes == run.bytes => {
            Ok(true)
        }
        Ok(_) => Err(ImportError::Different { run: run.job_run_id.clone() }),
        Err(ReadError::RunNotFound { .. }) => Ok(false),
        Err(error) => Err(ImportError::Store(error)),
    }
}

/// The members that may come, each once.
struct Places {
    expected: HashMap<Vec<u8>, (usize, RunFile)>,
}

impl Places {
    fn new(runs: &[ArchivedRun]) -> Result<Self, ImportError> {
        let mut expected = HashMap::new();
        let mut ids = HashSet::new();
        for (at, run) in runs.iter().enumerate() {
            if !ids.insert(&run.job_run_id) {
                return Err(ImportError::Member { name: run.job_run_id.to_string() });
            }
            for file in [RunFile::Entries, RunFile::Index] {
                let name = naming::run_path(run.day, &run.job_run_id, file);
                if expected.insert(name.clone().into_bytes(), (at, file)).is_some() {
                    return Err(ImportError::Member { name });
                }
            }
        }
        Ok(Places { expected })
    }

    fn take(
        &mut self,
        member: &tar::Entry<'_, impl Read>,
    ) -> Result<(usize, RunFile), ImportError> {
        let name = member.path_bytes();
        let is_file = member.header().entry_type() == tar::EntryType::Regular;
        let place = self.expected.remove(&*name).filter(|_| is_file);
        place.ok_or_else(|| ImportError::Member {
            name: String::from_utf8_lossy(&name).into_owned(),
        })
    }

    /// A run whose entries did not come.
    fn absent(&self, runs: &[ArchivedRun]) -> Option<JobRunId> {
        let left = self.expected.values().find(|(_, file)| *file == RunFile::Entries);
        left.and_then(|(at, _)| runs.get(*at)).map(|run| run.job_run_id.clone())
    }
}

/// The folder beside the store's days. Held by a lock as long as the import lasts.
struct Waiting<'a> {
    fs: &'a dyn Fs,
    logs_dir: &'a Path,
    dir: PathBuf,
    _lock: Box<dyn FsFile>,
}

impl<'a> Waiting<'a> {
    fn open(fs: &'a dyn Fs, logs_dir: &'a Path) -> Result<Self, ImportError> {
        let dir = logs_dir.join(WAITING_DIR);
        let path = dir.join("lock");
        let open = || -> io::Result<Option<Box<dyn FsFile>>> {
            fs.create_dir_all(&dir)?;
            let lock = match fs.create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    fs.open_append(&path)?
                }
                lock => lock?,
            };
            if !lock.try_lock()? {
                return Ok(None);
            }
            // What an import left that was interrupted.
            for item in fs.list(&dir)?.iter().filter(|item| item.name != "lock") {
                fs.remove(&dir.join(&item.name))?;
            }
            Ok(Some(lock))
        };
        match open() {
            Ok(Some(lock)) => Ok(Waiting { fs, logs_dir, dir: dir.clone(), _lock: lock }),
            Ok(None) => Err(ImportError::Busy),
            Err(source) => Err(ImportError::Write { path, source }),
        }
    }

    fn path(&self, run: &ArchivedRun, file: RunFile) -> PathBuf {
        // The last part of the path within the store: it has no folder in it.
        let path = naming::run_path(run.day, &run.job_run_id, file);
        let name = path.rsplit('/').next().unwrap_or_default();
        self.dir.join(name)
    }

    /// Writes the entries, and checks that they are those that were exported.
    fn entries(&self, run: &ArchivedRun, member: &mut dyn Read) -> Result<(), ImportError> {
        let path = self.path(run, RunFile::Entries);
        let mut hasher = blake3::Hasher::new();
        let bytes = self.copy(&path, member, run.bytes, &mut |read| {
            hasher.update(read);
        })?;
        if bytes != run.bytes || *hasher.finalize().as_bytes() != run.blake3 {
            return Err(ImportError::Damaged { run: run.job_run_id.clone() });
        }
        Ok(())
    }

    fn index(&self, run: &ArchivedRun, member: &mut dyn Read) -> Result<(), ImportError> {
        let path = self.path(run, RunFile::Index);
        self.copy(&path, member, INDEX_BYTES_MAX, &mut |_| {}).map(drop)
    }

    /// At most one byte more than `bytes_max`, so that it shows.
    fn copy(
        &self,
        path: &Path,
        member: &mut dyn Read,
        bytes_max: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<u64, ImportError> {
        let write = |source| ImportError::Write { path: path.to_owned(), source };
        let file = self.fs.create_new(path).map_err(write)?;
        let mut member = member.take(bytes_max.saturating_add(1));
        let mut buffer = vec![0; READ_BYTES];
        let mut bytes = 0;
        loop {
            let read = match member.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ImportError::Read(error)),
            };
            each(read);
            bytes += read.len() as u64;
            fs::append_all(&*file, read).map_err(|(_, error)| write(error))?;
        }
        file.sync_data().map_err(write)?;
        Ok(bytes)
    }

    /// Moves a checked run to its place: the index first, since entries make a run.
    fn settle(&self, run: &ArchivedRun) -> Result<(), ImportError> {
        let to = RunPaths::new(self.logs_dir, run.day, &run.job_run_id);
        let settle = || -> io::Result<()> {
            self.fs.create_dir_all(&to.dir)?;
            self.check_index(run)?;
            self.fs.rename(&self.path(run, RunFile::Index), &to.index)?;
            self.fs.rename(&self.path(run, RunFile::Entries), &to.entries)?;
            self.fs.sync_dir(&to.dir)?;
            self.fs.sync_dir(self.logs_dir)
        };
        settle().map_err(|source| ImportError::Write { path: to.entries.clone(), source })
    }

    /// Makes an index from the entries, unless the one that came has the seal of these very bytes.
    fn check_index(&self, run: &ArchivedRun) -> io::Result<()> {
        let path = self.path(run, RunFile::Index);
        let came = match self.fs.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(fs::read_whole(&*file?, INDEX_BYTES_MAX)?),
        };
        let index = came.as_deref().and_then(|bytes| index::read_index(bytes).ok());
        let fits = index.is_some_and(|index| {
            index.header.job_run_id == run.job_run_id
                && index.fits(run.bytes)
                && index.seal.is_some_and(|seal| seal.blake3 == run.blake3)
        });
        if fits {
            return Ok(());
        }
        if came.is_some() {
            self.fs.remove(&path)?;
        }
        let entries = self.fs.open_read(&self.path(run, RunFile::Entries))?;
        write_index(self.fs, &path, &rebuild(&*entries, &run.job_run_id, 0)?)
    }
}
