//! Sessions: made, listed, seen, ended.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::auth::Who;
use super::extract::{Asked, Document, IdempotencyKey, whole_number};
use super::problem::Refusal;
use crate::agent::SessionId;
use crate::api::{CreateSession, Session, SessionCreated, SessionPage};

/// Room for what a client wants to remember, not for data.
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// A screenful, and no more than a hundred rows of the store at a time.
const DEFAULT_PAGE: u32 = 20;
const MAX_PAGE: u32 = 100;

/// Begins a session.
#[utoipa::path(
    post,
    path = "/sessions",
    operation_id = "create_session",
    tag = "sessions",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The same key and body again is the same session")),
    request_body = CreateSession,
    responses(
        (status = 201, description = "It began", body = SessionCreated),
        (status = 400, description = "The request cannot be understood"),
        (status = 422, description = "The key was used with another body"),
        (status = 429, description = "The caller holds as many sessions as it may"),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Who(who): Who,
    key: IdempotencyKey,
    Document(body): Document<CreateSession>,
) -> Result<impl IntoResponse, Refusal> {
    let key = key.bind(&body)?;
    let too_large =
        |metadata| serde_json::to_vec(metadata).map_or(0, |it| it.len()) > MAX_METADATA_BYTES;
    if body.metadata.as_ref().is_some_and(too_large) {
        return Err(Refusal::invalid("`metadata` may have at most 16 KiB"));
    }
    let created = app.sessions.create(&who, body.metadata, key).await?;
    let location = format!("/sessions/{}", created.session_id);
    let created = Json(SessionCreated::from(created));
    Ok((StatusCode::CREATED, [(LOCATION, location)], created))
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// `next` of the page before.
    after: Option<String>,
    /// How many at most: 20 unless given, never more than 100.
    #[serde(default, deserialize_with = "whole_number")]
    limit: Option<u32>,
}

/// The caller's sessions, newest first; for the role `admin`, everybody's.
#[utoipa::path(
    get,
    path = "/sessions",
    operation_id = "list_sessions",
    tag = "sessions",
    params(Page),
    responses((status = 200, description = "One page", body = SessionPage))
)]
pub(super) async fn list(
    State(app): State<App>,
    Who(who): Who,
    Asked(page): Asked<Page>,
) -> Result<Json<SessionPage>, Refusal> {
    let limit = page.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
    let (sessions, next) = app
        .sessions
        .list(&who, page.after.as_deref(), limit)
        .await?;
    Ok(Json(SessionPage {
        sessions: sessions.into_iter().map(Into::into).collect(),
        next,
    }))
}

/// A session with its turns.
#[utoipa::path(
    get,
    path = "/sessions/{session_id}",
    operation_id = "get_session",
    tag = "sessions",
    params(("session_id" = String, Path, description = "The session")),
    responses(
        (status = 200, description = "The session", body = Session),
        (status = 404, description = "There is none, it ended, or it is somebody else's"),
    )
)]
pub(super) async fn view(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<SessionId>,
) -> Result<Json<Session>, Refusal> {
    let view = app.sessions.view(&who, &id).await?;
    Ok(Json(view.into()))
}

/// Ends a session. A running turn is cancelled first, and its processes are gone with the answer.
#[utoipa::path(
    delete,
    path = "/sessions/{session_id}",
    operation_id = "end_session",
    tag = "sessions",
    params(("session_id" = String, Path, description = "The session")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none, it ended, or it is somebody else's"),
    )
)]
pub(super) async fn end(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Refusal> {
    app.sessions.end(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
