//! What an operator, or a cluster, asks about the server itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::App;
use super::auth::Who;
use super::extract::{Document, reason};
use super::problem::Refusal;
use crate::api::{ConfigReport, Health, PauseState, PauseTools, Readiness};

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
    let in_force = app.in_force.load_full();
    // Without its store a server starts no call; what else it is can be told all the same.
    let pause = app.sessions.paused().await.unwrap_or_default();
    Json(ConfigReport::of(&in_force, &app.reloads, pause))
}

/// Stops all tools of every server that shares the store: no call starts any more, those that run
/// are ended, and the model is told. Turns go on without them. Pausing again changes nothing.
#[utoipa::path(
    post,
    path = "/pause",
    operation_id = "pause_tools",
    tag = "operations",
    request_body = PauseTools,
    responses(
        (status = 200, description = "They are stopped", body = PauseState),
        (status = 400, description = "The request cannot be understood"),
        (status = 403, description = "The caller is no admin"),
    )
)]
pub(super) async fn pause(
    State(app): State<App>,
    Who(who): Who,
    Document(body): Document<PauseTools>,
) -> Result<Json<PauseState>, Refusal> {
    let pause = app.sessions.pause(&who, reason(body.reason)?).await?;
    Ok(Json(PauseState {
        paused: Some(pause.into()),
    }))
}

/// Lets the tools run again, if they were stopped.
#[utoipa::path(
    post,
    path = "/resume",
    operation_id = "resume_tools",
    tag = "operations",
    responses(
        (status = 200, description = "They run", body = PauseState),
        (status = 403, description = "The caller is no admin"),
    )
)]
pub(super) async fn resume(
    State(app): State<App>,
    Who(who): Who,
) -> Result<Json<PauseState>, Refusal> {
    app.sessions.resume(&who).await?;
    Ok(Json(PauseState { paused: None }))
}
