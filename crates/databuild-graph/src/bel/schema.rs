//! The tables, their version, and how connections are set up. No meaning of events here.

use super::OpenError;
use databuild_model::bel::EVENT_VERSION;
use databuild_model::bel::record::EventRecord;
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// What `PRAGMA user_version` says of a database that this program makes.
pub(super) const SCHEMA_VERSION: i64 = 1;

/// How long a writer waits for another one. Writes take milliseconds; a plan of 100,000 tasks takes
/// seconds. Past this something holds the lock that should not.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many compiled statements a connection keeps: all that this crate has.
const STATEMENTS_MAX: usize = 64;

const EVENTS: &str = "
CREATE TABLE IF NOT EXISTS events (
  idx INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  ts_ns INTEGER NOT NULL,
  build_id TEXT NOT NULL,
  type TEXT NOT NULL,
  version INTEGER NOT NULL,
  payload TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_build ON events (build_id, idx);
CREATE TABLE IF NOT EXISTS leases (
  build_id TEXT PRIMARY KEY,
  until_ns INTEGER NOT NULL,
  owner TEXT NOT NULL
) STRICT;
";

/// All that can be made again from `events`.
pub(super) const PROJECTIONS: &str = "
CREATE TABLE IF NOT EXISTS builds (
  build_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  state TEXT NOT NULL,
  kind TEXT NOT NULL,
  origin TEXT NOT NULL,
  wanted TEXT NOT NULL,
  retry_of TEXT,
  forced INTEGER NOT NULL,
  received_ns INTEGER NOT NULL,
  ended_ns INTEGER,
  up_to_date INTEGER NOT NULL DEFAULT 0,
  runs INTEGER NOT NULL DEFAULT 0,
  warnings INTEGER NOT NULL DEFAULT 0,
  errors INTEGER NOT NULL DEFAULT 0,
  cancel_by TEXT,
  reason TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS builds_by_state ON builds (state);
CREATE TABLE IF NOT EXISTS tasks (
  build_id TEXT NOT NULL,
  task INTEGER NOT NULL,
  state TEXT NOT NULL,
  job_label TEXT NOT NULL,
  outputs TEXT NOT NULL,
  reason TEXT NOT NULL,
  waiting_on TEXT,
  detail TEXT,
  PRIMARY KEY (build_id, task)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS task_counts (
  build_id TEXT NOT NULL,
  state TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (build_id, state)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
  job_run_id TEXT PRIMARY KEY,
  build_id TEXT NOT NULL,
  build_number INTEGER NOT NULL,
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  job_label TEXT NOT NULL,
  app TEXT,
  job_type TEXT,
  outputs TEXT NOT NULL,
  inputs TEXT NOT NULL,
  command TEXT NOT NULL,
  state TEXT NOT NULL,
  process TEXT,
  scheduled_ns INTEGER NOT NULL,
  started_ns INTEGER,
  ended_ns INTEGER,
  cause TEXT,
  exit_code INTEGER,
  signal INTEGER,
  duration_seconds REAL,
  entries INTEGER,
  warnings INTEGER,
  errors INTEGER,
  rows INTEGER,
  reason TEXT,
  UNIQUE (build_id, run)
) STRICT;
CREATE INDEX IF NOT EXISTS runs_by_number ON runs (build_number, run);
CREATE INDEX IF NOT EXISTS runs_by_job ON runs (job_label, build_number, run);
CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state, build_number, run);
CREATE TABLE IF NOT EXISTS partitions (
  partition TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  settled TEXT NOT NULL,
  instance INTEGER NOT NULL DEFAULT 0,
  made_ns INTEGER,
  made_by TEXT,
  last_run TEXT NOT NULL,
  changed_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partition_runs (
  partition TEXT NOT NULL,
  job_run_id TEXT NOT NULL,
  PRIMARY KEY (partition, job_run_id)
) STRICT, WITHOUT ROWID;
";

/// The tables of [`PROJECTIONS`].
pub(super) const PROJECTION_TABLES: [&str; 6] =
    ["builds", "tasks", "task_counts", "runs", "partitions", "partition_runs"];

pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let wrong = |source| OpenError::Sqlite { path: path.to_path_buf(), source };
    let connection = Connection::open(path).map_err(wrong)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(wrong)?;
    // Before anything is written: not even the journal mode of a newer file is touched.
    let found = version(&connection).map_err(wrong)?;
    if SCHEMA_VERSION < found {
        return Err(OpenError::Newer { path: path.to_path_buf(), found, known: SCHEMA_VERSION });
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(wrong)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(wrong)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

pub(super) fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let wrong = |source| OpenError::Sqlite { path: path.to_path_buf(), source };
    if version(connection).map_err(wrong)? == SCHEMA_VERSION {
        return Ok(());
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrong)?;
    tx.execute_batch(EVENTS).map_err(wrong)?;
    tx.execute_batch(PROJECTIONS).map_err(wrong)?;
    tx.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(wrong)?;
    tx.commit().map_err(wrong)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn insert_event(tx: &Connection, record: &EventRecord) -> rusqlite::Result<u64> {
    let idx = tx
        .prepare_cached(
            "INSERT INTO events (event_id, ts_ns, build_id, type, version, payload)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .insert(params![
            record.event_id,
            record.timestamp.as_nanos(),
            record.build_id.as_str(),
            record.event.type_name(),
            EVENT_VERSION,
            record.event.payload_json(),
        ])?;
    Ok(u64::try_from(idx).unwrap_or(0))
}
