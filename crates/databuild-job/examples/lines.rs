//! Makes entries of the lines on standard input and says how many: the wrapper's loop by itself, for
//! benches and instruction counts.

use databuild_job::hot::entries_of;
use databuild_model::ids::JobRunId;
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let run = JobRunId::parse("run-0")?;
    let count = entries_of(run, &mut std::io::stdin().lock(), &mut std::io::sink())?;
    writeln!(std::io::stdout(), "{count} entries")?;
    Ok(())
}
