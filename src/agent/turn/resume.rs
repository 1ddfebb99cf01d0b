//! Going on with a turn whose events were read back: after a crash, or on another server.
//!
//! What was appended together happened together, so what is left to do follows from the state and
//! from what the last event led to. A call that changes nothing is made again; one that may have
//! changed something, or that somebody approved, is not, and the model is told that nobody knows.

use super::super::answer;
use super::super::event::Event;
use super::super::id::CallId;
use super::{Bounds, Call, Effect, Phase, State, choice};

impl State {
    /// What is left to do. `last` is what the last event led to; `once` says of a call whether it
    /// must not be made again when it was begun.
    pub fn resume(
        &mut self,
        last: Vec<Effect>,
        bounds: Bounds,
        once: impl Fn(&CallId) -> bool,
    ) -> Vec<Effect> {
        match self {
            Self::New | Self::Over(_) => Vec::new(),
            Self::Asking(progress) if last.is_empty() => {
                vec![Effect::Ask(choice(*progress, bounds))]
            }
            Self::Asking(_) => last,
            Self::Calling { calls, .. } => calls
                .iter_mut()
                .filter_map(|call| reopened(call, &once))
                .collect(),
            Self::Ending { calls } if calls.iter().all(|call| call.phase == Phase::Over) => last,
            Self::Ending { calls } => calls.iter().filter_map(cut_off).collect(),
        }
    }
}

/// A call that is not over is decided again, by the revision in force, unless it was begun and
/// must not be made twice: then it is over.
fn reopened(call: &mut Call, once: impl Fn(&CallId) -> bool) -> Option<Effect> {
    match call.phase {
        Phase::Over => None,
        Phase::Running if once(&call.id) => cut_off(call),
        _ => {
            call.phase = Phase::Asked;
            Some(Effect::Decide(call.id.clone()))
        }
    }
}

/// The end of a call that is not made again.
fn cut_off(call: &Call) -> Option<Effect> {
    let ended = match call.phase {
        Phase::Over => return None,
        Phase::Running => answer::interrupted(call.id.clone(), true),
        _ => answer::cancelled(call.id.clone()),
    };
    Some(Effect::Record(Event::CallEnded(ended)))
}
