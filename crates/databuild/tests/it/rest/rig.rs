//! A service in a world of its own, stopped and checked at the end of the test.

use super::client::Client;
use crate::env::TestEnv;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running service.
pub(crate) struct Service {
    child: Child,
    pub(crate) client: Client,
}

impl Service {
    /// Starts the service on a free port.
    pub(crate) fn start(env: &TestEnv, args: &[&str]) -> Service {
        Service::start_in(env, ".", args)
    }

    /// Starts the service of the project in `folder`, below the working folder.
    pub(crate) fn start_in(env: &TestEnv, folder: &str, args: &[&str]) -> Service {
        let mut command = env.databuild();
        command.args(["-C", folder]).args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        Service::of(command)
    }

    /// Starts `command`, which becomes the service on a free port.
    pub(crate) fn of(mut command: Command) -> Service {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the address");
        let address = line.trim().strip_prefix("http://").unwrap_or_default().parse();
        let Ok(address) = address else {
            let output = child.wait_with_output().expect("ended");
            panic!("no address: {}", String::from_utf8_lossy(&output.stderr));
        };
        Service { child, client: Client { address } }
    }

    /// Sends a signal and waits for the end; also what was said on stderr.
    pub(crate) fn stop(mut self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        let status = self.child.wait().expect("ended");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        (status, said)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a process of ours");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Already ended if the test stopped it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
