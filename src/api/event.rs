//! The events of a turn on the wire: what a client follows while it waits.
//!
//! Each has the number under which it can be asked for again. What the model is shown of outputs,
//! and its thinking, stay in the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::turn::{Outcome, Stop, TurnStatus, Usage, Verdict};
use crate::agent::event::{Event as Stored, Reply};
use crate::agent::view::CallStatus;
use crate::agent::{self, Numbered};
use crate::model::{Message, Role};

/// One event: the `data` of a server-sent event, whose `id` is the number and whose `event` is the
/// type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Counted from 1 within the turn.
    pub number: u64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// Somebody asked; always the first.
    TurnStarted {
        /// The question.
        content: String,
        /// The revision that the turn started with.
        revision: String,
    },
    /// The model could not be reached and is asked again.
    ModelRetried {
        /// Which attempt failed, from 1.
        attempt: u32,
        /// A stable word.
        reason: String,
        /// One sentence for people.
        detail: String,
        /// How long the server waits before the next attempt.
        wait_ms: u64,
    },
    /// The model could not be asked.
    ModelFailed {
        /// A stable word.
        reason: String,
        /// One sentence for people.
        detail: String,
    },
    /// The model answered, or asks for calls.
    ModelReplied {
        /// What it says.
        text: String,
        /// The calls that it asks for.
        calls: Vec<AskedCall>,
        /// What the reply cost.
        usage: Usage,
    },
    /// Whether a call may run was decided.
    CallDecided {
        /// The call.
        call_id: String,
        /// The answer.
        verdict: Verdict,
        /// The rule that decided.
        rule: String,
        /// Why.
        because: String,
        /// What a person would type; null when it was refused before it could be rendered.
        #[schema(required)]
        command_line: Option<String>,
        /// What is asked of whoever may approve it; null when nobody is asked.
        #[serde(default)]
        #[schema(required)]
        approval_id: Option<String>,
        /// The revision that decided.
        revision: String,
    },
    /// Somebody answered a call that waited for an approval.
    ApprovalDecided {
        /// The call.
        call_id: String,
        /// Whether it may run.
        approved: bool,
        /// Who answered.
        by: String,
        /// Their reason, where they gave one.
        #[schema(required)]
        reason: Option<String>,
    },
    /// Nobody answered in time.
    ApprovalExpired {
        /// The call.
        call_id: String,
        /// What was asked.
        approval_id: String,
    },
    /// Somebody approved a call after the configuration had changed: it is decided again.
    ApprovalSuperseded {
        /// The call.
        call_id: String,
        /// What was asked.
        approval_id: String,
    },
    /// A call is about to run.
    CallStarted {
        /// The call.
        call_id: String,
    },
    /// A call is over.
    CallEnded {
        /// The call.
        call_id: String,
        /// How it went.
        outcome: Outcome,
        /// The program's exit code, where it exited.
        #[schema(required)]
        exit_code: Option<i32>,
        /// How long it ran.
        #[schema(required)]
        duration_ms: Option<u64>,
        /// Whether the model saw only a part of the output.
        truncated: bool,
    },
    /// The turn is being ended early.
    CancelAsked,
    /// What the model sees of the conversation changed; there is nothing to do about it.
    ContextChanged,
    /// The turn is over; always the last.
    TurnEnded {
        /// How it stands now.
        status: TurnStatus,
        /// Why it ended.
        stop: Stop,
    },
    /// Something that this client does not know.
    #[serde(other)]
    Other,
}

/// A call that the model asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskedCall {
    /// The call.
    pub call_id: String,
    /// The tool as asked for.
    pub tool: String,
}

impl What {
    /// The word in `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TurnStarted { .. } => "turn_started",
            Self::ModelRetried { .. } => "model_retried",
            Self::ModelFailed { .. } => "model_failed",
            Self::ModelReplied { .. } => "model_replied",
            Self::CallDecided { .. } => "call_decided",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::ApprovalSuperseded { .. } => "approval_superseded",
            Self::CallStarted { .. } => "call_started",
            Self::CallEnded { .. } => "call_ended",
            Self::CancelAsked => "cancel_asked",
            Self::ContextChanged => "context_changed",
            Self::TurnEnded { .. } => "turn_ended",
            Self::Other => "other",
        }
    }
}

impl From<Numbered<agent::Event>> for Event {
    fn from(stored: Numbered<agent::Event>) -> Self {
        Self {
            number: stored.number,
            at: stored.at,
            what: What::from(stored.item),
        }
    }
}

impl From<Stored> for What {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::TurnStarted {
                content, revision, ..
            } => Self::TurnStarted {
                content,
                revision: revision.to_string(),
            },
            Stored::ModelRetried {
                attempt,
                error_code,
                detail,
                wait_ms,
            } => Self::ModelRetried {
                attempt,
                reason: error_code,
                detail,
                wait_ms,
            },
            Stored::ModelFailed { code, detail, .. } => Self::ModelFailed {
                reason: code,
                detail,
            },
            Stored::ModelReplied(reply) => reply.into(),
            Stored::CallDecided {
                call_id,
                verdict,
                rule,
                because,
                command_line,
                approval,
                revision,
                ..
            } => Self::CallDecided {
                call_id: call_id.to_string(),
                verdict: verdict.into(),
                rule: rule.to_string(),
                because,
                command_line,
                approval_id: approval.map(|asked| asked.approval_id.to_string()),
                revision: revision.to_string(),
            },
            Stored::ApprovalExpired {
                call_id,
                approval_id,
            } => Self::ApprovalExpired {
                call_id: call_id.to_string(),
                approval_id: approval_id.to_string(),
            },
            Stored::ApprovalSuperseded {
                call_id,
                approval_id,
            } => Self::ApprovalSuperseded {
                call_id: call_id.to_string(),
                approval_id: approval_id.to_string(),
            },
            Stored::ApprovalDecided(approval) => Self::ApprovalDecided {
                call_id: approval.call_id.to_string(),
                approved: approval.is_approved,
                by: approval.by.to_string(),
                reason: approval.reason,
            },
            Stored::CallStarted { call_id } => Self::CallStarted {
                call_id: call_id.to_string(),
            },
            Stored::CallEnded(ended) => Self::CallEnded {
                call_id: ended.call_id.to_string(),
                outcome: CallStatus::Over(ended.outcome).into(),
                exit_code: ended.exit_code,
                duration_ms: ended.duration_ms,
                truncated: ended.truncated,
            },
            Stored::CancelAsked { .. } => Self::CancelAsked,
            Stored::PrefixFrozen { .. }
            | Stored::HistoryTrimmed { .. }
            | Stored::ThinkingStripped { .. }
            | Stored::SumUpAsked { .. } => Self::ContextChanged,
            Stored::TurnEnded { stop, detail } => Self::TurnEnded {
                status: stop.status().into(),
                stop: Stop {
                    reason: stop.reason().to_owned(),
                    detail,
                },
            },
        }
    }
}

impl From<Reply> for What {
    fn from(reply: Reply) -> Self {
        let asked = |call: agent::event::Asked| AskedCall {
            call_id: call.call_id.to_string(),
            tool: call.tool,
        };
        let said = Message {
            role: Role::Assistant,
            content: reply.content,
        };
        Self::ModelReplied {
            text: said.text(),
            calls: reply.calls.into_iter().map(asked).collect(),
            usage: reply.usage.into(),
        }
    }
}
