//! Scans the entries on standard input and says how many it took: the hot function by itself, for
//! benches and instruction counts.

use databuild_model::scan::Scanner;
use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let mut scanner = Scanner::new();
    let (mut start, mut taken, mut all) = (0, 0_u64, 0_u64);
    for end in memchr::memchr_iter(b'\n', &text) {
        let line = text.get(start..end).unwrap_or_default();
        taken += u64::from(scanner.scan(line).is_some());
        all += 1;
        start = end + 1;
    }
    writeln!(std::io::stdout(), "{taken} of {all} lines")
}
