//! The wire: request, response and event types, and their conversion from the domain's views.
//!
//! Every type here is JSON that a client sees, with the field names of the HTTP contract; what
//! `GET /openapi.json` says is generated from them. Requests refuse keys they do not know, answers
//! do not, so that an older client goes on working with a newer server.

pub mod approval;

pub mod event;

pub mod finding;

pub mod operation;

pub mod problem;

pub mod session;

pub mod turn;

pub use approval::{Approval, ApprovalList, ApprovalStatus, Choice, DecideApproval};
pub use event::{Event, What};
pub use finding::Finding;
pub use operation::{
    ConfigReport, Health, PauseState, PauseTools, Paused, PolicyReport, Readiness, SandboxReport,
    ToolReport,
};
pub use problem::{Code, Problem};
pub use session::{
    CreateSession, Session, SessionCreated, SessionPage, SessionStatus, SessionSummary,
};
pub use turn::{Outcome, SendMessage, Stop, ToolCall, Turn, TurnStatus, Usage, Verdict};

#[cfg(test)]
mod tests;
