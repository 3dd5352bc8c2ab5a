//! Bodies of requests: their media type, size and pace are checked before anything is parsed.

use crate::server::limits;
use crate::server::problem::{Fault, Problem, Slug};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

/// Reads one JSON object. An empty body counts as `{}`.
///
/// A body needs `Content-Type: application/json`, because a form of another site cannot send that
/// without asking first.
pub(crate) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    check_type(headers)?;
    let bytes = collect(headers, body).await?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(|error| {
        // What serde says is about the text alone, with its line and column.
        let place = format!("line {} column {}", error.line(), error.column());
        Problem::new(Slug::InvalidBody, format!("the body is not what is expected here: {error}"))
            .with_fault(Fault {
                place: "body",
                name: place,
                value: None,
                expected: error.to_string(),
            })
    })
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = given.and_then(|value| value.split(';').next()).map(str::trim);
    match media {
        Some(media) if media.eq_ignore_ascii_case("application/json") => Ok(()),
        Some(media) => {
            Err(Problem::new(Slug::UnsupportedMediaType, format!("the body is {media:?}")))
        }
        None => Err(Problem::new(
            Slug::UnsupportedMediaType,
            "the request does not say what its body is",
        )),
    }
}

async fn collect(headers: &HeaderMap, mut body: Body) -> Result<Vec<u8>, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|len| limits::BODY_BYTES_MAX < len) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(limits::BODY_IDLE, body.frame()).await;
        let Ok(frame) = frame else {
            return Err(Problem::new(Slug::RequestTimeout, "the body stopped arriving"));
        };
        let Some(frame) = frame else {
            return Ok(bytes);
        };
        let frame = frame
            .map_err(|_| Problem::new(Slug::InvalidBody, "the body broke off while it arrived"))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if limits::BODY_BYTES_MAX < bytes.len() + data.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
}

fn too_large() -> Problem {
    Problem::new(
        Slug::BodyTooLarge,
        format!("the body has more than {} bytes", limits::BODY_BYTES_MAX),
    )
}
