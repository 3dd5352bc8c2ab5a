//! The serve loop: accepts connections, limits them in number, size and time, and stops in order.
//! Knows nothing of what is served.

use crate::server::limits;
use crate::server::problem::{MEDIA_TYPE, Problem, Slug};
use crate::server::slots::{Slot, Slots};
use crate::server::stall::StallGuard;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long to wait when the kernel has no descriptor for a new connection, unless one ends before.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of a connection; a test makes them short.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// See [`limits::CONNECTIONS_MAX`].
    pub(crate) connections_max: usize,
    /// See [`limits::CONNECTIONS_PER_ADDRESS_MAX`].
    pub(crate) per_address_max: usize,
    /// See [`limits::HEADER_WAIT`].
    pub(crate) header_wait: Duration,
    /// See [`limits::WRITE_STALL`].
    pub(crate) write_stall: Duration,
    /// See [`limits::STOP_GRACE`].
    pub(crate) stop_grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            connections_max: limits::CONNECTIONS_MAX,
            per_address_max: limits::CONNECTIONS_PER_ADDRESS_MAX,
            header_wait: limits::HEADER_WAIT,
            write_stall: limits::WRITE_STALL,
            stop_grace: limits::STOP_GRACE,
        }
    }
}

/// Serves `router` until `stop` becomes true, then lets requests that are under way finish for the
/// grace time. Every connection's task is joined when this returns.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Slots::new(bounds.connections_max, bounds.per_address_max);
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, or the client has gone again: neither is a reason to stop.
            let _freed = tokio::time::timeout(ACCEPT_PAUSE, tasks.join_next()).await;
            continue;
        };
        match slots.take(peer.ip()) {
            Some(slot) => {
                let connection = connection(stream, &router, &bounds);
                let watched = graceful.watch(connection);
                tasks.spawn(hold(slot, watched));
            }
            None => refuse(&stream),
        }
    }
    drop(listener);
    let _in_time = tokio::time::timeout(bounds.stop_grace, graceful.shutdown()).await;
    tasks.shutdown().await;
}

type Connection = http1::Connection<TokioIo<StallGuard>, TowerToHyperService<Router>>;

fn connection(stream: TcpStream, router: &Router, bounds: &Bounds) -> Connection {
    // Small answers matter more here than full packets.
    let _best_effort = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_wait)
        .max_buf_size(2 * limits::HEADER_BYTES_MAX)
        .serve_connection(
            TokioIo::new(StallGuard::new(stream, bounds.write_stall)),
            TowerToHyperService::new(router.clone()),
        )
}

/// Keeps the place of a connection until it ended. How it ended is the client's affair: it has had
/// its answer, or has gone.
async fn hold(slot: Slot, connection: impl Future<Output = Result<(), hyper::Error>>) {
    let _gone = connection.await;
    drop(slot);
}

/// Says why, as far as the socket's buffer takes it without waiting.
fn refuse(stream: &TcpStream) {
    let problem = Problem::new(Slug::TooManyRequests, "too many connections are open");
    let body = problem.to_json();
    let mut answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: {MEDIA_TYPE}\r\nRetry-After: 2\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    let _best_effort = stream.try_write(&answer);
}

/// The sender and receiver that tell every part of the service to stop.
pub(crate) fn stop_channel() -> (Arc<watch::Sender<bool>>, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    (Arc::new(sender), receiver)
}

#[cfg(test)]
mod tests;
