//! Approvals: what is shown of a call that waits, who decides, and what everybody else gets.

use serde_json::{Value, json};

use super::world::{World, callers, code, json_of, path_in_location, shown};
use crate::fake::Answer;

/// A tool that writes what it is told, from its standard input.
const KEEP: &str = "\
description: Keeps a text.
effect: write
input:
  type: object
  required: [text, name]
  properties:
    text: {type: string}
    name: {type: string}
run:
  command: [tee, '/dev/null', '{{ name }}']
  stdin: '{{ text }}'
tests:
  - ask: {text: hello, name: /dev/null}
  - deny: {text: 1, name: /dev/null}
";

/// Passwords are nobody's to see.
const HIDE: &str = "\
description: Passwords are hidden.
redact:
  - {match: 'password=[a-z]+', replace: 'password=…'}
";

async fn world() -> World {
    let files = [("tools.d/keep.yaml", KEEP), ("policies/hide.yaml", HIDE)];
    let world = World::with_files(&callers(), None, &files).await;
    let text = "user=frodo password=mellon";
    let call = ("keep", json!({"text": text, "name": "/dev/null"}));
    world.fake.push(Answer::tools([call]));
    world.fake.push(Answer::text("It is kept."));
    world
}

/// A turn of frodo that waits: its path, its session's, and the turn.
async fn waiting(world: &World) -> (String, String, Value) {
    let session = world.session().await;
    let body = json!({"content": "Keep it."});
    let response = world.post(&format!("{session}/messages"), &body).await;
    assert_eq!(response.status(), 202, "it answers as soon as it waits");
    let path = path_in_location(&response);
    (path, session, json_of(response).await)
}

fn approval(session: &str, turn: &Value) -> String {
    let id = &turn["pending_approvals"][0]["approval_id"];
    format!("{session}/approvals/{}", id.as_str().unwrap())
}

#[tokio::test]
async fn a_turn_that_waits_shows_all_that_would_run_whatever_patterns_hide_elsewhere() {
    let world = world().await;
    let (path, session, turn) = waiting(&world).await;
    assert_eq!(turn["status"], "awaiting_approval");
    insta::assert_snapshot!(shown(world.get("/approvals").await).await, @r#"
    200
    content-type: application/json
    {
      "approvals": [
        {
          "approval_id": "[approval 1]",
          "session_id": "[session 1]",
          "turn_id": "[turn 1]",
          "call_id": "[call 1]",
          "tool": "keep",
          "command_line": "tee /dev/null /dev/null",
          "input": {
            "text": "user=frodo password=mellon",
            "name": "/dev/null"
          },
          "stdin": "user=frodo password=mellon",
          "body": null,
          "effect": "write",
          "rule": "keep.effect",
          "because": "`effect: write` needs an approval",
          "status": "pending",
          "expires_at": "[time]",
          "decided_by": null
        }
      ]
    }
    "#);
    let again = json_of(world.get(&format!("{path}?wait=100")).await).await;
    assert_eq!(again, turn);
    let kept = json_of(world.get(&session).await).await;
    assert_eq!(kept["status"], "awaiting_approval");
    assert_eq!(kept["pending_approvals"], turn["pending_approvals"]);
    let listed = json_of(world.get("/sessions").await).await;
    assert_eq!(listed["sessions"][0]["status"], "awaiting_approval");
}

#[tokio::test]
async fn a_decision_is_one_of_two_words_and_nothing_like_them() {
    let world = world().await;
    let (path, session, turn) = waiting(&world).await;
    let mut told = Vec::new();
    for body in [
        json!({"decision": {"approve": null}}),
        json!({"decision": {"approve": {}}}),
        json!({"decision": ["approve"]}),
        json!({"decision": "Approve"}),
        json!({"decision": "approved"}),
        json!({"decision": null}),
        json!({"decision": true}),
        json!({"approve": null}),
        json!({"decision": "approve", "reason": ["so"]}),
        json!({}),
    ] {
        let refused = world.post(&approval(&session, &turn), &body).await;
        let status = refused.status().as_u16();
        let problem = json_of(refused).await;
        let (code, detail) = (problem["code"].as_str(), problem["detail"].as_str());
        told.push(format!("{status} {}: {}", code.unwrap(), detail.unwrap()));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    400 invalid_request: the body is not understood: invalid type: map, expected a string at line 1 column 12
    400 invalid_request: the body is not understood: invalid type: map, expected a string at line 1 column 12
    400 invalid_request: the body is not understood: invalid type: sequence, expected a string at line 1 column 12
    400 invalid_request: the body is not understood: a decision is `approve` or `deny`, not `Approve` at line 1 column 22
    400 invalid_request: the body is not understood: a decision is `approve` or `deny`, not `approved` at line 1 column 23
    400 invalid_request: the body is not understood: invalid type: null, expected a string at line 1 column 16
    400 invalid_request: the body is not understood: invalid type: boolean `true`, expected a string at line 1 column 16
    400 invalid_request: the body is not understood: unknown field `approve`, expected `decision` or `reason` at line 1 column 10
    400 invalid_request: the body is not understood: invalid type: sequence, expected a string at line 1 column 31
    400 invalid_request: the body is not understood: missing field `decision` at line 1 column 2
    ");
    let again = json_of(world.get(&path).await).await;
    assert_eq!(again, turn, "it still waits");
}

#[tokio::test]
async fn another_operator_approves_and_sees_nothing_else_of_the_session() {
    let world = world().await;
    let (path, session, turn) = waiting(&world).await;
    let listed = world.by("sam", "GET", "/approvals").send().await.unwrap();
    let listed = json_of(listed).await;
    assert_eq!(listed["approvals"], turn["pending_approvals"]);
    let session_of_frodo = world.by("sam", "GET", &session).send().await.unwrap();
    assert_eq!(code(session_of_frodo).await, "404 session_not_found");
    let decision = json!({"decision": "approve"});
    let approval = approval(&session, &turn);
    let decided = world.by("sam", "POST", &approval).json(&decision);
    let decided = json_of(decided.send().await.unwrap()).await;
    assert_eq!(
        (&decided["status"], &decided["decided_by"]),
        (&json!("approved"), &json!("sam"))
    );
    let turn = json_of(world.get(&format!("{path}?wait=100")).await).await;
    assert_eq!(
        (
            &turn["status"],
            &turn["response"],
            &turn["pending_approvals"]
        ),
        (&json!("completed"), &json!("It is kept."), &json!([]))
    );
    let again = world.post(&approval, &decision).await;
    assert_eq!(code(again).await, "409 approval_decided");
}

#[tokio::test]
async fn a_refusal_carries_its_reason_to_the_model_and_ends_the_call() {
    let world = world().await;
    let (path, session, turn) = waiting(&world).await;
    let approval = approval(&session, &turn);
    for (body, expected) in [
        (json!({}), "400 invalid_request"),
        (json!({"decision": "maybe"}), "400 invalid_request"),
        (
            json!({"decision": "approve", "command_line": "rm"}),
            "400 invalid_request",
        ),
        (
            json!({"decision": "deny", "reason": "x".repeat(2001)}),
            "400 invalid_request",
        ),
    ] {
        assert_eq!(code(world.post(&approval, &body).await).await, expected);
    }
    let unknown = format!("{session}/approvals/a_1");
    let body = json!({"decision": "deny", "reason": "not on a Friday"});
    let missing = world.post(&unknown, &body).await;
    assert_eq!(code(missing).await, "404 approval_not_found");
    let denied = json_of(world.post(&approval, &body).await).await;
    assert_eq!(denied["status"], "denied");
    let turn = json_of(world.get(&format!("{path}?wait=100")).await).await;
    assert_eq!(turn["tool_calls"][0]["outcome"], "denied");
    let told = world.fake.requests().pop().unwrap().results();
    assert!(
        told[0]
            .1
            .contains("frodo refused to approve this call: not on a Friday.")
    );
}
