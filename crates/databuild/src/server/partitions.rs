//! Partitions: which there are, and the history of one.

use crate::server::limits;
use crate::server::lists::Listing;
use crate::server::params::Params;
use crate::server::problem::{Problem, Slug, Words};
use crate::server::service::Service;
use crate::server::views::{Page, Partition, Run};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use databuild_graph::bel::rows::{PartitionFilter, PartitionRow, RunFilter};
use databuild_model::bel::transition::PartitionState;
use databuild_model::ids::PartitionRef;
use std::sync::Arc;

/// Partitions that builds know, in the order of their refs.
#[utoipa::path(get, path = "/api/v1/partitions", operation_id = "list_partitions", tag = "builds",
    params(
        ("prefix" = Option<String>, Query, description = "Whose ref begins so"),
        ("state" = Option<String>, Query, description = "missing, building, available, failed; several with commas"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 if not given"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "The partitions", body = Page<Partition>),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Partition>>, Problem> {
    let params = Params::parse(query.as_deref(), &["prefix", "state", "limit", "cursor"])?;
    let listing = Listing::parse("partitions", &params, &["prefix", "state"])?;
    let states = params.read("state", "missing | building | available | failed", |text| {
        text.split(',').map(PartitionState::parse).collect::<Option<Vec<PartitionState>>>()
    })?;
    let filter = PartitionFilter {
        prefix: params.get("prefix").map(str::to_owned),
        states: states.unwrap_or_default(),
        after: listing.place(|text| PartitionRef::parse(text).ok())?,
        limit: Some(listing.rows()),
    };
    let rows = service.blocking(move |service| Ok(service.bel().partitions(&filter)?)).await?;
    Ok(Json(listing.page(rows, |row: &PartitionRow| row.partition.to_string())))
}

/// One partition, with the runs that made it or tried.
#[utoipa::path(get, path = "/api/v1/partitions/{ref}", operation_id = "get_partition", tag = "builds",
    params(("ref" = String, Path, description = "The ref, percent-encoded with its slashes: clean%2Fdate=2025-01-26")),
    responses(
        (status = 200, description = "The partition", body = Partition),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Partition>, Problem> {
    Params::parse(query.as_deref(), &[])?;
    let partition = PartitionRef::parse(text.clone()).map_err(|error| {
        let said = format!("this is no partition: {error}");
        Problem::parameter("path", "ref", &text, "a partition ref, percent-encoded", said)
    })?;
    let found = service.blocking(move |service| {
        let Some(row) = service.bel().partition(&partition)? else {
            let said = format!("no build made {partition} or tried");
            return Err(Problem::new(Slug::PartitionNotFound, said));
        };
        let runs = service.bel().runs(&RunFilter {
            partition: Some(partition),
            limit: Some(limits::ITEMS_DEFAULT),
            ..RunFilter::default()
        })?;
        Ok(Partition::from(row).with_history(runs.into_iter().map(Run::from).collect()))
    });
    Ok(Json(found.await?))
}
