//! What a client sees of a session.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::agent::SessionId;
use crate::agent::view::TurnView;
use crate::config::name::{CallerName, Revision};

/// A session, with its turns where one was asked for by its id.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionView {
    /// Its id.
    pub session_id: SessionId,
    /// Who holds it.
    pub caller: CallerName,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When a turn last started or ended in it.
    pub last_active_at: Timestamp,
    /// When it ends, if nothing happens until then.
    pub expires_at: Timestamp,
    /// What its system prompt and tools were rendered from.
    pub revision: Revision,
    /// Whether a turn runs.
    pub status: SessionStatus,
    /// What the client said about it when it opened it.
    pub metadata: Option<Map<String, Value>>,
    /// Its turns, oldest first; empty in a list of sessions.
    pub turns: Vec<TurnView>,
}

/// Whether a turn runs in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// None does.
    Idle,
    /// One does.
    Running,
    /// One waits for somebody to decide about a call.
    AwaitingApproval,
}
