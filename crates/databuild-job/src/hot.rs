//! The loop over lines by itself: bytes of a stream in, entries out, without a child, a clock or an
//! event loop. For benches and instruction counts; nothing that the product does goes through here.

use crate::emit::Emitter;
use crate::lines::{Capture, Moment};
use databuild_model::entry::Stream;
use databuild_model::ids::JobRunId;
use std::io::{self, Read, Write};

/// Writes what the wrapper makes of `input`, if it is a job's standard output, to `output`: entries
/// of `run`, all of the first moment of 1970. Answers how many.
///
/// # Errors
/// Those of `input` and `output`.
pub fn entries_of(
    run: JobRunId,
    input: &mut impl Read,
    output: &mut impl Write,
) -> io::Result<u64> {
    let mut capture = Capture::going_on(Stream::Stdout, 0, 0);
    let mut emitter = Emitter::new(run, Vec::new());
    loop {
        let got = input.read(capture.space())?;
        if got == 0 {
            break;
        }
        capture.filled(got, Moment::default());
        while capture.step(&mut emitter) {
            write_out(&mut emitter, output)?;
        }
        write_out(&mut emitter, output)?;
    }
    capture.finish(&mut emitter);
    write_out(&mut emitter, output)?;
    Ok(emitter.last_sequence())
}

fn write_out(emitter: &mut Emitter, output: &mut impl Write) -> io::Result<()> {
    let waiting = emitter.waiting();
    output.write_all(waiting)?;
    let count = waiting.len();
    emitter.written(count);
    Ok(())
}
