//! Builds: lists, one build, its events; starting, repeating and stopping one.

use crate::server::body;
use crate::server::events;
use crate::server::limits;
use crate::server::lists::Listing;
use crate::server::media::Form;
use crate::server::params::Params;
use crate::server::problem::{Fault, Problem, Slug, Words};
use crate::server::service::Service;
use crate::server::views::{Build, Page};
use crate::wire::when::age;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use databuild_graph::bel::rows::{BuildFilter, BuildRow};
use databuild_graph::execute::{BuildRequest, OnFailure, Wanted};
use databuild_graph::plan::Force;
use databuild_graph::spec::wanted::RefPattern;
use databuild_model::bel::transition::BuildState;
use serde::Deserialize;
use std::num::NonZeroUsize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What to build, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartBuild {
    /// Partitions, or sets of them such as `report/date=2025-01-20..2025-01-26`.
    pub(crate) want: Vec<String>,
    /// As in `How`.
    #[serde(default)]
    force: ForceWhat,
    /// As in `How`.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    jobs: Option<NonZeroUsize>,
    /// As in `How`.
    #[serde(default)]
    fail_fast: bool,
    /// As in `How`.
    #[serde(default)]
    max_age: Option<String>,
    /// As in `How`.
    #[serde(default)]
    changed: bool,
}

/// How to build.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct How {
    /// What to make again although it is there and up to date.
    #[serde(default)]
    pub(crate) force: ForceWhat,
    /// How many jobs may run at once; as many as there are cores if not given.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Start nothing more once a task has failed.
    #[serde(default)]
    pub(crate) fail_fast: bool,
    /// Make again what was made longer ago than this: `12h`, `7d`.
    #[serde(default)]
    pub(crate) max_age: Option<String>,
    /// Make again what was made by another command or from other inputs.
    #[serde(default)]
    pub(crate) changed: bool,
}

/// What to make again.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ForceWhat {
    /// Nothing.
    #[default]
    Nothing,
    /// What was asked for.
    Wanted,
    /// What was asked for and all that it needs.
    All,
}

/// A body that says nothing: `{}` or empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Builds, the newest first.
#[utoipa::path(get, path = "/api/v1/builds", operation_id = "list_builds", tag = "builds",
    params(
        ("state" = Option<String>, Query, description = "In one of these states, with commas"),
        ("since" = Option<String>, Query, description = "Asked for at this time or later"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if not given"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "The builds", body = Page<Build>),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Build>>, Problem> {
    let params = Params::parse(query.as_deref(), &["state", "since", "limit", "cursor"])?;
    let listing = Listing::parse("builds", &params, &["state", "since"])?;
    let states: Vec<&str> = BuildState::ALL.iter().map(|state| state.as_str()).collect();
    let states = params.read("state", &states.join(" | "), |text| {
        text.split(',').map(BuildState::parse).collect::<Option<Vec<BuildState>>>()
    })?;
    let filter = BuildFilter {
        states: states.unwrap_or_default(),
        since: params.when("since", service.now())?,
        before: listing.place(|text| text.parse().ok())?,
        limit: Some(listing.rows()),
    };
    let rows = service.blocking(move |service| Ok(service.bel().builds(&filter)?)).await?;
    Ok(Json(listing.page(rows, |row: &BuildRow| row.number.to_string())))
}

/// Starts a build. It is the same as one of the command line: same events, same logs.
#[utoipa::path(post, path = "/api/v1/builds", operation_id = "start_build", tag = "builds", request_body = StartBuild,
    responses(
        (status = 202, description = "It has begun", body = Build, headers(
            ("Location" = String, description = "The build"),
        )),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn start(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let start: StartBuild = body::json(&headers, body).await?;
    let wanted = Wanted::Partitions(patterns(&start.want)?);
    let request = start.how().request(wanted)?;
    begin(service, request).await
}

/// One build.
#[utoipa::path(get, path = "/api/v1/builds/{build}", operation_id = "get_build", tag = "builds",
    params(("build" = String, Path, description = "The number or id of the build")),
    responses(
        (status = 200, description = "The build", body = Build),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(build): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Build>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    let row = service.blocking(move |service| service.build(&build)).await?;
    Ok(Json(Build::from(row)))
}

/// Tells a build to stop in order, wherever it runs.
#[utoipa::path(post, path = "/api/v1/builds/{build}/cancel", operation_id = "cancel_build", tag = "builds",
    params(("build" = String, Path, description = "The number or id of the build")),
    responses(
        (status = 202, description = "It was told", body = Build),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn cancel(
    State(service): State<Arc<Service>>,
    Path(build): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Nothing {} = body::json(&headers, body).await?;
    accepted(service.blocking(move |service| service.cancel(&build)).await?)
}

/// Starts a build of what an earlier one did not make.
#[utoipa::path(post, path = "/api/v1/builds/{build}/retry", operation_id = "retry_build", tag = "builds", request_body = How,
    params(("build" = String, Path, description = "The number or id of the earlier build")),
    responses(
        (status = 202, description = "It has begun", body = Build, headers(
            ("Location" = String, description = "The new build"),
        )),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn retry(
    State(service): State<Arc<Service>>,
    Path(build): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let how: How = body::json(&headers, body).await?;
    let row = service.blocking(move |service| service.build(&build)).await?;
    begin(service, how.request(Wanted::RestOf(row.id))?).await
}

/// The events of one build: a page as JSON, or all and what comes as server-sent events.
#[utoipa::path(get, path = "/api/v1/builds/{build}/events", operation_id = "list_build_events", tag = "builds",
    params(
        ("build" = String, Path, description = "The number or id of the build"),
        ("since" = Option<u64>, Query, description = "After the event with this idx"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if not given"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As since; what a browser sends when it connects again"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (events::Events = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn events(
    State(service): State<Arc<Service>>,
    Path(build): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref(), &["since", "limit"])?;
    let form = Form::negotiate(&headers, &[Form::Json, Form::Sse])?;
    let row = service.blocking(move |service| service.build(&build)).await?;
    events::answer(service, &params, &headers, form, Some(row.id)).await
}

impl StartBuild {
    /// How to build it.
    pub(crate) fn how(&self) -> How {
        How {
            force: self.force,
            jobs: self.jobs,
            fail_fast: self.fail_fast,
            max_age: self.max_age.clone(),
            changed: self.changed,
        }
    }
}

impl How {
    /// The request of the service for `wanted`.
    pub(crate) fn request(self, wanted: Wanted) -> Result<BuildRequest, Problem> {
        let max_age = self.max_age.as_deref().map(|text| {
            age(text).filter(|age| !age.is_zero()).ok_or_else(|| {
                let expected = "a duration such as 90s, 12h or 7d";
                Problem::parameter("body", "max_age", text, expected, "max_age is no duration")
            })
        });
        Ok(BuildRequest {
            max_age: max_age.transpose()?,
            changed: self.changed,
            force: match self.force {
                ForceWhat::Nothing => Force::Nothing,
                ForceWhat::Wanted => Force::Wanted,
                ForceWhat::All => Force::All,
            },
            parallel: self.jobs,
            on_failure: if self.fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing },
            ..BuildRequest::new("service", wanted)
        })
    }
}

/// Reads what is wanted; every text that is wrong is named.
pub(crate) fn patterns(want: &[String]) -> Result<Vec<RefPattern>, Problem> {
    if want.is_empty() || limits::WANTED_MAX < want.len() {
        let said = format!("`want` has {} partitions", want.len());
        let expected = format!("1 to {} partitions", limits::WANTED_MAX);
        return Err(Problem::parameter("body", "want", "", expected, said));
    }
    let mut found = Vec::new();
    let mut problem =
        Problem::new(Slug::InvalidParameter, "`want` has texts that are no partitions");
    let mut wrong = false;
    for (at, text) in want.iter().enumerate() {
        match RefPattern::parse(text) {
            Ok(pattern) => found.push(pattern),
            Err(error) => {
                wrong = true;
                problem = problem.with_fault(Fault {
                    place: "body",
                    name: format!("want[{at}]"),
                    value: Some(text.chars().take(200).collect()),
                    expected: format!("{}; {}", error.message, error.help),
                });
            }
        }
    }
    if wrong { Err(problem) } else { Ok(found) }
}

async fn begin(service: Arc<Service>, request: BuildRequest) -> Result<Response, Problem> {
    let row = service.blocking(move |service| {
        let id = service.owned().start(service.engine()?, request, service.now())?;
        service.build(id.as_str())
    });
    accepted(row.await?)
}

/// 202 with the build and where it is.
pub(crate) fn accepted(row: BuildRow) -> Result<Response, Problem> {
    let place = format!("/api/v1/builds/{}", row.number);
    let mut answer = (StatusCode::ACCEPTED, Json(Build::from(row))).into_response();
    if let Ok(place) = HeaderValue::try_from(place) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(answer)
}
