//! Following a turn.

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::world::{World, json_of, redacted, shown};
use crate::fake::{Answer, Gate};

/// A finished turn with one call that ran and one that was denied; its path.
async fn finished(world: &World) -> String {
    for word in ["friend", "mellon"] {
        world
            .fake
            .push(Answer::tools([("say", json!({"words": [word]}))]));
    }
    world.fake.push(Answer::text("Spoken."));
    let session = world.session().await;
    let asked = json!({"content": "Say friend."});
    let turn = world.post(&format!("{session}/messages"), &asked).await;
    let turn = json_of(turn).await;
    format!("{session}/turns/{}", turn["turn_id"].as_str().unwrap())
}

#[derive(Debug, Clone, PartialEq)]
struct Sent {
    id: Option<u64>,
    event: String,
    data: Value,
}

/// Reads a whole stream.
async fn all(world: &World, path: &str, last: Option<&str>) -> Vec<Sent> {
    let mut request = world.by("frodo", "GET", path);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    parsed(&response.text().await.unwrap())
}

fn parsed(text: &str) -> Vec<Sent> {
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    blocks.filter_map(parsed_one).collect()
}

fn parsed_one(block: &str) -> Option<Sent> {
    let field = |name: &str| {
        let found = block.lines().find_map(|line| line.strip_prefix(name));
        found.and_then(|rest| rest.strip_prefix(": "))
    };
    Some(Sent {
        id: field("id").map(|id| id.parse().unwrap()),
        event: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}

fn numbers(events: &[Sent]) -> Vec<u64> {
    events.iter().filter_map(|event| event.id).collect()
}

#[tokio::test]
async fn a_finished_turn_is_told_from_its_beginning() {
    let world = World::start().await;
    let turn = finished(&world).await;
    let events = all(&world, &format!("{turn}/events"), None).await;
    for event in &events {
        assert_eq!(event.data["number"].as_u64(), event.id);
        assert_eq!(event.data["type"], event.event.as_str());
    }
    let told: Vec<String> = events.iter().map(|event| event.data.to_string()).collect();
    insta::assert_snapshot!(redacted(&told.join("\n")), @r#"
    {"number":1,"at":"[time]","type":"turn_started","content":"Say friend.","revision":"[revision]"}
    {"number":2,"at":"[time]","type":"model_replied","text":"","calls":[{"call_id":"[call 1]","tool":"say"}],"usage":{"input_tokens":310,"output_tokens":21,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}
    {"number":3,"at":"[time]","type":"call_decided","call_id":"[call 1]","verdict":"allow","rule":"say.effect","because":"`effect: read` runs without an approval","command_line":"echo friend","approval_id":null,"revision":"[revision]"}
    {"number":4,"at":"[time]","type":"call_started","call_id":"[call 1]"}
    {"number":5,"at":"[time]","type":"call_ended","call_id":"[call 1]","outcome":"exited","exit_code":0,"duration_ms":[ms],"truncated":false}
    {"number":6,"at":"[time]","type":"model_replied","text":"","calls":[{"call_id":"[call 2]","tool":"say"}],"usage":{"input_tokens":391,"output_tokens":21,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}
    {"number":7,"at":"[time]","type":"call_decided","call_id":"[call 2]","verdict":"deny","rule":"say.words.deny[0]","because":"doors open","command_line":null,"approval_id":null,"revision":"[revision]"}
    {"number":8,"at":"[time]","type":"call_ended","call_id":"[call 2]","outcome":"denied","exit_code":null,"duration_ms":null,"truncated":false}
    {"number":9,"at":"[time]","type":"model_replied","text":"Spoken.","calls":[],"usage":{"input_tokens":457,"output_tokens":8,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}
    {"number":10,"at":"[time]","type":"turn_ended","status":"completed","stop":{"reason":"end_turn","detail":null}}
    "#);
}

#[tokio::test]
async fn a_client_goes_on_where_it_stopped() {
    let world = World::start().await;
    let turn = finished(&world).await;
    let whole = all(&world, &format!("{turn}/events"), None).await;
    let numbered = numbers(&whole);
    assert_eq!(numbered, (1..=whole.len() as u64).collect::<Vec<_>>());
    for (query, last, after) in [
        ("?after=0", None, 0),
        ("?after=3", None, 3),
        ("", Some("4"), 4),
        ("?after=2", Some("5"), 5),
        ("?after=5", Some("2"), 5),
    ] {
        let rest = all(&world, &format!("{turn}/events{query}"), last).await;
        assert_eq!(rest, whole[after..], "{query} {last:?}");
    }
    let after = whole.len() as u64;
    let nothing = all(&world, &format!("{turn}/events?after={after}"), None).await;
    assert_eq!(nothing, []);
}

#[tokio::test]
async fn a_running_turn_is_told_as_it_goes_and_the_stream_ends_with_it() {
    let world = World::start().await;
    let gate = Gate::new();
    world.fake.push(Answer::text("In the Shire.").behind(&gate));
    let (_, turn) = world.running_turn().await;
    let request = world.by("frodo", "GET", &format!("{turn}/events"));
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    while !text.contains("\n\n") {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    assert_eq!(parsed(&text)[0].event, "turn_started");
    assert!(!text.contains("turn_ended"));
    gate.open();
    while let Some(chunk) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    let events = parsed(&text);
    assert_eq!(events.last().unwrap().event, "turn_ended");
    assert_eq!(all(&world, &format!("{turn}/events"), None).await, events);
}

#[tokio::test]
async fn a_number_that_is_none_is_refused() {
    let world = World::start().await;
    let turn = finished(&world).await;
    let request = world.by("frodo", "GET", &format!("{turn}/events"));
    let response = request.header("last-event-id", "x").send().await.unwrap();
    insta::assert_snapshot!(shown(response).await, @r#"
    400
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "code": "invalid_request",
      "detail": "`last-event-id` must be the number of an event",
      "request_id": "[id]"
    }
    "#);
    let response = world.get(&format!("{turn}/events?after=-1")).await;
    insta::assert_snapshot!(shown(response).await, @r#"
    400
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "code": "invalid_request",
      "detail": "the query is not understood: after: it must be a whole number",
      "request_id": "[id]"
    }
    "#);
}
