//! Approvals on the wire: everything that would run is shown, not only the words.
//!
//! Nothing asks for one yet (a call that needs one is answered to the model as such), so the lists
//! of them are empty.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A call that waits for somebody's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The approval.
    pub approval_id: String,
    /// The turn that waits for it.
    pub turn_id: String,
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
