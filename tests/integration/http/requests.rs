//! Requests that are not what they should be.

use reqwest::Body;
use serde_json::{Value, json};

use super::world::{World, shown};

/// A problem's status, code and detail for a request of frodo.
async fn told(world: &World, method: &str, path: &str, kind: &str, body: &str) -> String {
    let mut request = world.by("frodo", method, path).body(body.to_owned());
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    problem(request.send().await.unwrap()).await
}

async fn problem(response: reqwest::Response) -> String {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body: Value = response.json().await.unwrap();
    let word = |name: &str| body[name].as_str().unwrap().to_owned();
    format!("{} {}: {}", body["status"], word("code"), word("detail"))
}

#[tokio::test]
async fn a_body_that_is_not_understood_says_why() {
    let world = World::start().await;
    let messages = format!("{}/messages", world.session().await);
    let json = "application/json";
    let mut lines = Vec::new();
    for (path, kind, body) in [
        (messages.as_str(), json, "{}"),
        (&messages, json, ""),
        (&messages, json, "{"),
        (&messages, json, r#"["a"]"#),
        (&messages, json, "null"),
        (&messages, json, r#"{"content": 1}"#),
        (&messages, json, r#"{"content": "a", "contents": "b"}"#),
        (&messages, json, r#"{"content": "a", "content": "b"}"#),
        (&messages, json, r#"{"content": "a"} {}"#),
        (&messages, json, r#"{"content": "\ud800"}"#),
        (&messages, json, r#"{"content": "a\u0000b"}"#),
        (&messages, "text/plain", r#"{"content": "a"}"#),
        (&messages, "application/x-www-form-urlencoded", "content=a"),
        (&messages, "", r#"{"content": "a"}"#),
        ("/sessions", json, r#"{"metadata": []}"#),
        (
            "/sessions",
            json,
            r#"{"metadata": {"a": [{"b\u0000": 1}]}}"#,
        ),
        ("/sessions", json, r#"{"meta": {}}"#),
    ] {
        let told = told(&world, "POST", path, kind, body).await;
        lines.push(format!("{body}\n  {told}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {}
      400 invalid_request: the body is not understood: missing field `content` at line 1 column 2

      400 invalid_request: the body is not understood: missing field `content` at line 1 column 2
    {
      400 invalid_request: the body is not understood: EOF while parsing an object at line 1 column 1
    ["a"]
      400 invalid_request: the body must be a JSON object
    null
      400 invalid_request: the body must be a JSON object
    {"content": 1}
      400 invalid_request: the body is not understood: invalid type: integer `1`, expected a string at line 1 column 13
    {"content": "a", "contents": "b"}
      400 invalid_request: the body is not understood: unknown field `contents`, expected `content` at line 1 column 27
    {"content": "a", "content": "b"}
      400 invalid_request: the body is not understood: duplicate field `content` at line 1 column 26
    {"content": "a"} {}
      400 invalid_request: the body is not understood: trailing characters at line 1 column 18
    {"content": "\ud800"}
      400 invalid_request: the body is not understood: unexpected end of hex escape at line 1 column 20
    {"content": "a\u0000b"}
      400 invalid_request: the body holds the character U+0000, which no text can have
    {"content": "a"}
      415 invalid_request: a body must be JSON: send `content-type: application/json`
    content=a
      415 invalid_request: a body must be JSON: send `content-type: application/json`
    {"content": "a"}
      415 invalid_request: a body must be JSON: send `content-type: application/json`
    {"metadata": []}
      400 invalid_request: the body is not understood: invalid type: sequence, expected a map at line 1 column 13
    {"metadata": {"a": [{"b\u0000": 1}]}}
      400 invalid_request: the body holds the character U+0000, which no text can have
    {"meta": {}}
      400 invalid_request: the body is not understood: unknown field `meta`, expected `metadata` at line 1 column 7
    "#);
    assert_eq!(world.fake.requests().len(), 0);
}

#[tokio::test]
async fn a_long_unknown_key_is_not_said_back_in_full() {
    let world = World::start().await;
    let body = json!({ "x".repeat(100_000): 1 }).to_string();
    let told = told(&world, "POST", "/sessions", "application/json", &body).await;
    assert!(told.len() < 500, "{told}");
}

#[tokio::test]
async fn what_a_path_does_not_know_is_refused() {
    let world = World::start().await;
    let session = world.session().await;
    let mut lines = Vec::new();
    for (method, path) in [
        ("GET", "/nowhere".to_owned()),
        ("GET", "/sessions/".to_owned()),
        ("PUT", session.clone()),
        ("POST", "/healthz".to_owned()),
        ("GET", "/sessions?limit=many".to_owned()),
        ("GET", "/sessions?page=2".to_owned()),
        ("GET", format!("{session}/turns/t_1?wait=soon")),
        ("GET", format!("{session}/turns/t_1?wait=-1")),
        ("GET", "/sessions/%ff".to_owned()),
    ] {
        let told = told(&world, method, &path, "", "").await;
        let path = path.replace(&session, "/sessions/ID");
        lines.push(format!("{method} {path}\n  {told}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    GET /nowhere
      404 not_found: there is no such path; `GET /openapi.json` lists them
    GET /sessions/
      404 not_found: there is no such path; `GET /openapi.json` lists them
    PUT /sessions/ID
      405 method_not_allowed: the path has other methods; the header `allow` lists them
    POST /healthz
      405 method_not_allowed: the path has other methods; the header `allow` lists them
    GET /sessions?limit=many
      400 invalid_request: the query is not understood: limit: it must be a whole number
    GET /sessions?page=2
      400 invalid_request: the query is not understood: page: unknown field `page`, expected `after` or `limit`
    GET /sessions/ID/turns/t_1?wait=soon
      400 invalid_request: the query is not understood: wait: it must be a whole number
    GET /sessions/ID/turns/t_1?wait=-1
      400 invalid_request: the query is not understood: wait: it must be a whole number
    GET /sessions/%ff
      400 invalid_request: the request cannot be understood
    ");
    let response = world.by("frodo", "PUT", &session).send().await.unwrap();
    insta::assert_snapshot!(shown(response).await, @r#"
    405
    content-type: application/problem+json
    allow: GET,HEAD,DELETE
    {
      "type": "about:blank",
      "title": "Method Not Allowed",
      "status": 405,
      "code": "method_not_allowed",
      "detail": "the path has other methods; the header `allow` lists them",
      "request_id": "[id]"
    }
    "#);
}

#[tokio::test]
async fn nothing_has_a_nul_in_its_name() {
    let world = World::start().await;
    let session = world.session().await;
    for path in [
        "/sessions/s_%00",
        "/sessions?after=1.s_%00",
        &format!("{session}/turns/t_%00"),
        &format!("{session}/turns/%00/events"),
    ] {
        let answer = told(&world, "GET", path, "", "").await;
        assert!(answer.starts_with("404 not_found"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_idempotency_key_is_short_and_printable() {
    let world = World::start().await;
    let long = "k".repeat(256);
    for key in ["", "  ", "schlüssel", &long] {
        let request = world.by("frodo", "POST", "/sessions");
        let response = request.header("idempotency-key", key).send().await.unwrap();
        assert_eq!(
            problem(response).await,
            "400 invalid_request: `idempotency-key` must be one header of 1 to 255 printable \
             ASCII characters",
            "{key}"
        );
    }
    let request = world.by("frodo", "POST", "/sessions");
    let longest = request
        .header("idempotency-key", "k".repeat(255))
        .send()
        .await;
    assert_eq!(longest.unwrap().status(), 201);
}

#[tokio::test]
async fn metadata_is_small() {
    let world = World::start().await;
    let metadata = |bytes: usize| json!({"metadata": {"note": "x".repeat(bytes)}});
    let response = world.post("/sessions", &metadata(16 * 1024)).await;
    assert_eq!(
        problem(response).await,
        "400 invalid_request: `metadata` may have at most 16 KiB"
    );
    assert_eq!(
        world.post("/sessions", &metadata(16_000)).await.status(),
        201
    );
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_too_large() {
    let world = World::start().await;
    let messages = format!("{}/messages", world.session().await);
    let body = |chars: usize| json!({"content": "x".repeat(chars)}).to_string();
    let around = body(0).len();
    // The largest body is read, and found to be a message that is too long.
    let fits = body(1024 * 1024 - around);
    let fits = told(&world, "POST", &messages, "application/json", &fits).await;
    assert_eq!(
        fits,
        "413 message_too_long: a message may be at most 200 characters long"
    );

    let long = body(1024 * 1024 - around + 1);
    let said = told(&world, "POST", &messages, "application/json", &long).await;
    let chunks: Vec<Result<String, std::io::Error>> = vec![Ok(long)];
    let chunked = world
        .by("frodo", "POST", &messages)
        .header("content-type", "application/json")
        .body(Body::wrap_stream(futures_util::stream::iter(chunks)));
    let unsaid = problem(chunked.send().await.unwrap()).await;
    assert_eq!(said, "413 payload_too_large: a body may have at most 1 MiB");
    assert_eq!(unsaid, said);
}

#[tokio::test]
async fn an_answer_carries_the_requests_id() {
    let world = World::start().await;
    let request = world.by("frodo", "GET", "/nowhere");
    let response = request.header("x-request-id", "r-1").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "r-1");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["request_id"], "r-1");

    let response = world.get("/nowhere").await;
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["request_id"], id.as_str());
    assert_eq!(id.len(), 36);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_a_problem_and_one_without_end_is_cut_off() {
    let world = World::start().await;
    let request = world.by("frodo", "GET", "/sessions");
    let long = "x".repeat(60_000);
    let response = request.header("idempotency-key", long).send().await;
    let told = problem(response.unwrap()).await;
    insta::assert_snapshot!(told, @"431 invalid_request: the path and the headers may have at most 32 KiB together");
    let response = world.by(
        "frodo",
        "GET",
        &format!("/sessions?after={}", "x".repeat(33_000)),
    );
    assert_eq!(response.send().await.unwrap().status(), 431);
    let request = world.by("frodo", "GET", "/sessions");
    let response = request
        .header("x-long", "x".repeat(140 * 1024))
        .send()
        .await;
    // The connection may be gone before the client has said everything.
    assert!(response.map_or(true, |response| response.status() == 431));
    let request = world.by("frodo", "GET", "/sessions");
    let response = request.header("x-long", "x".repeat(30 * 1024)).send().await;
    assert_eq!(response.unwrap().status(), 200);
}
