//! All paths in one place.

use crate::server::frame::{Frame, frame};
use crate::server::service::Service;
use crate::server::{builds, events, house, jobs, logs, partitions, plan};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use std::sync::Arc;

/// The service as a router; `around` finishes every answer, those of unknown paths too.
pub(crate) fn router(service: Arc<Service>, around: Arc<Frame>) -> Router {
    Router::new()
        .route("/api/v1/jobs", get(jobs::list))
        .route("/api/v1/jobs/{job_run_id}", get(jobs::one))
        .route("/api/v1/jobs/{job_run_id}/logs", get(logs::logs))
        .route("/api/v1/jobs/{job_run_id}/logs/lines", get(logs::lines))
        .route("/api/v1/jobs/{job_run_id}/metrics", get(jobs::metrics))
        .route("/api/v1/jobs/{job_run_id}/cancel", post(jobs::cancel))
        .route("/api/v1/builds", get(builds::list).post(builds::start))
        .route("/api/v1/builds/{build}", get(builds::one))
        .route("/api/v1/builds/{build}/cancel", post(builds::cancel))
        .route("/api/v1/builds/{build}/retry", post(builds::retry))
        .route("/api/v1/builds/{build}/events", get(builds::events))
        .route("/api/v1/partitions", get(partitions::list))
        .route("/api/v1/partitions/{ref}", get(partitions::one))
        .route("/api/v1/plan", post(plan::plan))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/openapi.json", get(house::openapi))
        .route("/api/v1/problems/{slug}", get(house::problem_page))
        .route("/livez", get(house::livez))
        .route("/healthz", get(house::livez))
        .route("/readyz", get(house::readyz))
        .route("/version", get(house::version))
        .layer(from_fn_with_state(around, frame))
        .with_state(service)
}
