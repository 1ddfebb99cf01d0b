//! The wire format: a message whole, or as the events of a stream, and error bodies.

use std::io;

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{answer::ApiError, cache::Account, rules::Refused};

/// How many characters a text delta carries.
const DELTA_CHARS: usize = 24;

/// A reply with everything put in that depends on the request.
pub(super) struct Reply {
    pub(super) message_id: String,
    pub(super) model: String,
    pub(super) blocks: Vec<Value>,
    pub(super) stop_reason: Option<String>,
    pub(super) stop_details: Option<Value>,
    pub(super) account: Account,
}

/// How a stream goes.
#[derive(Clone)]
pub(super) struct Course {
    /// Events that are put after the first block's start.
    pub(super) extra: Vec<(String, String)>,
    /// What happens after so many events.
    pub(super) fault: Option<(usize, Fault)>,
    pub(super) without_stop: bool,
    pub(super) truncated_call: bool,
    /// 0: all at once.
    pub(super) piece_bytes: usize,
    pub(super) line_end: &'static str,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            extra: Vec::new(),
            fault: None,
            without_stop: false,
            truncated_call: false,
            piece_bytes: 0,
            line_end: "\n",
        }
    }
}

/// How a stream ends before its time.
#[derive(Clone)]
pub(super) enum Fault {
    /// The connection breaks.
    Cut,
    /// The body ends.
    End,
    /// Nothing more comes.
    Stall,
    /// An `error` event with this data.
    Error(String),
}

/// The reply in one piece.
pub(super) fn whole(reply: &Reply, request_id: &str) -> Response {
    let mut message = head(reply, &usage(reply.account, reply.account.output));
    message["content"] = json!(reply.blocks);
    message["stop_reason"] = json!(reply.stop_reason);
    message["stop_details"] = json!(reply.stop_details);
    respond(200, "application/json", request_id, message.to_string())
}

/// The reply as a stream of events.
pub(super) fn streamed(reply: &Reply, course: Course, request_id: &str) -> Response {
    let mut events = events(reply, course.truncated_call);
    if course.without_stop {
        events.pop();
    }
    let middle = events.len().min(2);
    events.splice(middle..middle, course.extra);
    let mut fault = None;
    if let Some((after, how)) = course.fault {
        events.truncate(after);
        match how {
            Fault::Error(data) => events.push(("error".to_owned(), data)),
            how => fault = Some(how),
        }
    }
    let text: String = events
        .iter()
        .fold(String::new(), |text, (name, data)| {
            text + "event: " + name + "\ndata: " + data + "\n\n"
        })
        .replace('\n', course.line_end);
    let size = if course.piece_bytes == 0 {
        text.len().max(1)
    } else {
        course.piece_bytes
    };
    let pieces: Vec<_> = text
        .as_bytes()
        .chunks(size)
        .map(Bytes::copy_from_slice)
        .collect();
    // Yielding between the pieces sends each on its own.
    let pieces = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(piece)
    });
    let end = stream::once(async move {
        match fault {
            Some(Fault::Cut) => Some(Err(io::Error::other("cut"))),
            Some(Fault::Stall) => std::future::pending().await,
            _ => None,
        }
    });
    let body = Body::from_stream(pieces.chain(end.filter_map(std::future::ready)));
    respond(200, "text/event-stream; charset=utf-8", request_id, body)
}

/// An error of the API.
pub(super) fn error(error: &ApiError, request_id: &str) -> Response {
    let mut body = error_body(&error.kind, &error.message, request_id);
    if let Some(code) = &error.error_code {
        body["error"]["details"] = json!({"error_code": code});
    }
    let mut response = respond(
        error.status,
        "application/json",
        request_id,
        body.to_string(),
    );
    for (name, value) in &error.headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

/// The answer to a request that broke a rule.
pub(super) fn refusal(refused: &Refused, request_id: &str) -> Response {
    let body = error_body(refused.kind, &refused.message, request_id);
    respond(
        refused.status,
        "application/json",
        request_id,
        body.to_string(),
    )
}

/// A body of any type, as something in front of the API sends it: without a request id.
pub(super) fn page(status: u16, content_type: &str, body: String) -> Response {
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type);
    response.body(Body::from(body)).unwrap()
}

fn respond(status: u16, content_type: &str, request_id: &str, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header("request-id", request_id)
        .body(body.into())
        .unwrap()
}

fn error_body(kind: &str, message: &str, request_id: &str) -> Value {
    let error = json!({"type": kind, "message": message});
    json!({"type": "error", "error": error, "request_id": request_id})
}

fn head(reply: &Reply, usage: &Value) -> Value {
    json!({
        "id": reply.message_id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    })
}

fn usage(account: Account, output: usize) -> Value {
    json!({
        "input_tokens": account.input,
        "cache_creation_input_tokens": account.created,
        "cache_read_input_tokens": account.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": account.created,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn events(reply: &Reply, truncated_call: bool) -> Vec<(String, String)> {
    let mut events = Events(Vec::new());
    events.push(json!({"type": "message_start", "message": head(reply, &usage(reply.account, 1))}));
    let last_call = reply
        .blocks
        .iter()
        .rposition(|block| block["type"] == "tool_use");
    for (index, block) in reply.blocks.iter().enumerate() {
        events.block(index, block, truncated_call && Some(index) == last_call);
        if index == 0 {
            events.push(json!({"type": "ping"}));
        }
    }
    let delta = json!({
        "stop_reason": reply.stop_reason,
        "stop_sequence": null,
        "stop_details": reply.stop_details,
    });
    let usage = usage(reply.account, reply.account.output);
    events.push(json!({"type": "message_delta", "delta": delta, "usage": usage}));
    events.push(json!({"type": "message_stop"}));
    events.0
}

struct Events(Vec<(String, String)>);

impl Events {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "every event is a literal at the call"
    )]
    fn push(&mut self, event: Value) {
        self.0.push((
            event["type"].as_str().unwrap().to_owned(),
            event.to_string(),
        ));
    }

    fn block(&mut self, index: usize, block: &Value, truncated: bool) {
        let mut start = block.clone();
        let mut deltas = Vec::new();
        match block["type"].as_str() {
            Some("text") => {
                start["text"] = json!("");
                deltas.extend(
                    pieces(&block["text"]).map(|text| json!({"type": "text_delta", "text": text})),
                );
                if let Some(citations) = block["citations"].as_array() {
                    start["citations"] = json!([]);
                    deltas.extend(
                        citations
                            .iter()
                            .map(|it| json!({"type": "citations_delta", "citation": it})),
                    );
                }
            }
            Some("thinking") => {
                start["thinking"] = json!("");
                start["signature"] = json!("");
                let thinking = pieces(&block["thinking"]);
                deltas.extend(
                    thinking.map(|text| json!({"type": "thinking_delta", "thinking": text})),
                );
                deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            }
            Some("tool_use" | "server_tool_use") => {
                start["input"] = json!({});
                deltas.push(json!({"type": "input_json_delta", "partial_json": ""}));
                let mut input = block["input"].to_string();
                if truncated {
                    let half = input.char_indices().nth(input.chars().count() / 2);
                    input.truncate(half.map_or(0, |(at, _)| at));
                }
                if input != "{}" {
                    let input = json!(input);
                    deltas.extend(
                        pieces(&input)
                            .map(|json| json!({"type": "input_json_delta", "partial_json": json})),
                    );
                }
            }
            _ => {}
        }
        self.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        for delta in deltas {
            self.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        self.push(json!({"type": "content_block_stop", "index": index}));
    }
}

fn pieces(text: &Value) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.as_str().unwrap_or_default().chars().collect();
    let pieces: Vec<String> = chars
        .chunks(DELTA_CHARS)
        .map(|piece| piece.iter().collect())
        .collect();
    pieces.into_iter()
}
