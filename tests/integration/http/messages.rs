//! Messages and the turns they begin.

use serde_json::{Value, json};

use super::world::{World, code, json_of, path_in_location, shown};
use crate::fake::{Answer, Gate};

fn asked() -> Value {
    json!({"content": "Where is the ring?"})
}

#[tokio::test]
async fn a_message_is_answered_with_the_finished_turn() {
    let world = World::start().await;
    world.fake.push(
        Answer::tools([
            ("say", json!({"words": ["speak", "friend"]})),
            ("say", json!({"words": ["mellon"]})),
        ])
        .saying("Let me speak."),
    );
    world.fake.push(Answer::text("The doors are shut."));
    let session = world.session().await;
    let response = world.post(&format!("{session}/messages"), &asked()).await;
    insta::assert_snapshot!(shown(response).await, @r#"
    200
    content-type: application/json
    {
      "turn_id": "[turn 1]",
      "session_id": "[session 1]",
      "status": "completed",
      "response": "The doors are shut.",
      "stop": {
        "reason": "end_turn",
        "detail": null
      },
      "tool_calls": [
        {
          "call_id": "[call 1]",
          "tool": "say",
          "command_line": "echo speak friend",
          "verdict": "allow",
          "rule": "say.effect",
          "outcome": "exited",
          "exit_code": 0,
          "duration_ms": [ms],
          "truncated": false
        },
        {
          "call_id": "[call 2]",
          "tool": "say",
          "command_line": null,
          "verdict": "deny",
          "rule": "say.words.deny[0]",
          "outcome": "denied",
          "exit_code": null,
          "duration_ms": null,
          "truncated": false
        }
      ],
      "pending_approvals": [],
      "usage": {
        "input_tokens": 784,
        "output_tokens": 65,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0
      },
      "revision": "[revision]",
      "created_at": "[time]",
      "finished_at": "[time]"
    }
    "#);
}

#[tokio::test]
async fn a_turn_that_takes_longer_than_the_wait_goes_on_elsewhere() {
    let world = World::start().await;
    let gate = Gate::new();
    world.fake.push(Answer::text("In the Shire.").behind(&gate));
    let session = world.session().await;
    let response = world
        .by("frodo", "POST", &format!("{session}/messages"))
        .header("prefer", "wait=0")
        .json(&asked())
        .send()
        .await
        .unwrap();
    let turn = path_in_location(&response);
    insta::assert_snapshot!(shown(response).await, @r#"
    202
    content-type: application/json
    location: /sessions/[session 1]/turns/[turn 1]
    preference-applied: wait=0
    {
      "turn_id": "[turn 1]",
      "session_id": "[session 1]",
      "status": "running",
      "response": null,
      "stop": null,
      "tool_calls": [],
      "pending_approvals": [],
      "usage": {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0
      },
      "revision": "[revision]",
      "created_at": "[time]",
      "finished_at": null
    }
    "#);
    assert_eq!(
        json_of(world.get(&session).await).await["status"],
        "running"
    );

    let path = format!("{turn}?wait=500");
    let waited = world.get(&path);
    let opened = async {
        world.fake.requested(1).await;
        gate.open();
    };
    let (waited, ()) = tokio::join!(waited, opened);
    let waited = json_of(waited).await;
    assert_eq!(
        (&waited["status"], &waited["response"]),
        (&json!("completed"), &json!("In the Shire."))
    );
}

#[tokio::test]
async fn a_preference_that_was_followed_is_said_back() {
    let world = World::start().await;
    let session = world.session().await;
    for (prefer, applied) in [
        ("wait=5", Some("wait=5")),
        ("wait=900", Some("wait=120")),
        ("return=minimal", None),
    ] {
        world.fake.push(Answer::text("Yes."));
        let request = world.by("frodo", "POST", &format!("{session}/messages"));
        let request = request.header("prefer", prefer).json(&asked());
        let response = request.send().await.unwrap();
        let header = response.headers().get("preference-applied");
        assert_eq!(header.map(|it| it.to_str().unwrap()), applied);
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn a_second_message_while_a_turn_runs_is_told_which() {
    let world = World::start().await;
    world.fake.push(Answer::silence());
    let (session, turn) = world.running_turn().await;
    let response = world.post(&format!("{session}/messages"), &asked()).await;
    let problem = json_of(response).await;
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(409), &json!("turn_in_progress"))
    );
    let id = problem["turn_id"].as_str().unwrap();
    assert_eq!(format!("{session}/turns/{id}"), turn);
}

#[tokio::test]
async fn a_client_that_leaves_and_asks_again_gets_the_one_answer() {
    let world = World::start().await;
    let gate = Gate::new();
    world.fake.push(Answer::text("In the Shire.").behind(&gate));
    let session = world.session().await;
    let ask = || {
        let request = world.by("frodo", "POST", &format!("{session}/messages"));
        request
            .header("idempotency-key", "k-1")
            .json(&asked())
            .send()
    };
    tokio::select! {
        answered = ask() => panic!("the gate is shut: {answered:?}"),
        () = world.fake.requested(1) => {}
    }
    // The first client is gone; the second comes while the turn runs, the third after it.
    let opened = async { gate.open() };
    let (joined, ()) = tokio::join!(ask(), opened);
    let (joined, late) = (joined.unwrap(), ask().await.unwrap());
    assert_eq!(
        (joined.status(), late.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let (joined, late) = (json_of(joined).await, json_of(late).await);
    assert_eq!(joined["response"], "In the Shire.");
    assert_eq!(joined, late);
    assert_eq!(world.fake.requests().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_message_is_a_mistake() {
    let world = World::start().await;
    world.fake.push(Answer::text("In the Shire."));
    let session = world.session().await;
    let ask = |content: &str| {
        let request = world.by("frodo", "POST", &format!("{session}/messages"));
        let request = request.header("idempotency-key", "k-1");
        request.json(&json!({"content": content})).send()
    };
    assert_eq!(ask("Where?").await.unwrap().status(), 200);
    insta::assert_snapshot!(shown(ask("Who?").await.unwrap()).await, @r#"
    422
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "code": "idempotency_mismatch",
      "detail": "this idempotency key was used with another body",
      "request_id": "[id]"
    }
    "#);
    let elsewhere = world.session().await;
    world.fake.push(Answer::text("Frodo."));
    let request = world.by("frodo", "POST", &format!("{elsewhere}/messages"));
    let request = request.header("idempotency-key", "k-1");
    let response = request.json(&json!({"content": "Who?"})).send().await;
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test]
async fn a_cancelled_turn_stays_cancelled() {
    let world = World::start().await;
    world.fake.push(Answer::silence());
    let (_, turn) = world.running_turn().await;
    let cancel = || async {
        let request = world.by("frodo", "POST", &format!("{turn}/cancel"));
        request.send().await.unwrap()
    };
    assert_eq!(cancel().await.status(), 202);
    let waited = world.get(&format!("{turn}?wait=120")).await;
    insta::assert_snapshot!(shown(waited).await, @r#"
    200
    content-type: application/json
    {
      "turn_id": "[turn 1]",
      "session_id": "[session 1]",
      "status": "cancelled",
      "response": null,
      "stop": {
        "reason": "cancelled",
        "detail": null
      },
      "tool_calls": [],
      "pending_approvals": [],
      "usage": {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0
      },
      "revision": "[revision]",
      "created_at": "[time]",
      "finished_at": "[time]"
    }
    "#);
    let again = cancel().await;
    assert_eq!(again.status(), 202);
    assert_eq!(json_of(again).await["status"], "cancelled");
}

#[tokio::test]
async fn a_message_has_some_text_and_not_too_much() {
    let world = World::start().await;
    let messages = format!("{}/messages", world.session().await);
    let long = world
        .post(&messages, &json!({"content": "é".repeat(201)}))
        .await;
    insta::assert_snapshot!(shown(long).await, @r#"
    413
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Payload Too Large",
      "status": 413,
      "code": "message_too_long",
      "detail": "a message may be at most 200 characters long",
      "request_id": "[id]"
    }
    "#);
    let empty = world.post(&messages, &json!({"content": " \n"})).await;
    insta::assert_snapshot!(shown(empty).await, @r#"
    400
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "code": "invalid_request",
      "detail": "a message needs some text",
      "request_id": "[id]"
    }
    "#);
    world.fake.push(Answer::text("A long one."));
    let fits = world
        .post(&messages, &json!({"content": "é".repeat(200)}))
        .await;
    assert_eq!(fits.status(), 200);
}

#[tokio::test]
async fn a_turn_that_is_not_there_is_a_problem() {
    let world = World::start().await;
    let session = world.session().await;
    for (method, rest) in [("GET", ""), ("POST", "/cancel"), ("GET", "/events")] {
        let path = format!("{session}/turns/t_00000000000000000000000000000000{rest}");
        let response = world.by("frodo", method, &path).send().await.unwrap();
        assert_eq!(code(response).await, "404 turn_not_found", "{path}");
    }
}
