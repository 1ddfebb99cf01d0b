//! Deciding calls, and waiting for whoever may approve those that wait for an approval.
//!
//! An answer permits exactly what was asked: a call that is decided again, because the turn moved
//! to another server or the configuration changed, goes on waiting for the same answer only where
//! the same would run.

use std::sync::Arc;

use super::{Driver, Entry, Happened, Journal, Permitted};
use crate::agent::approve::{Answer, Change, Decided, Question, Shown};
use crate::agent::event::{Awaited, Event, Outcome};
use crate::agent::id::{ApprovalId, CallId};
use crate::agent::read_output;
use crate::call::Caller;
use crate::config::name::RoleName;
use crate::config::settings::Settings;
use crate::policy::{self, Pending, Redactions, Verdict};
use crate::reload::InForce;
use crate::tool::redact::Redactor;

/// The role of a caller whom the settings do not name any more; none can be called so.
const REMOVED: &str = "(removed)";

impl<J: Journal> Driver<'_, J> {
    /// Decides a call; what is asked about it is remembered with the event.
    pub(super) fn decide(&mut self, call_id: CallId) -> Entry {
        let (tool, input) = self.inputs.remove(&call_id).unwrap_or_default();
        let in_force = self.turn.in_force.load_full();
        let config = &in_force.config;
        let revision = config.revision().clone();
        let caller = self.caller_now(config.settings());
        let redactions = policy::redactions(config, &tool, Some(&caller));
        let redactor = Redactor::new(&redactions, &in_force.host);
        if tool == read_output::NAME {
            let (decided, request) =
                read_output::decide(call_id.clone(), &input, revision, &redactor);
            let permitted = request.map(|request| (call_id, Permitted::ReadOutput(request)));
            self.permits.extend(permitted);
            return decided.into();
        }
        let request = policy::Request {
            tool: &tool,
            input: &input,
        };
        let verdict = policy::decide(config, request, &caller);
        let reason = verdict.reason().clone();
        let decision = verdict.decision();
        let line = verdict.command_line();
        let effect = config.tool(&tool).map(|tool| tool.effect);
        let earlier = self.asked.remove(&call_id);
        let (mut awaits, mut question) = (false, None);
        let usage = match verdict {
            Verdict::Allow(permit) => {
                let permitted = Permitted::Tool(Box::new(permit), Arc::clone(&in_force));
                self.permits.insert(call_id.clone(), permitted);
                Vec::new()
            }
            Verdict::Ask(pending) => {
                awaits = self.is_somebody_there(&in_force, &caller, &pending);
                if awaits && self.turn.approve.is_none() {
                    question = Some(new_question(&call_id, &pending, &in_force));
                    // It may be decided again.
                    self.inputs.insert(call_id.clone(), (tool, input));
                }
                let pending = (Box::new(pending), Arc::clone(&in_force));
                self.pending.insert(call_id.clone(), pending);
                Vec::new()
            }
            Verdict::Deny(refusal) => refusal.usage,
        };
        let (approval, approvals) = asked(earlier, question);
        let event = Event::CallDecided {
            call_id,
            verdict: decision,
            rule: reason.rule,
            because: redactor.text(&reason.because),
            command_line: line.map(|line| redactor.text(&line)),
            usage,
            awaits,
            approval,
            effect,
            revision,
        };
        Entry {
            approvals,
            ..event.into()
        }
    }

    /// Whoever asked, in the role that the settings give them now; when they were named and are not
    /// any more, in one that may nothing. Who holds the server's own token is named nowhere.
    pub(super) fn caller_now(&mut self, settings: &Settings) -> Caller {
        let mut caller = self.turn.caller.clone();
        let known = settings
            .callers
            .iter()
            .find(|known| known.name == caller.name);
        if let Some(known) = known {
            self.named = Some(known.role.clone());
            caller.role = known.role.clone();
        } else if self.named.is_some() {
            caller.role = RoleName::new(REMOVED);
        }
        caller
    }

    /// Whether anybody may answer; nobody is waited for where nobody may.
    fn is_somebody_there(&self, in_force: &InForce, asker: &Caller, pending: &Pending) -> bool {
        let settings = in_force.config.settings();
        let approvers = pending.approvers();
        self.turn.approve.is_some() || policy::anybody_may_approve(settings, asker, approvers)
    }

    /// The answer of whoever answers at once.
    pub(super) fn answered_at_once(&mut self, call: &CallId) -> Option<Event> {
        let approve = self.turn.approve.as_ref()?;
        let (pending, in_force) = self.pending.remove(call)?;
        let answer = approve.answer(&pending);
        Some(self.given(call.clone(), None, answer, (pending, in_force)))
    }

    /// Waits for the answer of whoever is asked.
    pub(super) fn wait(&mut self, call: CallId) {
        let Some(asked) = self.asked.get(&call) else {
            return;
        };
        let (turn, halt) = (self.turn, self.halt.clone());
        let id = asked.approval_id.clone();
        self.work.push(Box::pin(async move {
            match halt.run_until_cancelled(turn.journal.decision(&id)).await {
                Some(Some(decided)) => Happened::Decided(call, decided),
                Some(None) => Happened::Undecided,
                None => Happened::Abandoned,
            }
        }));
    }

    /// What follows from an answer; nothing when the call does not wait any more.
    pub(super) fn decided(&mut self, call: CallId, decided: Decided) -> Option<Entry> {
        let (pending, in_force) = self.pending.remove(&call)?;
        let id = self.asked.get(&call)?.approval_id.clone();
        let answer = match decided {
            Decided::Expired => {
                let event = Event::ApprovalExpired {
                    call_id: call,
                    approval_id: id,
                };
                return Some(event.into());
            }
            Decided::Answered(answer) => answer,
        };
        let newest = self.turn.in_force.load();
        let is_outdated = newest.config.revision() != pending.revision();
        if is_outdated && matches!(answer, Answer::Approved(_)) {
            self.asked.remove(&call);
            let event = Event::ApprovalSuperseded {
                call_id: call,
                approval_id: id.clone(),
            };
            return Some(Entry {
                approvals: vec![Change::Superseded(id)],
                ..event.into()
            });
        }
        Some(
            self.given(call, Some(id), answer, (pending, in_force))
                .into(),
        )
    }

    fn given(
        &mut self,
        call: CallId,
        id: Option<ApprovalId>,
        answer: Answer,
        (pending, in_force): (Box<Pending>, Arc<InForce>),
    ) -> Event {
        let (event, permit) = answer.given(call.clone(), id, pending);
        let permit = permit.map(|permit| (call, Permitted::Tool(Box::new(permit), in_force)));
        self.permits.extend(permit);
        event
    }

    /// What an event makes of the question that its call waits for.
    pub(super) fn closed(&mut self, event: &Event) -> Option<Change> {
        let Event::CallEnded(ended) = event else {
            return None;
        };
        let asked = self.asked.remove(&ended.call_id)?;
        let is_cut_off = matches!(ended.outcome, Outcome::Cancelled | Outcome::Interrupted);
        is_cut_off.then_some(Change::Cancelled(asked.approval_id))
    }
}

/// Whoever may approve it sees what the model wrote as it is: what a pattern takes for a secret could
/// hide from them what would run. Only values of declared secrets are not shown.
fn new_question(call: &CallId, pending: &Pending, in_force: &InForce) -> Question {
    let no_patterns = Redactions::default();
    let redactor = &Redactor::new(&no_patterns, &in_force.host);
    Question {
        id: ApprovalId::fresh(),
        call: call.clone(),
        digest: pending.call().digest(pending.revision()),
        revision: pending.revision().clone(),
        shown: Shown::of(pending, redactor),
        approvers: pending.approvers().map(<[_]>::to_vec),
        timeout: in_force.config.settings().limits.approval_timeout,
    }
}

/// What a call waits for now, and what changes by that: an earlier question about the same stays.
fn asked(earlier: Option<Awaited>, question: Option<Question>) -> (Option<Awaited>, Vec<Change>) {
    let mut changes = Vec::new();
    match (earlier, question) {
        (Some(earlier), Some(question)) if earlier.digest == question.digest => {
            (Some(earlier), changes)
        }
        (earlier, question) => {
            changes.extend(earlier.map(|earlier| Change::Superseded(earlier.approval_id)));
            let asked = question.as_ref().map(|question| Awaited {
                approval_id: question.id.clone(),
                digest: question.digest.clone(),
            });
            changes.extend(question.map(|question| Change::Asked(Box::new(question))));
            (asked, changes)
        }
    }
}
