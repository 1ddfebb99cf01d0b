//! The wire read back as a client reads it, and what a request may not say.

use serde_json::{Value, json};

use super::*;

#[test]
fn an_event_is_one_flat_object_and_reads_back() {
    let wire = json!({
        "number": 7,
        "at": "2026-11-23T01:00:00Z",
        "type": "call_ended",
        "call_id": "c_1",
        "outcome": "timed_out",
        "exit_code": null,
        "duration_ms": 60_000,
        "truncated": true,
    });
    let event: Event = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(event.what.name(), "call_ended");
    assert_eq!(serde_json::to_value(&event).unwrap(), wire);
}

#[test]
fn a_client_passes_over_what_a_newer_server_adds() {
    let event: Event = serde_json::from_value(json!({
        "number": 1,
        "at": "2026-11-23T01:00:00Z",
        "type": "moon_risen",
        "phase": 0.5,
    }))
    .unwrap();
    assert_eq!(event.what, What::Other);

    let problem: Problem = serde_json::from_value(json!({
        "type": "about:blank",
        "title": "Teapot",
        "status": 418,
        "code": "teapot",
        "detail": "short and stout",
        "request_id": "r-1",
        "handle": true,
    }))
    .unwrap();
    assert_eq!((problem.code, problem.turn_id), (Code::Other, None));
}

#[test]
fn every_type_of_event_has_the_name_that_its_json_has() {
    let usage = Usage::default();
    let call_id = || "c_1".to_owned();
    let all = [
        What::TurnStarted {
            content: String::new(),
            revision: String::new(),
        },
        What::ModelRetried {
            attempt: 1,
            reason: String::new(),
            detail: String::new(),
            wait_ms: 1,
        },
        What::ModelFailed {
            reason: String::new(),
            detail: String::new(),
        },
        What::ModelReplied {
            text: String::new(),
            calls: Vec::new(),
            usage,
        },
        What::CallDecided {
            call_id: call_id(),
            verdict: Verdict::Deny,
            rule: String::new(),
            because: String::new(),
            command_line: None,
            approval_id: None,
            revision: String::new(),
        },
        What::ApprovalDecided {
            call_id: call_id(),
            approved: true,
            by: String::new(),
            reason: None,
        },
        What::ApprovalExpired {
            call_id: call_id(),
            approval_id: String::new(),
        },
        What::ApprovalSuperseded {
            call_id: call_id(),
            approval_id: String::new(),
        },
        What::CallStarted { call_id: call_id() },
        What::CallEnded {
            call_id: call_id(),
            outcome: Outcome::Exited,
            exit_code: Some(0),
            duration_ms: Some(1),
            truncated: false,
        },
        What::CancelAsked,
        What::ContextChanged,
        What::TurnEnded {
            status: TurnStatus::Completed,
            stop: Stop {
                reason: String::new(),
                detail: None,
            },
        },
        What::Other,
    ];
    for what in all {
        let wire = serde_json::to_value(&what).unwrap();
        assert_eq!(wire["type"], what.name());
    }
}

#[test]
fn a_request_with_a_key_that_nobody_knows_is_refused() {
    let refused = |result: Result<(), serde_json::Error>| result.unwrap_err().to_string();
    let create = |body: Value| serde_json::from_value::<CreateSession>(body).map(drop);
    let send = |body: Value| serde_json::from_value::<SendMessage>(body).map(drop);
    assert_eq!(
        refused(create(json!({"metdata": {}}))),
        "unknown field `metdata`, expected `metadata`"
    );
    assert_eq!(
        refused(send(json!({"content": "a", "role": "system"}))),
        "unknown field `role`, expected `content`"
    );
    assert_eq!(
        refused(send(json!("a"))),
        "invalid type: string \"a\", expected an object, `{\"content\": \"…\"}`"
    );
}
