//! Sessions: made, seen, listed, ended.

use serde_json::json;

use super::world::{World, code, json_of, path_in_location, shown};
use crate::fake::Answer;

#[tokio::test]
async fn a_session_is_made_seen_and_ended() {
    let world = World::start().await;
    let created = world
        .post("/sessions", &json!({"metadata": {"ticket": 7}}))
        .await;
    let path = path_in_location(&created);
    insta::assert_snapshot!(shown(created).await, @r#"
    201
    content-type: application/json
    location: /sessions/[session 1]
    {
      "session_id": "[session 1]",
      "created_at": "[time]",
      "expires_at": "[time]",
      "revision": "[revision]"
    }
    "#);
    insta::assert_snapshot!(shown(world.get(&path).await).await, @r#"
    200
    content-type: application/json
    {
      "session_id": "[session 1]",
      "caller": "frodo",
      "created_at": "[time]",
      "last_active_at": "[time]",
      "expires_at": "[time]",
      "revision": "[revision]",
      "status": "idle",
      "metadata": {
        "ticket": 7
      },
      "turns": [],
      "pending_approvals": []
    }
    "#);
    insta::assert_snapshot!(shown(world.get("/sessions").await).await, @r#"
    200
    content-type: application/json
    {
      "sessions": [
        {
          "session_id": "[session 1]",
          "caller": "frodo",
          "created_at": "[time]",
          "last_active_at": "[time]",
          "expires_at": "[time]",
          "revision": "[revision]",
          "status": "idle",
          "metadata": {
            "ticket": 7
          }
        }
      ],
      "next": null
    }
    "#);
    let request = world.by("frodo", "DELETE", &path);
    let ended = request.send().await.unwrap();
    insta::assert_snapshot!(shown(ended).await, @"204");
    assert_eq!(code(world.get(&path).await).await, "404 session_not_found");
}

#[tokio::test]
async fn a_session_shows_its_turns() {
    let world = World::start().await;
    world
        .fake
        .push(Answer::tools([("say", json!({"words": ["friend"]}))]));
    world.fake.push(Answer::text("Spoken."));
    let session = world.session().await;
    let asked = json!({"content": "Say friend."});
    let turn = world.post(&format!("{session}/messages"), &asked).await;
    let turn = json_of(turn).await;
    let seen = json_of(world.get(&session).await).await;
    assert_eq!(seen["turns"], json!([turn]));
    assert_eq!(seen["status"], "idle");
}

#[tokio::test]
async fn a_list_comes_in_pages_newest_first() {
    let world = World::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.session().await);
    }
    made.reverse();
    let mut seen = Vec::new();
    let mut path = "/sessions?limit=2".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = json_of(world.get(&path).await).await;
        let sessions = page["sessions"].as_array().unwrap();
        sizes.push(sessions.len());
        seen.extend(
            sessions
                .iter()
                .map(|session| format!("/sessions/{}", session["session_id"].as_str().unwrap())),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/sessions?limit=2&after={next}");
    }
    assert_eq!(seen, made);
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn the_same_key_and_body_is_the_same_session() {
    let world = World::start().await;
    let make = |who: &str, body: &'static str| {
        let request = world.by(who, "POST", "/sessions");
        let request = request.header("idempotency-key", "k-1");
        let request = request.header("content-type", "application/json");
        request.body(body).send()
    };
    let first = json_of(
        make("frodo", r#"{"metadata": {"a": 1, "b": 2}}"#)
            .await
            .unwrap(),
    )
    .await;
    let again = json_of(
        make("frodo", r#"{"metadata":{"b":2,"a":1}}"#)
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(first, again);
    let other = make("frodo", r#"{"metadata": {"a": 2}}"#).await.unwrap();
    assert_eq!(code(other).await, "422 idempotency_mismatch");
    let stranger = json_of(make("sam", r#"{"metadata": {"a": 2}}"#).await.unwrap()).await;
    assert_ne!(first["session_id"], stranger["session_id"]);
}

#[tokio::test]
async fn a_caller_holds_only_so_many_sessions() {
    let world = World::start().await;
    for _ in 0..5 {
        world.session().await;
    }
    let response = world.post("/sessions", &json!({})).await;
    insta::assert_snapshot!(shown(response).await, @r#"
    429
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Too Many Requests",
      "status": 429,
      "code": "too_many_sessions",
      "detail": "you hold 5 sessions, and may not hold more",
      "request_id": "[id]"
    }
    "#);
    world.session_of("sam").await;
}

#[tokio::test]
async fn ending_a_session_ends_its_turn() {
    let world = World::start().await;
    world.fake.push(Answer::silence());
    let (session, turn) = world.running_turn().await;
    let path = format!("{turn}?wait=120");
    let wait = world.get(&path);
    let end = world.by("frodo", "DELETE", &session).send();
    let (_, ended) = tokio::join!(wait, end);
    assert_eq!(ended.unwrap().status(), 204);
    assert_eq!(code(world.get(&turn).await).await, "404 session_not_found");
}
