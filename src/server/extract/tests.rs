//! Bodies and keys as they should not be.

use axum::body::Body;
use axum::http::HeaderValue;
use futures_util::stream;
use serde_json::json;

use super::*;
use crate::api::{CreateSession, SendMessage};

async fn read_as<T: DeserializeOwned>(body: Body, kind: &'static str) -> Result<T, Refusal> {
    let mut request = Request::new(body);
    let kind = HeaderValue::from_static(kind);
    request.headers_mut().insert(CONTENT_TYPE, kind);
    Document::from_request(request, &()).await.map(|it| it.0)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let began = tokio::time::Instant::now();
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let refusal = read_as::<SendMessage>(never, "application/json")
        .await
        .unwrap_err();
    assert_eq!(began.elapsed(), BODY_TIMEOUT);
    let problem = refusal.problem("r-1");
    assert_eq!((problem.status, problem.code), (408, Code::Timeout));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_understood() {
    let broken = stream::iter([
        Ok(Bytes::from_static(b"{\"content\":")),
        Err(std::io::Error::other("gone")),
    ]);
    let refusal = read_as::<SendMessage>(Body::from_stream(broken), "application/json")
        .await
        .unwrap_err();
    assert_eq!(
        refusal,
        Refusal::invalid("the body ended before it was whole")
    );
}

#[tokio::test]
async fn json_may_say_its_charset_and_nothing_is_an_empty_object() {
    let body = Body::from("{\"content\": \"a\"}");
    let read = read_as::<SendMessage>(body, "Application/JSON; charset=utf-8").await;
    assert_eq!(read.unwrap().content, "a");
    let nothing = read_as::<CreateSession>(Body::empty(), "text/plain").await;
    assert_eq!(nothing.unwrap(), CreateSession::default());
}

#[test]
fn a_key_is_bound_to_what_a_body_means() {
    let digest = |body: serde_json::Value| {
        let bound = IdempotencyKey(Some("k".to_owned())).bind(&body).unwrap();
        bound.unwrap().body_digest
    };
    let body = digest(json!({"a": 1, "b": [1, 2]}));
    assert_eq!(body, digest(json!({"b": [1, 2], "a": 1})));
    assert_ne!(body, digest(json!({"a": 1, "b": [2, 1]})));
    assert_eq!(IdempotencyKey(None).bind(&json!({})).unwrap(), None);
}
