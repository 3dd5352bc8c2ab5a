//! Job runs: lists, one run, its measurements, and stopping it.

use crate::server::lists::Listing;
use crate::server::params::Params;
use crate::server::problem::{Problem, Slug, Words};
use crate::server::service::Service;
use crate::server::views::{Metric, Page, Run};
use crate::wire::proof::Proof;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use databuild_graph::bel::rows::{RunFilter, RunRow};
use databuild_graph::bel::select::{Selected, run_number};
use databuild_logs::read::ReadError;
use databuild_model::bel::transition::RunState;
use databuild_model::ids::{JobLabel, JobRunId, PartitionRef};
use databuild_model::time::Day;
use std::sync::Arc;

const FILTERS: [&str; 7] = ["date_from", "date_to", "job", "state", "build", "partition", "since"];

/// Job runs, the newest first. With `date_from` or `date_to`, those that the store has for these days,
/// also if no build knows them.
#[utoipa::path(get, path = "/api/v1/jobs", operation_id = "list_jobs", tag = "builds",
    params(
        ("job" = Option<String>, Query, description = "Of this job"),
        ("state" = Option<String>, Query, description = "In one of these states, with commas"),
        ("build" = Option<String>, Query, description = "Of this build: number or id"),
        ("partition" = Option<String>, Query, description = "That made this partition or tried"),
        ("since" = Option<String>, Query, description = "Scheduled at this time or later"),
        ("date_from" = Option<String>, Query, description = "Stored on this day (UTC) or later: YYYY-MM-DD"),
        ("date_to" = Option<String>, Query, description = "Stored on this day (UTC) or before: YYYY-MM-DD"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if not given"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "The runs", body = Page<Run>),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Run>>, Problem> {
    let known: Vec<&str> = FILTERS.into_iter().chain(["limit", "cursor"]).collect();
    let params = Params::parse(query.as_deref(), &known)?;
    let listing = Listing::parse("jobs", &params, &FILTERS)?;
    let day = |name| params.try_read(name, "a day such as 2025-01-27", Day::parse);
    let (from, to) = (day("date_from")?, day("date_to")?);
    if from.is_some() || to.is_some() {
        return stored(service, &params, listing, from, to).await;
    }
    let now = service.now();
    let page = service.blocking(move |service| {
        let states = params.read("state", STATES, |text| {
            text.split(',').map(RunState::parse).collect::<Option<Vec<RunState>>>()
        })?;
        let build = params.get("build").map(|text| service.build(text)).transpose()?;
        let filter = RunFilter {
            job: params.try_read("job", "a job label", |text| JobLabel::parse(text))?,
            states: states.unwrap_or_default(),
            build: build.map(|row| row.id),
            partition: params
                .try_read("partition", "a partition ref", |text| PartitionRef::parse(text))?,
            since: params.when("since", now)?,
            before: listing.place(run_number)?,
            limit: Some(listing.rows()),
        };
        let rows = service.bel().runs(&filter)?;
        Ok(listing.page(rows, |row: &RunRow| row.number.to_string()))
    });
    Ok(Json(page.await?))
}

const STATES: &str = "scheduled | running | completed | failed | cancelled | lost …, with commas";

async fn stored(
    service: Arc<Service>,
    params: &Params,
    listing: Listing,
    from: Option<Day>,
    to: Option<Day>,
) -> Result<Json<Page<Run>>, Problem> {
    for name in ["job", "state", "build", "partition", "since"] {
        if let Some(value) = params.get(name) {
            let detail = format!("{name} cannot be combined with date_from and date_to");
            return Err(Problem::parameter("query", name, value, "nothing beside days", detail));
        }
    }
    let first = from.unwrap_or(Day::from_number(i32::MIN));
    let last = to.unwrap_or(Day::from_number(i32::MAX));
    let page = service.blocking(move |service| {
        let mut ids = service.reader().list_available_jobs(Some((first, last)))?;
        ids.reverse();
        if let Some(after) = &listing.after {
            let before = ids.iter().position(|id| id.as_str() == after);
            ids.drain(..=before.unwrap_or(0).min(ids.len().saturating_sub(1)));
        }
        ids.truncate(usize::try_from(listing.rows()).unwrap_or(usize::MAX));
        let page: Page<JobRunId> = listing.page(ids, JobRunId::to_string);
        let items = page.items.iter().map(|id| service.run_or_stored(id.to_string()));
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next_cursor: page.next_cursor,
            has_more: page.has_more,
        })
    });
    Ok(Json(page.await?))
}

/// One job run and what is known about its log.
#[utoipa::path(get, path = "/api/v1/jobs/{job_run_id}", operation_id = "get_job", tag = "builds",
    params(("job_run_id" = String, Path, description = "The run's id, or BUILD.RUN such as 42.6")),
    responses(
        (status = 200, description = "The run", body = Run),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Run>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    let id = service.resolve_run(run).await?;
    let run = service.blocking(move |service| {
        let known = service.knows_run(&id)?;
        let run = service.run_or_stored(id.to_string())?.with_spool(service.spooled(&id));
        match service.reader().run_info(&id) {
            Ok(info) => Ok(run.with_log(&info)),
            // A run that waits for its turn has no log yet.
            Err(ReadError::RunNotFound { .. }) if known => Ok(run),
            Err(error) => Err(error.into()),
        }
    });
    Ok(Json(run.await?))
}

/// The measurements of a job run, in order.
#[utoipa::path(get, path = "/api/v1/jobs/{job_run_id}/metrics", operation_id = "get_job_metrics", tag = "logs",
    params(("job_run_id" = String, Path, description = "The run's id, or BUILD.RUN such as 42.6")),
    responses(
        (status = 200, description = "The measurements", body = Vec<Metric>),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn metrics(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Metric>>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    let id = service.resolve_run(run).await?;
    let points = service.blocking(move |service| Ok(service.reader().get_job_metrics(&id)?));
    Ok(Json(points.await?.into_iter().map(Metric::from).collect()))
}

/// Counts and hashes everything again that the record of a run claims: entries by their numbers, the
/// job's output by the byte ranges of the entries, counts, hash and index against the seal. Reads the
/// whole file: about a second a gigabyte.
#[utoipa::path(get, path = "/api/v1/jobs/{job_run_id}/verify", operation_id = "verify_job", tag = "logs",
    params(("job_run_id" = String, Path, description = "The run's id, or BUILD.RUN such as 42.6")),
    responses(
        (status = 200, description = "What was found; the state says whether the record is whole", body = Proof),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn verify(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Proof>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    let id = service.resolve_run(run).await?;
    let proof = service.blocking(move |service| {
        let number = service.number_of(&id)?;
        Ok(Proof::new(&service.reader().verify(&id, &|_| {})?, number))
    });
    Ok(Json(proof.await?))
}

/// Stops the build that the run belongs to: a run alone cannot be stopped, since what needs it would
/// wait for ever.
#[utoipa::path(post, path = "/api/v1/jobs/{job_run_id}/cancel", operation_id = "cancel_job", tag = "builds",
    params(("job_run_id" = String, Path, description = "The run's id, or BUILD.RUN such as 42.6")),
    responses(
        (status = 202, description = "Its build was told to stop", body = crate::server::views::Build),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn cancel(
    State(service): State<Arc<Service>>,
    Path(run): Path<String>,
    headers: axum::http::HeaderMap,
    body: axum::body::Body,
) -> Result<axum::response::Response, Problem> {
    let _nothing: crate::server::builds::Nothing =
        crate::server::body::json(&headers, body).await?;
    let id = service.resolve_run(run).await?;
    let build = service.blocking(move |service| match service.bel().find_run(id.as_str())? {
        Selected::One(row) if !row.state.is_live() => Err(Problem::new(
            Slug::AlreadyEnded,
            format!("job run {} has ended: {}", row.number, row.state),
        )),
        Selected::One(row) => service.cancel(row.build_id.as_str()),
        Selected::Nothing | Selected::Ambiguous(_) => {
            Err(Problem::new(Slug::RunNotFound, format!("no build knows a job run {id}")))
        }
    });
    crate::server::builds::accepted(build.await?)
}
