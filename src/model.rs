//! The interface to a model and its two implementations.
//!
//! A [`Request`] goes in, a [`Reply`] comes out, and nothing in between is kept: a reply that
//! breaks off on its way is thrown away and asked for again, since nobody has seen any of it.
//! [`Model::Claude`] speaks the Messages API; [`Model::Script`] plays a script back, for the
//! demonstration and for tests without a key.
//!
//! What the model said is held as raw JSON ([`Message`]) from the socket to the store and back:
//! the API binds thinking blocks to every earlier byte of the conversation, and its cache to the
//! same prefix, so no domain type ever stands between two turns.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

mod message;

mod error;

pub(crate) mod connection;

pub mod retry;

pub mod sse;

pub mod claude;

pub mod script;

pub use claude::Claude;
pub use error::{Error, Failure};
pub(crate) use message::tool_uses;
pub use message::{
    BlockPlace, Message, Reply, Role, Stop, ToolResult, ToolUse, Usage, strip_thinking,
    strip_thinking_from,
};
pub use script::Script;

/// Everything one model call says about the conversation.
///
/// The parts that must stay the same to the byte from call to call (`system`, `tools`, the
/// earlier messages) are rendered once by the caller and shared.
#[derive(Debug, Clone)]
pub struct Request {
    /// The system prompt; empty sends none.
    pub system: Arc<str>,
    /// The tools as the JSON array that goes over the wire.
    pub tools: Arc<RawValue>,
    /// The conversation, oldest first; it begins and ends with a user message, unless the model
    /// paused ([`Stop::PauseTurn`]).
    pub messages: Vec<Arc<Message>>,
    /// Whether the model may call tools.
    pub tool_choice: ToolChoice,
}

/// Whether the model may call tools in its next reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides; nothing is sent, since that is the API's own default.
    #[default]
    Auto,
    /// The tools stay in the request (thinking blocks are bound to them) but cannot be called.
    None,
}

/// One attempt that failed and will be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which attempt failed, counted from 1.
    pub number: u32,
    /// The API's error type or one of [`Failure::code`]'s own words.
    pub error_code: String,
    /// One sentence for the operator.
    pub detail: String,
    /// How long the engine waits before it asks again.
    pub wait: Duration,
}

/// A model that answers requests.
#[derive(Debug, Clone)]
pub enum Model {
    /// The Messages API.
    Claude(Claude),
    /// A script played back.
    Script(Script),
}

impl Model {
    /// Asks the model once, with retries; each attempt that failed and will be repeated is told
    /// to `on_attempt` before the wait. Dropping the future ends the call.
    pub async fn reply(
        &self,
        request: &Request,
        on_attempt: &mut (dyn FnMut(Attempt) + Send),
    ) -> Result<Reply, Error> {
        match self {
            Self::Claude(claude) => claude.reply(request, on_attempt).await,
            Self::Script(script) => Ok(script.reply(request)),
        }
    }

    /// The name of the model, for logs and telemetry.
    pub fn name(&self) -> &str {
        match self {
            Self::Claude(claude) => claude.name(),
            Self::Script(_) => "script",
        }
    }
}
