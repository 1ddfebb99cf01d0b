//! Approvals: asked with the event that waits for one, decided once over all servers.

use crate::agent::approve::{ApprovalView, Decided};
use crate::agent::{Answer, ApprovalId, TurnId};
use crate::config::name::RoleName;
use crate::policy::Approver;

use super::{Error, Reading, Store, Writing, change, on};

/// Pending approvals that are read at once.
const PAGE: u32 = 500;

/// An approval as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What clients see of it.
    pub view: ApprovalView,
    /// Roles that alone may approve it; absent means every role that may approve at all.
    pub approvers: Option<Vec<RoleName>>,
    /// Whether it is pending and its time is over.
    pub is_due: bool,
    /// When it was asked, in microseconds; with its id, where a list of them goes on.
    pub(super) created_at: i64,
    /// As what somebody decided.
    pub(super) role: Option<RoleName>,
    /// Why somebody refused.
    pub(super) reason: Option<String>,
}

impl Approval {
    /// What came of it, if something did that its call waits for.
    pub fn decided(&self) -> Option<Decided> {
        use crate::agent::approve::ApprovalStatus as Status;
        let by = || {
            Some(Approver {
                name: self.view.decided_by.clone()?,
                role: self.role.clone()?,
            })
        };
        Some(match self.view.status {
            Status::Pending | Status::Cancelled | Status::Superseded => return None,
            Status::Approved => Decided::Answered(Answer::Approved(by()?)),
            Status::Denied => Decided::Answered(Answer::Denied(by()?, self.reason.clone())),
            Status::Expired => Decided::Expired,
        })
    }
}

impl Store {
    /// Decides a pending approval whose time is not over; answers whether this was the one that
    /// did.
    pub async fn decide(&self, id: &ApprovalId, answer: Answer) -> Result<bool, Error> {
        let id = id.clone();
        on!(&self.writing, Writing, queue => queue.submit(change::Decide { id: id.clone(), answer: answer.clone() }))
    }

    /// Ends the pending approvals among these whose time is over.
    pub async fn expire(&self, ids: Vec<ApprovalId>) -> Result<(), Error> {
        on!(&self.writing, Writing, queue => queue.submit(change::Expire { ids: ids.clone() }))
    }

    /// An approval.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, Error> {
        let found = self.approvals(std::slice::from_ref(id)).await?;
        Ok(found.into_iter().next())
    }

    /// These approvals; one that is gone is left out.
    pub async fn approvals(&self, ids: &[ApprovalId]) -> Result<Vec<Approval>, Error> {
        on!(&self.reading, Reading, reader => reader.approvals(ids))
    }

    /// The pending approvals of a turn, oldest first.
    pub async fn pending_of(&self, turn: &TurnId) -> Result<Vec<Approval>, Error> {
        on!(&self.reading, Reading, reader => reader.pending_of(turn, PAGE))
    }

    /// A page of all pending approvals whose time is not over, oldest first, after an earlier page's
    /// last; the last page is empty.
    pub async fn pending(&self, after: Option<&Approval>) -> Result<Vec<Approval>, Error> {
        on!(&self.reading, Reading, reader => reader.pending(after, PAGE))
    }
}
