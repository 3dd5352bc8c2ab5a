//! An example: writes what was logged into a file, with card numbers masked.
//!
//! ```toml
//! [saver.plugins.mask]
//! command  = ["target/release/examples/mask"]
//! settings = { path = "masked.txt" }
//! ```

use databuild_plugin_sdk::{Event, Failure, Processor, Progress, Start, run};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::process::ExitCode;

#[derive(Default)]
struct Mask {
    out: Option<BufWriter<File>>,
}

impl Processor for Mask {
    fn initialize(&mut self, start: &Start) -> Result<(), Failure> {
        let path = start.text("path").unwrap_or("masked.txt");
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|error| Failure::fatal(error, "set another path"))?;
        self.out = Some(BufWriter::new(file));
        Ok(())
    }

    fn process(&mut self, event: &Event<'_>) -> Result<Progress, Failure> {
        let (Some(out), Some(message)) = (&mut self.out, event.message()) else {
            return Ok(Progress::Held);
        };
        // Run and sequence name the event for ever: after a crash it may come a second time.
        let text = masked(&message).replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(out, "{} {} {text}", event.run(), event.sequence()).map_err(Failure::transient)?;
        Ok(Progress::Held)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.flush().and_then(|()| out.get_ref().sync_data()).map_err(Failure::transient)
    }

    fn destroy(&mut self) -> Result<(), Failure> {
        self.out = None;
        Ok(())
    }
}

/// The text with all but the last four digits of each long number masked.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().map(Some).chain([None]) {
        match c {
            Some(c) if c.is_ascii_digit() => digits.push(c),
            c => {
                let masks = if digits.len() < 13 { 0 } else { digits.len() - 4 };
                out.extend(std::iter::repeat_n('*', masks));
                out.push_str(digits.get(masks..).unwrap_or_default());
                digits.clear();
                out.extend(c);
            }
        }
    }
    out
}

fn main() -> ExitCode {
    run("mask", env!("CARGO_PKG_VERSION"), Mask::default())
}
