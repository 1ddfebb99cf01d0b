//! Answering calls that wait for an approval.

use std::fmt;

use super::event::{Approval, Event};
use super::id::CallId;
use crate::policy::{Approver, Pending, Permit};

/// Answers calls that wait for an approval.
pub trait Approve: fmt::Debug + Send + Sync {
    /// What is answered to one of them.
    fn answer(&self, pending: &Pending) -> Answer;
}

/// What is answered to a call that waits for an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may run, if this one may approve it.
    Approved(Approver),
    /// It may not, for a reason that the model is told.
    Denied(Approver, Option<String>),
}

impl Answer {
    /// The answer as an event, and the permit where it is one.
    pub(super) fn given(self, call_id: CallId, pending: Box<Pending>) -> (Event, Option<Permit>) {
        let (by, permit, reason) = match self {
            Self::Approved(by) => {
                let permit = pending.approve(&by).ok();
                let reason = format!("the role {} may not approve it", by.role);
                let reason = permit.is_none().then_some(reason);
                (by, permit, reason)
            }
            Self::Denied(by, reason) => (by, None, reason),
        };
        let event = Event::ApprovalDecided(Approval {
            call_id,
            is_approved: permit.is_some(),
            by: by.name,
            reason,
        });
        (event, permit)
    }
}
