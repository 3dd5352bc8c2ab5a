//! What answers that go on for long have in common: a place among those that may be open, and heads that
//! keep proxies from collecting them.

use crate::server::media::Form;
use crate::server::problem::{Problem, Slug};
use crate::server::service::Service;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::Stream;
use std::io;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// A place, which is free again when this is dropped; `full` is what to say if there is none.
pub(crate) fn place(
    service: &Service,
    full: impl Into<String>,
) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(service.tails()).try_acquire_owned();
    place.map_err(|_taken| Problem::new(Slug::TooManyRequests, full))
}

/// The answer with these pieces.
pub(crate) fn answer(
    form: Form,
    pieces: impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static,
) -> Response {
    let mut answer = Response::new(Body::from_stream(pieces));
    let out = answer.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    // A proxy that collects the answer would hold back the last of it.
    out.insert("x-accel-buffering", HeaderValue::from_static("no"));
    answer
}
