//! The protocol, from the side of the plugin.

use crate::{Event, Failure, Processor, Progress, Start};
use databuild_model::plugin_frame::{
    About, Complaint, FRAME_BYTES_MAX, FromPlugin, Hello, PROTOCOL, TakenEvent, ToPlugin, Trouble,
};
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often is acknowledged while the events of one batch are processed.
const ACK_INTERVAL: Duration = Duration::from_millis(500);

/// Longest reason of a failure: what people read of it.
const REASON_CHARS_MAX: usize = 1000;

/// Serves the log saver on standard input and output until it says stop. The code to exit with.
pub fn run(name: &str, version: &str, processor: impl Processor) -> ExitCode {
    let (input, output) = (io::stdin().lock(), io::stdout().lock());
    match serve(name, version, processor, input, output) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever started us has the reason, or is gone.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The same on any streams. An error if it ended in another way than by `stop`; the saver was told why if
/// there was one to be told.
pub fn serve(
    name: &str,
    version: &str,
    processor: impl Processor,
    input: impl BufRead,
    output: impl Write,
) -> io::Result<()> {
    let about = About { protocol: PROTOCOL, name: name.to_owned(), version: version.to_owned() };
    let mut talk = Talk { processor, output, about, taken: 0, acknowledged: 0 };
    match talk.listen(input) {
        Ok(()) => Ok(()),
        Err(End::Failed(complaint)) => {
            let reason = complaint.reason.clone();
            talk.say(&FromPlugin::Error(complaint))?;
            Err(io::Error::other(reason))
        }
        Err(End::Gone(error)) => Err(error),
    }
}

/// Why it ended without `stop`.
enum End {
    Failed(Complaint),
    Gone(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Gone(error)
    }
}

struct Talk<P, W> {
    processor: P,
    output: W,
    about: About,
    /// The last position that the processor has taken.
    taken: u64,
    acknowledged: u64,
}

impl<P: Processor, W: Write> Talk<P, W> {
    fn listen(&mut self, mut input: impl BufRead) -> Result<(), End> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let most = u64::try_from(FRAME_BYTES_MAX).unwrap_or(u64::MAX);
            input.by_ref().take(most).read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                // The saver is gone: what is not acknowledged comes again.
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            match ToPlugin::read(&line) {
                Ok(ToPlugin::Hello(hello)) => self.greet(hello)?,
                Ok(ToPlugin::Batch(events)) => self.batch(events)?,
                Ok(ToPlugin::Flush(flush)) => {
                    self.processor.flush().map_err(|failure| failed(failure, None))?;
                    self.acknowledged = self.taken;
                    self.say(&FromPlugin::Flushed { flush })?;
                }
                Ok(ToPlugin::Stop) => return self.stop(),
                Err(error) => return Err(failed(Failure::transient(error), None)),
            }
        }
    }

    fn greet(&mut self, hello: Hello) -> Result<(), End> {
        if hello.protocol != PROTOCOL {
            let theirs = hello.protocol;
            let reason = format!(
                "the log saver speaks version {theirs} of the protocol, this plugin {PROTOCOL}"
            );
            let remedy = "build the plugin with a kit of the same version";
            return Err(failed(Failure::fatal(reason, remedy), None));
        }
        let start = Start { pipeline: hello.pipeline, settings: hello.settings };
        self.processor.initialize(&start).map_err(|failure| failed(failure, None))?;
        self.say(&FromPlugin::Hello(self.about.clone()))?;
        Ok(())
    }

    fn batch(&mut self, events: Vec<TakenEvent<'_>>) -> Result<(), End> {
        let mut done = 0;
        let mut said = now();
        for taken in events {
            let position = taken.position;
            let progress = self
                .processor
                .process(&Event::new(taken))
                .map_err(|failure| failed(failure, Some(position)))?;
            self.taken = position;
            if progress == Progress::Done {
                done = position;
                if ACK_INTERVAL <= said.elapsed() {
                    self.acknowledge(done)?;
                    said = now();
                }
            }
        }
        self.acknowledge(done)?;
        Ok(())
    }

    fn stop(&mut self) -> Result<(), End> {
        self.processor.flush().map_err(|failure| failed(failure, None))?;
        self.acknowledge(self.taken)?;
        self.processor.destroy().map_err(|failure| failed(failure, None))
    }

    fn acknowledge(&mut self, position: u64) -> io::Result<()> {
        if position <= self.acknowledged {
            return Ok(());
        }
        self.acknowledged = position;
        self.say(&FromPlugin::Ack { position })
    }

    fn say(&mut self, frame: &FromPlugin) -> io::Result<()> {
        let mut line = Vec::new();
        frame.write(&mut line);
        self.output.write_all(&line)?;
        self.output.flush()
    }
}

fn failed(failure: Failure, position: Option<u64>) -> End {
    let (kind, reason, remedy) = match failure {
        Failure::Transient { reason } => (Trouble::Transient, reason, String::new()),
        Failure::Poison { reason } => (Trouble::Poison, reason, String::new()),
        Failure::Fatal { reason, remedy } => (Trouble::Fatal, reason, remedy),
    };
    let reason = reason.chars().take(REASON_CHARS_MAX).collect();
    End::Failed(Complaint { kind, position, reason, remedy })
}

#[expect(clippy::disallowed_methods, reason = "a plugin has no Clock, and only measures a pause")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
