//! Calls that wait for an approval: what whoever may approve one is shown, and what they answer.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::{Approval, Awaited, Event};
use super::id::{ApprovalId, CallId, SessionId, TurnId};
use crate::config::name::{CallerName, Revision, RoleName, RuleId};
use crate::config::tool::Effect;
use crate::policy::{Approver, Pending, Permit};
use crate::tool::redact::Redactor;

/// Answers calls that wait for an approval, at once.
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

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// Somebody answered.
    Answered(Answer),
    /// Nobody did in time.
    Expired,
}

/// How far an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nobody decided yet.
    Pending,
    /// It may run.
    Approved,
    /// It may not.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Its turn was ended.
    Cancelled,
    /// The call was decided again, by another revision.
    Superseded,
}

impl ApprovalStatus {
    /// Every one of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Superseded,
    ];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }
}

/// What whoever may approve a call is shown: all that would run, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The tool.
    pub tool: String,
    /// What a person would type.
    pub command_line: String,
    /// The whole input.
    pub input: Value,
    /// What the programs would read.
    pub stdin: Option<String>,
    /// What a request would send.
    pub body: Option<String>,
    /// Whether the tool changes anything.
    pub effect: Effect,
    /// The rule that asks.
    pub rule: RuleId,
    /// Why it asks.
    pub because: String,
}

impl Shown {
    pub(super) fn of(pending: &Pending, redactor: &Redactor<'_>) -> Self {
        let call = pending.call();
        let text = |text: &str| redactor.text(text);
        Self {
            tool: call.tool().name.to_string(),
            command_line: text(&call.command_line()),
            input: redacted(call.input(), redactor),
            stdin: call.stdin().as_deref().map(text),
            body: call.body().as_deref().map(text),
            effect: call.tool().effect,
            rule: pending.reason().rule.clone(),
            because: text(&pending.reason().because),
        }
    }
}

fn redacted(value: &Value, redactor: &Redactor<'_>) -> Value {
    match value {
        Value::String(text) => Value::String(redactor.text(text)),
        Value::Array(items) => items.iter().map(|item| redacted(item, redactor)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members: Map<String, Value> = members
                .map(|(name, value)| (redactor.text(name), redacted(value, redactor)))
                .collect();
            Value::Object(members)
        }
        other => other.clone(),
    }
}

/// A question that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its id.
    pub id: ApprovalId,
    /// The call.
    pub call: CallId,
    /// What it is about.
    pub digest: String,
    /// The revision that asks.
    pub revision: Revision,
    /// What is shown.
    pub shown: Shown,
    /// Roles that alone may approve it; absent means every role that may approve at all.
    pub approvers: Option<Vec<RoleName>>,
    /// How long it waits.
    pub timeout: Duration,
}

/// What becomes of a question with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is asked.
    Asked(Box<Question>),
    /// Its call was decided again, and this is not asked any more.
    Superseded(ApprovalId),
    /// Its turn is ended.
    Cancelled(ApprovalId),
}

/// An approval as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalView {
    /// Its id.
    pub approval_id: ApprovalId,
    /// The session.
    pub session_id: SessionId,
    /// The turn that waits for it.
    pub turn_id: TurnId,
    /// The call that waits for it.
    pub call_id: CallId,
    /// What would run.
    #[serde(flatten)]
    pub shown: Shown,
    /// How far it is.
    pub status: ApprovalStatus,
    /// When it is denied unless somebody decides.
    pub expires_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<CallerName>,
}

/// The calls of a turn that wait for an approval, as its events say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting(BTreeMap<CallId, ApprovalId>);

impl Waiting {
    /// Follows an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::CallDecided {
                call_id,
                approval: Some(Awaited { approval_id, .. }),
                ..
            } => {
                self.0.insert(call_id.clone(), approval_id.clone());
            }
            Event::CallDecided { call_id, .. }
            | Event::ApprovalDecided(Approval { call_id, .. })
            | Event::ApprovalExpired { call_id, .. }
            | Event::ApprovalSuperseded { call_id, .. } => {
                self.0.remove(call_id);
            }
            Event::CallEnded(ended) => {
                self.0.remove(&ended.call_id);
            }
            _ => {}
        }
    }

    /// What a call waits for.
    pub fn of(&self, call: &CallId) -> Option<&ApprovalId> {
        self.0.get(call)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Answer {
    /// The answer as an event, and the permit where it is one.
    pub(super) fn given(
        self,
        call_id: CallId,
        approval_id: Option<ApprovalId>,
        pending: Box<Pending>,
    ) -> (Event, Option<Permit>) {
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
            approval_id,
            is_approved: permit.is_some(),
            by: by.name,
            reason,
        });
        (event, permit)
    }
}
