//! What holds for every request and answer: an id, the guard, a time limit, headers against sniffing,
//! and that an error leaves as a problem whoever made it.

use crate::server::guard;
use crate::server::limits;
use crate::server::problem::{MEDIA_TYPE, Problem, Slug};
use crate::server::router::{UNMATCHED, template};
use crate::server::scrape::Metrics;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The header that names a request, in the answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("databuild-request-id");

/// What the frame knows about the service.
pub(crate) struct Frame {
    port: u16,
    /// Tells requests of this process from those of the one before it.
    epoch: u64,
    requests: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Frame {
    /// A frame of the service on `port` that started at `epoch`.
    pub(crate) fn new(port: u16, epoch: u64, metrics: Arc<Metrics>) -> Self {
        Frame { port, epoch, requests: AtomicU64::new(0), metrics }
    }

    /// Numbers and counts an error for which there was no request.
    pub(crate) fn refused(&self, problem: &Problem) -> String {
        let status = problem.slug().status().as_u16();
        self.metrics.request(UNMATCHED, status, self.metrics.mono());
        self.next_id()
    }

    fn next_id(&self) -> String {
        format!("{:x}-{}", self.epoch, self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Lets a request through to its handler, and finishes the answer.
pub(crate) async fn frame(
    State(frame): State<Arc<Frame>>,
    request: Request,
    next: Next,
) -> Response {
    let began = frame.metrics.mono();
    let route =
        request.extensions().get::<MatchedPath>().map_or(UNMATCHED, |path| template(path.as_str()));
    let id = frame.next_id();
    let path = request.uri().path().to_owned();
    let verdict = guard::check(request.method(), request.uri(), request.headers(), frame.port);
    let answer = match verdict {
        Ok(()) => answer(request, next).await,
        Err(problem) => problem.into_response(),
    };
    let answer = finish(answer, &path, &id);
    frame.metrics.request(route, answer.status().as_u16(), began);
    answer
}

async fn answer(request: Request, next: Next) -> Response {
    let caught = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limits::ANSWER_WAIT, caught).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            Problem::new(Slug::Internal, "a handler panicked; it told why on stderr")
                .into_response()
        }
        Err(_elapsed) => Problem::new(
            Slug::AnswerTimeout,
            format!("no answer within {} s", limits::ANSWER_WAIT.as_secs()),
        )
        .into_response(),
    }
}

fn finish(mut answer: Response, path: &str, id: &str) -> Response {
    let status = answer.status();
    if status.is_client_error() || status.is_server_error() {
        let problem = answer
            .extensions_mut()
            .remove::<Problem>()
            .unwrap_or_else(|| of_status(status, path))
            .at(path, id);
        if problem.slug() == Slug::Internal {
            tell(&problem, id);
        }
        *answer.body_mut() = Body::from(problem.to_json());
        *answer.status_mut() = problem.slug().status();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.remove(header::CONTENT_LENGTH);
    }
    let headers = answer.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// The problem for an error that the router itself answered.
fn of_status(status: StatusCode, path: &str) -> Problem {
    match status {
        StatusCode::NOT_FOUND => {
            Problem::new(Slug::NotFound, format!("there is nothing at {path}"))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Slug::MethodNotAllowed, format!("{path} takes other methods"))
        }
        other if other.is_client_error() => {
            Problem::new(Slug::InvalidParameter, format!("{path} cannot be understood"))
        }
        other => Problem::new(Slug::Internal, format!("an answer without words: {other}")),
    }
}

/// Defects are told on stderr too, where whoever runs the service looks.
fn tell(problem: &Problem, id: &str) {
    anstream::eprintln!("error: request {id} failed: {}", problem.detail());
}
