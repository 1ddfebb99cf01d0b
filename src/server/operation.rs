//! What an operator, or a cluster, asks about the server itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::App;
use crate::api::{ConfigReport, Health, Readiness};

/// Whether the process can answer.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "get_health",
    tag = "operations",
    responses((status = 200, description = "It can", body = Health))
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
    })
}

/// Whether the server takes requests.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "operations",
    responses(
        (status = 200, description = "It does", body = Readiness),
        (status = 503, description = "It does not; `status` says why", body = Readiness),
    )
)]
pub(super) async fn readiness(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let (code, status) = if app.tasks.stopping().is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting_down")
    } else if !app.sessions.are_kept().await {
        (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable")
    } else {
        (StatusCode::OK, "ready")
    };
    let in_force = app.in_force.load();
    let readiness = Readiness {
        status: status.to_owned(),
        revision: in_force.config.revision().to_string(),
        sandbox: (&in_force.host.confinement().level).into(),
    };
    (code, Json(readiness))
}

/// The configuration that serves.
#[utoipa::path(
    get,
    path = "/config",
    operation_id = "get_config",
    tag = "operations",
    responses((status = 200, description = "Revision, tools and policies", body = ConfigReport))
)]
pub(super) async fn config(State(app): State<App>) -> Json<ConfigReport> {
    // In this order: who sees a new revision sees no rejection from before it.
    let in_force = app.in_force.load();
    Json(ConfigReport::of(&in_force, &app.reloads))
}
