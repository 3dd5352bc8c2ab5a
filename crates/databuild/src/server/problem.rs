//! Every error that the service answers, as RFC 9457 problem details: a closed list of kinds, each
//! with a status, a title, what to do, and a page at `/api/v1/problems/{slug}`.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of problems. The last part of `type`, and for ever the name of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slug {
    InvalidParameter,
    InvalidBody,
    HostNotAllowed,
    CrossSite,
    RunNotFound,
    BuildNotFound,
    PartitionNotFound,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    RequestTimeout,
    NotRunningHere,
    AlreadyEnded,
    CursorExpired,
    BodyTooLarge,
    UnsupportedMediaType,
    HeadersTooLarge,
    ConfigInvalid,
    PlanInvalid,
    TooManyRequests,
    Internal,
    NotReady,
    AnswerTimeout,
    StoreUnwritable,
}

/// What is to be said about a kind of problem, wherever it occurs.
struct About {
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    remedy: &'static str,
}

const fn about(
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    remedy: &'static str,
) -> About {
    About { slug, status, title, remedy }
}

impl Slug {
    /// All kinds, in the order of their status.
    pub(crate) const ALL: [Slug; 24] = [
        Slug::InvalidParameter,
        Slug::InvalidBody,
        Slug::HostNotAllowed,
        Slug::CrossSite,
        Slug::RunNotFound,
        Slug::BuildNotFound,
        Slug::PartitionNotFound,
        Slug::NotFound,
        Slug::MethodNotAllowed,
        Slug::NotAcceptable,
        Slug::RequestTimeout,
        Slug::NotRunningHere,
        Slug::AlreadyEnded,
        Slug::CursorExpired,
        Slug::BodyTooLarge,
        Slug::UnsupportedMediaType,
        Slug::ConfigInvalid,
        Slug::PlanInvalid,
        Slug::TooManyRequests,
        Slug::HeadersTooLarge,
        Slug::Internal,
        Slug::NotReady,
        Slug::AnswerTimeout,
        Slug::StoreUnwritable,
    ];

    const fn about(self) -> About {
        use StatusCode as S;
        match self {
            Slug::InvalidParameter => about(
                "invalid-parameter",
                S::BAD_REQUEST,
                "A parameter is not valid",
                "Correct what `errors` names; the parameters of each path are in /api/v1/openapi.json.",
            ),
            Slug::InvalidBody => about(
                "invalid-body",
                S::BAD_REQUEST,
                "The body cannot be understood",
                "Send one JSON object as described in /api/v1/openapi.json.",
            ),
            Slug::HostNotAllowed => about(
                "host-not-allowed",
                S::MISDIRECTED_REQUEST,
                "This service does not answer to that host name",
                "Use http://localhost, http://127.0.0.1 or http://[::1] with the port of the service.",
            ),
            Slug::CrossSite => about(
                "cross-site",
                S::FORBIDDEN,
                "A page of another site may not do this",
                "Send the request from a program, or from a page that this service served.",
            ),
            Slug::RunNotFound => about(
                "run-not-found",
                S::NOT_FOUND,
                "There is no such job run",
                "Look for the run in /api/v1/jobs or with `databuild runs`; `near` has similar ids.",
            ),
            Slug::BuildNotFound => about(
                "build-not-found",
                S::NOT_FOUND,
                "There is no such build",
                "Look for the build in /api/v1/builds or with `databuild runs`.",
            ),
            Slug::PartitionNotFound => about(
                "partition-not-found",
                S::NOT_FOUND,
                "Nothing is known about this partition",
                "Look for it in /api/v1/partitions; percent-encode the ref, its slashes too.",
            ),
            Slug::NotFound => about(
                "not-found",
                S::NOT_FOUND,
                "There is nothing at this path",
                "The paths of this service are in /api/v1/openapi.json.",
            ),
            Slug::MethodNotAllowed => about(
                "method-not-allowed",
                S::METHOD_NOT_ALLOWED,
                "This path does not take that method",
                "Use one of the methods in the `Allow` header.",
            ),
            Slug::NotAcceptable => about(
                "not-acceptable",
                S::NOT_ACCEPTABLE,
                "None of the accepted forms can be given",
                "Ask for one of the media types in `detail`, or leave `Accept` out.",
            ),
            Slug::RequestTimeout => about(
                "request-timeout",
                S::REQUEST_TIMEOUT,
                "The request did not arrive in time",
                "Send the whole body without long pauses.",
            ),
            Slug::NotRunningHere => about(
                "not-running-here",
                S::CONFLICT,
                "Another process runs this",
                "Stop it where it was started, with Ctrl-C; this service only stops its own builds.",
            ),
            Slug::AlreadyEnded => about(
                "already-ended",
                S::CONFLICT,
                "This has ended already",
                "Nothing is left to do; read its state with GET.",
            ),
            Slug::CursorExpired => about(
                "cursor-expired",
                S::GONE,
                "The cursor points to what is no longer there",
                "Start again without `cursor`.",
            ),
            Slug::BodyTooLarge => about(
                "body-too-large",
                S::PAYLOAD_TOO_LARGE,
                "The body is too large",
                "Send at most 1 MiB; split a large request into several builds.",
            ),
            Slug::UnsupportedMediaType => about(
                "unsupported-media-type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body has a form that is not taken here",
                "Send `Content-Type: application/json`.",
            ),
            Slug::ConfigInvalid => about(
                "config-invalid",
                S::UNPROCESSABLE_ENTITY,
                "The project's configuration is not valid",
                "Run `databuild check` in the project; it names every error with its line.",
            ),
            Slug::PlanInvalid => about(
                "plan-invalid",
                S::UNPROCESSABLE_ENTITY,
                "What is wanted cannot be planned",
                "Correct what `errors` names; `databuild build -n REF` shows the same.",
            ),
            Slug::TooManyRequests => about(
                "too-many-requests",
                S::TOO_MANY_REQUESTS,
                "The service is at its limit",
                "Wait as long as `Retry-After` says, then try again.",
            ),
            Slug::HeadersTooLarge => about(
                "headers-too-large",
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The address and headers are too large",
                "Send at most 32 KiB before the body; clear cookies of other services on localhost.",
            ),
            Slug::Internal => about(
                "internal",
                S::INTERNAL_SERVER_ERROR,
                "The service failed",
                "This is our defect. Report it with `request_id` and what the service printed.",
            ),
            Slug::NotReady => about(
                "not-ready",
                S::SERVICE_UNAVAILABLE,
                "The service cannot do this now",
                "Ask /readyz?verbose what is missing, then try again.",
            ),
            Slug::AnswerTimeout => about(
                "answer-timeout",
                S::SERVICE_UNAVAILABLE,
                "The answer took too long",
                "Ask for less (`since`, `limit`), and check the disk that holds the logs.",
            ),
            Slug::StoreUnwritable => about(
                "store-unwritable",
                S::INSUFFICIENT_STORAGE,
                "Logs or state cannot be written",
                "Free space, or correct the permissions of the folder that `detail` names.",
            ),
        }
    }

    /// The name in URLs.
    pub(crate) const fn as_str(self) -> &'static str {
        self.about().slug
    }

    /// The HTTP status of every problem of this kind.
    pub(crate) const fn status(self) -> StatusCode {
        self.about().status
    }

    /// What a person does about it.
    pub(crate) const fn remedy(self) -> &'static str {
        self.about().remedy
    }

    /// The kind with this name.
    pub(crate) fn parse(text: &str) -> Option<Slug> {
        Slug::ALL.into_iter().find(|slug| slug.as_str() == text)
    }

    /// The page about this kind.
    pub(crate) fn page(self) -> String {
        let About { slug, status, title, remedy } = self.about();
        format!("{title}\n\nproblem  {slug}\nstatus   {status}\n\nWhat to do: {remedy}\n")
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Where: `path`, `query`, `header`, `body` or `config`.
    #[serde(rename = "in")]
    pub(crate) place: &'static str,
    /// The parameter, header or key.
    pub(crate) name: String,
    /// What was given, shortened to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// What may stand there, or what is wrong.
    pub(crate) expected: String,
}

/// An error answer (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    #[serde(skip)]
    slug: Slug,
    /// `/api/v1/problems/{slug}`: a page on the same server.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status, once more.
    status: u16,
    /// What happened this time.
    detail: String,
    /// What to do about it.
    remedy: &'static str,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// What is wrong in the request, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// Similar names that exist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    near: Vec<String>,
    /// The same as in the header `Databuild-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Problem {
    /// A problem of kind `slug`; `detail` says what happened this time.
    pub(crate) fn new(slug: Slug, detail: impl Into<String>) -> Self {
        let About { slug: name, status, title, remedy } = slug.about();
        Problem {
            slug,
            kind: format!("/api/v1/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            remedy,
            instance: None,
            errors: Vec::new(),
            near: Vec::new(),
            request_id: None,
        }
    }

    /// A parameter that is not valid.
    pub(crate) fn parameter(
        place: &'static str,
        name: &str,
        value: &str,
        expected: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Problem::new(Slug::InvalidParameter, detail).with_fault(Fault {
            place,
            name: name.to_owned(),
            value: Some(shortened(value)),
            expected: expected.into(),
        })
    }

    /// Adds one thing that is wrong.
    pub(crate) fn with_fault(mut self, fault: Fault) -> Self {
        self.errors.push(fault);
        self
    }

    /// Adds similar names.
    pub(crate) fn with_near(mut self, near: Vec<String>) -> Self {
        self.near = near;
        self
    }

    /// Says where it happened.
    pub(crate) fn at(mut self, instance: &str, request_id: &str) -> Self {
        self.instance = Some(shortened(instance));
        self.request_id = Some(request_id.to_owned());
        self
    }

    /// The kind.
    pub(crate) fn slug(&self) -> Slug {
        self.slug
    }

    /// The body.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers only: this cannot fail.
        let mut out = serde_json::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }
}

/// The body is written here without its place; the outermost layer of the router, which knows the path
/// and the request id, writes it again with both.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.slug.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.slug == Slug::TooManyRequests
            || self.slug.status() == StatusCode::SERVICE_UNAVAILABLE
        {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// At most 200 characters: a request cannot make its answer large.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
