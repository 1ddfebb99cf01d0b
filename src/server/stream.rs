//! Following a turn: server-sent events, from any number on.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::auth::Who;
use super::extract::{Asked, whole_number};
use super::layer::RequestId;
use super::problem::Refusal;
use crate::agent::{Numbered, SessionId, TurnId};
use crate::api::Event;
use crate::session;

/// Shorter than the idle limits of common proxies (60 s), so that none of them cuts a quiet turn.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Asks nginx not to collect a stream before passing it on.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The number of the last event that the client has; 0 unless given.
    #[serde(default, deserialize_with = "whole_number")]
    after: Option<u64>,
}

/// The events of a turn: those after a number, then live ones; the stream ends with the turn.
///
/// `id` is the number, `event` the type, `data` the JSON. When the server must give up in the
/// middle, the last event is `problem`, without an id: ask again after the last number.
#[utoipa::path(
    get,
    path = "/sessions/{session_id}/turns/{turn_id}/events",
    operation_id = "follow_turn",
    tag = "turns",
    params(
        ("session_id" = String, Path, description = "The session"),
        ("turn_id" = String, Path, description = "The turn"),
        From,
        ("Last-Event-ID" = Option<u64>, Header, description = "As `after`; the greater one counts"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = Event, content_type = "text/event-stream"),
        (status = 404, description = "There is no such session or turn"),
    )
)]
pub(super) async fn events(
    State(app): State<App>,
    Who(who): Who,
    Path((id, turn)): Path<(SessionId, TurnId)>,
    Asked(from): Asked<From>,
    request_id: RequestId,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let after = from.after.unwrap_or(0).max(last_event_id(&headers)?);
    // Whether there is such a turn is said with a status, before the first event.
    app.sessions.turn(&who, &id, &turn, Duration::ZERO).await?;
    let events = app.sessions.events(&who, &id, &turn, after);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let stream = Sse::new(written(events, request_id)).keep_alive(keep_alive);
    Ok(([UNBUFFERED], stream).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<u64, Refusal> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(0);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().parse().ok());
    number.ok_or_else(|| Refusal::invalid("`last-event-id` must be the number of an event"))
}

fn written(
    events: impl Stream<Item = Result<Numbered<crate::agent::Event>, session::Error>>,
    RequestId(id): RequestId,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    events.map(move |event| {
        Ok(match event {
            Ok(event) => {
                let event = Event::from(event);
                sse::Event::default()
                    .id(event.number.to_string())
                    .event(event.what.name())
                    .data(json(&event))
            }
            Err(error) => sse::Event::default()
                .event("problem")
                .data(json(&Refusal::from(error).problem(&id))),
        })
    })
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
