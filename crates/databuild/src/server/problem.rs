//! Every error that the service answers, as RFC 9457 problem details: a closed list of kinds, each
//! with a status, a title, what to do, and a page at `/api/v1/problems/{slug}`.

mod kind;

pub(crate) use kind::Slug;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kind::About;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

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

/// An error answer. Boxed, since it is the error of nearly every function of the service and most of
/// them succeed.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Words>);

/// An error answer (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Words {
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
        Problem(Box::new(Words {
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
        }))
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
        self.0.errors.push(fault);
        self
    }

    /// Adds similar names.
    pub(crate) fn with_near(mut self, near: Vec<String>) -> Self {
        self.0.near = near;
        self
    }

    /// Says where it happened.
    pub(crate) fn at(mut self, instance: &str, request_id: &str) -> Self {
        self.0.instance = Some(shortened(instance));
        self.numbered(request_id)
    }

    /// Gives it its number.
    pub(crate) fn numbered(mut self, request_id: &str) -> Self {
        self.0.request_id = Some(request_id.to_owned());
        self
    }

    /// The kind.
    pub(crate) fn slug(&self) -> Slug {
        self.0.slug
    }

    /// What happened this time.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The body.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers only: this cannot fail.
        let mut out = serde_json::to_vec(&self.0).unwrap_or_default();
        out.push(b'\n');
        out
    }
}

/// The body is written here without its place; the outermost layer of the router, which knows the path
/// and the request id, writes it again with both.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.0.slug.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.0.slug == Slug::TooManyRequests
            || self.0.slug.status() == StatusCode::SERVICE_UNAVAILABLE
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
