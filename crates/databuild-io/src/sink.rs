//! A place that keeps files: a folder of this machine, of HDFS, of an object store. The trait, its errors,
//! and the suite that every implementation passes; nothing here knows what is in the files.

pub mod contract;
mod local;
pub mod model;

pub use local::{LocalSink, Modes};

use databuild_model::time::Timestamp;
use std::fmt::Debug;

/// A place that keeps files. Paths are relative to it, of names with slashes between them, and can be
/// neither empty nor lead out of it.
///
/// What survives a crash of ours is what was appended; what survives a power cut is what was synced.
pub trait Sink: Send + Sync + Debug {
    /// What place it is: the disk, the name space, the bucket. The same as long as files stay where they are;
    /// another one if something else is there now, as when a disk is not mounted.
    fn identity(&self) -> Result<String, SinkError>;

    /// What is known of the file at `path`; nothing if there is none.
    fn stat(&self, path: &str) -> Result<Option<Stat>, SinkError>;

    /// The files of a folder, in no order, without its folders; none if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<Listed>, SinkError>;

    /// The folders in a folder, in no order; none if there is no such folder.
    fn folders(&self, folder: &str) -> Result<Vec<String>, SinkError>;

    /// Opens the file at `path` to write behind its first `at` bytes: what is behind them is gone. A file
    /// that is not there is made if `at` is 0, with the folders that it needs. Bytes that are missing are
    /// [`SinkErrorKind::Short`].
    fn append_from(&self, path: &str, at: u64) -> Result<Box<dyn SinkFile>, SinkError>;

    /// At most `bytes_max` bytes of the file at `path` from `offset` on; fewer at its end alone.
    fn read(&self, path: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SinkError>;

    /// Gives a file another name in the same place. It never overwrites: a name that is taken is
    /// [`SinkErrorKind::Exists`]. Folders that the new name needs are made.
    fn rename(&self, from: &str, to: &str) -> Result<(), SinkError>;

    /// Removes a file; one that is not there is [`SinkErrorKind::Missing`].
    fn remove(&self, path: &str) -> Result<(), SinkError>;

    /// Makes the names on the way to `path` survive a power cut: what was made, renamed or removed beside
    /// it, and the folders above it.
    fn sync_names(&self, path: &str) -> Result<(), SinkError>;

    /// Takes the lock at `path`, which is held until it is dropped or we die. Nothing if another holds it.
    fn lock(&self, path: &str) -> Result<Option<Box<dyn SinkLock>>, SinkError>;
}

/// A file that is being written, by one writer.
pub trait SinkFile: Send + Debug {
    /// Appends all of `bytes`. After an error nothing is known of what is behind the length that the last
    /// sync told: open the file anew at a known length. Into a file that somebody else has shortened
    /// nothing is appended: [`SinkErrorKind::Short`].
    fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError>;

    /// Makes what was appended survive a power cut, and tells how much of the file does: its length, or
    /// less where a place can keep large pieces only. After an error it must not be asked again: what was
    /// not synced before has to be written anew.
    fn sync(&mut self) -> Result<u64, SinkError>;

    /// Whether the name still leads to this file, and how long it is; or what somebody else has done to it.
    fn place(&self) -> Result<FilePlace, SinkError>;

    /// Closes the file. What was not synced may still be lost.
    fn close(self: Box<Self>) -> Result<(), SinkError>;
}

/// Where an open file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilePlace {
    /// Under its name.
    Here {
        /// Its length: less than what was appended if somebody shortened it, more if somebody else wrote
        /// into it.
        bytes: u64,
    },
    /// Somebody gave it another name: what is in it is kept.
    Renamed,
    /// Somebody removed it: what is in it is lost when it is closed.
    Removed,
}

/// A lock that is held as long as this lives.
pub trait SinkLock: Send + Debug {}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its length.
    pub bytes: u64,
    /// When it was last changed.
    pub changed: Timestamp,
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name within the folder.
    pub name: String,
    /// What is known of it.
    pub stat: Stat,
}

/// What kind of trouble it is; each wants something else to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SinkErrorKind {
    /// There is no such file.
    Missing,
    /// The name is taken.
    Exists,
    /// The file is shorter than what was asked for.
    Short,
    /// The path is none: empty, with empty names, with `.` or `..`, or it leads through a link.
    BadPath,
    /// Not allowed.
    Denied,
    /// No space, or a quota is used up.
    Full,
    /// It may be otherwise when it is tried again.
    Transient,
}

/// Why a place did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}")]
pub struct SinkError {
    /// What kind of trouble.
    pub kind: SinkErrorKind,
    /// What was asked for: `append to`, `rename`, ….
    pub doing: &'static str,
    /// The file, as a person would look for it.
    pub path: String,
    /// What the place said.
    #[source]
    pub source: Option<std::io::Error>,
}

impl SinkError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.kind {
            SinkErrorKind::Missing => {
                "somebody else removed it: leave what the saver writes to the saver"
            }
            SinkErrorKind::Exists => "move the file with that name out of the way",
            SinkErrorKind::Short => {
                "somebody else shortened it: leave what the saver writes to the saver"
            }
            SinkErrorKind::BadPath => "give a path of plain names below the base, without links",
            SinkErrorKind::Denied => "give the saver's user the right to write there",
            SinkErrorKind::Full => "free space there; the pipeline goes on by itself",
            SinkErrorKind::Transient => {
                "look at the disk or the service; the pipeline tries again by itself"
            }
        }
    }
}

/// Whether `path` is one that a [`Sink`] takes: names of at most 255 bytes with single slashes between
/// them, none of them `.` or `..`.
pub fn is_path(path: &str) -> bool {
    path.split('/').all(|name| {
        !name.is_empty() && name.len() <= 255 && name != "." && name != ".." && !name.contains('\0')
    })
}
