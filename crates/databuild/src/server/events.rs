//! The build event log itself: pages of it, and server-sent events as it grows.

use crate::server::limits;
use crate::server::media::Form;
use crate::server::params::Params;
use crate::server::problem::{Problem, Slug, Words};
use crate::server::service::Service;
use crate::server::stream;
use crate::server::tail::resume_after;
use crate::wire::sse;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use databuild_graph::bel::rows::{EventFilter, EventPage};
use databuild_model::bel::BuildEvent;
use databuild_model::ids::BuildId;
use futures_util::stream::try_unfold;
use serde::Serialize;
use serde_json::value::RawValue;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

/// Some events of the build event log, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    /// The events; their form is in `docs/formats/build-event-log.md`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
    /// What to give as `since` for the next ones.
    next_since: u64,
    /// Whether there are more now.
    has_more: bool,
}

/// Events of all builds in their order: a page as JSON, or all and what comes as server-sent events.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "list_events", tag = "builds",
    params(
        ("since" = Option<u64>, Query, description = "After the event with this idx"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if not given"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As since; what a browser sends when it connects again"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (Events = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref(), &["since", "limit"])?;
    let form = Form::negotiate(&headers, &[Form::Json, Form::Sse])?;
    answer(service, &params, &headers, form, None).await
}

/// Events of one build, or of all.
pub(crate) async fn answer(
    service: Arc<Service>,
    params: &Params,
    headers: &HeaderMap,
    form: Form,
    build: Option<BuildId>,
) -> Result<Response, Problem> {
    let since = params.read("since", "the idx of an event", |text| text.parse().ok())?;
    let since = resume_after(&Params::default(), headers)?.or(since).unwrap_or(0);
    if form == Form::Sse {
        return follow(service, since, build);
    }
    let items = u32::try_from(params.items()?).unwrap_or(limits::ITEMS_MAX);
    let page = read(&service, since, build, items).await?;
    let lines = page.events.iter().map(|event| RawValue::from_string(event.to_json()));
    let items = lines.collect::<Result<_, _>>().map_err(|error| {
        Problem::new(Slug::Internal, format!("an event has no JSON form: {error}"))
    })?;
    let events = Events { items, next_since: page.next_idx, has_more: page.has_more };
    Ok(Json(events).into_response())
}

async fn read(
    service: &Arc<Service>,
    since: u64,
    build: Option<BuildId>,
    items: u32,
) -> Result<EventPage, Problem> {
    let filter = EventFilter { build, types: Vec::new() };
    service.blocking(move |service| Ok(service.bel().events(since, &filter, items)?)).await
}

struct Tail {
    service: Arc<Service>,
    build: Option<BuildId>,
    since: u64,
    quiet: Duration,
    phase: Phase,
    _permit: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Following,
    Ended,
}

fn follow(service: Arc<Service>, since: u64, build: Option<BuildId>) -> Result<Response, Problem> {
    let permit = stream::place(&service, "too many streams are open")?;
    let tail = Tail {
        service,
        build,
        since,
        quiet: Duration::ZERO,
        phase: Phase::Opening,
        _permit: permit,
    };
    Ok(stream::answer(Form::Sse, try_unfold(tail, step)))
}

/// The next bytes to send; none after the end of the build.
async fn step(mut tail: Tail) -> io::Result<Option<(Vec<u8>, Tail)>> {
    match tail.phase {
        Phase::Ended => return Ok(None),
        Phase::Opening => {
            tail.phase = Phase::Following;
            return Ok(Some((sse::opening(), tail)));
        }
        Phase::Following => {}
    }
    let mut stop = tail.service.stop();
    loop {
        let page = read(&tail.service, tail.since, tail.build.clone(), limits::ITEMS_MAX).await;
        let page = page.map_err(|problem| io::Error::other(problem.detail().to_owned()))?;
        tail.since = page.next_idx;
        let mut out = Vec::new();
        for record in &page.events {
            let name = record.event.type_name();
            sse::event(Some(record.idx), name, record.to_json().as_bytes(), &mut out);
            if tail.build.is_some() && matches!(record.event, BuildEvent::BuildEnded(_)) {
                sse::event(None, "end", b"{}", &mut out);
                tail.phase = Phase::Ended;
            }
        }
        if *stop.borrow() {
            sse::comment("the service stops; connect again to go on", &mut out);
            tail.phase = Phase::Ended;
        }
        if limits::KEEP_ALIVE <= tail.quiet {
            sse::comment("keep-alive", &mut out);
        }
        if !out.is_empty() {
            tail.quiet = Duration::ZERO;
            return Ok(Some((out, tail)));
        }
        // The log is another process's to write, so it is looked at again and again; a stop is seen
        // at once.
        let _stopped = tokio::time::timeout(limits::TAIL_WAIT, stop.wait_for(|stop| *stop)).await;
        tail.quiet += limits::TAIL_WAIT;
    }
}
