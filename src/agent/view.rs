//! What a client sees of a turn: a fold over its events, with the fields of the HTTP contract.

use jiff::Timestamp;
use serde::Serialize;

use super::approve::{ApprovalView, Waiting};
use super::event::{Event, Numbered, Outcome, Reply, Status};
use super::id::{CallId, SessionId, TurnId};
use crate::config::name::{Revision, RuleId};
use crate::model::{Message, Role, Usage};
use crate::policy::Decision;

/// A turn, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TurnView {
    /// Its id.
    pub turn_id: TurnId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// Where it is.
    pub status: Status,
    /// The answer, or what there is of it; absent until the turn ended.
    pub response: Option<String>,
    /// Why it ended; absent until then.
    pub stop: Option<StopView>,
    /// Every call that the model asked for, in its order.
    pub tool_calls: Vec<CallView>,
    /// The calls that wait for somebody's decision, of which the store knows.
    pub pending_approvals: Vec<ApprovalView>,
    /// The calls that wait by the events alone.
    #[serde(skip)]
    pub(crate) waiting: Waiting,
    /// The tokens of all its model calls.
    pub usage: Usage,
    /// The revision that it started with.
    pub revision: Revision,
    /// When somebody asked.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Why a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StopView {
    /// A stable word: `end_turn`, `max_tokens`, `cancelled`.
    pub reason: String,
    /// One sentence, where the word does not say it all.
    pub detail: Option<String>,
}

/// A call, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallView {
    /// Its id.
    pub call_id: CallId,
    /// The tool, as the model wrote it.
    pub tool: String,
    /// What a person would type; absent when it could not be rendered.
    pub command_line: Option<String>,
    /// How it was decided.
    pub verdict: Option<Decision>,
    /// The rule that decided.
    pub rule: Option<RuleId>,
    /// Where it is.
    pub outcome: CallStatus,
    /// The program's exit code.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub duration_ms: Option<u64>,
    /// Whether the model saw only a part of its output.
    pub truncated: bool,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CallStatus {
    /// It goes on.
    Open(Open),
    /// It is over.
    Over(Outcome),
}

/// How far a call came that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// It waits.
    Pending,
    /// It runs.
    Running,
}

impl CallStatus {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open(Open::Pending) => "pending",
            Self::Open(Open::Running) => "running",
            Self::Over(outcome) => match outcome {
                Outcome::Exited => "exited",
                Outcome::TimedOut => "timed_out",
                Outcome::Cancelled => "cancelled",
                Outcome::NotStarted => "not_started",
                Outcome::Denied => "denied",
                Outcome::Expired => "expired",
                Outcome::Interrupted => "interrupted",
            },
        }
    }
}

impl TurnView {
    /// The same with what the store knows of the approvals that it waits for.
    #[must_use]
    pub fn awaiting(mut self, pending: Vec<ApprovalView>) -> Self {
        if self.status == Status::Running && !pending.is_empty() {
            self.status = Status::AwaitingApproval;
            self.pending_approvals = pending;
        }
        self
    }

    /// Folds a turn's events; absent when they do not begin with its start.
    pub fn fold<'a>(
        session: &SessionId,
        turn: &TurnId,
        events: impl IntoIterator<Item = &'a Numbered<Event>>,
    ) -> Option<Self> {
        let mut events = events.into_iter();
        let first = events.next()?;
        let Event::TurnStarted { revision, .. } = &first.item else {
            return None;
        };
        let mut view = Self {
            turn_id: turn.clone(),
            session_id: session.clone(),
            status: Status::Running,
            response: None,
            stop: None,
            tool_calls: Vec::new(),
            pending_approvals: Vec::new(),
            waiting: Waiting::default(),
            usage: Usage::default(),
            revision: revision.clone(),
            created_at: first.at,
            finished_at: None,
        };
        let mut answer = None;
        for event in events {
            view.apply(event, &mut answer);
        }
        view.response = answer.filter(|_| view.status.is_over());
        Some(view)
    }

    fn apply(&mut self, event: &Numbered<Event>, answer: &mut Option<String>) {
        self.waiting.apply(&event.item);
        match &event.item {
            Event::ModelReplied(reply) => self.replied(reply, answer),
            Event::CallDecided {
                call_id,
                verdict,
                rule,
                command_line,
                ..
            } => self.call(call_id, |call| {
                call.verdict = Some(*verdict);
                call.rule = Some(rule.clone());
                call.command_line.clone_from(command_line);
            }),
            Event::CallStarted { call_id } => {
                self.call(call_id, |call| {
                    call.outcome = CallStatus::Open(Open::Running);
                });
            }
            Event::CallEnded(ended) => self.call(&ended.call_id, |call| {
                call.outcome = CallStatus::Over(ended.outcome);
                call.exit_code = ended.exit_code;
                call.duration_ms = ended.duration_ms;
                call.truncated = ended.truncated;
            }),
            Event::TurnEnded { stop, detail } => {
                self.status = stop.status();
                self.stop = Some(StopView {
                    reason: stop.reason().to_owned(),
                    detail: detail.clone(),
                });
                self.finished_at = Some(event.at);
            }
            Event::TurnStarted { .. }
            | Event::PrefixFrozen { .. }
            | Event::HistoryTrimmed { .. }
            | Event::ThinkingStripped { .. }
            | Event::ModelRetried { .. }
            | Event::ModelFailed { .. }
            | Event::ApprovalDecided(_)
            | Event::ApprovalExpired { .. }
            | Event::ApprovalSuperseded { .. }
            | Event::SumUpAsked { .. }
            | Event::CancelAsked { .. } => {}
        }
    }

    fn replied(&mut self, reply: &Reply, answer: &mut Option<String>) {
        self.usage += reply.usage;
        let said = Message {
            role: Role::Assistant,
            content: reply.content.clone(),
        };
        // Words beside calls are the model thinking aloud, not its answer; an answer that the
        // model paused in goes on in the next reply.
        *answer = match answer.take() {
            _ if !reply.calls.is_empty() => None,
            Some(begun) if !begun.is_empty() => Some(format!("{begun}\n\n{}", said.text())),
            _ => Some(said.text()),
        };
        self.tool_calls
            .extend(reply.calls.iter().map(|asked| CallView {
                call_id: asked.call_id.clone(),
                tool: asked.tool.clone(),
                command_line: None,
                verdict: None,
                rule: None,
                outcome: CallStatus::Open(Open::Pending),
                exit_code: None,
                duration_ms: None,
                truncated: false,
            }));
    }

    fn call(&mut self, id: &CallId, change: impl FnOnce(&mut CallView)) {
        // The newest call is the likeliest.
        let mut calls = self.tool_calls.iter_mut().rev();
        if let Some(call) = calls.find(|call| call.call_id == *id) {
            change(call);
        }
    }
}
