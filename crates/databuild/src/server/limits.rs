//! Every cap of the service, each with its reason.

use std::time::Duration;

/// Connections at once.
///
/// A connection costs a file descriptor and at most [`HEADER_BYTES_MAX`] of buffer: 1,024 of them stay
/// below 64 MiB, and below the usual 1,024 descriptors only just, so that a flood is refused by us with
/// an answer and not by the kernel with an error at accept.
pub(crate) const CONNECTIONS_MAX: usize = 1_024;

/// Connections at once from one address.
///
/// Half of all: on loopback every client has the same address, so a smaller share would only mean a
/// smaller service; the other half stays free for the other addresses that 127.0.0.0/8 and `::1` allow.
pub(crate) const CONNECTIONS_PER_ADDRESS_MAX: usize = 512;

/// Tails (server-sent events) at once: each may hold a blocking thread while it waits for the store,
/// and tokio has 512 of those, which other requests need too.
pub(crate) const TAILS_MAX: usize = 256;

/// Request line and headers together. The longest id we take is 2 KiB; the rest is room for cookies
/// that other services on localhost have set.
pub(crate) const HEADER_BYTES_MAX: usize = 32 << 10;

/// Request body. The largest thing that is posted is a list of partitions.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// How long a client may take for its headers, also before a further request on a connection that it
/// keeps. Whoever needs longer is not waiting for us but holding us.
pub(crate) const HEADER_WAIT: Duration = Duration::from_secs(10);

/// How long a client may send nothing in the middle of a body.
pub(crate) const BODY_IDLE: Duration = Duration::from_secs(30);

/// How long a client may take nothing of an answer that waits for it. A tab that sleeps resumes with
/// `Last-Event-ID`.
pub(crate) const WRITE_STALL: Duration = Duration::from_secs(60);

/// How long a request may take until its answer begins. The reader looks at an index, so what takes
/// this long is a disk that does not answer.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// How long the start of a build waits for its plan, so that what cannot be planned is told at once. Below
/// [`ANSWER_WAIT`], so that a long plan is a slow answer and not a failed one.
pub(crate) const PLAN_WAIT: Duration = Duration::from_secs(20);

/// How long, and how much, is still read of a client that was refused before its request was whole: a
/// connection that is closed with bytes unread takes the answer with it. Ten times what a refused head
/// has left at most.
pub(crate) const LINGER_WAIT: Duration = Duration::from_secs(2);
/// See [`LINGER_WAIT`].
pub(crate) const LINGER_BYTES_MAX: usize = 1 << 20;

/// Between two comments on a quiet stream: below the 30 s after which the strictest usual proxies
/// close one.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long one wait of a tail for news lasts: it bounds how late a stop or a vanished client is seen.
pub(crate) const TAIL_WAIT: Duration = Duration::from_millis(500);

/// How long requests that are under way may take after the service was told to stop.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);

/// Builds that the service runs at once; each has a thread and starts jobs of its own.
pub(crate) const BUILDS_MAX: usize = 8;

/// Partitions or patterns in one request to build or plan.
pub(crate) const WANTED_MAX: usize = 10_000;

/// Items of a list when the request says nothing, and the most that it may ask for.
pub(crate) const ITEMS_DEFAULT: u32 = 100;
/// Most items in one answer of a list.
pub(crate) const ITEMS_MAX: u32 = 1_000;

/// Names that a "did you mean" offers.
pub(crate) const NEAR_MAX: usize = 3;
