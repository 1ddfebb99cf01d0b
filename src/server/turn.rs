//! Turns: begun by a message, waited for, cancelled.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::auth::Who;
use super::extract::{Asked, Document, IdempotencyKey, whole_number};
use super::prefer::{self, MAX_SECONDS};
use super::problem::Refusal;
use crate::agent::{SessionId, TurnId};
use crate::api::{SendMessage, Turn};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Says something, and waits for the whole answer.
///
/// The turn goes on whether anybody waits or not: after 202, poll the `location`.
#[utoipa::path(
    post,
    path = "/sessions/{session_id}/messages",
    operation_id = "send_message",
    tag = "turns",
    params(
        ("session_id" = String, Path, description = "The session"),
        ("Prefer" = Option<String>, Header,
            description = "`wait=N`: at most so many seconds; 100 unless given, never more than 120"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "The same key and body again is the same turn"),
    ),
    request_body = SendMessage,
    responses(
        (status = 200, description = "The turn is over", body = Turn),
        (status = 202, description = "The turn goes on, or waits for an approval; `location` says where", body = Turn),
        (status = 400, description = "The request cannot be understood"),
        (status = 404, description = "There is no such session"),
        (status = 409, description = "A turn is running; `turn_id` says which"),
        (status = 413, description = "The body or the message is too long"),
        (status = 422, description = "The key was used with another body"),
    )
)]
pub(super) async fn send(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<SessionId>,
    headers: HeaderMap,
    key: IdempotencyKey,
    Document(body): Document<SendMessage>,
) -> Result<Response, Refusal> {
    let key = key.bind(&body)?;
    let patience = prefer::patience(&headers);
    let turn = app.sessions.send(&who, &id, body.content, key).await?;
    let view = app.sessions.turn(&who, &id, &turn, patience.wait).await?;
    let mut response = answer(view.into());
    if let Some(applied) = patience.applied {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// 200 with a finished turn, 202 and where to go on asking with an unfinished one.
fn answer(turn: Turn) -> Response {
    if turn.status.is_finished() {
        return Json(turn).into_response();
    }
    let location = format!("/sessions/{}/turns/{}", turn.session_id, turn.turn_id);
    let mut response = (StatusCode::ACCEPTED, Json(turn)).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Seconds to wait for the turn to end or to need an approval; never more than 120.
    #[serde(default, deserialize_with = "whole_number")]
    wait: Option<u64>,
}

/// A turn as it stands, or as it stands after a wait.
#[utoipa::path(
    get,
    path = "/sessions/{session_id}/turns/{turn_id}",
    operation_id = "get_turn",
    tag = "turns",
    params(
        ("session_id" = String, Path, description = "The session"),
        ("turn_id" = String, Path, description = "The turn"),
        Wait,
    ),
    responses(
        (status = 200, description = "The turn", body = Turn),
        (status = 404, description = "There is no such session or turn"),
    )
)]
pub(super) async fn view(
    State(app): State<App>,
    Who(who): Who,
    Path((id, turn)): Path<(SessionId, TurnId)>,
    Asked(Wait { wait }): Asked<Wait>,
) -> Result<Json<Turn>, Refusal> {
    let wait = Duration::from_secs(wait.unwrap_or(0).min(MAX_SECONDS));
    let view = app.sessions.turn(&who, &id, &turn, wait).await?;
    Ok(Json(view.into()))
}

/// Cancels a turn; one that is over stays as it is.
#[utoipa::path(
    post,
    path = "/sessions/{session_id}/turns/{turn_id}/cancel",
    operation_id = "cancel_turn",
    tag = "turns",
    params(
        ("session_id" = String, Path, description = "The session"),
        ("turn_id" = String, Path, description = "The turn"),
    ),
    responses(
        (status = 202, description = "The turn as it stands", body = Turn),
        (status = 404, description = "There is no such session or turn"),
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    Who(who): Who,
    Path((id, turn)): Path<(SessionId, TurnId)>,
) -> Result<(StatusCode, Json<Turn>), Refusal> {
    let view = app.sessions.cancel(&who, &id, &turn).await?;
    Ok((StatusCode::ACCEPTED, Json(view.into())))
}
