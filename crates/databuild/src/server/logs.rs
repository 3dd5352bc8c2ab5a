//! `GET /api/v1/jobs/{job_run_id}/logs`: one question, five forms of the answer; and windows by line
//! number for viewers.

use crate::server::logs_query::{KNOWN, LogsQuery};
use crate::server::media::Form;
use crate::server::params::Params;
use crate::server::problem::{Problem, Words};
use crate::server::service::Service;
use crate::server::tail::{self, TailForm};
use crate::wire;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use databuild_logs::read::{LogsPage, RunState};
use databuild_model::ids::JobRunId;
use databuild_model::limits;
use futures_util::stream::try_unfold;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;

/// Whether there is a next page.
const HAS_MORE: HeaderName = HeaderName::from_static("databuild-has-more");
/// How many stored lines had no form in this answer.
const UNREADABLE: HeaderName = HeaderName::from_static("databuild-unreadable-lines");
/// What an ended run's answers may be kept for: they cannot change.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// What other answers may be kept for: until they are asked for again.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The log entries of one job run.
#[utoipa::path(get, path = "/api/v1/jobs/{job_run_id}/logs", operation_id = "get_job_logs", tag = "logs",
    params(
        ("job_run_id" = String, Path, description = "The run's id, or BUILD.RUN such as 42.6"),
        ("since" = Option<String>, Query, description = "At or after: RFC 3339, an age such as 15m, integer nanoseconds, or float seconds"),
        ("until" = Option<String>, Query, description = "Before: as since"),
        ("level" = Option<String>, Query, description = "The lowest level: trace, debug, info, warn, error, fatal, or 1-24; alone it means kind=log"),
        ("kind" = Option<String>, Query, description = "log, metric, event, manifest; several with commas"),
        ("q" = Option<String>, Query, description = "A text in the entry; case counts only if it has a capital letter"),
        ("limit" = Option<u32>, Query, description = "1 to 10000 entries; 1000 if not given, and all for NDJSON"),
        ("cursor" = Option<String>, Query, description = "Where the page before ended; see Link"),
        ("order" = Option<String>, Query, description = "asc or desc"),
        ("tail" = Option<u32>, Query, description = "Only the last so many that match"),
        ("follow" = Option<bool>, Query, description = "Stay and send what comes, as events or NDJSON"),
        ("after" = Option<u64>, Query, description = "Follow after the entry with this sequence number"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As after; what a browser sends when it connects again"),
    ),
    responses(
        (status = 200, description = "The entries", headers(
            ("Link" = String, description = "The next page, rel=\"next\""),
            ("Databuild-Has-More" = bool, description = "Whether there is a next page"),
            ("ETag" = String, description = "Only when the run has ended"),
        ), content(
            (Vec<crate::server::openapi::entry::JobLogEntry> = "application/json"),
            (String = "application/x-ndjson"),
            (String = "text/event-stream"),
            (Vec<u8> = "application/x-protobuf"),
            (String = "text/plain"),
        )),
        (status = 304, description = "The answer that If-None-Match names is still right"),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn logs(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let known: Vec<&str> = KNOWN.into_iter().chain(["after"]).collect();
    let params = Params::parse(query.as_deref(), &known)?;
    let run = service.resolve_run(run).await?;
    let query = LogsQuery::parse(run, &params, service.now())?;
    let offered = [Form::Json, Form::Ndjson, Form::Sse, Form::Protobuf, Form::Text];
    let form = Form::negotiate(&headers, &offered)?;
    match (form, query.follow) {
        (Form::Sse, _) | (Form::Json, true) => {
            tail::answer(&service, &query, &params, &headers, TailForm::Events).await
        }
        (Form::Ndjson, true) => {
            tail::answer(&service, &query, &params, &headers, TailForm::Lines).await
        }
        (Form::Protobuf | Form::Text, true) => Err(Problem::parameter(
            "query",
            "follow",
            "true",
            "text/event-stream or application/x-ndjson in Accept",
            "this form cannot be followed",
        )),
        (Form::Ndjson, false) => stream(service, query, uri.path()).await,
        (Form::Json | Form::Protobuf | Form::Text, false) => {
            page(service, query, uri.path(), &headers, form).await
        }
    }
}

/// One page at once.
async fn page(
    service: Arc<Service>,
    mut query: LogsQuery,
    path: &str,
    headers: &HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let limit = query.request.limit.unwrap_or(limits::LOGS_LIMIT_DEFAULT);
    query.request.limit = Some(limit);
    let request = query.request.clone();
    let (page, bytes) = service
        .blocking(move |service| {
            let page = service.reader().get_job_logs(&request)?;
            let bytes = render(&page, form);
            Ok((page, bytes))
        })
        .await?;
    let tag = (!page.state.is_running()).then(|| tag(&query, form, &bytes.body));
    if let Some(tag) = &tag
        && is_known(headers, tag)
    {
        return Ok(not_modified(tag));
    }
    let mut answer = Response::new(Body::from(bytes.body));
    let out = answer.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    describe(out, &query, path, page.next_page_token.as_deref());
    if 0 < bytes.unreadable {
        out.insert(UNREADABLE, HeaderValue::from(bytes.unreadable));
    }
    out.insert(header::CACHE_CONTROL, ASK_AGAIN);
    if let Some(Ok(tag)) = tag.map(HeaderValue::try_from) {
        out.insert(header::ETAG, tag);
    }
    Ok(answer)
}

struct Rendered {
    body: Vec<u8>,
    unreadable: usize,
}

fn render(page: &LogsPage, form: Form) -> Rendered {
    let stored = page.lines.as_ndjson();
    let whole = |body| Rendered { body, unreadable: 0 };
    match form {
        Form::Json => whole(wire::array::array(stored)),
        Form::Text => whole(wire::text::text(stored).into_bytes()),
        Form::Protobuf => {
            let token = page.next_page_token.as_deref();
            let (body, unreadable) = wire::protobuf::response(stored, token);
            Rendered { body, unreadable }
        }
        // Streamed elsewhere; a page of them is the stored bytes.
        Form::Ndjson | Form::Sse => whole(stored.to_vec()),
    }
}

fn describe(out: &mut HeaderMap, query: &LogsQuery, path: &str, next: Option<&str>) {
    let more = if next.is_some() { "true" } else { "false" };
    out.insert(HAS_MORE, HeaderValue::from_static(more));
    out.insert(header::VARY, HeaderValue::from_static("Accept"));
    let Some(token) = next else {
        return;
    };
    let link = format!("<{}>; rel=\"next\"", query.next_target(path, token));
    if let Ok(link) = HeaderValue::try_from(link) {
        out.insert(header::LINK, link);
    }
}

/// Names the bytes of an answer about a run that has ended.
fn tag(query: &LogsQuery, form: Form, body: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    query.request.job_run_id.hash(&mut hash);
    form.media_type().hash(&mut hash);
    body.hash(&mut hash);
    format!("\"{:016x}-{}\"", hash.finish(), body.len())
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

fn not_modified(tag: &str) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, tag), (header::VARY, "Accept")]).into_response()
}

/// All pages one after another, as they are read.
async fn stream(
    service: Arc<Service>,
    mut query: LogsQuery,
    path: &str,
) -> Result<Response, Problem> {
    let wanted = query.request.limit;
    query.request.limit = Some(wanted.unwrap_or(limits::LOGS_LIMIT_MAX));
    // The first page decides whether there is an answer at all.
    let first = next_page(&service, &query).await?;
    let next = first.next_page_token.clone();
    let mut answer = Response::new(Body::empty());
    let out = answer.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(Form::Ndjson.media_type()));
    out.insert(header::CACHE_CONTROL, ASK_AGAIN);
    if wanted.is_some() {
        describe(out, &query, path, next.as_deref());
        *answer.body_mut() = Body::from(first.lines.as_ndjson().to_vec());
        return Ok(answer);
    }
    describe(out, &query, path, None);
    let pages = try_unfold(Some(Pages { service, query, ready: Some(first) }), step);
    *answer.body_mut() = Body::from_stream(pages);
    Ok(answer)
}

/// What is left of a stream of pages.
struct Pages {
    service: Arc<Service>,
    query: LogsQuery,
    ready: Option<LogsPage>,
}

/// The next page; none after the last. An error here breaks the body off, which a client sees.
async fn step(pages: Option<Pages>) -> io::Result<Option<(Vec<u8>, Option<Pages>)>> {
    let Some(mut pages) = pages else {
        return Ok(None);
    };
    let page = match pages.ready.take() {
        Some(page) => page,
        None => next_page(&pages.service, &pages.query)
            .await
            .map_err(|problem| io::Error::other(problem.detail().to_owned()))?,
    };
    let bytes = page.lines.as_ndjson().to_vec();
    let Some(token) = page.next_page_token else {
        return Ok(Some((bytes, None)));
    };
    pages.query.request.page_token = Some(token);
    Ok(Some((bytes, Some(pages))))
}

async fn next_page(service: &Arc<Service>, query: &LogsQuery) -> Result<LogsPage, Problem> {
    let request = query.request.clone();
    service.blocking(move |service| Ok(service.reader().get_job_logs(&request)?)).await
}

/// Lines of a run by number, for viewers that scroll.
#[utoipa::path(get, path = "/api/v1/jobs/{job_run_id}/logs/lines", operation_id = "get_job_log_lines", tag = "logs",
    params(
        ("job_run_id" = String, Path, description = "The run's id, or BUILD.RUN such as 42.6"),
        ("from" = Option<u64>, Query, description = "The first line, counted from 0"),
        ("count" = Option<u32>, Query, description = "1 to 10000 lines; 1000 if not given"),
    ),
    responses(
        (status = 200, description = "The entries; kept for ever once the run has ended", headers(
            ("Link" = String, description = "The next window, rel=\"next\""),
            ("Databuild-Has-More" = bool, description = "Whether there are lines after these"),
        ), content((Vec<crate::server::openapi::entry::JobLogEntry> = "application/json"))),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn lines(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref(), &["from", "count"])?;
    let from = params.number("from", 0, u64::MAX)?.unwrap_or(0);
    let count = params.number("count", 1, u64::from(limits::LOGS_LIMIT_MAX))?;
    let count = count.and_then(|count| u32::try_from(count).ok());
    let count = count.unwrap_or(limits::LOGS_LIMIT_DEFAULT);
    let run: JobRunId = service.resolve_run(run).await?;
    let window =
        service.blocking(move |service| Ok(service.reader().window(&run, from, count)?)).await?;
    let mut answer = Response::new(Body::from(wire::array::array(window.lines.as_ndjson())));
    let out = answer.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(Form::Json.media_type()));
    let more = if window.has_more { "true" } else { "false" };
    out.insert(HAS_MORE, HeaderValue::from_static(more));
    let cache = if window.state == RunState::Running { ASK_AGAIN } else { FOREVER };
    out.insert(header::CACHE_CONTROL, cache);
    if window.has_more {
        let next = window.next_line;
        let link = format!("<{}?from={next}&count={count}>; rel=\"next\"", uri.path());
        if let Ok(link) = HeaderValue::try_from(link) {
            out.insert(header::LINK, link);
        }
    }
    Ok(answer)
}
