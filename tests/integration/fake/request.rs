//! A request as the fake saw it.

use axum::http::{HeaderMap, Uri};
use serde_json::Value;

use super::blocks_of;

/// One request to the fake.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The path and query.
    pub(crate) path: String,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, to the byte.
    pub(crate) raw: String,
    /// The body, parsed; null if it is no JSON.
    pub(crate) body: Value,
}

impl Seen {
    pub(super) fn new(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(body).into_owned();
        let body = serde_json::from_str(&raw).unwrap_or_default();
        Self {
            path: uri.to_string(),
            headers: headers.clone(),
            raw,
            body,
        }
    }

    /// A header's value; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The messages.
    pub(crate) fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The question being answered.
    pub(crate) fn question(&self) -> String {
        let question = self.messages().iter().rev().find(|message| asks(message));
        let blocks = question.map(|message| blocks_of(&message["content"]));
        let last = blocks
            .as_ref()
            .and_then(|blocks| blocks.last()?["text"].as_str());
        last.unwrap_or_default().to_owned()
    }

    /// How many replies there were since the question.
    pub(crate) fn rounds(&self) -> usize {
        let since = self
            .messages()
            .iter()
            .rev()
            .take_while(|message| !asks(message));
        since
            .filter(|message| message["role"] == "assistant")
            .count()
    }

    /// The results in the last message: the call's id, the text, whether it is marked an error.
    pub(crate) fn results(&self) -> Vec<(String, String, bool)> {
        let last = self
            .messages()
            .last()
            .map(|message| blocks_of(&message["content"]));
        let text = |content: &Value| -> String {
            blocks_of(content)
                .iter()
                .filter_map(|block| block["text"].as_str())
                .collect()
        };
        last.unwrap_or_default()
            .iter()
            .filter(|block| block["type"] == "tool_result")
            .map(|block| {
                let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
                (id, text(&block["content"]), block["is_error"] == true)
            })
            .collect()
    }

    /// Whether the answer is to be streamed.
    pub(super) fn streams(&self) -> bool {
        self.body["stream"] == true
    }
}

/// Whether a message ends in somebody's words: after a turn that was cancelled they follow its
/// results. What the engine says after the results of the last round is nobody's.
fn asks(message: &Value) -> bool {
    let blocks = blocks_of(&message["content"]);
    let text = blocks.last().and_then(|block| block["text"].as_str());
    let engine = "This turn has used up its rounds";
    message["role"] == "user" && text.is_some_and(|text| !text.starts_with(engine))
}
