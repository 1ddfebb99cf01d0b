//! The changes that a store is asked for, as plain values; each engine knows how to make them.

use std::sync::Arc;

use jiff::Timestamp;

use super::audit::{Added, Copies, Ticket};
use super::{Appended, Held, NewTurn};
use crate::agent::approve::Change;
use crate::agent::audit::Record;
use crate::agent::event::Cause;
use crate::agent::{Answer, ApprovalId, CallId, Pause, SessionId, TurnId};
use crate::config::name::CallerName;

/// A turn to start, and who drives it.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) new: NewTurn,
    pub(super) holder: String,
}

/// Events of a running turn.
#[derive(Debug)]
pub(super) struct Append {
    /// The chain of its audit records.
    pub(super) writer: Arc<str>,
    pub(super) held: Held,
    /// The number of the last event before these.
    pub(super) after: u64,
    /// As JSON text.
    pub(super) events: Vec<String>,
    pub(super) outputs: Vec<(CallId, String)>,
    pub(super) records: Vec<Record>,
    pub(super) approvals: Vec<Change>,
    pub(super) copies: Arc<Copies>,
    pub(super) now: Timestamp,
    /// Whether they start calls.
    pub(super) starts: bool,
    /// Given when the last of them ends the turn: when its session then expires.
    pub(super) ends: Option<Timestamp>,
}

/// Events that are kept, with the audit records that are to be copied.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) appended: Appended,
    pub(super) added: Added,
    /// Their copies, once those are being written.
    pub(super) copied: Option<Ticket>,
}

/// A session and everything in it.
#[derive(Debug)]
pub(super) struct Delete(pub(super) SessionId);

/// Sessions that nobody used in time, and in which no turn runs.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) now: Timestamp,
    pub(super) most: u32,
}

/// A replica says that it lives.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) replica: String,
    /// For how long, in microseconds; without it, until the store is opened again.
    pub(super) lease: Option<i64>,
}

/// Takes over the running turns that nobody alive holds.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) replica: String,
}

/// Gives a turn back, so that another replica goes on with it at once.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) turn: TurnId,
    pub(super) fence: i64,
}

/// Asks whoever drives a turn to end it.
#[derive(Debug)]
pub(super) struct AskToCancel {
    pub(super) turn: TurnId,
    pub(super) cause: Cause,
}

/// Decides a pending approval.
#[derive(Debug)]
pub(super) struct Decide {
    pub(super) id: ApprovalId,
    pub(super) answer: Answer,
}

/// Ends pending approvals whose time is over.
#[derive(Debug)]
pub(super) struct Expire {
    pub(super) ids: Vec<ApprovalId>,
}

/// Stops all tools.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) id: String,
    pub(super) pause: Pause,
}

/// Lets tools run again.
#[derive(Debug)]
pub(super) struct Resume {
    pub(super) by: CallerName,
    pub(super) now: Timestamp,
}
