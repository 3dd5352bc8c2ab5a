//! Where blocks end.

use super::RunTally;
use crate::limits;
use crate::store::facts::LineReader;
use crate::testing::{log_line, run_id};

#[test]
fn a_block_ends_with_the_line_that_fills_it() {
    let line = log_line("r", 1, "WARN", "a");
    let mut lines = LineReader::new(run_id("r"));
    let looked = lines.look(line.as_bytes());
    let mut tally = RunTally::default();
    let bytes = limits::BLOCK_BYTES_MIN / 4 + 1;
    for _ in 0..10 {
        tally.line(looked.facts(), bytes);
    }
    let rows: Vec<_> =
        tally.take_blocks().iter().map(|block| (block.row.first_line, block.row.entries)).collect();
    assert_eq!(rows, [(0, 4), (4, 4)]);
    let (blocks, record) = tally.finish();
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].row.offset, blocks[0].row.end()), (8 * bytes, record.bytes));
    assert_eq!(blocks[0].postings.len(), 2);
    assert_eq!(blocks[0].postings[1].offset, 9 * bytes);
    assert_eq!(record.sequence_gaps, 9, "the same number ten times");
}
