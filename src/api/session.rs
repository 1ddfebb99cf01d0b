//! Sessions on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::approval::Approval;
use super::turn::Turn;
use crate::session::{SessionStatus as Status, SessionView};

/// The body of `POST /sessions`; an empty one is the same as `{}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an object, `{}` or `{\"metadata\": {…}}`"
)]
pub struct CreateSession {
    /// Whatever the client wants to keep with it; at most 16 KiB of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// The answer to `POST /sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionCreated {
    /// The new session.
    pub session_id: String,
    /// Now.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends, unless something happens in it.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The revision that serves.
    pub revision: String,
}

/// One page of `GET /sessions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionPage {
    /// The sessions, without their turns.
    pub sessions: Vec<SessionSummary>,
    /// What to send as `after` for the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

/// A session without its turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    /// The session.
    pub session_id: String,
    /// Whose it is.
    pub caller: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When something last happened in it.
    #[schema(value_type = String, format = DateTime)]
    pub last_active_at: Timestamp,
    /// When it ends, unless something happens in it.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The revision of its last turn, or the one it began with.
    pub revision: String,
    /// What it is doing.
    pub status: SessionStatus,
    /// What the client keeps with it.
    #[schema(required, value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// A session with its turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The session.
    pub session_id: String,
    /// Whose it is.
    pub caller: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When something last happened in it.
    #[schema(value_type = String, format = DateTime)]
    pub last_active_at: Timestamp,
    /// When it ends, unless something happens in it.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The revision of its last turn, or the one it began with.
    pub revision: String,
    /// What it is doing.
    pub status: SessionStatus,
    /// What the client keeps with it.
    #[schema(required, value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Its turns, oldest first.
    pub turns: Vec<Turn>,
    /// The calls that wait for somebody's decision.
    pub pending_approvals: Vec<Approval>,
}

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Nothing.
    Idle,
    /// A turn is running.
    Running,
    /// A turn waits for somebody's decision.
    AwaitingApproval,
}

impl From<SessionView> for SessionCreated {
    fn from(view: SessionView) -> Self {
        Self {
            session_id: view.session_id.to_string(),
            created_at: view.created_at,
            expires_at: view.expires_at,
            revision: view.revision.to_string(),
        }
    }
}

impl From<SessionView> for SessionSummary {
    fn from(view: SessionView) -> Self {
        Self {
            session_id: view.session_id.to_string(),
            caller: view.caller.to_string(),
            created_at: view.created_at,
            last_active_at: view.last_active_at,
            expires_at: view.expires_at,
            revision: view.revision.to_string(),
            status: view.status.into(),
            metadata: view.metadata,
        }
    }
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        let turns: Vec<Turn> = view.turns.into_iter().map(Turn::from).collect();
        Self {
            session_id: view.session_id.to_string(),
            caller: view.caller.to_string(),
            created_at: view.created_at,
            last_active_at: view.last_active_at,
            expires_at: view.expires_at,
            revision: view.revision.to_string(),
            status: view.status.into(),
            metadata: view.metadata,
            pending_approvals: turns
                .iter()
                .flat_map(|turn: &Turn| turn.pending_approvals.clone())
                .collect(),
            turns,
        }
    }
}

impl From<Status> for SessionStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Idle => Self::Idle,
            Status::Running => Self::Running,
            Status::AwaitingApproval => Self::AwaitingApproval,
        }
    }
}
