//! What a service tells about itself: whether it lives, whether it can work, its version, its paths
//! and its problems.

use crate::server::params::{Params, nearest};
use crate::server::problem::{Problem, Slug, Words};
use crate::server::service::{Check, Service};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What runs here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    /// `databuild`.
    name: &'static str,
    /// The version of the program.
    version: &'static str,
    /// The version of these paths.
    api: &'static str,
}

/// Whether the process answers. Looks at nothing else, so that a full disk does not restart it.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "service", responses(
    (status = 200, description = "It answers", content_type = "text/plain", body = String),
))]
pub(crate) async fn livez() -> Response {
    text("ok\n".to_owned())
}

/// Whether it can read logs and state; `?verbose` names each check.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "service",
    params(("verbose" = Option<bool>, Query, description = "Name each check")),
    responses(
        (status = 200, description = "It can work", content_type = "text/plain", body = String),
        (status = 503, description = "Something is missing", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn readyz(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref(), &["verbose"])?;
    let verbose = params.flag("verbose")?;
    let checks = service.blocking(|service| Ok(service.checks())).await?;
    let mut said = String::new();
    for Check { name, result, .. } in &checks {
        let (mark, word) = match result {
            Ok(()) => ("+", "ok".to_owned()),
            Err(why) => ("-", why.clone()),
        };
        said.push_str(&format_check(mark, name, &word));
    }
    if checks.iter().any(|check| check.needed && check.result.is_err()) {
        return Err(Problem::new(Slug::NotReady, said.trim_end()));
    }
    Ok(text(if verbose { said + "ready\n" } else { "ok\n".to_owned() }))
}

fn format_check(mark: &str, name: &str, word: &str) -> String {
    format!("[{mark}] {name} {word}\n")
}

/// The program and its version.
#[utoipa::path(get, path = "/version", operation_id = "version", tag = "service", responses(
    (status = 200, description = "What runs here", body = Version),
))]
pub(crate) async fn version() -> Json<Version> {
    Json(Version { name: "databuild", version: env!("CARGO_PKG_VERSION"), api: "v1" })
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "openapi", tag = "service", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
))]
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], crate::server::openapi::document())
        .into_response()
}

/// What a kind of problem means and what to do about it.
#[utoipa::path(get, path = "/api/v1/problems/{slug}", operation_id = "get_problem_page", tag = "service",
    params(("slug" = String, Path, description = "The last part of a problem's `type`")),
    responses(
        (status = 200, description = "The page", content_type = "text/plain", body = String),
        (status = 404, description = "No such kind", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn problem_page(
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Result<Response, Problem> {
    let Some(slug) = Slug::parse(&name) else {
        let near = nearest(&name, Slug::ALL.iter().map(|slug| slug.as_str()));
        return Err(Problem::new(Slug::NotFound, "there is no such problem").with_near(near));
    };
    Ok(text(slug.page()))
}

fn text(body: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}
