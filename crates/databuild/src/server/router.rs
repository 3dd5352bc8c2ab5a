//! All paths in one place.

use crate::server::frame::{Frame, frame};
use crate::server::service::Service;
use crate::server::{builds, events, house, jobs, logs, partitions, pipelines, plan, scrape};
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
        .route("/api/v1/jobs/{job_run_id}/verify", get(jobs::verify))
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
        .route("/api/v1/saver/pipelines", get(pipelines::list))
        .route("/api/v1/saver/pipelines/{name}", get(pipelines::one))
        .route("/api/v1/saver/pipelines/{name}/pause", post(pipelines::pause))
        .route("/api/v1/saver/pipelines/{name}/resume", post(pipelines::resume))
        .route("/api/v1/saver/pipelines/{name}/replay", post(pipelines::replay))
        .route("/api/v1/saver/pipelines/{name}/dlq", get(pipelines::dlq))
        .route("/api/v1/saver/pipelines/{name}/tap", get(pipelines::tap))
        .route("/api/v1/metrics", get(scrape::metrics))
        .route("/metrics", get(scrape::metrics))
        .route("/api/v1/openapi.json", get(house::openapi))
        .route("/api/v1/problems/{slug}", get(house::problem_page))
        .route("/livez", get(house::livez))
        .route("/healthz", get(house::livez))
        .route("/readyz", get(house::readyz))
        .route("/version", get(house::version))
        .layer(from_fn_with_state(around, frame))
        .with_state(service)
}

/// What stands for the path of a request that nothing answers to.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The templates of the paths, as metrics name them.
const TEMPLATES: [&str; 31] = [
    "/api/v1/builds",
    "/api/v1/builds/{build}",
    "/api/v1/builds/{build}/cancel",
    "/api/v1/builds/{build}/events",
    "/api/v1/builds/{build}/retry",
    "/api/v1/events",
    "/api/v1/jobs",
    "/api/v1/jobs/{job_run_id}",
    "/api/v1/jobs/{job_run_id}/cancel",
    "/api/v1/jobs/{job_run_id}/logs",
    "/api/v1/jobs/{job_run_id}/logs/lines",
    "/api/v1/jobs/{job_run_id}/metrics",
    "/api/v1/jobs/{job_run_id}/verify",
    "/api/v1/metrics",
    "/api/v1/openapi.json",
    "/api/v1/partitions",
    "/api/v1/partitions/{ref}",
    "/api/v1/plan",
    "/api/v1/problems/{slug}",
    "/api/v1/saver/pipelines",
    "/api/v1/saver/pipelines/{name}",
    "/api/v1/saver/pipelines/{name}/dlq",
    "/api/v1/saver/pipelines/{name}/pause",
    "/api/v1/saver/pipelines/{name}/replay",
    "/api/v1/saver/pipelines/{name}/resume",
    "/api/v1/saver/pipelines/{name}/tap",
    "/healthz",
    "/livez",
    "/metrics",
    "/readyz",
    "/version",
];

/// The template of a path that the router matched.
pub(crate) fn template(matched: &str) -> &'static str {
    TEMPLATES.into_iter().find(|template| *template == matched).unwrap_or(UNMATCHED)
}

#[cfg(test)]
mod tests {
    use super::{UNMATCHED, template};

    #[test]
    fn every_described_path_has_its_template() {
        let api: serde_json::Value =
            serde_json::from_str(&crate::server::openapi::document()).expect("JSON");
        let paths = api["paths"].as_object().expect("paths");
        for path in paths.keys() {
            assert_ne!(template(path), UNMATCHED, "{path}");
        }
    }
}
