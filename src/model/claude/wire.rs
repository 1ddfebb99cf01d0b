//! The request body and the error answers of the Messages API.

use std::{sync::Arc, time::SystemTime};

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::Options;
use crate::model::{
    Request, ToolChoice,
    error::{Failure, one_line},
    message::Message,
    retry,
};

/// The request as it goes over the wire. The order of the fields is chosen so that a longer
/// history only adds bytes after those of the shorter one.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    /// The automatic breakpoint: on the last block that can be cached.
    cache_control: CacheControl,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<[SystemBlock<'a>; 1]>,
    messages: Vec<&'a Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Tagged>,
}

#[derive(Serialize)]
struct Tagged {
    r#type: &'static str,
}

type CacheControl = Tagged;

/// Five minutes: turns of a session follow each other faster, and writes cost less than for an
/// hour.
const EPHEMERAL: CacheControl = Tagged {
    r#type: "ephemeral",
};

#[derive(Serialize)]
struct OutputConfig<'a> {
    effort: &'a str,
}

#[derive(Serialize)]
struct SystemBlock<'a> {
    r#type: &'static str,
    text: &'a str,
    cache_control: CacheControl,
}

/// Renders a request. The same request gives the same bytes.
///
/// What is empty is left out: the API refuses an empty system text, and a `tool_choice` without
/// tools.
pub(super) fn body(options: &Options, request: &Request) -> serde_json::Result<String> {
    let tools = (!is_empty_array(&request.tools)).then_some(&*request.tools);
    let block = |text| SystemBlock {
        r#type: "text",
        text,
        cache_control: EPHEMERAL,
    };
    let none = request.tool_choice == ToolChoice::None && tools.is_some();
    serde_json::to_string(&Body {
        model: &options.name,
        max_tokens: options.max_tokens,
        stream: true,
        thinking: options
            .thinking
            .as_ref()
            .filter(|thinking| !thinking.is_null()),
        output_config: options
            .effort
            .as_deref()
            .map(|effort| OutputConfig { effort }),
        cache_control: EPHEMERAL,
        tools,
        system: (!request.system.is_empty()).then(|| [block(&request.system)]),
        messages: request.messages.iter().map(Arc::as_ref).collect(),
        tool_choice: none.then_some(Tagged { r#type: "none" }),
    })
}

fn is_empty_array(json: &RawValue) -> bool {
    let inside = json
        .get()
        .trim()
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inside.is_some_and(|text| text.trim().is_empty())
}

/// The body of an error, in an answer or in an `error` event.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct ErrorObject {
    r#type: String,
    #[serde(default)]
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    error_code: Option<String>,
}

/// What an answer with an error status says. The body may be anything: a proxy's HTML page has
/// no error type, and its text is not worth passing on.
pub(super) fn error_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let parsed = serde_json::from_slice::<ErrorBody>(body).ok();
    let request_id = parsed.as_ref().and_then(|body| body.request_id.clone());
    let (kind, message, details) = match parsed {
        Some(ErrorBody { error, .. }) => (error.r#type, error.message, error.details),
        None => (
            "http_error".to_owned(),
            unreadable(header("content-type")),
            None,
        ),
    };
    Failure::Answered {
        status,
        kind: one_line(&kind),
        error_code: details.and_then(|details| details.error_code),
        message: one_line(&message),
        request_id: header("request-id").map(one_line).or(request_id),
        should_retry: header("x-should-retry").and_then(|word| word.trim().parse().ok()),
        retry_after: retry::retry_after(
            header("retry-after-ms"),
            header("retry-after"),
            SystemTime::now(),
        ),
    }
}

/// Says what came instead of an answer of the Messages API.
pub(super) fn unreadable(content_type: Option<&str>) -> String {
    let sort = content_type.map_or("unnamed type", |kind| {
        kind.split(';').next().unwrap_or(kind)
    });
    format!(
        "a body of `{}` that is not the Messages API's",
        one_line(sort)
    )
}

/// What an `error` event inside a stream says.
pub(super) fn error_event(data: &str) -> Failure {
    let Ok(ErrorBody { error, request_id }) = serde_json::from_str(data) else {
        return Failure::Malformed("an `error` event without its error".to_owned());
    };
    Failure::Answered {
        status: retry::status_of(&error.r#type),
        kind: one_line(&error.r#type),
        error_code: error.details.and_then(|details| details.error_code),
        message: one_line(&error.message),
        request_id,
        should_retry: None,
        retry_after: None,
    }
}

/// An error with its causes, in one line, each said once. HTTP errors are shown without their
/// address, which may hold credentials.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    one_line(&line)
}
