//! Messages, replies and what may be done to a history: all on raw JSON blocks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// Who speaks in a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person asking, and the results of tools.
    User,
    /// The model.
    Assistant,
}

/// One message of the history: its content blocks are kept as the JSON that was on the wire.
///
/// Deserialise it from JSON text (not from a [`Value`], which would re-render the blocks).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The content blocks, verbatim.
    pub content: Vec<Box<RawValue>>,
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        let texts = |message: &Self| -> Vec<String> {
            message
                .content
                .iter()
                .map(|block| block.get().to_owned())
                .collect()
        };
        self.role == other.role && texts(self) == texts(other)
    }
}

impl Eq for Message {}

impl Message {
    /// A user message of one text block. The API refuses text that is only white space.
    pub fn user(text: &str) -> Self {
        Self {
            role: Role::User,
            content: vec![text_block(text)],
        }
    }

    /// The one user message that answers every `tool_use` of a reply: results first, in the order
    /// given, then `note` as text if there is one.
    pub fn tool_results(results: &[ToolResult], note: Option<&str>) -> Self {
        let mut content: Vec<Box<RawValue>> = results.iter().map(ToolResult::block).collect();
        content.extend(note.filter(|note| !note.trim().is_empty()).map(text_block));
        Self {
            role: Role::User,
            content,
        }
    }

    /// What its blocks take, in bytes of JSON.
    pub fn bytes(&self) -> usize {
        self.content.iter().map(|block| block.get().len()).sum()
    }

    /// The text of the message, see [`Reply::text`].
    pub fn text(&self) -> String {
        joined_text(&self.content)
    }

    /// The calls in the message, in order.
    pub fn tool_uses(&self) -> Vec<ToolUse> {
        tool_uses(&self.content)
    }

    /// Whether any block answers a call.
    pub fn has_tool_result(&self) -> bool {
        self.content
            .iter()
            .any(|block| kind(block) == "tool_result")
    }

    /// The ids of the calls that it answers with an error.
    pub(crate) fn failed_calls(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Block {
            tool_use_id: String,
            #[serde(default)]
            is_error: bool,
        }
        let blocks = self.content.iter();
        blocks
            .filter(|block| kind(block) == "tool_result")
            .filter_map(|block| serde_json::from_str::<Block>(block.get()).ok())
            .filter(|block| block.is_error)
            .map(|block| block.tool_use_id)
            .collect()
    }
}

/// The answer to one call, as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the `tool_use` that this answers.
    pub tool_use_id: String,
    /// What the model reads; may be empty.
    pub content: String,
    /// Whether the call failed, was denied, or did not run.
    pub is_error: bool,
}

impl ToolResult {
    fn block(&self) -> Box<RawValue> {
        #[derive(Serialize)]
        struct Block<'a> {
            r#type: &'static str,
            tool_use_id: &'a str,
            content: &'a str,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            is_error: bool,
        }
        raw(&Block {
            r#type: "tool_result",
            tool_use_id: &self.tool_use_id,
            content: &self.content,
            is_error: self.is_error,
        })
    }
}

/// One call the model asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// The model's id of the call; its result carries the same.
    pub id: String,
    /// The tool's name, as the model wrote it.
    pub name: String,
    /// The input, as the model wrote it; null if it cannot be read.
    pub input: Value,
}

/// What the model answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The content blocks, verbatim; of unknown types too. Text blocks of nothing but white
    /// space are left out: the API refuses them when they come back.
    pub content: Vec<Box<RawValue>>,
    /// Why the model stopped.
    pub stop: Stop,
    /// The tokens that the reply cost.
    pub usage: Usage,
    /// The API's id of the message.
    pub message_id: String,
    /// The model that answered, as the API names it.
    pub model: String,
    /// The tool whose call was cut off in the middle of its input. Such a block is not in
    /// `content`, and the reply's stop never runs tools.
    pub truncated_tool: Option<String>,
}

impl Reply {
    /// The text of the reply. Neighbouring text blocks are one text (citations split it);
    /// otherwise they are paragraphs.
    pub fn text(&self) -> String {
        joined_text(&self.content)
    }

    /// The calls in the reply, in order. Whether they may run says [`Stop::runs_tools`].
    pub fn tool_uses(&self) -> Vec<ToolUse> {
        tool_uses(&self.content)
    }

    /// Whether the reply holds thinking, visible or redacted.
    pub fn has_thinking(&self) -> bool {
        self.content.iter().any(|block| is_thinking(block))
    }

    /// The reply as a message of the history.
    pub fn message(&self) -> Message {
        Message {
            role: Role::Assistant,
            content: self.content.clone(),
        }
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model is done.
    EndTurn,
    /// A stop sequence was reached.
    StopSequence,
    /// The model waits for the results of its calls.
    ToolUse,
    /// A server-side tool paused: append the reply as it is and ask again.
    PauseTurn,
    /// The API compacted the conversation: append the reply as it is and ask again.
    Compaction,
    /// The answer was longer than `max_tokens`.
    MaxTokens,
    /// The model refused.
    Refusal {
        /// The API's word for the reason, where it gives one.
        category: Option<String>,
        /// The API's explanation, where it gives one.
        explanation: Option<String>,
    },
    /// The conversation is longer than the model can read.
    ContextWindowExceeded,
    /// A word this build does not know.
    Unknown(String),
    /// The API named no reason.
    Unstated,
}

impl Stop {
    /// Whether the calls of the reply run: only after `tool_use`.
    pub fn runs_tools(&self) -> bool {
        matches!(self, Self::ToolUse)
    }

    /// Whether the reply is to be appended as it is and the model asked again.
    pub fn continues(&self) -> bool {
        matches!(self, Self::PauseTurn | Self::Compaction)
    }

    /// The API's word for the stop.
    pub fn as_str(&self) -> &str {
        match self {
            Self::EndTurn => "end_turn",
            Self::StopSequence => "stop_sequence",
            Self::ToolUse => "tool_use",
            Self::PauseTurn => "pause_turn",
            Self::Compaction => "compaction",
            Self::MaxTokens => "max_tokens",
            Self::Refusal { .. } => "refusal",
            Self::ContextWindowExceeded => "model_context_window_exceeded",
            Self::Unknown(word) => word,
            Self::Unstated => "unstated",
        }
    }

    /// The stop for the API's word; a refusal without its details.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "end_turn" => Self::EndTurn,
            "stop_sequence" => Self::StopSequence,
            "tool_use" => Self::ToolUse,
            "pause_turn" => Self::PauseTurn,
            "compaction" => Self::Compaction,
            "max_tokens" => Self::MaxTokens,
            "refusal" => Self::Refusal {
                category: None,
                explanation: None,
            },
            "model_context_window_exceeded" => Self::ContextWindowExceeded,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// Tokens, as the API counts them: the whole prompt is the sum of the three input counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens that were neither read from nor written to the cache.
    pub input_tokens: u64,
    /// Tokens of the reply.
    pub output_tokens: u64,
    /// Prompt tokens read from the cache.
    pub cache_read_input_tokens: u64,
    /// Prompt tokens written to the cache.
    pub cache_creation_input_tokens: u64,
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .saturating_add(other.cache_read_input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .saturating_add(other.cache_creation_input_tokens),
        }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Where a block stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPlace {
    /// The message, counted from 0.
    pub message: usize,
    /// The block in its content, counted from 0.
    pub block: usize,
}

/// Removes all thinking from a history; says how many blocks went.
///
/// Needed before anything that thinking is bound to changes: the system prompt, the set of tools,
/// or an earlier message.
pub fn strip_thinking(messages: &mut [Arc<Message>]) -> usize {
    strip_thinking_from(
        messages,
        BlockPlace {
            message: 0,
            block: 0,
        },
    )
}

/// Removes the thinking at `place` and all thinking after it; says how many blocks went.
///
/// That is the recovery from a rejected signature: removing a run from the back is legal, a block
/// from the middle is not. A message that held nothing else keeps its place with a short text, so
/// that roles still alternate.
pub fn strip_thinking_from(messages: &mut [Arc<Message>], place: BlockPlace) -> usize {
    let mut removed = 0;
    for (index, message) in messages.iter_mut().enumerate().skip(place.message) {
        let first = if index == place.message {
            place.block
        } else {
            0
        };
        let doomed = |at: usize, block: &RawValue| at >= first && is_thinking(block);
        let count = (0..)
            .zip(&message.content)
            .filter(|(at, block)| doomed(*at, block))
            .count();
        if count == 0 {
            continue;
        }
        removed += count;
        let message = Arc::make_mut(message);
        let mut at = 0;
        message.content.retain(|block| {
            at += 1;
            !doomed(at - 1, block)
        });
        if message.content.is_empty() {
            message.content.push(text_block(ONLY_THOUGHT));
        }
    }
    removed
}

/// Stands for a message of which nothing but thinking was left.
const ONLY_THOUGHT: &str = "(no answer)";

/// The type of a block; empty if it has none.
pub(crate) fn kind(block: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    serde_json::from_str::<Kind>(block.get())
        .map(|kind| kind.r#type)
        .unwrap_or_default()
}

fn is_thinking(block: &RawValue) -> bool {
    matches!(kind(block).as_str(), "thinking" | "redacted_thinking")
}

fn joined_text(content: &[Box<RawValue>]) -> String {
    #[derive(Deserialize)]
    struct Text {
        text: String,
    }
    let mut joined = String::new();
    let mut adjacent = true;
    for block in content {
        if kind(block) != "text" {
            adjacent = false;
            continue;
        }
        let Ok(Text { text }) = serde_json::from_str(block.get()) else {
            continue;
        };
        if !adjacent && !joined.is_empty() {
            joined.push_str("\n\n");
        }
        joined.push_str(&text);
        adjacent = true;
    }
    joined
}

/// The calls among content blocks, in order.
pub(crate) fn tool_uses(content: &[Box<RawValue>]) -> Vec<ToolUse> {
    #[derive(Deserialize)]
    struct Call {
        #[serde(default)]
        id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        input: Value,
    }
    let calls = content.iter().filter(|block| kind(block) == "tool_use");
    calls
        .map(|block| {
            // A call that cannot be read still needs its result, or the conversation is lost.
            let unread = Call {
                id: String::new(),
                name: String::new(),
                input: Value::Null,
            };
            let Call { id, name, input } = serde_json::from_str(block.get()).unwrap_or(unread);
            ToolUse { id, name, input }
        })
        .collect()
}

/// A text block.
pub(crate) fn text_block(text: &str) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Block<'a> {
        r#type: &'static str,
        text: &'a str,
    }
    raw(&Block {
        r#type: "text",
        text,
    })
}

/// Renders a value whose serialisation cannot fail (strings, numbers, maps with string keys).
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests;
