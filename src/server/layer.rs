//! What every request passes on its way to a handler, in order: request id, trace, caught panics,
//! timeout, body limit. Who is asking ([`super::auth`]) comes after them, and before that, for all
//! but the probes, whether there is room and whether the server is ending.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;
use uuid::Uuid;

use super::App;
use super::extract::MAX_BODY_BYTES;
use super::prefer::MAX_SECONDS;
use super::problem::{self, Refusal};
use super::stranger::Strangers;
use crate::api::Code;
use crate::session;

/// Longer than the longest wait, so that it only ever cuts what is stuck. It bounds the time to the
/// first byte of an answer: a stream of events goes on beyond it.
const TIMEOUT: Duration = Duration::from_secs(MAX_SECONDS + 30);

/// Requests that are worked on at the same time; each may hold a body of 1 MiB.
pub(super) const MAX_REQUESTS: usize = 512;

/// A head has a token, a key and a few headers of proxies.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around all routes.
pub(super) fn wrap(routes: Router) -> Router {
    let header = |name, value| {
        SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let strangers = Arc::new(Strangers::default());
    routes.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(strangers, identify))
            .layer(header("cache-control", "no-store"))
            .layer(header("x-content-type-options", "nosniff"))
            .layer(CatchPanicLayer::custom(after_panic))
            .layer(middleware::from_fn(limit_head))
            .layer(middleware::from_fn(limit_time))
            .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES)),
    )
}

/// Request id, span, the one line in the log, and the body of a problem, which names the id.
async fn identify(
    State(strangers): State<Arc<Strangers>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        method = %request.method(),
        route,
        caller = tracing::field::Empty,
    );
    let began = Instant::now();
    let answered = span.clone();
    let response = next.run(request).instrument(span).await;
    let mut response = problem::render(response, &id);
    answered.in_scope(|| {
        let status = response.status().as_u16();
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if response.status() != StatusCode::UNAUTHORIZED {
            tracing::info!(status, ms, "answered");
            return;
        }
        let told = strangers.turned_away(Instant::now());
        if let Some(unlogged) = told.before {
            tracing::warn!(unlogged, "requests without a valid token were turned away");
        }
        if told.this {
            tracing::info!(status, ms, "answered");
        }
    });
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The client's own when it could be an id; everything else is not worth a place in the log.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        let shape = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':');
        (1..=128).contains(&id.len()) && id.bytes().all(shape)
    };
    headers
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(sane)
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// Nothing has a NUL in its name, and not every database can be asked for one.
pub(super) async fn refuse_nul(request: Request, next: Next) -> Response {
    if request.uri().to_string().contains("%00") {
        return problem::no_such_path().await.into_response();
    }
    next.run(request).await
}

/// The id of the request at hand.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let id = parts.extensions.get::<Self>().cloned();
        id.ok_or_else(Refusal::internal)
    }
}

/// A panic ends its request only. Its text went through the panic hook; the client gets none of it.
fn after_panic(_: Box<dyn Any + Send>) -> Response<Body> {
    tracing::error!("a handler panicked");
    Refusal::internal().into_response()
}

async fn limit_head(request: Request, next: Next) -> Result<Response, Refusal> {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
    let line = request.uri().path_and_query();
    let length = headers.sum::<usize>() + line.map_or(0, |line| line.as_str().len());
    if length <= MAX_HEAD_BYTES {
        return Ok(next.run(request).await);
    }
    let allowed = MAX_HEAD_BYTES / 1024;
    let detail = format!("the path and the headers may have at most {allowed} KiB together");
    Err(Refusal::invalid(detail).status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))
}

async fn limit_time(request: Request, next: Next) -> Result<Response, Refusal> {
    tokio::time::timeout(TIMEOUT, next.run(request))
        .await
        .map_err(|_| {
            tracing::error!("a request was given up at its timeout");
            Refusal::new(Code::Timeout, "the answer took too long; ask again")
        })
}

/// Turns requests away when every place of the semaphore is taken. Probes have no place to wait
/// for: a busy server is not a dead one.
pub(super) async fn limit_load(
    State(load): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let Ok(_place) = load.try_acquire() else {
        return Err(Refusal::new(
            Code::RateLimited,
            "too many requests at once; ask again in a moment",
        ));
    };
    Ok(next.run(request).await)
}

/// The first step of the end: nothing new begins, while what waits for a turn goes on.
pub(super) async fn refuse_when_stopping(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if app.tasks.stopping().is_cancelled() {
        return Err(Refusal::from(session::Error::ShuttingDown));
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests;
