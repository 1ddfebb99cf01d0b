//! The published contract against the server that publishes it, and what it says of itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::world::{World, json_of, shown};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(world: &World) -> Value {
    json_of(world.get("/openapi.json").await).await
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    all
}

#[tokio::test]
async fn the_document_lists_the_contracts_calls() {
    let world = World::start().await;
    let document = document(&world).await;
    assert_eq!(document["openapi"], "3.1.0");
    let lines: Vec<String> = operations(&document)
        .iter()
        .map(|(method, path, operation)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let statuses: Vec<&str> = statuses.map(String::as_str).collect();
            let open = if operation["security"].is_null() {
                " (open)"
            } else {
                ""
            };
            format!(
                "{} {path}{open}: {}",
                method.to_uppercase(),
                statuses.join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    GET /approvals: 200 401 default
    GET /config: 200 401 default
    GET /healthz (open): 200 default
    GET /openapi.json: 200 401 default
    POST /pause: 200 400 401 403 default
    GET /readyz (open): 200 503 default
    POST /resume: 200 401 403 default
    GET /sessions: 200 401 default
    POST /sessions: 201 400 401 422 429 default
    GET /sessions/{session_id}: 200 401 404 default
    DELETE /sessions/{session_id}: 204 401 404 default
    POST /sessions/{session_id}/approvals/{approval_id}: 200 400 401 403 404 409 410 default
    POST /sessions/{session_id}/messages: 200 202 400 401 404 409 413 422 default
    GET /sessions/{session_id}/turns/{turn_id}: 200 401 404 default
    POST /sessions/{session_id}/turns/{turn_id}/cancel: 202 401 404 default
    GET /sessions/{session_id}/turns/{turn_id}/events: 200 401 404 default
    ");
}

#[tokio::test]
async fn a_path_takes_the_documented_methods_and_no_others() {
    let world = World::start().await;
    let document = document(&world).await;
    let documented: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    let paths: BTreeSet<&String> = documented.iter().map(|(_, path)| path).collect();
    for path in paths {
        for method in METHODS {
            let filled = path
                .replace("{session_id}", "s_1")
                .replace("{turn_id}", "t_1");
            let request = world.by("frodo", &method.to_uppercase(), &filled);
            let status = request.send().await.unwrap().status().as_u16();
            let known = documented.contains(&(method.to_owned(), path.clone()));
            assert_eq!(status != 405, known, "{method} {path} answers {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let world = World::start().await;
    let document = document(&world).await;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                into.push(reference.clone());
            }
            map.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

#[tokio::test]
async fn the_documents_types_have_the_contracts_fields() {
    let world = World::start().await;
    let document = document(&world).await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let lines: Vec<String> = schemas
        .iter()
        .filter_map(|(name, schema)| {
            let fields = schema["properties"].as_object()?.keys();
            let fields: Vec<&str> = fields.map(String::as_str).collect();
            Some(format!("{name}: {}", fields.join(" ")))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    Approval: approval_id because body call_id command_line decided_by effect expires_at input rule session_id status stdin tool turn_id
    ApprovalList: approvals
    AskedCall: call_id tool
    ConfigReport: at_restart last_rejected_reload paused policies revision sandbox tools
    CreateSession: metadata
    DecideApproval: decision reason
    Finding: code end file fix help message severity start
    Fix: end file replacement start
    Health: status
    PauseState: paused
    PauseTools: reason
    Paused: by reason since
    PolicyReport: description name tools
    Position: column line
    Problem: code detail request_id status title turn_id type
    Readiness: revision sandbox status
    RejectedReload: at detail diagnostics revision
    SandboxReport: lacks level
    SendMessage: content
    Session: caller created_at expires_at last_active_at metadata pending_approvals revision session_id status turns
    SessionCreated: created_at expires_at revision session_id
    SessionPage: next sessions
    SessionSummary: caller created_at expires_at last_active_at metadata revision session_id status
    Stop: detail reason
    ToolCall: call_id command_line duration_ms exit_code outcome rule tool truncated verdict
    ToolReport: effect lacks name status warnings
    Turn: created_at finished_at pending_approvals response revision session_id status stop tool_calls turn_id usage
    Usage: cache_creation_input_tokens cache_read_input_tokens input_tokens output_tokens
    ");
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let world = World::start().await;
    insta::assert_snapshot!(shown(world.get("/healthz").await).await, @r#"
    200
    content-type: application/json
    {
      "status": "ok"
    }
    "#);
    insta::assert_snapshot!(shown(world.get("/readyz").await).await, @r#"
    200
    content-type: application/json
    {
      "status": "ready",
      "revision": "[revision]",
      "sandbox": "off"
    }
    "#);
    insta::assert_snapshot!(shown(world.get("/config").await).await, @r#"
    200
    content-type: application/json
    {
      "revision": "[revision]",
      "tools": [
        {
          "name": "say",
          "effect": "read",
          "status": "ready",
          "lacks": [],
          "warnings": []
        }
      ],
      "policies": [],
      "last_rejected_reload": null,
      "at_restart": [],
      "sandbox": {
        "level": "off",
        "lacks": [
          "nobody has looked how far programs can be confined here"
        ]
      },
      "paused": null
    }
    "#);
}
