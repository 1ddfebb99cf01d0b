//! What the audit trail holds of a turn: two records for each call, its decision and its outcome,
//! and between them one of what came of asking for an approval.
//!
//! They are read off the turn's events, so that no call can have an event and no record. What a
//! redaction covers is not in them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::event::{Event, Outcome};
use super::id::{ApprovalId, CallId};
use crate::config::host::Level;
use crate::config::name::{CallerName, Revision, RoleName, RuleId};
use crate::config::policy::Channel;
use crate::policy::Decision;

/// Stands for the name of a tool that there is not, which is the model's own text.
const NO_SUCH_TOOL: &str = "(unknown)";

/// The rule that refuses calls of tools that there are not.
const UNKNOWN_TOOL: &str = "tools";

/// One record of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose turn asked for the call.
    pub caller: CallerName,
    /// As what.
    pub role: RoleName,
    /// Through which door.
    pub channel: Channel,
    /// The call.
    pub call: CallId,
    /// The tool; `(unknown)` when there is none of the name that was asked for.
    pub tool: String,
    /// What it records.
    #[serde(flatten)]
    pub what: What,
}

/// What a record records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum What {
    /// A decision, written before its effect.
    Decision {
        /// What would run, without its secrets; absent when it could not be rendered.
        command_line: Option<String>,
        /// The answer.
        verdict: Decision,
        /// The rule that decided.
        rule: RuleId,
        /// The revision that decided.
        revision: Revision,
    },
    /// What came of asking whoever may approve the call, written before its effect.
    Approval {
        /// The question; absent where somebody answered at once.
        approval: Option<ApprovalId>,
        /// The answer.
        answer: Answered,
        /// Who gave it; absent when nobody did.
        by: Option<CallerName>,
    },
    /// How the call ended.
    Outcome {
        /// How.
        outcome: Outcome,
        /// The program's exit code, where there was one.
        exit_code: Option<i32>,
        /// How long it ran; absent for one that did not run.
        duration_ms: Option<u64>,
        /// What it wrote, kept or not; absent for one that did not run.
        bytes: Option<u64>,
        /// How far the sandbox held it: `full`, `best-effort` or `off`; absent for one that did not
        /// run.
        sandbox: Option<String>,
    },
}

/// What came of asking whoever may approve a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// It may run.
    Approved,
    /// It may not.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// It was approved, and is decided again since the configuration had changed.
    Superseded,
}

impl Answered {
    /// The word in the trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

/// Reads records off the events of one turn, in their order.
#[derive(Debug, Default)]
pub struct Reader {
    caller: Option<(CallerName, RoleName, Channel)>,
    tools: HashMap<CallId, String>,
}

impl Reader {
    /// The record that an event makes, if it makes one.
    pub fn read(&mut self, event: &Event) -> Option<Record> {
        match event {
            Event::TurnStarted {
                caller,
                role,
                channel,
                ..
            } => {
                self.caller = Some((caller.clone(), role.clone(), *channel));
                None
            }
            Event::ModelReplied(reply) => {
                let asked = reply.calls.iter();
                self.tools
                    .extend(asked.map(|asked| (asked.call_id.clone(), asked.tool.clone())));
                None
            }
            Event::CallDecided {
                call_id,
                verdict,
                rule,
                command_line,
                revision,
                ..
            } => {
                if rule.as_str() == UNKNOWN_TOOL {
                    self.tools.insert(call_id.clone(), NO_SUCH_TOOL.to_owned());
                }
                self.record(
                    call_id,
                    What::Decision {
                        command_line: command_line.clone(),
                        verdict: *verdict,
                        rule: rule.clone(),
                        revision: revision.clone(),
                    },
                )
            }
            Event::ApprovalDecided(approval) => self.record(
                &approval.call_id,
                What::Approval {
                    approval: approval.approval_id.clone(),
                    answer: if approval.is_approved {
                        Answered::Approved
                    } else {
                        Answered::Denied
                    },
                    by: Some(approval.by.clone()),
                },
            ),
            Event::ApprovalExpired {
                call_id,
                approval_id,
            } => self.record(call_id, unanswered(approval_id, Answered::Expired)),
            Event::ApprovalSuperseded {
                call_id,
                approval_id,
            } => self.record(call_id, unanswered(approval_id, Answered::Superseded)),
            Event::CallEnded(ended) => self.record(
                &ended.call_id,
                What::Outcome {
                    outcome: ended.outcome,
                    exit_code: ended.exit_code,
                    duration_ms: ended.duration_ms,
                    bytes: None,
                    sandbox: None,
                },
            ),
            _ => None,
        }
    }

    fn record(&self, call: &CallId, what: What) -> Option<Record> {
        let (caller, role, channel) = self.caller.clone()?;
        let tool = self.tools.get(call);
        Some(Record {
            caller,
            role,
            channel,
            call: call.clone(),
            tool: tool.map_or(NO_SUCH_TOOL, String::as_str).to_owned(),
            what,
        })
    }
}

fn unanswered(approval: &ApprovalId, answer: Answered) -> What {
    What::Approval {
        approval: Some(approval.clone()),
        answer,
        by: None,
    }
}

impl Record {
    /// The answer that it records; nothing for anything else.
    pub fn verdict(&self) -> Option<Decision> {
        match &self.what {
            What::Decision { verdict, .. } => Some(*verdict),
            What::Approval { .. } | What::Outcome { .. } => None,
        }
    }

    /// Whether it is the end of a call whose program was started.
    pub(super) fn ran(&self) -> bool {
        match &self.what {
            What::Outcome { outcome, .. } => *outcome != Outcome::NotStarted,
            What::Decision { .. } | What::Approval { .. } => false,
        }
    }

    /// The same with what only whoever ran the call knows.
    pub(super) fn of_run(mut self, written: u64, level: &Level) -> Self {
        if let What::Outcome { bytes, sandbox, .. } = &mut self.what {
            *bytes = Some(written);
            *sandbox = Some(level.as_str().to_owned());
        }
        self
    }
}
