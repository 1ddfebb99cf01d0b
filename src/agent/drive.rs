//! The driver: does what the turn's pure steps ask for, and appends what came of it.
//!
//! What a step follows from is always appended before the step's effects begin, and everything
//! that one step leads to without waiting (the decisions after a reply, the starts after the
//! decisions) is appended together. Calls run inside the driver's own task, so that ending it ends
//! them.

mod happened;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::approve::Approve;
use super::audit::{Reader, Record};
use super::context::{History, Prefix};
use super::event::{Asked, Cause, Event, Reply};
use super::id::CallId;
use super::turn::{Bounds, Effect, State, step};
use super::{answer, read_output};
use crate::call::Caller;
use crate::config::host::Level;
use crate::config::tool::Effect as EffectOf;
use crate::model::{self, Attempt, BlockPlace, Model, ToolChoice};
use crate::policy::{self, Pending, Permit, Verdict};
use crate::reload::InForce;
use crate::tool::read_output::Request;
use crate::tool::redact::Redactor;
use crate::tool::{self, Finished};
use happened::{failed, over, retried};

/// Failed attempts that wait to be recorded; there are never so many in one model call.
const ATTEMPTS: usize = 64;

/// Where a turn is written down.
pub trait Journal: Send + Sync {
    /// Appends events; when it returns they are kept.
    fn append(&self, entries: Vec<Entry>) -> impl Future<Output = Result<Trail, Lost>> + Send;

    /// The whole output of an earlier call of the same session.
    fn output(&self, call: &CallId) -> impl Future<Output = Result<Option<String>, Lost>> + Send;
}

/// An event to append, with what is kept beside it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event.
    pub event: Event,
    /// The whole output of the call that it ends, for `read_output`.
    pub output: Option<String>,
    /// What the audit trail holds of it.
    pub record: Option<Record>,
}

/// Whether the audit trail could be written, its copies included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trail {
    /// It was.
    Kept,
    /// A copy could not be: nothing that writes may run.
    Broken,
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Self {
            event,
            output: None,
            record: None,
        }
    }
}

/// What happened could not be written down, so nothing more may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the turn cannot be recorded")]
pub struct Lost;

/// Ends a turn early, with the reason for it.
#[derive(Debug, Clone)]
pub struct Cancel {
    token: CancellationToken,
    cause: Arc<OnceLock<Cause>>,
}

impl Cancel {
    /// A turn's own; the end of the server is its end too.
    pub fn under(server: &CancellationToken) -> Self {
        Self {
            token: server.child_token(),
            cause: Arc::default(),
        }
    }

    /// Asks the turn to end; the first to ask says why.
    pub fn ask(&self, cause: Cause) {
        self.cause.get_or_init(|| cause);
        self.token.cancel();
    }

    async fn asked(&self) -> Cause {
        self.token.cancelled().await;
        self.cause.get().copied().unwrap_or(Cause::ServerEnded)
    }
}

/// Everything that one turn needs.
#[derive(Debug)]
pub struct Turn<J> {
    /// Who asked.
    pub caller: Caller,
    /// What is in force; each decision is made by the newest, and what it permits runs on the same
    /// terms.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// The model that answers, to the turn's end.
    pub model: Model,
    /// Where it is written down.
    pub journal: J,
    /// Who answers calls that wait for an approval; without it they are denied at once.
    pub approve: Option<Arc<dyn Approve>>,
    /// The system prompt and tools that are frozen for the session.
    pub prefix: Prefix,
    /// The session's earlier turns, with this one begun.
    pub history: History,
    /// Ends it early.
    pub cancel: Cancel,
}

impl<J: Journal> Turn<J> {
    /// Drives the turn to its end. `opening` is what was appended when it was started.
    pub async fn run(mut self, opening: &[Event]) -> Result<(), Lost> {
        let history = std::mem::take(&mut self.history);
        let bounds = Bounds::from(&self.in_force.load().config.settings().limits);
        let mut driver = Driver::new(&self, history, bounds);
        let outcome = driver.run(opening).await;
        // Nothing of the turn is left running, whatever ended it.
        driver.halt.cancel();
        while driver.work.next().await.is_some() {}
        outcome
    }
}

/// What a driver waits for.
enum Happened {
    CancelAsked(Cause),
    AttemptFailed(Attempt),
    Answered(Box<Result<model::Reply, model::Error>>),
    CallOver(CallId, String, Level, Finished),
    Unaudited(CallId),
    PageFound(CallId, Request, Result<Option<String>, Lost>),
    Abandoned,
}

struct Driver<'a, J> {
    turn: &'a Turn<J>,
    bounds: Bounds,
    state: State,
    history: History,
    inputs: HashMap<CallId, (String, Value)>,
    permits: HashMap<CallId, Permitted>,
    pending: HashMap<CallId, (Box<Pending>, Arc<InForce>)>,
    reader: Reader,
    /// Calls that were decided while the audit trail could not be written.
    unaudited: HashSet<CallId>,
    work: FuturesUnordered<BoxFuture<'a, Happened>>,
    halt: CancellationToken,
    failed: (mpsc::Sender<Attempt>, mpsc::Receiver<Attempt>),
}

/// What may run.
enum Permitted {
    /// A call, on the terms of what permitted it.
    Tool(Box<Permit>, Arc<InForce>),
    ReadOutput(Request),
}

impl<'a, J: Journal> Driver<'a, J> {
    fn new(turn: &'a Turn<J>, history: History, bounds: Bounds) -> Self {
        Self {
            turn,
            bounds,
            state: State::default(),
            history,
            inputs: HashMap::new(),
            permits: HashMap::new(),
            pending: HashMap::new(),
            reader: Reader::default(),
            unaudited: HashSet::new(),
            work: FuturesUnordered::new(),
            halt: CancellationToken::new(),
            failed: mpsc::channel(ATTEMPTS),
        }
    }

    async fn run(&mut self, opening: &[Event]) -> Result<(), Lost> {
        let mut effects = Vec::new();
        for event in opening {
            effects.extend(step(&mut self.state, event, self.bounds));
            self.history.apply(event);
            self.reader.read(event);
        }
        self.perform(effects);
        let mut cancel_asked = false;
        while !self.state.is_over() {
            let happened = tokio::select! {
                biased;
                cause = self.turn.cancel.asked(), if !cancel_asked => Happened::CancelAsked(cause),
                Some(attempt) = self.failed.1.recv() => Happened::AttemptFailed(attempt),
                Some(happened) = self.work.next() => happened,
                else => Happened::Abandoned,
            };
            cancel_asked |= matches!(happened, Happened::CancelAsked(_));
            let mut entries: Vec<Entry> = self.entry(happened)?.into_iter().collect();
            // What is over at the same time is written down together.
            while let Some(Some(happened)) = self.work.next().now_or_never() {
                entries.extend(self.entry(happened)?);
            }
            self.settle(entries).await?;
            if cancel_asked {
                self.halt.cancel();
            }
        }
        Ok(())
    }

    /// Follows events through the pure steps, appends them with everything that they lead to, and
    /// only then does what the steps ask for.
    async fn settle(&mut self, entries: Vec<Entry>) -> Result<(), Lost> {
        let mut queue = VecDeque::from(entries);
        let (mut batch, mut effects) = (Vec::new(), Vec::new());
        while let Some(mut entry) = queue.pop_front() {
            for effect in step(&mut self.state, &entry.event, self.bounds) {
                match effect {
                    Effect::Record(event) => queue.push_back(event.into()),
                    Effect::Decide(call) => queue.push_back(self.decide(call).into()),
                    Effect::Await(call) => queue.extend(self.approval(call).map(Entry::from)),
                    Effect::Strip(place) => queue.push_back(self.strip(place).into()),
                    effect => effects.push(effect),
                }
            }
            self.history.apply(&entry.event);
            if entry.record.is_none() {
                entry.record = self.reader.read(&entry.event);
            }
            batch.push(entry);
        }
        if !batch.is_empty() {
            let calls: Vec<CallId> = batch.iter().filter_map(announced).collect();
            if self.turn.journal.append(batch).await? == Trail::Broken {
                self.unaudited.extend(calls);
            }
        }
        self.perform(effects);
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(choice) => self.ask(choice),
                Effect::Start(call) => self.start(call),
                Effect::Record(_) | Effect::Decide(_) | Effect::Await(_) | Effect::Strip(_) => {}
            }
        }
    }

    fn ask(&mut self, choice: ToolChoice) {
        let request = self.history.request(&self.turn.prefix, choice);
        let (model, failed) = (&self.turn.model, self.failed.0.clone());
        let halt = self.halt.clone();
        self.work.push(Box::pin(async move {
            let mut tell = |attempt| drop(failed.try_send(attempt));
            let reply = halt.run_until_cancelled(model.reply(&request, &mut tell));
            match reply.await {
                Some(reply) => Happened::Answered(Box::new(reply)),
                None => Happened::Abandoned,
            }
        }));
    }

    fn start(&mut self, call: CallId) {
        let turn = self.turn;
        let work: BoxFuture<'a, Happened> = match self.permits.remove(&call) {
            Some(Permitted::ReadOutput(input)) => Box::pin(async move {
                let found = turn
                    .journal
                    .output(&CallId::from(input.call_id.as_str()))
                    .await;
                Happened::PageFound(call, input, found)
            }),
            Some(Permitted::Tool(permit, _)) if self.is_unaudited(&permit, &call) => {
                Box::pin(async move { Happened::Unaudited(call) })
            }
            Some(Permitted::Tool(permit, in_force)) => {
                let cancel = self.halt.child_token();
                Box::pin(async move {
                    let name = permit.call().tool().name.to_string();
                    let id = call.as_str();
                    let terms = tool::Terms::new(&in_force.host, in_force.config.settings());
                    let level = terms.level(permit.call().tool());
                    let finished = tool::run(*permit, id, terms, cancel).await;
                    Happened::CallOver(call, name, level, finished)
                })
            }
            None => return,
        };
        self.work.push(work);
    }

    /// Whether a call would change something of which there would be no record.
    fn is_unaudited(&self, permit: &Permit, call: &CallId) -> bool {
        permit.call().tool().effect == EffectOf::Write && self.unaudited.contains(call)
    }

    /// What happened as an event.
    fn entry(&mut self, happened: Happened) -> Result<Option<Entry>, Lost> {
        Ok(match happened {
            Happened::CancelAsked(cause) => Some(Event::CancelAsked { cause }.into()),
            Happened::AttemptFailed(attempt) => Some(retried(attempt).into()),
            Happened::Answered(reply) => Some(match *reply {
                Ok(reply) => self.replied(reply).into(),
                Err(error) => failed(&error).into(),
            }),
            Happened::CallOver(call, tool, level, finished) => {
                let written = finished.bytes;
                let mut entry = over(call, &tool, finished);
                entry.record = self.reader.read(&entry.event).map(|record| {
                    if record.ran() {
                        record.of_run(written, &level)
                    } else {
                        record
                    }
                });
                Some(entry)
            }
            Happened::Unaudited(call) => Some(Event::CallEnded(answer::unaudited(call)).into()),
            Happened::PageFound(call, input, found) => {
                let ended = read_output::ended(call, &input, found?.as_deref());
                Some(Event::CallEnded(ended).into())
            }
            Happened::Abandoned => None,
        })
    }

    fn replied(&mut self, reply: model::Reply) -> Event {
        let mut calls = Vec::new();
        if reply.stop.runs_tools() && self.state.may_call(self.bounds) {
            for asked in reply.tool_uses() {
                let call_id = CallId::fresh();
                self.inputs
                    .insert(call_id.clone(), (asked.name.clone(), asked.input));
                calls.push(Asked {
                    call_id,
                    tool_use_id: asked.id,
                    tool: asked.name,
                });
            }
        }
        Event::ModelReplied(Reply {
            content: reply.content,
            stop: reply.stop,
            usage: reply.usage,
            message_id: reply.message_id,
            model: reply.model,
            truncated_tool: reply.truncated_tool,
            calls,
        })
    }

    fn decide(&mut self, call_id: CallId) -> Event {
        let (tool, input) = self.inputs.remove(&call_id).unwrap_or_default();
        let in_force = self.turn.in_force.load_full();
        let config = &in_force.config;
        let revision = config.revision().clone();
        let redactions = policy::redactions(config, &tool, Some(&self.turn.caller));
        let redactor = Redactor::new(&redactions, &in_force.host);
        if tool == read_output::NAME {
            let (decided, request) =
                read_output::decide(call_id.clone(), &input, revision, &redactor);
            let permitted = request.map(|request| (call_id, Permitted::ReadOutput(request)));
            self.permits.extend(permitted);
            return decided;
        }
        let request = policy::Request {
            tool: &tool,
            input: &input,
        };
        let verdict = policy::decide(config, request, &self.turn.caller);
        let reason = verdict.reason().clone();
        let decision = verdict.decision();
        let line = verdict.command_line();
        let mut awaits = false;
        let usage = match verdict {
            Verdict::Allow(permit) => {
                let permitted = Permitted::Tool(Box::new(permit), Arc::clone(&in_force));
                self.permits.insert(call_id.clone(), permitted);
                Vec::new()
            }
            Verdict::Ask(pending) => {
                awaits = self.turn.approve.is_some();
                let pending = (Box::new(pending), Arc::clone(&in_force));
                self.pending.insert(call_id.clone(), pending);
                Vec::new()
            }
            Verdict::Deny(refusal) => refusal.usage,
        };
        Event::CallDecided {
            call_id,
            verdict: decision,
            rule: reason.rule,
            because: redactor.text(&reason.because),
            command_line: line.map(|line| redactor.text(&line)),
            usage,
            awaits,
            revision,
        }
    }

    /// The answer to a call that waits for an approval.
    fn approval(&mut self, call: CallId) -> Option<Event> {
        let (pending, in_force) = self.pending.remove(&call)?;
        let answer = self.turn.approve.as_ref()?.answer(&pending);
        let (event, permit) = answer.given(call.clone(), pending);
        let permit = permit.map(|permit| (call, Permitted::Tool(Box::new(permit), in_force)));
        self.permits.extend(permit);
        Some(event)
    }

    /// A place that is not in the history stands for all of it.
    fn strip(&self, place: BlockPlace) -> Event {
        let whole = BlockPlace {
            message: 0,
            block: 0,
        };
        let found = self
            .history
            .locate(place)
            .or_else(|| self.history.locate(whole));
        match found {
            Some((turn, place)) => Event::ThinkingStripped { turn, place },
            None => Event::ModelFailed {
                code: "model_rejected".to_owned(),
                detail: "the model's API refused thinking that was not sent".to_owned(),
                invalid_thinking: None,
            },
        }
    }
}

/// The call whose effect a decision or a start comes before.
fn announced(entry: &Entry) -> Option<CallId> {
    match &entry.event {
        Event::CallDecided { call_id, .. } | Event::CallStarted { call_id } => {
            Some(call_id.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
