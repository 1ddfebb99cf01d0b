//! A conversation: kept, with at most one running turn, until nobody uses it any more.

mod error;

mod view;

pub use error::Error;
pub use view::{SessionStatus, SessionView};

pub use crate::agent::view::{CallStatus, CallView, StopView, TurnView};

/// A client's name for one request, so that asking again is not asking twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The value of `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the request's body: the same key with another body is a mistake.
    pub body_digest: [u8; 32],
}
