//! A turn as an enum of states and a pure step.
//!
//! [`step`] takes the state and the event that was appended, and says what comes next: further
//! events to append and things to do. It touches nothing, so the same events give the same state
//! when they are read back, and every ending can be tested without a model, a store or a process.

mod resume;

use std::mem;

use super::answer;
use super::event::{Asked, Ended, Event, Reply, Stop};
use super::id::CallId;
use crate::config::settings::Limits;
use crate::model::{self, BlockPlace, ToolChoice};
use crate::policy::Decision;

/// How often a paused reply is gone along with in one turn: what the vendor's own samples use.
const CONTINUATIONS: u32 = 5;

/// What bounds a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Model calls, before the last one that sums up.
    pub rounds: u32,
    /// Calls that run at the same time.
    pub parallel: usize,
}

impl Bounds {
    /// What bounds a turn whose start was kept: its rounds are those that it was started with, so
    /// that its events lead to the same states whenever they are read.
    pub fn of(limits: &Limits, start: Option<&Event>) -> Self {
        let bounds = Self::from(limits);
        match start {
            Some(Event::TurnStarted {
                rounds: Some(rounds),
                ..
            }) => Self {
                rounds: *rounds,
                ..bounds
            },
            _ => bounds,
        }
    }
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            rounds: limits.rounds,
            parallel: usize::try_from(limits.parallel_calls.max(1)).unwrap_or(usize::MAX),
        }
    }
}

/// Where a turn is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing happened yet.
    #[default]
    New,
    /// The model is being asked.
    Asking(Progress),
    /// Calls of the model's last reply are decided and run.
    Calling {
        /// How far the turn is.
        progress: Progress,
        /// Every call of the reply, in its order.
        calls: Vec<Call>,
    },
    /// The turn is being ended early; what runs is awaited.
    Ending {
        /// Every call of the last reply.
        calls: Vec<Call>,
    },
    /// It is over.
    Over(Stop),
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Replies so far.
    pub replies: u32,
    /// How many of them were paused.
    pub continuations: u32,
    /// Whether thinking was stripped since the last reply: it is tried once.
    pub stripped: bool,
}

/// A call of the model's last reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// How far it is.
    pub phase: Phase,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The model asked for it.
    Asked,
    /// It waits for an approval.
    Awaiting,
    /// It may run, and waits for others to end.
    Permitted,
    /// Its start is being recorded.
    Starting,
    /// It runs.
    Running,
    /// It is over.
    Over,
}

/// What comes next.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Append this, and step with it.
    Record(Event),
    /// Ask the model; answered by `ModelReplied` or `ModelFailed`.
    Ask(ToolChoice),
    /// Find the block that the API named in the history, and record that it is stripped.
    Strip(BlockPlace),
    /// Decide about a call; answered by `CallDecided`.
    Decide(CallId),
    /// Have somebody asked whether a call may run; answered by `ApprovalDecided`,
    /// `ApprovalExpired` or `ApprovalSuperseded`.
    Await(CallId),
    /// Run a permitted call; answered by `CallEnded`.
    Start(CallId),
}

/// What follows from an event. An event that has no place in a state changes nothing.
pub fn step(state: &mut State, event: &Event, bounds: Bounds) -> Vec<Effect> {
    if let Event::TurnEnded { stop, .. } = event {
        *state = State::Over(stop.clone());
        return Vec::new();
    }
    let (next, effects) = match (mem::take(state), event) {
        (State::New, Event::TurnStarted { .. }) => ask(Progress::default(), bounds),
        (State::Asking(progress), Event::ModelReplied(reply)) => replied(progress, reply, bounds),
        (State::Asking(progress), Event::SumUpAsked { .. }) => ask(progress, bounds),
        (State::Asking(mut progress), Event::ThinkingStripped { .. }) => {
            progress.stripped = true;
            ask(progress, bounds)
        }
        (
            State::Asking(progress),
            Event::ModelFailed {
                code,
                detail,
                invalid_thinking,
            },
        ) => {
            let effect = match invalid_thinking.filter(|_| !progress.stripped) {
                Some(place) => Effect::Strip(place),
                None => end(
                    Stop::ModelFailed { code: code.clone() },
                    Some(detail.clone()),
                ),
            };
            (State::Asking(progress), vec![effect])
        }
        (State::Asking(_), Event::CancelAsked { .. }) => cancel(Vec::new()),
        (State::Calling { calls, .. }, Event::CancelAsked { .. }) => cancel(calls),
        (State::Calling { progress, calls }, event) => called(progress, calls, event, bounds),
        (State::Ending { mut calls }, Event::CallEnded(ended)) => {
            set(&mut calls, &ended.call_id, Phase::Over);
            let effects = ended_early(&calls);
            (State::Ending { calls }, effects)
        }
        (state, _) => (state, Vec::new()),
    };
    *state = next;
    effects
}

impl State {
    /// Whether the turn has ended.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// Whether calls of the next reply may run: the last one sums up, and calls nothing.
    pub fn may_call(&self, bounds: Bounds) -> bool {
        matches!(self, Self::Asking(progress) if progress.replies < bounds.rounds)
    }

    /// The events that end a turn which nobody drives any more: each open call gets its result,
    /// so that the history stays whole, and the turn its end.
    pub fn abandon(&self, stop: Stop, detail: &str) -> Vec<Event> {
        let calls = match self {
            Self::Calling { calls, .. } | Self::Ending { calls } => calls.as_slice(),
            _ => &[],
        };
        let open = calls.iter().filter(|call| call.phase != Phase::Over);
        let results = open.map(|call| {
            let ran = call.phase == Phase::Running;
            Event::CallEnded(answer::interrupted(call.id.clone(), ran))
        });
        let last = Event::TurnEnded {
            stop,
            detail: Some(detail.to_owned()),
        };
        results.chain([last]).collect()
    }
}

fn ask(progress: Progress, bounds: Bounds) -> (State, Vec<Effect>) {
    let effect = Effect::Ask(choice(progress, bounds));
    (State::Asking(progress), vec![effect])
}

/// The last call of the model sums up, and calls nothing.
fn choice(progress: Progress, bounds: Bounds) -> ToolChoice {
    if progress.replies < bounds.rounds {
        ToolChoice::Auto
    } else {
        ToolChoice::None
    }
}

fn replied(before: Progress, reply: &Reply, bounds: Bounds) -> (State, Vec<Effect>) {
    let summed_up = before.replies >= bounds.rounds;
    let mut progress = Progress {
        replies: before.replies.saturating_add(1),
        stripped: false,
        ..before
    };
    if !summed_up && reply.stop.runs_tools() && !reply.calls.is_empty() {
        let calls = reply.calls.iter().map(|Asked { call_id, .. }| Call {
            id: call_id.clone(),
            phase: Phase::Asked,
        });
        let calls: Vec<Call> = calls.collect();
        let effects = calls.iter().map(|call| Effect::Decide(call.id.clone()));
        let effects = effects.collect();
        return (State::Calling { progress, calls }, effects);
    }
    if !summed_up && reply.stop.continues() && progress.continuations < CONTINUATIONS {
        progress.continuations = progress.continuations.saturating_add(1);
        return ask(progress, bounds);
    }
    let (stop, detail) = ending(reply, summed_up, bounds);
    (State::Asking(progress), vec![end(stop, detail)])
}

/// The name of a reply's stop that runs nothing, and a sentence about it.
fn ending(reply: &Reply, summed_up: bool, bounds: Bounds) -> (Stop, Option<String>) {
    use model::Stop as Said;
    match &reply.stop {
        Said::EndTurn | Said::StopSequence | Said::ToolUse | Said::PauseTurn | Said::Compaction
            if summed_up =>
        {
            let detail = format!(
                "the model had used its {} rounds and was asked to sum up",
                bounds.rounds
            );
            (Stop::RoundsExhausted, Some(detail))
        }
        Said::EndTurn => (Stop::EndTurn, None),
        Said::StopSequence => (Stop::StopSequence, None),
        Said::ToolUse => (
            Stop::NoCalls,
            Some("the model said that it calls tools, and called none".to_owned()),
        ),
        Said::PauseTurn | Said::Compaction => (
            Stop::ContinuationsExhausted,
            Some(format!("the model paused more than {CONTINUATIONS} times")),
        ),
        Said::MaxTokens => {
            let tool = reply.truncated_tool.as_ref();
            let cut =
                tool.map(|tool| format!(", and its call of `{tool}` was cut off and not run"));
            let detail = format!(
                "the answer is longer than `model.max_tokens` allows{}",
                cut.unwrap_or_default()
            );
            (Stop::MaxTokens, Some(detail))
        }
        Said::Refusal {
            category,
            explanation,
        } => {
            let category = category.as_ref().map(|word| format!(" ({word})"));
            let explanation = explanation.as_ref().map(|text| format!(": {text}"));
            let detail = format!(
                "the model refused{}{}",
                category.unwrap_or_default(),
                explanation.unwrap_or_default()
            );
            (Stop::Refusal, Some(detail))
        }
        Said::ContextWindowExceeded => (
            Stop::ContextWindowExceeded,
            Some("the conversation is longer than the model can read; start a new one".to_owned()),
        ),
        Said::Unknown(word) => (
            Stop::UnknownStop,
            Some(format!(
                "the model stopped with `{word}`, which is not known here"
            )),
        ),
        Said::Unstated => (
            Stop::UnknownStop,
            Some("the model stopped without saying why".to_owned()),
        ),
    }
}

fn called(
    progress: Progress,
    mut calls: Vec<Call>,
    event: &Event,
    bounds: Bounds,
) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match event {
        Event::CallDecided {
            call_id,
            verdict,
            awaits,
            ..
        } => match verdict {
            Decision::Allow => set(&mut calls, call_id, Phase::Permitted),
            Decision::Ask if *awaits => {
                set(&mut calls, call_id, Phase::Awaiting);
                effects.push(Effect::Await(call_id.clone()));
            }
            Decision::Ask | Decision::Deny => {
                effects.extend(answer::refused(event).map(|ended| record(Event::CallEnded(ended))));
            }
        },
        Event::ApprovalDecided(approval) if waits(&calls, &approval.call_id) => {
            if approval.is_approved {
                set(&mut calls, &approval.call_id, Phase::Permitted);
            } else {
                effects.push(record(Event::CallEnded(answer::unapproved(approval))));
            }
        }
        Event::ApprovalExpired { call_id, .. } if waits(&calls, call_id) => {
            let ended = answer::expired(call_id.clone());
            effects.push(record(Event::CallEnded(ended)));
        }
        Event::ApprovalSuperseded { call_id, .. } if waits(&calls, call_id) => {
            set(&mut calls, call_id, Phase::Asked);
            effects.push(Effect::Decide(call_id.clone()));
        }
        Event::CallStarted { call_id } => {
            set(&mut calls, call_id, Phase::Running);
            effects.push(Effect::Start(call_id.clone()));
        }
        Event::CallEnded(Ended { call_id, .. }) => set(&mut calls, call_id, Phase::Over),
        _ => return (State::Calling { progress, calls }, effects),
    }
    if calls.iter().all(|call| call.phase == Phase::Over) {
        if progress.replies >= bounds.rounds {
            let note = answer::LAST_ROUND.to_owned();
            let effects = vec![record(Event::SumUpAsked { note })];
            return (State::Asking(progress), effects);
        }
        return ask(progress, bounds);
    }
    effects.extend(start_next(&mut calls, bounds));
    (State::Calling { progress, calls }, effects)
}

/// Starts permitted calls, in order, while there is room.
fn start_next(calls: &mut [Call], bounds: Bounds) -> Vec<Effect> {
    let busy = |call: &&Call| matches!(call.phase, Phase::Starting | Phase::Running);
    let room = bounds
        .parallel
        .saturating_sub(calls.iter().filter(busy).count());
    let waiting = calls
        .iter_mut()
        .filter(|call| call.phase == Phase::Permitted);
    let started = waiting.take(room).map(|call| {
        call.phase = Phase::Starting;
        let call_id = call.id.clone();
        record(Event::CallStarted { call_id })
    });
    started.collect()
}

/// Ends what does not run yet at once; what runs is cancelled by whoever runs it, and awaited.
fn cancel(mut calls: Vec<Call>) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    for call in &mut calls {
        if !matches!(call.phase, Phase::Running | Phase::Over) {
            effects.push(record(Event::CallEnded(answer::cancelled(call.id.clone()))));
        }
    }
    if effects.is_empty() {
        effects = ended_early(&calls);
    }
    (State::Ending { calls }, effects)
}

fn ended_early(calls: &[Call]) -> Vec<Effect> {
    if calls.iter().any(|call| call.phase != Phase::Over) {
        return Vec::new();
    }
    vec![end(Stop::Cancelled, None)]
}

fn waits(calls: &[Call], id: &CallId) -> bool {
    let is_it = |call: &Call| call.id == *id && call.phase == Phase::Awaiting;
    calls.iter().any(is_it)
}

fn set(calls: &mut [Call], id: &CallId, phase: Phase) {
    for call in calls.iter_mut().filter(|call| call.id == *id) {
        call.phase = phase;
    }
}

fn record(event: Event) -> Effect {
    Effect::Record(event)
}

fn end(stop: Stop, detail: Option<String>) -> Effect {
    Effect::Record(Event::TurnEnded { stop, detail })
}

#[cfg(test)]
mod tests;
