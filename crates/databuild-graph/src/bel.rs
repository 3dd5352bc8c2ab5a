//! The build event log in SQLite: events that are appended, and what follows from them (builds,
//! tasks, runs, partitions), kept in the same transaction. Page: `docs/formats/build-event-log.md`.
//!
//! Several processes on one machine share the file without a daemon: every write is one
//! `BEGIN IMMEDIATE` transaction that checks each step against the state diagram. Nothing here starts
//! or stops anything; that is [`crate::execute`].

pub mod claim;
mod condition;
pub mod lease;
mod project;
pub mod query;
pub mod rebuild;
pub mod rows;
mod schema;
pub mod select;

use databuild_model::bel::record::EventRecord;
use databuild_model::bel::transition::Illegal;
use databuild_model::bel::{BuildEvent, BuildReceived};
use databuild_model::clock::Clock;
use databuild_model::ids::BuildId;
use databuild_model::time::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The build event log of a project, open for reading and writing. Cheap to share by reference;
/// reads go on while a write waits.
pub struct Bel {
    path: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Bel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bel").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder cannot be made.
    #[error("cannot make the folder of the build event log {}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A newer program made it.
    #[error(
        "the build event log {} is of version {found}, and this program knows versions up to {known}",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that can be used.
        known: i64,
    },
    /// SQLite refused.
    #[error("cannot open the build event log {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            OpenError::Folder { .. } => "check that the project's folder can be written",
            OpenError::Newer { .. } => {
                "use the newer `databuild`; the file was not touched and both kinds of logs are safe"
            }
            OpenError::Sqlite { .. } => {
                "check that the file can be read and written and is on a local disk; moved away, a new one is made and all partitions count as missing"
            }
        }
    }
}

/// Why events were not appended. Nothing of the transaction was kept.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The state diagram has no such step: another process was faster, or this one is wrong.
    #[error("the build event log refuses {event}")]
    Illegal {
        /// The type of the event.
        event: &'static str,
        /// Why.
        #[source]
        source: Illegal,
    },
    /// A partition is being built by somebody else.
    #[error("{partition} is not held by run {run} of this build")]
    NotHeld {
        /// The partition.
        partition: String,
        /// The run that says it made or lost it.
        run: u32,
    },
    /// The log names a thing that it never heard of.
    #[error("the build event log has no {what}")]
    Unknown {
        /// The thing.
        what: String,
    },
    /// Two builds or runs with one number or id.
    #[error("the build event log has {what} already")]
    Taken {
        /// The thing.
        what: String,
    },
    /// SQLite refused.
    #[error("cannot write the build event log")]
    Sqlite(#[source] rusqlite::Error),
    /// A row that only another program can have written.
    #[error("the build event log is damaged: {what}")]
    Damaged {
        /// Which row, and how.
        what: String,
    },
}

impl From<rusqlite::Error> for AppendError {
    fn from(source: rusqlite::Error) -> Self {
        AppendError::Sqlite(source)
    }
}

impl From<QueryError> for AppendError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Sqlite(source) => AppendError::Sqlite(source),
            QueryError::Damaged { what } => AppendError::Damaged { what },
        }
    }
}

impl AppendError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            AppendError::Illegal { .. } | AppendError::NotHeld { .. } => {
                "another process took this build or its partitions over: see `databuild runs`, then repeat the command"
            }
            AppendError::Unknown { .. }
            | AppendError::Taken { .. }
            | AppendError::Damaged { .. } => {
                "make the tables again from the events; if that fails, keep the file and report it"
            }
            AppendError::Sqlite(_) => {
                "check free space and rights of the state folder, then repeat the command"
            }
        }
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// SQLite refused.
    #[error("cannot read the build event log")]
    Sqlite(#[source] rusqlite::Error),
    /// A row that only another program can have written.
    #[error("the build event log is damaged: {what}")]
    Damaged {
        /// Which row, and how.
        what: String,
    },
}

impl From<rusqlite::Error> for QueryError {
    fn from(source: rusqlite::Error) -> Self {
        QueryError::Sqlite(source)
    }
}

impl QueryError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            QueryError::Sqlite(_) => "check rights and free space of the state folder",
            QueryError::Damaged { .. } => "keep the file and report it",
        }
    }
}

/// A write that is under way.
struct Writer<'a> {
    tx: &'a Connection,
    now: Timestamp,
}

impl Bel {
    /// Opens the log at `path`, or makes it. Brings an older one up to date.
    pub fn open(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Bel, OpenError> {
        let path = path.into();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| OpenError::Folder { path: path.clone(), source })?;
        }
        let mut writer = schema::connect(&path)?;
        schema::migrate(&path, &mut writer)?;
        let reader = schema::connect(&path)?;
        Ok(Bel { path, writer: Mutex::new(writer), reader: Mutex::new(reader), clock })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `events` of `build` in one transaction, and changes what follows from them. Answers
    /// the place of the last one. If one is refused, none is kept.
    pub fn append(
        &self,
        build: &BuildId,
        events: impl IntoIterator<Item = BuildEvent>,
    ) -> Result<u64, AppendError> {
        self.write(|writer| {
            let mut last = 0;
            for event in events {
                last = writer.append(build, event)?;
            }
            Ok(last)
        })
    }

    /// Records a new build under the next free number, with a lease until `lease_until` in the name
    /// of `owner`. `received.number` is filled in; the answer is that number.
    pub fn receive(
        &self,
        build: &BuildId,
        received: BuildReceived,
        owner: &lease::owner::Owner,
        lease_until: Timestamp,
    ) -> Result<u64, AppendError> {
        self.write(|writer| {
            let number = writer
                .tx
                .prepare_cached("SELECT coalesce(max(number), 0) + 1 FROM builds")?
                .query_row([], |row| row.get::<_, u64>(0))?;
            writer
                .append(build, BuildEvent::BuildReceived(BuildReceived { number, ..received }))?;
            lease::write(writer.tx, build, owner, lease_until)?;
            Ok(number)
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Writer<'_>) -> Result<T, AppendError>,
    ) -> Result<T, AppendError> {
        let mut connection = lock(&self.writer);
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The time is read inside, so that times grow with places among well-behaved clocks.
        let writer = Writer { tx: &tx, now: self.now() };
        let done = work(&writer)?;
        tx.commit()?;
        Ok(done)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let mut connection = lock(&self.reader);
        // One snapshot for everything that one question asks.
        let tx = connection.transaction()?;
        work(&tx)
    }
}

impl Writer<'_> {
    fn append(&self, build: &BuildId, event: BuildEvent) -> Result<u64, AppendError> {
        let mut record = EventRecord {
            idx: 0,
            event_id: uuid_v7(self.now),
            timestamp: self.now,
            build_id: build.clone(),
            event,
        };
        record.idx = schema::insert_event(self.tx, &record)?;
        project::apply(self.tx, &record)?;
        Ok(record.idx)
    }
}

/// A UUID of version 7 for this time: sorts by time, so neighbours in time are neighbours on disk.
pub(crate) fn uuid_v7(now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
    let nanos = u32::try_from(now.as_nanos().rem_euclid(1_000_000_000)).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
    uuid::Uuid::new_v7(time).to_string()
}

// A thread that panicked while it held the connection left an open transaction, which was rolled
// back when it was dropped: the connection itself is sound.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
