//! Playing one scenario: a turn like any other, kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::agent::context::{History, Prefix};
use crate::agent::event::Outcome;
use crate::agent::{
    Answer, ApprovalId, Approve, CallId, Cancel, Decided, Entry, Event, Journal, Lost, Trail, Turn,
    TurnId,
};
use crate::call::{Caller, words};
use crate::cli::failure::Result;
use crate::cli::local;
use crate::config::Config;
use crate::config::host::Host;
use crate::config::name::RoleName;
use crate::config::policy::Channel;
use crate::config::scenario::{Answered, Scenario};
use crate::config::tool::{Run, Tool};
use crate::model::{Message, Model, Role};
use crate::policy::{Approver, Decision, Pending};
use crate::reload::InForce;
use crate::tool::sandbox;

/// What came of a scenario.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Its calls, in the order in which the model asked for them.
    pub(super) calls: Vec<PlayedCall>,
    /// What the model said last.
    pub(super) answer: Option<String>,
    /// How often the model replied.
    pub(super) replies: usize,
    /// Why there is no whole answer.
    pub(super) stopped: Option<String>,
}

/// One call.
#[derive(Debug, Serialize)]
pub(super) struct PlayedCall {
    pub(super) tool: String,
    pub(super) command_line: Option<String>,
    pub(super) verdict: Option<Decision>,
    pub(super) rule: Option<String>,
    /// Whether it ran, or answered what was recorded.
    pub(super) ran: bool,
    pub(super) outcome: Option<Outcome>,
    /// What the model saw.
    pub(super) shown: String,
    /// The words of each of its lines.
    #[serde(skip)]
    pub(super) lines: Vec<Vec<String>>,
}

/// Asks the question, and lets the model and its calls come to an end.
pub(super) async fn play(
    scenario: &Scenario,
    config: &Arc<Config>,
    model: Model,
) -> Result<Played> {
    let role = scenario.role.as_ref().map(RoleName::as_str);
    let caller = local::caller(config.settings(), role, Channel::Local);
    let host = Host::probe_in(config, &scenario.environment)
        .confined(config, sandbox::probe(None))
        .playing(Arc::clone(&scenario.recordings));
    let prefix = Prefix::render(config, &host, &caller).context("cannot render the prompt")?;
    let mut history = History::default();
    history.begin(TurnId::fresh(), 1);
    let opening = [Event::TurnStarted {
        content: scenario.question.clone(),
        caller: caller.name.clone(),
        role: caller.role.clone(),
        channel: caller.channel,
        revision: config.revision().clone(),
        rounds: None,
        named: false,
    }];
    let answers = Answers {
        list: scenario.approvals.clone(),
        by: operator(config, &caller),
    };
    let kept = Kept::default();
    let mut turn = Turn {
        caller,
        in_force: Arc::new(ArcSwap::from_pointee(InForce {
            config: Arc::clone(config),
            host: Arc::new(host),
            model: model.clone(),
        })),
        model,
        journal: &kept,
        approve: Some(Arc::new(answers)),
        prefix,
        history,
        cancel: Cancel::new(),
        paused: watch::Sender::new(None).subscribe(),
        leave: CancellationToken::new(),
    };
    turn.run(&opening)
        .await
        .context("cannot play the scenario")?;
    let entries = kept.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Played::read(entries, config))
}

/// Whoever the settings let approve, the caller first.
fn operator(config: &Config, caller: &Caller) -> Approver {
    let roles = &config.settings().roles.by_name;
    let may = |role: &RoleName| roles.get(role).is_some_and(|role| role.approve);
    let other = roles.keys().find(|role| may(role));
    let role = match other {
        Some(other) if !may(&caller.role) => other.clone(),
        _ => caller.role.clone(),
    };
    Approver {
        name: caller.name.clone(),
        role,
    }
}

/// The scenario's answers to calls that wait for an approval.
#[derive(Debug)]
struct Answers {
    list: Vec<Answered>,
    by: Approver,
}

impl Approve for Answers {
    fn answer(&self, pending: &Pending) -> Answer {
        let call = pending.call();
        let lines = call.lines();
        let fits = |answered: &&Answered| answered.calls.take(call.tool().name.as_str(), &lines);
        match self.list.iter().find(fits) {
            Some(answered) if answered.is_approved => Answer::Approved(self.by.clone()),
            _ => Answer::Denied(self.by.clone(), None),
        }
    }
}

/// The turn's events.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Entry>>);

impl Journal for &Kept {
    async fn append(
        &self,
        mut entries: Vec<Entry>,
    ) -> std::result::Result<crate::agent::Kept, Lost> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.append(&mut entries);
        Ok(Trail::Kept.into())
    }

    async fn output(&self, call: &CallId) -> std::result::Result<Option<String>, Lost> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_call = |entry: &&Entry| matches!(&entry.event, Event::CallEnded(ended) if ended.call_id == *call);
        Ok(kept
            .iter()
            .find(of_call)
            .and_then(|entry| entry.output.clone()))
    }

    /// Scenarios answer at once, so nobody waits.
    async fn decision(&self, _: &ApprovalId) -> Option<Decided> {
        None
    }
}

impl Played {
    fn read(entries: Vec<Entry>, config: &Config) -> Self {
        let mut played = Self::default();
        let mut places = HashMap::new();
        for Entry { event, .. } in entries {
            match event {
                Event::ModelReplied(reply) => {
                    played.replies = played.replies.saturating_add(1);
                    let said = Message {
                        role: Role::Assistant,
                        content: reply.content,
                    };
                    let inputs = said.tool_uses();
                    for asked in &reply.calls {
                        places.insert(asked.call_id.clone(), played.calls.len());
                        let input = inputs
                            .iter()
                            .find(|asked_use| asked_use.id == asked.tool_use_id);
                        let input = input.map(|asked_use| &asked_use.input);
                        played.calls.push(PlayedCall::asked(&asked.tool, input));
                    }
                    played.answer = Some(said.text()).filter(|_| reply.calls.is_empty());
                }
                Event::CallDecided {
                    call_id,
                    verdict,
                    rule,
                    command_line,
                    ..
                } => played.change(places.get(&call_id), |call| {
                    let tool = config.tool(&call.tool);
                    if let Some(line) = &command_line {
                        call.lines = lines(tool.map(AsRef::as_ref), line);
                    }
                    call.verdict = Some(verdict);
                    call.rule = Some(rule.to_string());
                    call.command_line = command_line;
                }),
                Event::CallStarted { call_id } => {
                    played.change(places.get(&call_id), |call| call.ran = true);
                }
                Event::CallEnded(ended) => played.change(places.get(&ended.call_id), |call| {
                    call.outcome = Some(ended.outcome);
                    call.shown = ended.shown;
                }),
                Event::TurnEnded { stop, detail } => {
                    let detail = detail.map(|detail| format!(": {detail}"));
                    let text = format!("{}{}", stop.reason(), detail.unwrap_or_default());
                    played.stopped = Some(text).filter(|_| stop.reason() != "end_turn");
                }
                _ => {}
            }
        }
        played
    }

    fn change(&mut self, place: Option<&usize>, change: impl FnOnce(&mut PlayedCall)) {
        if let Some(call) = place.and_then(|place| self.calls.get_mut(*place)) {
            change(call);
        }
    }
}

impl PlayedCall {
    /// Until it is rendered, and where it is refused before that, it reads as the tool's name and the
    /// texts of its input.
    fn asked(tool: &str, input: Option<&Value>) -> Self {
        let mut words = vec![tool.to_owned()];
        if let Some(input) = input {
            texts(input, &mut words);
        }
        Self {
            tool: tool.to_owned(),
            command_line: None,
            verdict: None,
            rule: None,
            ran: false,
            outcome: None,
            shown: String::new(),
            lines: vec![words],
        }
    }
}

fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(members) => members.values().for_each(|member| texts(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The words of the lines of a canonical command line: several only where a tool has steps, since a
/// word may hold the end of a line.
fn lines(tool: Option<&Tool>, text: &str) -> Vec<Vec<String>> {
    let has_steps = tool.is_some_and(|tool| matches!(tool.run, Run::Steps(_)));
    let lines: Vec<&str> = if has_steps {
        text.lines().collect()
    } else {
        vec![text]
    };
    let words = lines.into_iter().filter_map(|line| words::split(line).ok());
    words.collect()
}
