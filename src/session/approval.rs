//! Approvals: who sees and decides them, and hearing what came of those that turns of this server
//! wait for.
//!
//! A decision is a row of the store, made once over all servers. The turn that waits hears of one
//! that was made here at once, and of others, and of time that is over, when the keeper looks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Error, Inner, Sessions, is_admin};
use crate::agent::approve::ApprovalStatus;
use crate::agent::{Answer, ApprovalId, ApprovalView, Decided, SessionId};
use crate::call::Caller;
use crate::policy::{self, Approver};
use crate::store::Store;
use crate::store::approval::Approval;

/// Pending approvals that a list has at most; more than anybody reads.
const LISTED: usize = 500;

/// The approvals that turns of this server wait for.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<HashMap<ApprovalId, watch::Sender<Option<Decided>>>>);

impl Awaited {
    /// Waits until it is known what came of one.
    pub(super) async fn decision(&self, id: &ApprovalId) -> Option<Decided> {
        let mut decided = {
            let mut map = self.lock();
            let sender = map.entry(id.clone());
            sender
                .or_insert_with(|| watch::Sender::new(None))
                .subscribe()
        };
        let decided = decided.wait_for(Option::is_some).await;
        decided.ok().and_then(|decided| decided.clone())
    }

    /// Asks the store what came of them, and tells whoever waits.
    pub(super) async fn look(&self, store: &Store) {
        let wanted: Vec<ApprovalId> = {
            let mut map = self.lock();
            map.retain(|_, sender| sender.receiver_count() > 0);
            map.keys().cloned().collect()
        };
        if wanted.is_empty() {
            return;
        }
        // The store has said why it did not answer; the next look tells.
        let Ok(mut found) = store.approvals(&wanted).await else {
            return;
        };
        let due = found.iter().filter(|approval| approval.is_due);
        let due: Vec<ApprovalId> = due.map(|due| due.view.approval_id.clone()).collect();
        if !due.is_empty() {
            if store.expire(due.clone()).await.is_err() {
                return;
            }
            found.extend(store.approvals(&due).await.unwrap_or_default());
        }
        for approval in found {
            self.tell(&approval);
        }
    }

    /// Tells whoever waits for an approval what came of it, if something did.
    fn tell(&self, approval: &Approval) {
        if let (Some(decided), Some(sender)) = (
            approval.decided(),
            self.lock().get(&approval.view.approval_id),
        ) {
            sender.send_replace(Some(decided));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApprovalId, watch::Sender<Option<Decided>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// The pending approvals that a caller may decide, in whoever's sessions, oldest first.
    pub async fn approvals(&self, who: &Caller) -> Result<Vec<ApprovalView>, Error> {
        let store = &self.inner.parts.store;
        let mut theirs = Vec::new();
        let mut page = store.pending(None).await?;
        // Those of others fill no list but theirs.
        while let Some(last) = page.last().cloned() {
            let mine = page.into_iter();
            let mine = mine.filter(|approval| self.inner.may_decide(who, approval));
            theirs.extend(mine.map(|approval| approval.view));
            if theirs.len() >= LISTED {
                break;
            }
            page = store.pending(Some(&last)).await?;
        }
        theirs.truncate(LISTED);
        Ok(theirs)
    }

    /// Decides an approval, as the first who does.
    pub async fn decide(
        &self,
        who: &Caller,
        session: &SessionId,
        id: &ApprovalId,
        is_approved: bool,
        reason: Option<String>,
    ) -> Result<ApprovalView, Error> {
        let (inner, store) = (&self.inner, &self.inner.parts.store);
        let found = store.approval(id).await?;
        let found = found.filter(|found| found.view.session_id == *session);
        let approval = found.ok_or(Error::ApprovalNotFound)?;
        if !inner.may_decide(who, &approval) {
            // Whoever sees it anyway is told why; to others there is none.
            let seen = is_admin(who) || inner.session(who, session).await.is_ok();
            return Err(if seen {
                Error::NotAnApprover
            } else {
                Error::ApprovalNotFound
            });
        }
        let by = Approver {
            name: who.name.clone(),
            role: who.role.clone(),
        };
        let answer = if is_approved {
            Answer::Approved(by)
        } else {
            Answer::Denied(by, reason)
        };
        let is_first = store.decide(id, answer).await?;
        if !is_first {
            store.expire(vec![id.clone()]).await?;
        }
        let approval = store.approval(id).await?.ok_or(Error::ApprovalNotFound)?;
        inner.awaited.tell(&approval);
        match approval.view.status {
            _ if is_first => Ok(approval.view),
            ApprovalStatus::Expired => Err(Error::ApprovalExpired),
            status => Err(Error::ApprovalDecided(status)),
        }
    }
}

impl Inner {
    fn may_decide(&self, who: &Caller, approval: &Approval) -> bool {
        let in_force = self.parts.in_force.load();
        let settings = in_force.config.settings();
        policy::may_approve(settings, &who.role, approval.approvers.as_deref())
    }
}
