//! The driver: does what the turn's pure steps ask for, and appends what came of it.
//!
//! What a step follows from is always appended before the step's effects begin, and everything
//! that one step leads to without waiting (the decisions after a reply, the starts after the
//! decisions) is appended together. Calls run inside the driver's own task, so that ending it ends
//! them.

mod cancel;

mod decide;

mod happened;

mod journal;

mod resume;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::approve::{Approve, Decided};
use super::audit::Reader;
use super::context::{History, Prefix};
use super::event::{Asked, Awaited, Cause, Event, Reply};
use super::id::CallId;
use super::pause::Pause;
use super::turn::{Bounds, Effect, State, step};
use super::{answer, read_output};
use crate::call::Caller;
use crate::config::host::Level;
use crate::config::name::RoleName;
use crate::config::tool::Effect as EffectOf;
use crate::model::{self, Attempt, BlockPlace, Model, ToolChoice};
use crate::policy::{Pending, Permit};
use crate::reload::InForce;
use crate::tool::read_output::Request;
use crate::tool::{self, Finished};
use happened::{failed, over, retried};

pub use cancel::Cancel;
pub use journal::{Entry, Journal, Kept, Lost, Trail};

/// Failed attempts that wait to be recorded; there are never so many in one model call.
const ATTEMPTS: usize = 64;

/// How far a turn was driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// To its end.
    Over,
    /// As far as it came when it was to be left: whoever reads its events goes on with it.
    Left,
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
    /// Who answers calls that wait for an approval at once; without it, whoever may is asked, and
    /// the journal says what came of it.
    pub approve: Option<Arc<dyn Approve>>,
    /// The system prompt and tools that are frozen for the session.
    pub prefix: Prefix,
    /// The session's earlier turns, with this one begun; once it ran, with all of this one.
    pub history: History,
    /// Ends it early.
    pub cancel: Cancel,
    /// Whether all tools are stopped at the moment: ends the calls that run when they are.
    pub paused: watch::Receiver<Option<Pause>>,
    /// Has it left where it is: what runs is ended, and nothing more happens.
    pub leave: CancellationToken,
}

impl<J: Journal> Turn<J> {
    /// Drives the turn on from what was kept of it: the events that it was started with, or all
    /// that were appended until somebody left it.
    pub async fn run(&mut self, kept: &[Event]) -> Result<Driven, Lost> {
        let history = std::mem::take(&mut self.history);
        let in_force = self.in_force.load_full();
        let bounds = Bounds::of(&in_force.config.settings().limits, kept.first());
        let mut driver = Driver::new(self, history, bounds);
        driver.caller_now(in_force.config.settings());
        let outcome = driver.run(kept).await;
        // Nothing of the turn is left running, whatever ended it.
        driver.halt.cancel();
        while driver.work.next().await.is_some() {}
        let history = std::mem::take(&mut driver.history);
        drop(driver);
        self.history = history;
        outcome
    }
}

/// What a driver waits for.
enum Happened {
    CancelAsked(Cause),
    LeaveAsked,
    /// All tools were stopped, or may run again.
    PauseChanged,
    AttemptFailed(Attempt),
    Answered(Box<Result<model::Reply, model::Error>>),
    CallOver(CallId, String, Level, Finished),
    Unaudited(CallId),
    Stopped(CallId, Pause),
    PageFound(CallId, Request, Result<Option<String>, Lost>),
    Decided(CallId, Decided),
    /// What comes of an approval is for whoever goes on with the turn to hear.
    Undecided,
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
    /// What was asked about calls that are not over.
    asked: HashMap<CallId, Awaited>,
    reader: Reader,
    /// Calls that were decided while the audit trail could not be written.
    unaudited: HashSet<CallId>,
    /// Calls that may change something.
    writing: HashSet<CallId>,
    /// The role that the settings gave whoever asked, when they last named them.
    named: Option<RoleName>,
    cancel_asked: bool,
    leaving: bool,
    /// An approval is not waited for here any more.
    undecided: bool,
    work: FuturesUnordered<BoxFuture<'a, Happened>>,
    halt: CancellationToken,
    /// Ends the calls that run, and nothing else.
    halt_calls: CancellationToken,
    paused: watch::Receiver<Option<Pause>>,
    /// Why the calls that are about to start may not.
    stopped: Option<Pause>,
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
        let halt = CancellationToken::new();
        Self {
            turn,
            bounds,
            state: State::default(),
            history,
            inputs: HashMap::new(),
            permits: HashMap::new(),
            pending: HashMap::new(),
            asked: HashMap::new(),
            reader: Reader::default(),
            unaudited: HashSet::new(),
            writing: HashSet::new(),
            named: None,
            cancel_asked: false,
            leaving: false,
            undecided: false,
            work: FuturesUnordered::new(),
            halt_calls: halt.child_token(),
            halt,
            paused: turn.paused.clone(),
            stopped: None,
            failed: mpsc::channel(ATTEMPTS),
        }
    }

    async fn run(&mut self, kept: &[Event]) -> Result<Driven, Lost> {
        let mut last = Vec::new();
        for event in kept {
            last = step(&mut self.state, event, self.bounds);
            self.history.apply(event);
            self.reader.read(event);
            self.remember(event);
        }
        let (writing, asked) = (&self.writing, &self.asked);
        // Somebody approved one run of it.
        let once = |call: &CallId| writing.contains(call) || asked.contains_key(call);
        let next = self.state.resume(last, self.bounds, once);
        self.settle(Vec::new(), next).await?;
        while !self.state.is_over() {
            if (self.leaving || self.undecided) && self.work.is_empty() {
                return Ok(Driven::Left);
            }
            let happened = self.next().await;
            match happened {
                Happened::CancelAsked(_) => self.cancel_asked = true,
                Happened::LeaveAsked => {
                    self.leaving = true;
                    self.halt.cancel();
                }
                Happened::PauseChanged => self.end_calls_if_paused(),
                Happened::Undecided => self.undecided = true,
                _ => {}
            }
            let mut entries: Vec<Entry> = self.entry(happened)?.into_iter().collect();
            // What is over at the same time is written down together.
            while let Some(Some(happened)) = self.work.next().now_or_never() {
                entries.extend(self.entry(happened)?);
            }
            if self.leaving {
                self.close(entries).await?;
                continue;
            }
            self.settle(entries, Vec::new()).await?;
            if self.cancel_asked {
                self.halt.cancel();
            }
        }
        Ok(Driven::Over)
    }

    async fn next(&mut self) -> Happened {
        let turn = self.turn;
        let asked = self.cancel_asked || self.leaving;
        tokio::select! {
            biased;
            cause = turn.cancel.asked(), if !asked => Happened::CancelAsked(cause),
            () = turn.leave.cancelled(), if !asked => Happened::LeaveAsked,
            Ok(()) = self.paused.changed() => Happened::PauseChanged,
            Some(attempt) = self.failed.1.recv() => Happened::AttemptFailed(attempt),
            Some(happened) = self.work.next() => happened,
            else => Happened::Abandoned,
        }
    }

    /// Follows events and effects through the pure steps, appends the events with everything that
    /// they lead to, and only then does what the steps ask for.
    async fn settle(&mut self, entries: Vec<Entry>, next: Vec<Effect>) -> Result<(), Lost> {
        let mut queue = VecDeque::from(entries);
        let (mut batch, mut effects) = (Vec::new(), Vec::new());
        for effect in next {
            self.follow(effect, &mut queue, &mut effects);
        }
        while let Some(mut entry) = queue.pop_front() {
            for effect in step(&mut self.state, &entry.event, self.bounds) {
                self.follow(effect, &mut queue, &mut effects);
            }
            self.history.apply(&entry.event);
            entry.approvals.extend(self.closed(&entry.event));
            if entry.record.is_none() {
                entry.record = self.reader.read(&entry.event);
            }
            batch.push(entry);
        }
        self.append(batch).await?;
        self.perform(effects);
        Ok(())
    }

    /// Turns an effect into an event where it is done by that.
    fn follow(&mut self, effect: Effect, queue: &mut VecDeque<Entry>, effects: &mut Vec<Effect>) {
        match effect {
            Effect::Record(event) => queue.push_back(event.into()),
            Effect::Decide(call) => {
                let decided = self.decide(call);
                self.remember(&decided.event);
                queue.push_back(decided);
            }
            Effect::Await(call) if self.turn.approve.is_some() => {
                queue.extend(self.answered_at_once(&call).map(Entry::from));
            }
            Effect::Strip(place) => queue.push_back(self.strip(place).into()),
            effect => effects.push(effect),
        }
    }

    async fn append(&mut self, batch: Vec<Entry>) -> Result<(), Lost> {
        if batch.is_empty() {
            return Ok(());
        }
        let calls: Vec<CallId> = batch.iter().filter_map(announced).collect();
        let kept = self.turn.journal.append(batch).await?;
        if kept.trail == Trail::Broken {
            self.unaudited.extend(calls);
        }
        self.stopped = kept.paused;
        Ok(())
    }

    /// Ends every call that runs when all tools are stopped.
    fn end_calls_if_paused(&mut self) {
        if self.paused.borrow_and_update().is_some() {
            self.halt_calls.cancel();
            self.halt_calls = self.halt.child_token();
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(choice) => self.ask(choice),
                Effect::Start(call) => self.start(call),
                Effect::Await(call) => self.wait(call),
                Effect::Record(_) | Effect::Decide(_) | Effect::Strip(_) => {}
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
        let permitted = self.permits.remove(&call);
        if let Some(pause) = self.stopped.clone() {
            let work = async move { Happened::Stopped(call, pause) };
            self.work.push(Box::pin(work));
            return;
        }
        let work: BoxFuture<'a, Happened> = match permitted {
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
                let cancel = self.halt_calls.child_token();
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
                let pause = self.paused.borrow().clone();
                let pause = pause.filter(|_| !self.cancel_asked && !self.leaving);
                let mut entry = over(call, &tool, finished, pause.as_ref());
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
            Happened::Stopped(call, pause) => {
                Some(Event::CallEnded(answer::stopped(call, &pause)).into())
            }
            Happened::PageFound(call, input, found) => {
                let ended = read_output::ended(call, &input, found?.as_deref());
                Some(Event::CallEnded(ended).into())
            }
            Happened::Decided(call, decided) => self.decided(call, decided),
            Happened::LeaveAsked
            | Happened::PauseChanged
            | Happened::Undecided
            | Happened::Abandoned => None,
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

/// The call whose effect a decision, an approval or a start comes before.
fn announced(entry: &Entry) -> Option<CallId> {
    match &entry.event {
        Event::CallDecided { call_id, .. } | Event::CallStarted { call_id } => {
            Some(call_id.clone())
        }
        Event::ApprovalDecided(approval) => Some(approval.call_id.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
