//! The documented rules of a request, each with its documented 400.
//!
//! In one point this is stricter than the API: assistant content must be, to the byte, what the
//! fake sent, but for removed thinking.

use std::collections::{HashMap, HashSet};

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{answer::Spoken, blocks_of, canonical, is_thinking, request::Seen, thinking::Seals};

/// A request that broke a rule.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn invalid(message: &str) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            message: message.to_owned(),
        }
    }
}

type Checked = Result<(), Refused>;

fn refuse<T>(message: impl AsRef<str>) -> Result<T, Refused> {
    Err(Refused::invalid(message.as_ref()))
}

/// The fields that a request may have.
const FIELDS: [&str; 17] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "stop_sequences",
    "stream",
    "metadata",
    "service_tier",
    "speed",
    "inference_geo",
    "container",
    "diagnostics",
];

/// Sampling parameters: refused from the API's newer version on.
const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];

const TOOL_FIELDS: [&str; 10] = [
    "name",
    "description",
    "input_schema",
    "strict",
    "input_examples",
    "defer_loading",
    "cache_control",
    "allowed_callers",
    "eager_input_streaming",
    "type",
];

/// Holds a request against all rules.
pub(super) fn check(method: &Method, seen: &Seen, sent: &Sent, seals: &Seals) -> Checked {
    route(method, seen)?;
    headers(seen)?;
    let body = &seen.body;
    fields(body, seen.header("anthropic-version"))?;
    tools(body)?;
    settings(body)?;
    system(body)?;
    let messages = seen.messages();
    for (index, message) in messages.iter().enumerate() {
        content(index, message)?;
    }
    breakpoints(body)?;
    let replayed = replayed(&seen.raw, sent)?;
    roles(messages, &replayed)?;
    calls(messages)?;
    seals.check(body)
}

fn route(method: &Method, seen: &Seen) -> Checked {
    let path = seen.path.split('?').next().unwrap_or_default();
    if method == Method::POST && path.ends_with("/v1/messages") && !path.contains("//") {
        return Ok(());
    }
    Err(Refused {
        status: 404,
        kind: "not_found_error",
        message: format!("Not found: {path}"),
    })
}

fn headers(seen: &Seen) -> Checked {
    let bearer = seen.header("authorization").starts_with("Bearer ");
    if seen.header("x-api-key").is_empty() && !bearer {
        let message = "x-api-key header is required".to_owned();
        return Err(Refused {
            status: 401,
            kind: "authentication_error",
            message,
        });
    }
    if !seen.header("content-type").starts_with("application/json") {
        return refuse("content-type: must be application/json");
    }
    match seen.header("anthropic-version") {
        "2023-06-01" | "2026-10-21" => Ok(()),
        "" => refuse("anthropic-version: header is required"),
        other => refuse(format!(
            "anthropic-version: \"{other}\" is not a valid version"
        )),
    }
}

fn fields(body: &Value, version: &str) -> Checked {
    let Some(fields) = body.as_object() else {
        return refuse("The request body is not valid JSON");
    };
    for name in fields.keys() {
        let sampling = SAMPLING.contains(&name.as_str()) && version == "2023-06-01";
        if !FIELDS.contains(&name.as_str()) && !sampling {
            return refuse(format!("{name}: Extra inputs are not permitted"));
        }
    }
    if body["model"].as_str().is_none_or(str::is_empty) {
        return refuse("model: Field required");
    }
    if body["max_tokens"].as_u64().is_none_or(|tokens| tokens == 0) {
        return refuse("max_tokens: Input should be greater than or equal to 1");
    }
    if body["messages"].as_array().is_none_or(Vec::is_empty) {
        return refuse("messages: at least one message is required");
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    let mut names = HashSet::new();
    for (index, tool) in body["tools"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .enumerate()
    {
        let at = format!("tools.{index}.custom");
        let name = tool["name"].as_str().unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.len() > 128 || !name.chars().all(legal) {
            return refuse(format!(
                "{at}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            ));
        }
        if !names.insert(name) {
            return refuse("tools: Tool names must be unique.");
        }
        if tool["input_schema"]["type"] != "object" {
            return refuse(format!("{at}.input_schema.type: Input should be 'object'"));
        }
        let known = |field: &&String| !TOOL_FIELDS.contains(&field.as_str());
        if let Some(field) = tool
            .as_object()
            .and_then(|fields| fields.keys().find(known))
        {
            return refuse(format!("{at}.{field}: Extra inputs are not permitted"));
        }
    }
    Ok(())
}

fn settings(body: &Value) -> Checked {
    match body["tool_choice"]["type"].as_str() {
        Some("any" | "tool") => {
            return refuse("tool_choice: forced tool use is not supported by this model");
        }
        None if !body["tool_choice"].is_null() => {
            return refuse("tool_choice.type: Field required");
        }
        Some(_) if body["tools"].as_array().is_none_or(Vec::is_empty) => {
            return refuse("tool_choice may only be specified while providing tools.");
        }
        _ => {}
    }
    match body["thinking"]["type"].as_str() {
        None if !body["thinking"].is_null() => return refuse("thinking.type: Field required"),
        Some(kind @ ("enabled" | "disabled")) => {
            return refuse(format!(
                "thinking.type: \"{kind}\" is not supported by this model"
            ));
        }
        _ => {}
    }
    match body["output_config"]["effort"].as_str() {
        None | Some("low" | "medium" | "high" | "xhigh" | "max") => Ok(()),
        Some(other) => refuse(format!(
            "output_config.effort: \"{other}\" is not a valid effort"
        )),
    }
}

fn system(body: &Value) -> Checked {
    if body["system"] == "" || blocks_of(&body["system"]).iter().any(is_blank) {
        return refuse("system: text content blocks must be non-empty");
    }
    Ok(())
}

fn content(index: usize, message: &Value) -> Checked {
    let role = &message["role"];
    if role != "user" && role != "assistant" {
        return refuse(format!(
            "messages.{index}.role: Input should be 'user' or 'assistant'"
        ));
    }
    let blocks = blocks_of(&message["content"]);
    if blocks.is_empty() {
        return refuse(format!(
            "messages.{index}: all messages must have non-empty content"
        ));
    }
    for (at, block) in blocks.iter().enumerate() {
        let place = format!("messages.{index}.content.{at}");
        if is_blank(block) {
            return refuse("messages: text content blocks must contain non-whitespace text");
        }
        let wrong = match block["type"].as_str() {
            None => return refuse(format!("{place}.type: Field required")),
            Some("tool_result") => role != "user",
            Some("tool_use" | "thinking" | "redacted_thinking") => role != "assistant",
            _ => false,
        };
        if wrong {
            let kind = &block["type"];
            return refuse(format!(
                "{place}: {kind} blocks are not allowed in {role} messages"
            ));
        }
        if is_thinking(block) && !block["cache_control"].is_null() {
            return refuse(format!(
                "{place}.cache_control: Extra inputs are not permitted"
            ));
        }
        let results = blocks_of(&block["content"]);
        if block["type"] == "tool_result" && block["content"] != "" && results.iter().any(is_blank)
        {
            return refuse("messages: text content blocks must contain non-whitespace text");
        }
    }
    Ok(())
}

fn is_blank(block: &Value) -> bool {
    block["type"] == "text"
        && block["text"]
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
}

/// At most four breakpoints, the automatic one included.
fn breakpoints(body: &Value) -> Checked {
    fn count(value: &Value) -> usize {
        match value {
            Value::Object(fields) => {
                let own = usize::from(fields.get("cache_control").is_some_and(|it| !it.is_null()));
                own + fields
                    .iter()
                    .filter(|(name, _)| *name != "input")
                    .map(|(_, it)| count(it))
                    .sum::<usize>()
            }
            Value::Array(items) => items.iter().map(count).sum(),
            _ => 0,
        }
    }
    let found = count(body);
    if found > 4 {
        return refuse(format!(
            "A maximum of 4 blocks with cache_control may be provided. Found {found}."
        ));
    }
    Ok(())
}

/// First the user, then in turns; an assistant message may follow another, or be the last, only
/// where the model paused.
fn roles(messages: &[Value], replayed: &[Replayed]) -> Checked {
    if messages[0]["role"] != "user" {
        return refuse("messages: first message must use the \"user\" role");
    }
    for (index, pair) in messages.windows(2).enumerate() {
        if pair[0]["role"] == pair[1]["role"] && replayed[index] != Replayed::Paused {
            return refuse(format!(
                "messages: roles must alternate between \"user\" and \"assistant\", but found \
                 multiple {} roles in a row at messages.{}",
                pair[1]["role"],
                index + 1
            ));
        }
    }
    if replayed.last() == Some(&Replayed::Finished) {
        return refuse(
            "This model does not support assistant message prefill. The conversation must end \
             with a user message.",
        );
    }
    Ok(())
}

/// Every call is answered at once, in one message, results first; nothing else is.
fn calls(messages: &[Value]) -> Checked {
    let mut known = HashSet::new();
    let mut waiting: Vec<String> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let blocks = blocks_of(&message["content"]);
        if message["role"] == "user" {
            results(index, &blocks, &std::mem::take(&mut waiting))?;
            continue;
        }
        for block in blocks.iter().filter(|block| block["type"] == "tool_use") {
            let id = block["id"].as_str().unwrap_or_default().to_owned();
            if !known.insert(id.clone()) {
                return refuse(format!("messages.{index}: `tool_use` ids must be unique"));
            }
            waiting.push(id);
        }
    }
    Ok(())
}

fn results(index: usize, blocks: &[Value], waiting: &[String]) -> Checked {
    let mut answered = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if block["type"] != "tool_result" {
            continue;
        }
        let place = format!("messages.{index}.content.{at}");
        let id = block["tool_use_id"].as_str().unwrap_or_default();
        if !waiting.iter().any(|waits| waits == id) {
            return refuse(format!(
                "{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous \
                 message."
            ));
        }
        if answered.contains(&id) {
            return refuse(format!(
                "{place}: each tool_use must have a single result. Found multiple `tool_result` \
                 blocks with id: {id}"
            ));
        }
        if at != answered.len() {
            return refuse(format!(
                "{place}: `tool_result` blocks must come before other content"
            ));
        }
        answered.push(id);
    }
    let missing = waiting.iter().filter(|id| !answered.contains(&id.as_str()));
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    refuse(format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately \
         after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the \
         next message.",
        missing.join(", ")
    ))
}

/// What the fake sent, so that its replay can be compared.
#[derive(Default)]
pub(super) struct Sent {
    /// Compare by meaning, not by bytes.
    pub(super) by_meaning: bool,
    /// By what is left without thinking.
    replies: HashMap<String, Vec<SentReply>>,
}

struct SentReply {
    thinking: Vec<String>,
    paused: bool,
}

/// What a message of the request is.
#[derive(Clone, Copy, PartialEq)]
enum Replayed {
    User,
    Finished,
    Paused,
}

impl Sent {
    pub(super) fn record(&mut self, blocks: &[Value], spoken: &Spoken) {
        let kept = |block: &&Value| !is_thinking(block) && !is_blank(block);
        let key: Vec<String> = blocks
            .iter()
            .filter(kept)
            .map(|block| self.normal(block))
            .collect();
        let thinking = blocks
            .iter()
            .filter(|block| is_thinking(block))
            .map(|it| self.normal(it));
        let paused = matches!(
            spoken.stop_reason.as_deref(),
            Some("pause_turn" | "compaction")
        );
        let reply = SentReply {
            thinking: thinking.collect(),
            paused,
        };
        self.replies.entry(key.join("\n")).or_default().push(reply);
    }

    fn normal(&self, block: &Value) -> String {
        if self.by_meaning {
            canonical(&without_nulls(block))
        } else {
            block.to_string()
        }
    }

    /// Finds the reply that a replayed message was.
    fn find(&self, raw: &[Box<RawValue>]) -> Option<&SentReply> {
        let (mut key, mut thinking) = (Vec::new(), Vec::new());
        for block in raw {
            let value: Value = serde_json::from_str(block.get()).ok()?;
            let text = if self.by_meaning {
                self.normal(&value)
            } else {
                block.get().to_owned()
            };
            if is_thinking(&value) {
                thinking.push(text);
            } else {
                key.push(text);
            }
        }
        // A reply of nothing but thinking cannot be replayed without it: some text stands for it.
        let alone = thinking.is_empty() && key.len() == 1 && key[0].contains(r#""type":"text""#);
        let empty = || alone.then(|| self.replies.get("")).flatten();
        let candidates = self.replies.get(&key.join("\n")).or_else(empty)?;
        candidates.iter().find(|reply| {
            let mut sent = reply.thinking.iter();
            thinking.iter().all(|block| sent.any(|sent| sent == block))
        })
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn replayed(raw: &str, sent: &Sent) -> Result<Vec<Replayed>, Refused> {
    #[derive(Deserialize)]
    struct Body {
        messages: Vec<Message>,
    }
    #[derive(Deserialize)]
    struct Message {
        role: String,
        content: Box<RawValue>,
    }
    let body: Body =
        serde_json::from_str(raw).map_err(|error| Refused::invalid(&error.to_string()))?;
    let kind = |(index, message): (usize, Message)| {
        if message.role == "user" {
            return Ok(Replayed::User);
        }
        let blocks = serde_json::from_str::<Vec<Box<RawValue>>>(message.content.get());
        match blocks.ok().and_then(|blocks| sent.find(&blocks)) {
            Some(reply) if reply.paused => Ok(Replayed::Paused),
            Some(_) => Ok(Replayed::Finished),
            None => refuse(format!(
                "messages.{index}: the assistant's content is not what was sent"
            )),
        }
    };
    body.messages.into_iter().enumerate().map(kind).collect()
}
