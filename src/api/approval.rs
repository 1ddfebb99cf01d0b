//! Approvals on the wire: everything that would run is shown, not only the words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::ApprovalView;
use crate::agent::approve::ApprovalStatus as Status;

/// A call that waits for somebody's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The approval.
    pub approval_id: String,
    /// The session; together with the approval, where it is decided.
    pub session_id: String,
    /// The turn that waits for it.
    pub turn_id: String,
    /// The call of the turn that waits for it.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// What a person would type.
    pub command_line: String,
    /// The whole input.
    #[schema(value_type = Object)]
    pub input: serde_json::Value,
    /// What the program would read.
    #[schema(required)]
    pub stdin: Option<String>,
    /// What a request would send.
    #[schema(required)]
    pub body: Option<String>,
    /// `read` or `write`.
    pub effect: String,
    /// The rule that asks.
    pub rule: String,
    /// Why it asks.
    pub because: String,
    /// How far it is.
    pub status: ApprovalStatus,
    /// When it is denied unless somebody decides.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Who decided.
    #[schema(required)]
    pub decided_by: Option<String>,
}

/// How far an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nobody decided yet.
    Pending,
    /// It may run.
    Approved,
    /// It may not.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Its turn was cancelled.
    Cancelled,
    /// A reload changed what would run: the call is decided again.
    Superseded,
}

/// The answer to `GET /approvals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalList {
    /// The pending ones that the caller may decide, in anybody's sessions, oldest first.
    pub approvals: Vec<Approval>,
}

/// The body of `POST /sessions/{id}/approvals/{approval_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an object, `{\"decision\": \"approve\" | \"deny\", \"reason\": \"…\"}`"
)]
pub struct DecideApproval {
    /// Whether the call may run.
    pub decision: Choice,
    /// Why not, for the model; at most 2,000 characters. An approval needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum Choice {
    /// It runs.
    Approve,
    /// It does not.
    Deny,
}

impl TryFrom<String> for Choice {
    type Error = String;

    /// The derived reader would take `{"approve": null}` for the word.
    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "approve" => Ok(Self::Approve),
            "deny" => Ok(Self::Deny),
            _ => Err(format!("a decision is `approve` or `deny`, not `{word}`")),
        }
    }
}

impl From<ApprovalView> for Approval {
    fn from(view: ApprovalView) -> Self {
        let shown = view.shown;
        Self {
            approval_id: view.approval_id.to_string(),
            session_id: view.session_id.to_string(),
            turn_id: view.turn_id.to_string(),
            call_id: view.call_id.to_string(),
            tool: shown.tool,
            command_line: shown.command_line,
            input: shown.input,
            stdin: shown.stdin,
            body: shown.body,
            effect: shown.effect.as_str().to_owned(),
            rule: shown.rule.to_string(),
            because: shown.because,
            status: view.status.into(),
            expires_at: view.expires_at,
            decided_by: view.decided_by.map(|by| by.to_string()),
        }
    }
}

impl From<Status> for ApprovalStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Approved => Self::Approved,
            Status::Denied => Self::Denied,
            Status::Expired => Self::Expired,
            Status::Cancelled => Self::Cancelled,
            Status::Superseded => Self::Superseded,
        }
    }
}
