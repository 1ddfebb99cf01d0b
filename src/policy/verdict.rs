//! What [`decide`](super::decide()) answers. Its types cannot be made elsewhere:
//!
//! ```compile_fail,E0451
//! // A permit cannot be forged: its fields are private and it has no constructor.
//! let permit = tolkien::policy::Permit { call: todo!(), reason: todo!(), revision: todo!(), redactions: todo!() };
//! ```

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::config::name::{CallerName, Revision, RoleName, RuleId};
use crate::diagnostic::Place;

use super::redactions::Redactions;

/// How a call was decided, ordered so that the strictest of several answers is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It runs at once.
    Allow,
    /// It waits for an approval.
    Ask,
    /// It does not run.
    Deny,
}

impl Decision {
    /// The word in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// Which rule decided, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule; implicit rules have names too.
    pub rule: RuleId,
    /// Why, in the rule's words or the engine's.
    pub because: String,
    /// Where the rule is written; absent for what no file says.
    pub place: Option<Place>,
}

/// The answer to one call, with its reason.
#[derive(Debug)]
pub enum Verdict {
    /// It may run.
    Allow(Permit),
    /// It may run when somebody approves it.
    Ask(Pending),
    /// It may not run.
    Deny(Refusal),
}

impl Verdict {
    /// The bare answer.
    pub fn decision(&self) -> Decision {
        match self {
            Self::Allow(_) => Decision::Allow,
            Self::Ask(_) => Decision::Ask,
            Self::Deny(_) => Decision::Deny,
        }
    }

    /// Which rule decided, and why.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Allow(permit) => &permit.reason,
            Self::Ask(pending) => &pending.reason,
            Self::Deny(refusal) => &refusal.reason,
        }
    }

    /// What was asked for, where it may run at all.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Allow(permit) => Some(&permit.call),
            Self::Ask(pending) => Some(&pending.call),
            Self::Deny(_) => None,
        }
    }

    /// The canonical command lines, one a line; absent when the call was refused before it could
    /// be rendered.
    pub fn command_line(&self) -> Option<String> {
        match self {
            Self::Allow(permit) => Some(permit.call.command_line()),
            Self::Ask(pending) => Some(pending.call.command_line()),
            Self::Deny(refusal) => refusal.command_line.clone(),
        }
    }
}

/// The right to run one call, once: it owns the call, and only [`decide`](super::decide()) and
/// [`Pending::approve`] make it.
#[derive(Debug)]
pub struct Permit {
    call: Call,
    reason: Reason,
    revision: Revision,
    redactions: Redactions,
}

impl Permit {
    pub(super) fn new(
        call: Call,
        reason: Reason,
        revision: Revision,
        redactions: Redactions,
    ) -> Self {
        Self {
            call,
            reason,
            revision,
            redactions,
        }
    }

    /// What may run.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Which rule decided, and why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The revision that permitted it; it runs with that one to its end.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// What is replaced in everything that comes of it.
    pub fn redactions(&self) -> &Redactions {
        &self.redactions
    }
}

/// A call that waits for an approval.
#[derive(Debug)]
pub struct Pending {
    call: Call,
    reason: Reason,
    revision: Revision,
    redactions: Redactions,
    approvers: Option<Vec<RoleName>>,
}

/// Somebody who approves a call, with the right to do so checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// Who.
    pub name: CallerName,
    /// As what.
    pub role: RoleName,
}

impl Pending {
    pub(super) fn new(
        call: Call,
        reason: Reason,
        revision: Revision,
        redactions: Redactions,
        approvers: Option<Vec<RoleName>>,
    ) -> Self {
        Self {
            call,
            reason,
            revision,
            redactions,
            approvers,
        }
    }

    /// What would run.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Which rule asks, and why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The revision that asks.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Roles that alone may approve it; absent means every role that may approve at all.
    pub fn approvers(&self) -> Option<&[RoleName]> {
        self.approvers.as_deref()
    }

    /// Turns it into a permit: somebody approved exactly this call. Given back when their role is
    /// not one of those that alone may approve it.
    pub fn approve(self, by: &Approver) -> Result<Permit, Box<Self>> {
        if self
            .approvers
            .as_ref()
            .is_some_and(|roles| !roles.contains(&by.role))
        {
            return Err(Box::new(self));
        }
        Ok(Permit {
            call: self.call,
            reason: self.reason,
            revision: self.revision,
            redactions: self.redactions,
        })
    }
}

/// A call that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule refused it, and why.
    pub reason: Reason,
    /// The canonical command lines, where it came as far as that.
    pub command_line: Option<String>,
    /// The usage that is allowed, for whoever asked.
    pub usage: Vec<String>,
}
