//! The description of all paths as OpenAPI 3.1, made from the handlers and their types. It is committed
//! at `openapi/databuild-v1.json`; a test compares both.

pub(crate) mod entry;

use crate::server::{builds, events, house, jobs, logs, partitions, pipelines, plan, scrape};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "DataBuild",
        description = "Runs data jobs, keeps everything they print, measure and do, and reads it back. \
                       Clients ignore keys that they do not know; within v1 keys are only added.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        logs::logs,
        logs::lines,
        jobs::list,
        jobs::one,
        jobs::metrics,
        jobs::verify,
        jobs::cancel,
        builds::list,
        builds::start,
        builds::one,
        builds::cancel,
        builds::retry,
        builds::events,
        partitions::list,
        partitions::one,
        plan::plan,
        events::list,
        pipelines::list,
        pipelines::one,
        pipelines::pause,
        pipelines::resume,
        pipelines::replay,
        pipelines::dlq,
        pipelines::tap,
        house::openapi,
        house::problem_page,
        house::livez,
        house::readyz,
        house::version,
        scrape::metrics,
    ),
    components(schemas(entry::JobLogEntry)),
    tags(
        (name = "logs", description = "What job runs said"),
        (name = "builds", description = "Builds, job runs, partitions and plans"),
        (name = "saver", description = "Pipelines of the log saver"),
        (name = "service", description = "The service itself"),
    ),
)]
struct Description;

/// The description as JSON, with a newline at the end.
pub(crate) fn document() -> String {
    let mut api = Description::openapi();
    api.info.version = env!("CARGO_PKG_VERSION").to_owned();
    // Types of ours alone: this cannot fail.
    let mut text = api.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
