//! Where a turn is written down, and what is written.

use crate::agent::approve::{Change, Decided};
use crate::agent::audit::Record;
use crate::agent::event::Event;
use crate::agent::id::{ApprovalId, CallId};
use crate::agent::pause::Pause;

/// Where a turn is written down.
pub trait Journal: Send + Sync {
    /// Appends events; when it returns they are kept.
    fn append(&self, entries: Vec<Entry>) -> impl Future<Output = Result<Kept, Lost>> + Send;

    /// The whole output of an earlier call of the same session.
    fn output(&self, call: &CallId) -> impl Future<Output = Result<Option<String>, Lost>> + Send;

    /// What came of asking for an approval, as soon as something did; absent when that is not for
    /// this process to hear any more.
    fn decision(&self, approval: &ApprovalId) -> impl Future<Output = Option<Decided>> + Send;
}

/// An event to append, with what is kept beside it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event.
    pub event: Event,
    /// The whole output of the call that it ends, for `read_output`.
    pub output: Option<String>,
    /// What the audit trail holds of it.
    pub record: Option<Record>,
    /// What becomes of questions to whoever may approve calls.
    pub approvals: Vec<Change>,
}

/// What may follow from events that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whether their audit records are kept too.
    pub trail: Trail,
    /// Why the calls that they start may not run after all.
    pub paused: Option<Pause>,
}

impl From<Trail> for Kept {
    /// Nothing is paused.
    fn from(trail: Trail) -> Self {
        Self {
            trail,
            paused: None,
        }
    }
}

/// Whether the audit trail could be written, its copies included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trail {
    /// It was.
    Kept,
    /// A copy could not be: nothing that writes may run.
    Broken,
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Self {
            event,
            output: None,
            record: None,
            approvals: Vec::new(),
        }
    }
}

/// What happened could not be written down, so nothing more may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The turn is over, another's, or nobody's to write any more.
    #[error("the turn cannot be recorded")]
    Turn,
    /// What happened in it is nothing that can be kept.
    #[error("the store refuses what happened in the turn")]
    Refused,
}
