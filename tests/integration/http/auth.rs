//! Who gets in, and whose sessions are whose.

use serde_json::json;

use super::world::{World, code, json_of, shown};
use crate::fake::Answer;

#[tokio::test]
async fn only_the_probes_answer_without_a_token() {
    let world = World::start().await;
    for path in ["/healthz", "/readyz"] {
        let response = world.ask("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
    for (method, path) in [
        ("GET", "/openapi.json"),
        ("GET", "/config"),
        ("GET", "/sessions"),
        ("POST", "/sessions"),
        ("GET", "/sessions/s_1"),
        ("PUT", "/sessions/s_1"),
        ("DELETE", "/sessions/s_1"),
        ("POST", "/sessions/s_1/messages"),
        ("GET", "/sessions/s_1/turns/t_1"),
        ("POST", "/sessions/s_1/turns/t_1/cancel"),
        ("GET", "/sessions/s_1/turns/t_1/events"),
        ("GET", "/"),
        ("GET", "/nowhere"),
    ] {
        let response = world.ask(method, path).send().await.unwrap();
        assert_eq!(code(response).await, "401 unauthorized", "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_is_known_or_it_is_not() {
    let world = World::start().await;
    for (header, expected) in [
        ("Bearer frodo-token", "frodo"),
        ("bearer frodo-token", "frodo"),
        ("Bearer frodo-second-token", "frodo"),
        ("Bearer sam-token", "sam"),
    ] {
        let request = world
            .ask("POST", "/sessions")
            .header("authorization", header);
        let created = json_of(request.send().await.unwrap()).await;
        let path = format!("/sessions/{}", created["session_id"].as_str().unwrap());
        let request = world.ask("GET", &path).header("authorization", header);
        let session = json_of(request.send().await.unwrap()).await;
        assert_eq!(session["caller"], expected, "{header}");
    }
    for header in [
        "Bearer",
        "Bearer ",
        "Bearer frodo",
        "Bearer frodo-token frodo-token",
        "Bearer FRODO-TOKEN",
        "Basic ZnJvZG86dG9rZW4=",
        "frodo-token",
    ] {
        let request = world
            .ask("GET", "/sessions")
            .header("authorization", header);
        let response = request.send().await.unwrap();
        assert_eq!(code(response).await, "401 unauthorized", "{header}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_missing() {
    let world = World::start().await;
    let response = world.ask("GET", "/sessions").send().await.unwrap();
    insta::assert_snapshot!(shown(response).await, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="tolkien"
    {
      "type": "about:blank",
      "title": "Unauthorized",
      "status": 401,
      "code": "unauthorized",
      "detail": "a token is needed: send one header `authorization: Bearer TOKEN`",
      "request_id": "[id]"
    }
    "#);
    let request = world.ask("GET", "/sessions").bearer_auth("sauron");
    insta::assert_snapshot!(shown(request.send().await.unwrap()).await, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="tolkien"
    {
      "type": "about:blank",
      "title": "Unauthorized",
      "status": 401,
      "code": "unauthorized",
      "detail": "the token is not known to this server",
      "request_id": "[id]"
    }
    "#);
}

#[tokio::test]
async fn without_callers_the_local_token_opens_and_nothing_else_does() {
    let world = World::with("", Some("local-token")).await;
    let request = world.by("local", "POST", "/sessions");
    let path = super::world::path_in_location(&request.send().await.unwrap());
    let session = world.by("local", "GET", &path).send().await.unwrap();
    assert_eq!(json_of(session).await["caller"], "local");
    let response = world.get("/sessions").await;
    assert_eq!(code(response).await, "401 unauthorized");
}

#[tokio::test]
async fn a_session_of_another_caller_is_not_there() {
    let world = World::start().await;
    world.fake.push(Answer::text("In the Shire."));
    let session = world.session().await;
    let asked = json!({"content": "Where is the ring?"});
    let turn = json_of(
        world
            .post(&format!("{session}/messages"), &asked.clone())
            .await,
    )
    .await;
    let turn = format!("{session}/turns/{}", turn["turn_id"].as_str().unwrap());

    for (method, path) in [
        ("GET", session.clone()),
        ("DELETE", session.clone()),
        ("POST", format!("{session}/messages")),
        ("GET", turn.clone()),
        ("POST", format!("{turn}/cancel")),
        ("GET", format!("{turn}/events")),
    ] {
        let unknown = path.replace(&session, "/sessions/s_00000000000000000000000000000000");
        for path in [path, unknown] {
            let request = world.by("sam", method, &path).json(&asked);
            let response = request.send().await.unwrap();
            assert_eq!(
                code(response).await,
                "404 session_not_found",
                "{method} {path}"
            );
        }
    }
    let list = world.by("sam", "GET", "/sessions").send().await.unwrap();
    assert_eq!(json_of(list).await, json!({"sessions": [], "next": null}));

    let response = world.by("gandalf", "GET", &session).send().await.unwrap();
    assert_eq!(json_of(response).await["caller"], "frodo");
    assert_eq!(world.get(&turn).await.status(), 200);
    assert_eq!(world.fake.requests().len(), 1);
}
