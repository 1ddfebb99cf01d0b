//! What happened in a turn: the one closed set of events.
//!
//! An event is appended before anything that depends on it happens: a decision before its effect,
//! a call's start before its process, its outcome before the model hears of it. The turn's state
//! ([`turn`](super::turn)), the history the model sees ([`context`](super::context)) and what a
//! client sees ([`view`](super::view)) are folds over these and nothing else, so a turn that is
//! read back is the turn that ran.
//!
//! In the store an event is JSON text, `{"call_ended": {…}}`; what the model said is kept in it to
//! the byte. A field or a variant is never renamed or removed: old stores hold them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::id::{ApprovalId, CallId, TurnId};
use crate::config::name::{CallerName, Revision, RoleName, RuleId};
use crate::config::policy::Channel;
use crate::config::tool::Effect;
use crate::model::{self, BlockPlace, Usage};
use crate::policy::Decision;

/// One thing that happened in a turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody asked; always the first.
    TurnStarted {
        /// The question.
        content: String,
        /// Who asked.
        caller: CallerName,
        /// As what.
        role: RoleName,
        /// Through which door.
        channel: Channel,
        /// The revision that the turn started with; each decision carries its own.
        revision: Revision,
        /// The model calls that it may make before the last one, which sums up.
        #[serde(default)]
        rounds: Option<u32>,
        /// Whether the settings named who asked; whom they do not name any more may nothing. Who
        /// holds the server's own token is named nowhere.
        #[serde(default)]
        named: bool,
    },
    /// The system prompt and the tools were rendered anew; thinking before here was bound to the
    /// old ones and is not sent again.
    PrefixFrozen {
        /// What they were rendered from.
        revision: Revision,
    },
    /// Old turns are not sent again, and no thinking from before here.
    HistoryTrimmed {
        /// The first turn that is kept beside the session's first; turns count from 1.
        kept_from: u32,
    },
    /// The API refused the signature of a thinking block: it and all thinking between it and here
    /// is not sent again.
    ThinkingStripped {
        /// The turn that holds the block.
        turn: TurnId,
        /// Where among that turn's messages.
        place: BlockPlace,
    },
    /// An attempt to reach the model failed and is repeated.
    ModelRetried {
        /// Which attempt failed, from 1.
        attempt: u32,
        /// The API's error type, or the engine's word.
        error_code: String,
        /// One sentence.
        detail: String,
        /// How long the engine waits before the next.
        wait_ms: u64,
    },
    /// The model could not be asked.
    ModelFailed {
        /// A stable word: `model_unavailable`.
        code: String,
        /// One sentence.
        detail: String,
        /// The thinking block whose signature the API refused.
        invalid_thinking: Option<BlockPlace>,
    },
    /// The model answered.
    ModelReplied(Reply),
    /// Whether a call may happen was decided.
    CallDecided {
        /// The call.
        call_id: CallId,
        /// The answer.
        verdict: Decision,
        /// The rule that decided.
        rule: RuleId,
        /// Why.
        because: String,
        /// What would run, as a person would type it; absent when it could not be rendered.
        command_line: Option<String>,
        /// The usage that is allowed, told with a denial.
        usage: Vec<String>,
        /// Whether an `ask` waits for an answer: where nobody can give one, it is a denial.
        #[serde(default)]
        awaits: bool,
        /// What was asked of whoever may approve it; absent where somebody answers at once.
        #[serde(default)]
        approval: Option<Awaited>,
        /// Whether the tool changes anything; where it is not known, it may.
        #[serde(default)]
        effect: Option<Effect>,
        /// The revision that decided.
        revision: Revision,
    },
    /// Somebody answered a call that waited for an approval.
    ApprovalDecided(Approval),
    /// Nobody answered in time.
    ApprovalExpired {
        /// The call.
        call_id: CallId,
        /// What was asked.
        approval_id: ApprovalId,
    },
    /// Somebody approved a call after the configuration had changed: it is decided again.
    ApprovalSuperseded {
        /// The call.
        call_id: CallId,
        /// What was asked.
        approval_id: ApprovalId,
    },
    /// A call is about to run.
    CallStarted {
        /// The call.
        call_id: CallId,
    },
    /// A call is over; every call that the model asked for ends, whether it ran or not.
    CallEnded(Ended),
    /// The rounds are used up: the model is told so with the last results, and asked to sum up.
    SumUpAsked {
        /// What it is told, to the byte.
        note: String,
    },
    /// The turn is to end early; what runs is being ended.
    CancelAsked {
        /// Why.
        cause: Cause,
    },
    /// The turn is over; always the last.
    TurnEnded {
        /// How.
        stop: Stop,
        /// One sentence for the client, where the word does not say it all.
        detail: Option<String>,
    },
}

/// What was asked of whoever may approve a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The question.
    pub approval_id: ApprovalId,
    /// What it is about ([`crate::call::Call::digest`]): an answer to it permits nothing else.
    pub digest: String,
}

/// What somebody answered to a call that waited for an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The call.
    pub call_id: CallId,
    /// What was asked; absent where somebody answered at once.
    #[serde(default)]
    pub approval_id: Option<ApprovalId>,
    /// Whether it may run.
    pub is_approved: bool,
    /// Who answered.
    pub by: CallerName,
    /// What they gave as their reason, for the model.
    pub reason: Option<String>,
}

/// What the model answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reply {
    /// The content blocks, to the byte.
    pub content: Vec<Box<RawValue>>,
    /// Why it stopped.
    pub stop: model::Stop,
    /// What it cost.
    pub usage: Usage,
    /// The API's id of the message.
    pub message_id: String,
    /// The model that answered.
    pub model: String,
    /// The tool whose call was cut off in the middle of its input.
    pub truncated_tool: Option<String>,
    /// The calls that the reply asks for, in its order; empty when its stop runs no tools.
    pub calls: Vec<Asked>,
}

/// A call that the model asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The engine's id of the call.
    pub call_id: CallId,
    /// The model's id of the call; its result carries the same.
    pub tool_use_id: String,
    /// The tool's name, as the model wrote it.
    pub tool: String,
}

/// How a call ended, and what the model hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The call.
    pub call_id: CallId,
    /// How it ended.
    pub outcome: Outcome,
    /// The program's exit code, where there was one.
    pub exit_code: Option<i32>,
    /// How long it ran; absent for one that did not run.
    pub duration_ms: Option<u64>,
    /// Whether the model sees only a part of the output.
    pub truncated: bool,
    /// Whether the model is told that it failed.
    pub is_error: bool,
    /// What the model sees, to the byte.
    pub shown: String,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Exited,
    /// It ran into its deadline.
    TimedOut,
    /// The turn was ended before it was.
    Cancelled,
    /// It was permitted and could not be started.
    NotStarted,
    /// It was not permitted.
    Denied,
    /// Nobody decided about it in time.
    Expired,
    /// The server ended while it was open; whether it did anything is unknown.
    Interrupted,
}

/// Why a turn is ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A caller asked for it.
    Caller,
    /// Its session was deleted.
    SessionEnded,
}

/// Why a turn ended; every ending has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model was done.
    EndTurn,
    /// A stop sequence was reached.
    StopSequence,
    /// The model had used up its rounds and summed up.
    RoundsExhausted,
    /// The answer was longer than `max_tokens`.
    MaxTokens,
    /// The model refused.
    Refusal,
    /// The conversation is longer than the model can read.
    ContextWindowExceeded,
    /// The model paused more often than the engine goes along with.
    ContinuationsExhausted,
    /// The model said that it calls tools, and called none.
    NoCalls,
    /// The model stopped with a word that this build does not know, or with none.
    UnknownStop,
    /// The model could not be asked: `model_unavailable`, `model_unauthorized`…
    ModelFailed {
        /// The model's own word.
        code: String,
    },
    /// Somebody cancelled it.
    Cancelled,
    /// The server ended in the middle of it, and nobody went on with it in time.
    Interrupted,
    /// The engine failed.
    InternalError,
}

/// Where a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on.
    Running,
    /// It waits for somebody to decide about a call.
    AwaitingApproval,
    /// It has its answer.
    Completed,
    /// It ended without one, or with a part of one.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl Stop {
    /// The stable word for clients.
    pub fn reason(&self) -> &str {
        match self {
            Self::EndTurn => "end_turn",
            Self::StopSequence => "stop_sequence",
            Self::RoundsExhausted => "rounds_exhausted",
            Self::MaxTokens => "max_tokens",
            Self::Refusal => "refusal",
            Self::ContextWindowExceeded => "model_context_window_exceeded",
            Self::ContinuationsExhausted => "continuations_exhausted",
            Self::NoCalls => "no_calls",
            Self::UnknownStop => "unknown_stop",
            Self::ModelFailed { code } => code,
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::InternalError => "internal_error",
        }
    }

    /// What it makes of the turn: only a whole answer completes it.
    pub fn status(&self) -> Status {
        match self {
            Self::EndTurn | Self::StopSequence | Self::RoundsExhausted => Status::Completed,
            Self::Cancelled => Status::Cancelled,
            _ => Status::Failed,
        }
    }
}

impl Status {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::AwaitingApproval)
    }
}

impl Event {
    /// The event's word, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TurnStarted { .. } => "turn_started",
            Self::PrefixFrozen { .. } => "prefix_frozen",
            Self::HistoryTrimmed { .. } => "history_trimmed",
            Self::ThinkingStripped { .. } => "thinking_stripped",
            Self::ModelRetried { .. } => "model_retried",
            Self::ModelFailed { .. } => "model_failed",
            Self::ModelReplied(_) => "model_replied",
            Self::CallDecided { .. } => "call_decided",
            Self::ApprovalDecided(_) => "approval_decided",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::ApprovalSuperseded { .. } => "approval_superseded",
            Self::CallStarted { .. } => "call_started",
            Self::CallEnded(_) => "call_ended",
            Self::SumUpAsked { .. } => "sum_up_asked",
            Self::CancelAsked { .. } => "cancel_asked",
            Self::TurnEnded { .. } => "turn_ended",
        }
    }

    /// Whether it is a turn's last.
    pub fn ends_turn(&self) -> bool {
        matches!(self, Self::TurnEnded { .. })
    }
}

/// Something with its number among its turn's events, from 1, and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// Counted from 1, without gaps.
    pub number: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// The thing.
    pub item: T,
}
