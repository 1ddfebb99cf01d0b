//! What a request says beside its path: the JSON body, the query, the idempotency key.

use std::str::FromStr;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::LengthLimitError;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::problem::Refusal;
use crate::api::Code;
use crate::call::canonical_json;

/// The largest body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// 1 MiB within it is 280 kbit/s: slower senders are more likely holding a connection on purpose.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Longer than any id or digest that clients make keys from.
const MAX_KEY_CHARS: usize = 255;

/// What the model is told of a reason at most.
const MAX_REASON_CHARS: usize = 2_000;

/// A reason that says something, and not too much.
pub(super) fn reason(given: Option<String>) -> Result<Option<String>, Refusal> {
    let given = given.filter(|reason| !reason.trim().is_empty());
    let too_long = |reason: &String| reason.chars().count() > MAX_REASON_CHARS;
    if given.as_ref().is_some_and(too_long) {
        return Err(Refusal::invalid(format!(
            "a reason may be at most {MAX_REASON_CHARS} characters long"
        )));
    }
    if given.as_ref().is_some_and(|reason| reason.contains('\0')) {
        return Err(Refusal::invalid(
            "a reason is text, without the character NUL",
        ));
    }
    Ok(given)
}

/// A JSON body; one that is not there counts as `{}`.
#[derive(Debug)]
pub(super) struct Document<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Document<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let is_json = is_json(request.headers());
        let body = read(request).await?;
        if body.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !is_json {
            return Err(Refusal::invalid(
                "a body must be JSON: send `content-type: application/json`",
            )
            .status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        parse(&body).map(Self)
    }
}

async fn read(request: Request) -> Result<Bytes, Refusal> {
    let body = to_bytes(request.into_body(), MAX_BODY_BYTES);
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => Err(Refusal::new(
            Code::PayloadTooLarge,
            "a body may have at most 1 MiB",
        )),
        Ok(Err(_)) => Err(Refusal::invalid("the body ended before it was whole")),
        Err(_) => Err(
            Refusal::new(Code::Timeout, "the body did not arrive within 30 seconds")
                .status(StatusCode::REQUEST_TIMEOUT),
        ),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // A list of a body's values in order would pass for it otherwise.
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(Refusal::invalid("the body must be a JSON object"));
    }
    if holds_nul(body) {
        return Err(Refusal::invalid(
            "the body holds the character U+0000, which no text can have",
        ));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("the body is not understood: {}", brief(&error))))
}

/// Whether a text or a key in a JSON body has U+0000, which ends texts in programs and databases.
fn holds_nul(body: &[u8]) -> bool {
    let escape = b"\\u0000";
    let is_possible = body.windows(escape.len()).any(|six| six == escape);
    is_possible && serde_json::from_slice(body).is_ok_and(|value| is_nul_in(&value))
}

fn is_nul_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(is_nul_in),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains('\0') || is_nul_in(value)),
        _ => false,
    }
}

/// What a reader has to say, without the whole of what it read.
fn brief(error: &impl ToString) -> String {
    let text = error.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The query, with nothing in it that the path does not know.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Query(query) = Query::try_from_uri(&parts.uri).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Refusal::invalid(format!("the query is not understood: {}", brief(&cause)))
        })?;
        Ok(Self(query))
    }
}

/// A number in a query, which is text to begin with.
pub(super) fn whole_number<'de, N, D>(deserializer: D) -> Result<Option<N>, D::Error>
where
    N: FromStr,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let number = text
        .parse()
        .map_err(|_| D::Error::custom("it must be a whole number"));
    number.map(Some)
}

/// The header `Idempotency-Key`, when there is one.
#[derive(Debug)]
pub(super) struct IdempotencyKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let key = value.to_str().unwrap_or_default().trim();
        let printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if key.is_empty() || key.len() > MAX_KEY_CHARS || !printable || values.next().is_some() {
            return Err(Refusal::invalid(
                "`idempotency-key` must be one header of 1 to 255 printable ASCII characters",
            ));
        }
        Ok(Self(Some(key.to_owned())))
    }
}

impl IdempotencyKey {
    /// Binds the key to what a body means: spaces and the order of keys do not count.
    pub(super) fn bind(
        self,
        body: &impl Serialize,
    ) -> Result<Option<crate::session::Key>, Refusal> {
        let Some(key) = self.0 else {
            return Ok(None);
        };
        let body = serde_json::to_value(body).map_err(|_| Refusal::internal())?;
        let body_digest = Sha256::digest(canonical_json(&body).as_bytes()).into();
        Ok(Some(crate::session::Key { key, body_digest }))
    }
}

#[cfg(test)]
mod tests;
