//! A service of the product: started, asked for a build as any client would, and stopped in order.

use crate::clock::Stopwatch;
use crate::world::{World, must_end, wait};
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A service that was started, and may have been killed since.
pub(crate) struct Service {
    child: Child,
    address: String,
}

/// How soon a service is there, also when it has to put a store right.
const READY_MAX: Duration = Duration::from_secs(20);

impl Service {
    /// Starts one and waits until it listens. Nothing if it was killed before that.
    pub(crate) fn start(world: &World) -> Result<Option<Service>> {
        let mut command = world.databuild();
        command.args(["serve", "-q", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let watch = Stopwatch::start();
        let mut child = world.start(&mut command)?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no pipe")?).read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("http://") else {
            let status = wait(&mut child, READY_MAX)?.context("it neither listens nor ends")?;
            ensure!(!is_an_end(status), "the service ends with {status}: {}", world.said());
            return Ok(None);
        };
        ensure!(watch.elapsed() < READY_MAX, "it listens after {:?} only", watch.elapsed());
        Ok(Some(Service { child, address: address.to_owned() }))
    }

    /// Asks for a build; answers the status and the body.
    pub(crate) fn build(&self, want: &[String]) -> Result<(u16, String)> {
        let want: Vec<_> = want.iter().map(|one| format!("\"{one}\"")).collect();
        let body = format!("{{\"want\":[{}],\"jobs\":3}}", want.join(","));
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(READY_MAX))?;
        write!(
            stream,
            "POST /api/v1/builds HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
        Ok((status.context("no answer")?, answer))
    }

    /// Whether it was killed.
    pub(crate) fn is_gone(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Stops it in order, if it is there.
    pub(crate) fn stop(mut self, world: &World, patience: Duration) -> Result<()> {
        if self.is_gone()? {
            return Ok(());
        }
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        let status = must_end(&mut self.child, world, patience)?;
        ensure!(status.success(), "the service ends with {status}: {}", world.said());
        Ok(())
    }
}

/// Whether a process ended by itself.
fn is_an_end(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal().is_none()
}
