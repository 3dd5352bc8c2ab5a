//! The tables made again from the events alone.

use super::{AppendError, Bel, project, query, schema};

impl Bel {
    /// Throws away all that follows from the events and works it out again. Answers how many events
    /// there are. Nothing changes if one of them cannot be read or is refused.
    pub fn rebuild_projections(&self) -> Result<u64, AppendError> {
        self.write(|writer| {
            for table in schema::PROJECTION_TABLES {
                writer.tx.execute_batch(&format!("DROP TABLE IF EXISTS {table};"))?;
            }
            writer.tx.execute_batch(schema::PROJECTIONS)?;
            let mut n = 0;
            let mut statement =
                writer.tx.prepare(&format!("{} ORDER BY idx", query::EVENT_COLUMNS))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                project::apply(writer.tx, &query::event_of(row)?)?;
                n += 1;
            }
            Ok(n)
        })
    }
}
