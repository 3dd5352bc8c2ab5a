//! Pipelines of the log saver: what they do, orders for them, what they set aside, and their events as they
//! pass. All of it is read from and written to the saver's folder, so it does not matter which process runs
//! them.

use crate::config::current::Current;
use crate::saver::letters::letters;
use crate::saver::look::{Overview, any_runs, existing_home, look};
use crate::saver::pipelines::World;
use crate::server::body;
use crate::server::builds::Nothing;
use crate::server::limits;
use crate::server::lists::Listing;
use crate::server::media::Form;
use crate::server::params::Params;
use crate::server::problem::{Problem, Slug, Words};
use crate::server::service::Service;
use crate::server::stream;
use crate::server::views::Page;
use crate::server::views::saver::{Ordered, Pipeline};
use crate::wire::sse;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use databuild_io::bus::Start;
use databuild_io::sink::{Sink, SinkError};
use databuild_saver::orders::Orders;
use databuild_saver::settings::PipelineSettings;
use databuild_saver::tap::{Tap, Tapped};
use futures_util::stream::try_unfold;
use serde::Serialize;
use serde_json::value::RawValue;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::ToSchema;

/// What the service knows of pipelines.
pub(crate) struct Pipelines {
    /// The project.
    pub(crate) project: String,
    /// Where things are.
    pub(crate) world: World,
    /// The settings, which have the pipelines of the project's files.
    pub(crate) current: Arc<Current>,
}

impl Pipelines {
    fn overview(&self) -> Result<Overview, Problem> {
        let home = existing_home(&self.world)?;
        Ok(look(home.as_ref().map(|home| home as &dyn Sink), &self.current.pipelines())?)
    }

    fn one(&self, name: &str) -> Result<Pipeline, Problem> {
        let found = self.overview()?.pipelines.into_iter().find(|it| it.entry.name == name);
        found.map(Pipeline::from).ok_or_else(|| self.unknown(name))
    }

    fn settings(&self, name: &str) -> Result<PipelineSettings, Problem> {
        self.current
            .pipelines()
            .into_iter()
            .find(|it| it.name == name)
            .ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Problem {
        let pipelines = self.current.pipelines();
        let names = pipelines.iter().map(|it| it.name.as_str());
        let near = crate::server::params::nearest(name, names);
        Problem::new(Slug::PipelineNotFound, format!("there is no pipeline {name:?}"))
            .with_near(near)
    }

    fn order(
        &self,
        name: &str,
        order: &'static str,
        give: impl FnOnce(&Orders<'_>) -> Result<(), SinkError>,
    ) -> Result<Ordered, Problem> {
        self.one(name)?;
        let home = self.world.home()?;
        give(&Orders::new(&home, name))?;
        Ok(Ordered { pipeline: name.to_owned(), order, runs: any_runs(&home)? })
    }
}

impl From<SinkError> for Problem {
    fn from(error: SinkError) -> Self {
        let source = error.source.as_ref().map(|source| format!(": {source}"));
        Problem::new(Slug::StoreUnwritable, format!("{error}{}", source.unwrap_or_default()))
    }
}

/// All pipelines, by name: those of the project file, and those that a saver runs.
#[utoipa::path(get, path = "/api/v1/saver/pipelines", operation_id = "list_pipelines", tag = "saver", responses(
    (status = 200, description = "The pipelines", body = Page<Pipeline>),
    (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Pipeline>>, Problem> {
    let params = Params::parse(query.as_deref(), &["limit", "cursor"])?;
    let listing = Listing::parse("pipelines", &params, &[])?;
    let after = listing.place(|text| Some(text.to_owned()))?;
    let seen = service.blocking(|service| service.pipelines().overview()).await?;
    let rows = seen.pipelines.into_iter();
    let rows = rows.filter(|it| after.as_ref().is_none_or(|after| *after < it.entry.name));
    let count = usize::try_from(listing.rows()).unwrap_or(usize::MAX);
    Ok(Json(listing.page(rows.take(count).collect(), |it| it.entry.name.clone())))
}

/// One pipeline.
#[utoipa::path(get, path = "/api/v1/saver/pipelines/{name}", operation_id = "get_pipeline", tag = "saver",
    params(("name" = String, Path, description = "Its name in the project file")),
    responses(
        (status = 200, description = "The pipeline", body = Pipeline),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Pipeline>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    Ok(Json(service.blocking(move |service| service.pipelines().one(&name)).await?))
}

/// Processes nothing until it is resumed; nothing is lost.
#[utoipa::path(post, path = "/api/v1/saver/pipelines/{name}/pause", operation_id = "pause_pipeline", tag = "saver",
    params(("name" = String, Path, description = "Its name in the project file")),
    responses(
        (status = 200, description = "It is told", body = Ordered),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn pause(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Ordered>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    tell(&service, (headers, body), name, "pause", |orders| orders.pause()).await
}

/// Gives an order, with a body that says nothing more.
async fn tell(
    service: &Arc<Service>,
    (headers, body): (HeaderMap, Body),
    name: String,
    order: &'static str,
    give: impl FnOnce(&Orders<'_>) -> Result<(), SinkError> + Send + 'static,
) -> Result<Json<Ordered>, Problem> {
    let Nothing {} = body::json(&headers, body).await?;
    let told = service.blocking(move |service| {
        service.writable()?;
        service.pipelines().order(&name, order, give)
    });
    Ok(Json(told.await?))
}

/// Goes on, also after too many failures, and tries at once.
#[utoipa::path(post, path = "/api/v1/saver/pipelines/{name}/resume", operation_id = "resume_pipeline", tag = "saver",
    params(
        ("name" = String, Path, description = "Its name in the project file"),
        ("accept_loss" = Option<bool>, Query, description = "Files that are gone were removed on purpose: begin them anew"),
    ),
    responses(
        (status = 200, description = "It is told", body = Ordered),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn resume(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Ordered>, Problem> {
    let params = Params::parse(query.as_deref(), &["accept_loss"])?;
    let accept_loss = params.flag("accept_loss")?;
    let give = move |orders: &Orders<'_>| {
        if accept_loss {
            orders.accept_loss()?;
        }
        orders.resume()
    };
    tell(&service, (headers, body), name, "resume", give).await
}

/// Processes once more what was stored since a time; what was written stays.
#[utoipa::path(post, path = "/api/v1/saver/pipelines/{name}/replay", operation_id = "replay_pipeline", tag = "saver",
    params(
        ("name" = String, Path, description = "Its name in the project file"),
        ("since" = String, Query, description = "RFC 3339, an age such as 15m, or nanoseconds since 1970"),
    ),
    responses(
        (status = 200, description = "It is told", body = Ordered),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn replay(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Ordered>, Problem> {
    let params = Params::parse(query.as_deref(), &["since"])?;
    let Some(since) = params.when("since", service.now())? else {
        let said = "a replay needs `since`: from when on";
        return Err(Problem::parameter("query", "since", "", "RFC 3339 | age | ns", said));
    };
    let give = move |orders: &Orders<'_>| orders.replay(Start::Since(since));
    tell(&service, (headers, body), name, "replay", give).await
}

/// Events that a pipeline set aside.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Letters {
    /// The last of them, oldest first; their form is in `docs/formats/saved-lines.md`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
}

/// The last events that a pipeline set aside, with why.
#[utoipa::path(get, path = "/api/v1/saver/pipelines/{name}/dlq", operation_id = "list_dead_letters", tag = "saver",
    params(
        ("name" = String, Path, description = "Its name in the project file"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if not given"),
    ),
    responses(
        (status = 200, description = "The letters", body = Letters),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn dlq(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Letters>, Problem> {
    let params = Params::parse(query.as_deref(), &["limit"])?;
    let count = params.items()?;
    let found = service.blocking(move |service| {
        service.pipelines().one(&name)?;
        let home = existing_home(&service.pipelines().world)?;
        Ok(home.map_or(Ok(Vec::new()), |home| letters(&home, &name, count))?)
    });
    let lines = found.await?.into_iter();
    let items = lines.filter_map(|(line, _)| RawValue::from_string(line).ok()).collect();
    Ok(Json(Letters { items }))
}

/// Events as they pass a pipeline, as server-sent events, beside it and without disturbing it. `data` is the
/// entry (`stage=in`), or the text that is written (`stage=out`).
#[utoipa::path(get, path = "/api/v1/saver/pipelines/{name}/tap", operation_id = "tap_pipeline", tag = "saver",
    params(
        ("name" = String, Path, description = "Its name in the project file"),
        ("stage" = Option<String>, Query, description = "in or out; out if not given"),
        ("since" = Option<String>, Query, description = "Also what was stored since then"),
    ),
    responses(
        (status = 200, description = "The events", content_type = "text/event-stream", body = String),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn tap(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref(), &["stage", "since"])?;
    Form::negotiate(&headers, &[Form::Sse])?;
    let stage = params.read("stage", "in | out", |text| match text {
        "in" => Some(Stage::In),
        "out" => Some(Stage::Out),
        _ => None,
    })?;
    let since = params.when("since", service.now())?;
    let permit = stream::place(&service, "too many streams are open")?;
    let tap = service.blocking(move |service| {
        let pipelines = service.pipelines();
        let settings = pipelines.settings(&name)?;
        let bus = Box::new(pipelines.world.bus());
        let start = since.map_or(Start::End, Start::Since);
        Tap::open(&pipelines.project, &settings, bus, start)
            .map_err(|error| Problem::new(Slug::Internal, error.to_string()))
    });
    let passing = Passing {
        tap: tap.await?,
        stage: stage.unwrap_or(Stage::Out),
        quiet: Duration::ZERO,
        stop: service.stop(),
        phase: Phase::Opening,
        _permit: permit,
    };
    Ok(stream::answer(Form::Sse, try_unfold(passing, step)))
}

#[derive(Clone, Copy)]
enum Stage {
    In,
    Out,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Following,
    Ended,
}

struct Passing {
    tap: Tap,
    stage: Stage,
    quiet: Duration,
    stop: watch::Receiver<bool>,
    phase: Phase,
    _permit: OwnedSemaphorePermit,
}

/// The next bytes to send; none after the end.
async fn step(mut passing: Passing) -> io::Result<Option<(Vec<u8>, Passing)>> {
    match passing.phase {
        Phase::Ended => return Ok(None),
        Phase::Opening => {
            passing.phase = Phase::Following;
            return Ok(Some((sse::opening(), passing)));
        }
        Phase::Following => {}
    }
    loop {
        let mut out = Vec::new();
        if *passing.stop.borrow() {
            passing.phase = Phase::Ended;
            sse::comment("the service stops; connect again to go on", &mut out);
            return Ok(Some((out, passing)));
        }
        // The thread pool waits, not the runtime.
        let waited = tokio::task::spawn_blocking(move || {
            let tapped = passing.tap.next(limits::TAIL_WAIT);
            (tapped, passing)
        });
        let (tapped, next) = waited.await.map_err(io::Error::other)?;
        passing = next;
        for it in &tapped.map_err(io::Error::other)? {
            passing.render(it, &mut out);
        }
        passing.quiet += limits::TAIL_WAIT;
        if out.is_empty() && limits::KEEP_ALIVE <= passing.quiet {
            sse::comment("keep-alive", &mut out);
        }
        if !out.is_empty() {
            passing.quiet = Duration::ZERO;
            return Ok(Some((out, passing)));
        }
    }
}

impl Passing {
    fn render(&self, it: &Tapped, out: &mut Vec<u8>) {
        let text = match (self.stage, &it.written) {
            (Stage::Out, Some(written)) => written.text.as_slice(),
            (Stage::In, _) | (Stage::Out, None) => it.entry.as_slice(),
        };
        let name = match self.stage {
            Stage::In => "in",
            Stage::Out => "out",
        };
        sse::event(None, name, text.strip_suffix(b"\n").unwrap_or(text), out);
    }
}
