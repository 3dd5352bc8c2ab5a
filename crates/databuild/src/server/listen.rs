//! The serve loop: accepts connections, limits them in number, size and time, and stops in order.
//! Knows nothing of what is served.

use crate::server::limits;
use crate::server::plain::{self, Number, UnderWay, Worded};
use crate::server::problem::{Problem, Slug};
use crate::server::slots::{Slot, Slots};
use crate::server::stall::StallGuard;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
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
    number: Number,
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
                let connection = connection(stream, &router, &number, &bounds);
                let watched = graceful.watch(connection);
                tasks.spawn(hold(slot, watched));
            }
            None => refuse(&stream, &number),
        }
    }
    drop(listener);
    let _in_time = tokio::time::timeout(bounds.stop_grace, graceful.shutdown()).await;
    tasks.shutdown().await;
}

fn connection(
    stream: TcpStream,
    router: &Router,
    number: &Number,
    bounds: &Bounds,
) -> impl GracefulConnection<Error = hyper::Error> + use<> {
    // Small answers matter more here than full packets.
    let _best_effort = stream.set_nodelay(true);
    let under_way = UnderWay::default();
    let stream = StallGuard::new(stream, bounds.write_stall);
    let stream = Worded::new(stream, under_way.clone(), Arc::clone(number));
    let router = TowerToHyperService::new(router.clone());
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_wait)
        .max_buf_size(2 * limits::HEADER_BYTES_MAX)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request: Request<Incoming>| {
                let place = under_way.begin();
                let answer = router.call(request);
                async move { answer.await.map(|answer| place.keep(answer)) }
            }),
        )
}

/// Keeps the place of a connection until it ended. How it ended is the client's affair: it has had
/// its answer, or has gone.
async fn hold(slot: Slot, connection: impl Future<Output = Result<(), hyper::Error>>) {
    let _gone = connection.await;
    drop(slot);
}

/// Says why, as far as the socket's buffer takes it without waiting.
fn refuse(stream: &TcpStream, number: &Number) {
    let problem = Problem::new(Slug::TooManyRequests, "too many connections are open");
    let _best_effort = stream.try_write(&plain::answer(problem, number));
}

/// The sender and receiver that tell every part of the service to stop.
pub(crate) fn stop_channel() -> (Arc<watch::Sender<bool>>, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    (Arc::new(sender), receiver)
}

#[cfg(test)]
mod tests;
