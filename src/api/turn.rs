//! Turns on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approval::Approval;
use crate::agent::ApprovalView;
use crate::agent::event::{Outcome as Ended, Status};
use crate::agent::view::{CallStatus, CallView, Open, TurnView};
use crate::model;
use crate::policy::Decision;

/// The body of `POST /sessions/{id}/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object, `{\"content\": \"…\"}`")]
pub struct SendMessage {
    /// What the operator says.
    pub content: String,
}

/// One question and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Turn {
    /// The turn.
    pub turn_id: String,
    /// Its session.
    pub session_id: String,
    /// How far it is.
    pub status: TurnStatus,
    /// The answer; null until there is one.
    #[schema(required)]
    pub response: Option<String>,
    /// Why it ended; null while it runs.
    #[schema(required)]
    pub stop: Option<Stop>,
    /// The calls that the model asked for, in that order.
    pub tool_calls: Vec<ToolCall>,
    /// The calls that wait for somebody's decision.
    pub pending_approvals: Vec<Approval>,
    /// The tokens of all its model calls.
    pub usage: Usage,
    /// The revision it runs with.
    pub revision: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended; null while it runs.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// It goes on, whether anybody watches or not.
    Running,
    /// It waits for somebody's decision.
    AwaitingApproval,
    /// It has its answer.
    Completed,
    /// It ended without a full answer; `stop` says why.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl TurnStatus {
    /// Whether nothing more will happen in it.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Why a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stop {
    /// A stable word for programs: `end_turn`, `max_tokens`, `cancelled`.
    pub reason: String,
    /// One sentence for people, where the word does not say it all.
    #[schema(required)]
    pub detail: Option<String>,
}

/// One call that the model asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolCall {
    /// The call.
    pub call_id: String,
    /// The tool as asked for.
    pub tool: String,
    /// What a person would type; null when it was refused before it could be rendered.
    #[schema(required)]
    pub command_line: Option<String>,
    /// Whether it might run; null until that is decided.
    #[schema(required)]
    pub verdict: Option<Verdict>,
    /// The rule that decided.
    #[schema(required)]
    pub rule: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// The program's exit code, where it exited.
    #[schema(required)]
    pub exit_code: Option<i32>,
    /// How long it ran.
    #[schema(required)]
    pub duration_ms: Option<u64>,
    /// Whether the model saw only a part of the output.
    pub truncated: bool,
}

/// Whether a call may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may.
    Allow,
    /// When somebody approves it.
    Ask,
    /// It may not.
    Deny,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has not started.
    Pending,
    /// It runs.
    Running,
    /// It ended by itself; see `exit_code`.
    Exited,
    /// It was ended at its deadline.
    TimedOut,
    /// It was ended with its turn.
    Cancelled,
    /// It could not be started.
    NotStarted,
    /// A rule or a person refused it.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The server ended while it ran: whether it had an effect is unknown.
    Interrupted,
}

/// Tokens, as the model's server counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Sent and not cached.
    pub input_tokens: u64,
    /// Answered.
    pub output_tokens: u64,
    /// Read from the cache.
    pub cache_read_input_tokens: u64,
    /// Written to the cache.
    pub cache_creation_input_tokens: u64,
}

impl From<TurnView> for Turn {
    fn from(view: TurnView) -> Self {
        Self {
            turn_id: view.turn_id.to_string(),
            session_id: view.session_id.to_string(),
            status: view.status.into(),
            response: view.response,
            stop: view.stop.map(|stop| Stop {
                reason: stop.reason,
                detail: stop.detail,
            }),
            tool_calls: view.tool_calls.into_iter().map(ToolCall::from).collect(),
            pending_approvals: pending(view.pending_approvals),
            usage: view.usage.into(),
            revision: view.revision.to_string(),
            created_at: view.created_at,
            finished_at: view.finished_at,
        }
    }
}

fn pending(approvals: Vec<ApprovalView>) -> Vec<Approval> {
    approvals.into_iter().map(Approval::from).collect()
}

impl From<CallView> for ToolCall {
    fn from(view: CallView) -> Self {
        Self {
            call_id: view.call_id.to_string(),
            tool: view.tool,
            command_line: view.command_line,
            verdict: view.verdict.map(Verdict::from),
            rule: view.rule.map(|rule| rule.to_string()),
            outcome: view.outcome.into(),
            exit_code: view.exit_code,
            duration_ms: view.duration_ms,
            truncated: view.truncated,
        }
    }
}

impl From<Status> for TurnStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::AwaitingApproval => Self::AwaitingApproval,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl From<CallStatus> for Outcome {
    fn from(status: CallStatus) -> Self {
        match status {
            CallStatus::Open(Open::Pending) => Self::Pending,
            CallStatus::Open(Open::Running) => Self::Running,
            CallStatus::Over(Ended::Exited) => Self::Exited,
            CallStatus::Over(Ended::TimedOut) => Self::TimedOut,
            CallStatus::Over(Ended::Cancelled) => Self::Cancelled,
            CallStatus::Over(Ended::NotStarted) => Self::NotStarted,
            CallStatus::Over(Ended::Denied) => Self::Denied,
            CallStatus::Over(Ended::Expired) => Self::Expired,
            CallStatus::Over(Ended::Interrupted) => Self::Interrupted,
        }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Allow => Self::Allow,
            Decision::Ask => Self::Ask,
            Decision::Deny => Self::Deny,
        }
    }
}

impl From<model::Usage> for Usage {
    fn from(usage: model::Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_input_tokens: usage.cache_read_input_tokens,
            cache_creation_input_tokens: usage.cache_creation_input_tokens,
        }
    }
}
