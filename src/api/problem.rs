//! What went wrong with a request, as RFC 9457 has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer that is an error: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the kind of the problem is in `code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// A stable word for programs.
    pub code: Code,
    /// One sentence for people.
    pub detail: String,
    /// The request's id, as in `x-request-id` and in the server's log.
    pub request_id: String,
    /// The turn that is in the way, with `turn_in_progress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
}

/// A stable word for each kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No valid token came with the request.
    Unauthorized,
    /// There is no such path.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// There is no such session, it ended, or it is somebody else's.
    SessionNotFound,
    /// The session has no such turn.
    TurnNotFound,
    /// The session has no such approval, or the caller may neither see nor decide it.
    ApprovalNotFound,
    /// The caller's role may not decide the approval.
    NotAnApprover,
    /// Only admins may do this.
    NotAnAdmin,
    /// The approval was decided before, or nobody asks for it any more.
    ApprovalDecided,
    /// Nobody decided the approval in time.
    ApprovalExpired,
    /// The session has a running turn; only one runs at a time.
    TurnInProgress,
    /// The key was used with another body.
    IdempotencyMismatch,
    /// The request cannot be understood.
    InvalidRequest,
    /// The body is too long.
    PayloadTooLarge,
    /// The message has more characters than `limits.message_chars`.
    MessageTooLong,
    /// The caller holds as many sessions as it may.
    TooManySessions,
    /// Too many requests at once.
    RateLimited,
    /// The body came too slowly, or the answer took too long.
    Timeout,
    /// The store cannot be reached.
    StoreUnavailable,
    /// The server is ending.
    ShuttingDown,
    /// A defect of the server.
    Internal,
    /// A word that this client does not know.
    #[serde(other)]
    Other,
}

impl Code {
    /// The status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthorized => 401,
            Self::NotAnApprover | Self::NotAnAdmin => 403,
            Self::NotFound
            | Self::SessionNotFound
            | Self::TurnNotFound
            | Self::ApprovalNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TurnInProgress | Self::ApprovalDecided => 409,
            Self::ApprovalExpired => 410,
            Self::PayloadTooLarge | Self::MessageTooLong => 413,
            Self::IdempotencyMismatch => 422,
            Self::TooManySessions | Self::RateLimited => 429,
            Self::Timeout | Self::StoreUnavailable | Self::ShuttingDown => 503,
            Self::Internal | Self::Other => 500,
        }
    }
}
