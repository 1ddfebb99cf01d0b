//! Why a session does not do what was asked, in words that a client may see.

use crate::agent::TurnId;
use crate::agent::approve::ApprovalStatus;

/// Why a session does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none of this name, or it is another caller's, or it has expired.
    #[error("there is no such session")]
    SessionNotFound,
    /// The session has no turn of this name.
    #[error("there is no such turn in this session")]
    TurnNotFound,
    /// There is none of this name in the session, or the caller may neither see nor decide it.
    #[error("there is no such approval")]
    ApprovalNotFound,
    /// The caller sees the approval, and may not decide it.
    #[error("your role may not decide this approval")]
    NotAnApprover,
    /// Somebody was first, or nobody asks any more.
    #[error("this approval is {} already", .0.as_str())]
    ApprovalDecided(ApprovalStatus),
    /// Only admins may.
    #[error("only an admin may do this")]
    NotAnAdmin,
    /// Its time is over.
    #[error("nobody decided this approval in time")]
    ApprovalExpired,
    /// A session runs one turn at a time.
    #[error("turn `{0}` is still running in this session")]
    TurnInProgress(TurnId),
    /// The key stands for another request.
    #[error("this idempotency key was used with another body")]
    IdempotencyMismatch,
    /// The caller holds as many sessions as it may.
    #[error("you hold {limit} sessions, and may not hold more")]
    TooManySessions {
        /// `limits.sessions_per_caller`.
        limit: u32,
    },
    /// The message is longer than the settings allow.
    #[error("a message may be at most {limit} characters long")]
    MessageTooLong {
        /// `limits.message_chars`.
        limit: u32,
    },
    /// The message says nothing.
    #[error("a message needs some text")]
    MessageEmpty,
    /// The system prompt cannot be rendered for this caller.
    #[error("the system prompt cannot be rendered")]
    PromptFailed,
    /// The database does not answer, or its disk is full.
    #[error("what happens cannot be recorded at the moment, so nothing is started")]
    StoreUnavailable,
    /// The database takes writes, and not what this request holds.
    #[error("the store refuses to keep what this request holds")]
    NotKept,
    /// The server ends and accepts nothing new.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Error {
    /// The stable word of the HTTP contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SessionNotFound => "session_not_found",
            Self::TurnNotFound => "turn_not_found",
            Self::ApprovalNotFound => "approval_not_found",
            Self::NotAnApprover => "not_an_approver",
            Self::NotAnAdmin => "not_an_admin",
            Self::ApprovalDecided(_) => "approval_decided",
            Self::ApprovalExpired => "approval_expired",
            Self::TurnInProgress(_) => "turn_in_progress",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::TooManySessions { .. } => "too_many_sessions",
            Self::MessageTooLong { .. } => "message_too_long",
            Self::MessageEmpty => "invalid_request",
            Self::PromptFailed | Self::NotKept => "internal_error",
            Self::StoreUnavailable => "store_unavailable",
            Self::ShuttingDown => "shutting_down",
        }
    }
}
