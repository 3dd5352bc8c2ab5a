//! The life of the service: a loopback address, a runtime of its own, signals, and an end in order.

use crate::server::frame::Frame;
use crate::server::listen::{Bounds, listen, stop_channel};
use crate::server::problem::Problem;
use crate::server::router::router;
use crate::server::scrape::{Measures, Metrics, Refresher};
use crate::server::service::{Parts, Service};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Threads of the runtime. They only move bytes; what waits for a disk waits on other threads.
const WORKERS: usize = 2;

/// What ended the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// SIGTERM: how a supervisor asks for an end, so this is success.
    Terminated,
    /// Ctrl-C.
    Interrupted,
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// Not ADDR:PORT.
    #[error("{text:?} is no address")]
    Address {
        /// What was given.
        text: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// An address that other machines can reach.
    #[error(
        "{address} can be reached from other machines, and this service has no authentication yet"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// Somebody else has the address, or it may not be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system gives no threads, timers or signals.
    #[error("cannot start the service")]
    Start {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ServeError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            ServeError::Address { .. } => "give ADDR:PORT such as 127.0.0.1:8440",
            ServeError::NotLoopback { .. } => {
                "listen on 127.0.0.1, [::1] or localhost; from elsewhere use a tunnel (ssh -L 8440:localhost:8440 HOST) or a proxy that checks who asks"
            }
            ServeError::Bind { .. } => {
                "another service may run there: choose another with --listen, port 0 takes a free one"
            }
            ServeError::Start { .. } => "look at the limits of this process (ulimit -a)",
        }
    }
}

/// Serves on `listen_on` until a signal. `ready` is told the address before the first request; `reload` is
/// called with each SIGHUP.
pub(crate) fn serve(
    listen_on: &str,
    parts: Parts,
    measures: Measures,
    ready: impl FnOnce(SocketAddr),
    reload: impl Fn(),
) -> Result<Stopped, ServeError> {
    let address = loopback(listen_on)?;
    let start = |source| ServeError::Start { source };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(start)?;
    let epoch = parts.clock.wall().as_nanos().unsigned_abs();
    let (stopping, stop) = stop_channel();
    let metrics = Metrics::new(&measures, Arc::clone(&parts.clock));
    let service = Service::new(parts, Arc::clone(&metrics), stop.clone());
    let refresher = Refresher::start(&metrics, measures).map_err(start)?;
    let stopped = runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Bind { address, source })?;
        let address = listener.local_addr().map_err(start)?;
        let signals = Signals::new().map_err(start)?;
        let frame = Arc::new(Frame::new(address.port(), epoch, Arc::clone(&metrics)));
        let numbering = Arc::clone(&frame);
        let number = Arc::new(move |problem: &Problem| numbering.refused(problem));
        let router = router(Arc::clone(&service), frame);
        ready(address);
        let (stopped, ()) = tokio::join!(
            signals.wait(&stopping, reload),
            listen(listener, router, number, Bounds::default(), stop)
        );
        Ok(stopped)
    });
    service.owned().close();
    refresher.close();
    stopped
}

/// The address that `text` means, if only this machine can reach it.
fn loopback(text: &str) -> Result<SocketAddr, ServeError> {
    let wrong = |source| ServeError::Address { text: text.to_owned(), source };
    let mut addresses = text.to_socket_addrs().map_err(wrong)?;
    let address = addresses.next().ok_or_else(|| wrong(io::ErrorKind::NotFound.into()))?;
    let reachable = std::iter::once(address).chain(addresses).find(|a| !is_loopback(a.ip()));
    match reachable {
        None => Ok(address),
        Some(address) => Err(ServeError::NotLoopback { address }),
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(mut self, stopping: &watch::Sender<bool>, reload: impl Fn()) -> Stopped {
        let stopped = loop {
            tokio::select! {
                _ = self.terminate.recv() => break Stopped::Terminated,
                _ = self.interrupt.recv() => break Stopped::Interrupted,
                _ = self.hang_up.recv() => reload(),
            }
        };
        stopping.send_replace(true);
        stopped
    }
}

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn only_this_machine_can_reach_it() {
        for text in ["127.0.0.1:0", "[::1]:8440", "127.0.0.9:1", "localhost:8440"] {
            assert!(loopback(text).is_ok(), "{text}");
        }
        for text in
            ["0.0.0.0:8440", "[::]:8440", "10.0.0.1:1", "192.168.1.1:80", "[::ffff:8.8.8.8]:1"]
        {
            let error = loopback(text).expect_err(text);
            assert!(error.to_string().contains("other machines"), "{error}");
        }
        for text in ["", "8440", "localhost", "127.0.0.1:99999"] {
            let error = loopback(text).expect_err(text);
            assert!(error.to_string().contains("is no address"), "{error}");
        }
    }
}
