//! Driving a turn to its end, whoever still watches; or leaving it where it is when the process
//! ends, for whoever goes on with it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;

use super::clock::later;
use super::live::{Place, Progress, Running};
use super::{Error, Inner};
use crate::agent::approve::{Change, Waiting};
use crate::agent::audit::Reader;
use crate::agent::context::{History, Prefix};
use crate::agent::event::Stop;
use crate::agent::turn::{Bounds, State, step};
use crate::agent::{
    ApprovalId, CallId, Decided, Driven, Entry, Event, Journal, Kept, Lost, Turn, TurnId,
};
use crate::call::Caller;
use crate::model::Model;
use crate::store::{self, Held};

/// How long a turn waits for a store that does not answer, before it asks again.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a turn ended that the engine could not drive on.
const FAILED: &str = "the engine failed in this turn";

/// Why a turn ended of which something can never be kept.
const REFUSED: &str = "the store refuses to keep what happened in this turn, so the turn cannot go \
     on; the server's log says why";

/// A turn that is to be driven on.
pub(super) struct Begun {
    pub(super) held: Held,
    pub(super) who: Caller,
    /// What was kept of it.
    pub(super) events: Vec<Event>,
    pub(super) prefix: Prefix,
    /// The model that answers, to the turn's end.
    pub(super) model: Model,
    /// What the model saw before it, with the turn begun.
    pub(super) history: History,
}

/// What the model saw in earlier turns, with the next one begun.
pub(super) fn history(earlier: Vec<store::Turn>, turn: &TurnId, position: u32) -> History {
    let mut history = History::default();
    for earlier in earlier {
        history.begin(earlier.id, earlier.position);
        for event in &earlier.events {
            history.apply(&event.item);
        }
    }
    history.begin(turn.clone(), position);
    history
}

impl Inner {
    /// Drives a turn on; a turn that cannot come to an end itself is ended here.
    pub(super) async fn run(&self, place: Place, begun: Begun) {
        let kept = u64::try_from(begun.events.len()).unwrap_or(u64::MAX);
        let mut waiting = Waiting::default();
        for event in &begun.events {
            waiting.apply(event);
        }
        place.running.tell(Progress::Kept {
            last: kept,
            waits: !waiting.is_empty(),
        });
        let journal = Written {
            inner: self,
            held: &begun.held,
            last: AtomicU64::new(kept),
            waiting: Mutex::new(waiting),
            running: &place.running,
        };
        let mut turn = Turn {
            caller: begun.who,
            in_force: Arc::clone(&self.parts.in_force),
            model: begun.model,
            journal,
            approve: None,
            prefix: begun.prefix,
            history: begun.history,
            cancel: place.running.cancel.clone(),
            paused: self.paused.subscribe(),
            leave: place.running.leave.clone(),
        };
        if self.see_out(&begun.held, turn.run(&begun.events)).await {
            let held = &begun.held;
            self.recent.keep(&held.session, held.position, turn.history);
        }
    }

    /// Awaits a turn's work, and ends the turn if the work panics; whether it came to its end itself.
    pub(super) async fn see_out(
        &self,
        held: &Held,
        work: impl Future<Output = Result<Driven, Lost>>,
    ) -> bool {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(Driven::Over)) => return true,
            Ok(Ok(Driven::Left)) => {
                tracing::info!("the turn is left where it is, for whoever goes on with it");
                self.give_back(held).await;
            }
            Ok(Err(Lost::Turn)) => {
                tracing::warn!("the turn cannot be recorded by this server any more");
                self.fail(held, FAILED).await;
            }
            Ok(Err(Lost::Refused)) => {
                tracing::error!("the turn was ended, since the store refuses what happened in it");
                self.fail(held, REFUSED).await;
            }
            Err(_panic) => {
                tracing::error!("the turn panicked, so it was ended");
                self.fail(held, FAILED).await;
            }
        }
        false
    }

    /// Gives a turn back, however long that takes: nobody takes what a server holds that lives.
    async fn give_back(&self, held: &Held) {
        while self.parts.store.release(held).await.is_err() {
            if !self.waited().await {
                tracing::warn!("it cannot be given back, so others go on with it later");
                return;
            }
        }
    }

    /// Ends a turn that cannot be driven on, unless it is over or another's by now.
    async fn fail(&self, held: &Held, detail: &str) {
        loop {
            let ended = self.abandon(held, Stop::InternalError, detail).await;
            match ended {
                Ok(()) => return,
                Err(Error::StoreUnavailable) if self.waited().await => {}
                Err(_) => return tracing::error!("its end cannot be recorded"),
            }
        }
    }

    /// Waits before a store that did not answer is asked again; not when the process ends first.
    pub(super) async fn waited(&self) -> bool {
        let pause = tokio::time::sleep(AGAIN);
        let leave = self.parts.tasks.cancelled();
        leave.run_until_cancelled(pause).await.is_some()
    }

    /// Ends a turn that nobody drives: every open call gets its result, and the turn its end.
    pub(super) async fn abandon(&self, held: &Held, stop: Stop, detail: &str) -> Result<(), Error> {
        let events = self.events(&held.session, &held.turn, 0).await?;
        let in_force = self.parts.in_force.load_full();
        let limits = &in_force.config.settings().limits;
        let bounds = Bounds::of(limits, events.first().map(|event| &event.item));
        let mut state = State::default();
        let mut reader = Reader::default();
        let mut waiting = Waiting::default();
        for event in &events {
            step(&mut state, &event.item, bounds);
            reader.read(&event.item);
            waiting.apply(&event.item);
        }
        if state.is_over() {
            return Ok(());
        }
        let entries = state.abandon(stop, detail).into_iter().map(|event| Entry {
            record: reader.read(&event),
            approvals: match &event {
                Event::CallEnded(ended) => waiting
                    .of(&ended.call_id)
                    .map(|id| Change::Cancelled(id.clone()))
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            },
            ..event.into()
        });
        let last = events.last().map_or(0, |event| event.number);
        let now = self.clock.now();
        let times = (now, later(now, limits.session_idle));
        let leave = self.parts.tasks.cancelled();
        let store = &self.parts.store;
        store
            .append(held, last, entries.collect(), times, leave)
            .await?;
        Ok(())
    }
}

/// Where a session's turn is written down.
struct Written<'a> {
    inner: &'a Inner,
    held: &'a Held,
    /// The number of the last event that is kept.
    last: AtomicU64,
    /// The calls that wait for an approval.
    waiting: Mutex<Waiting>,
    running: &'a Running,
}

impl Written<'_> {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Written<'_> {
    async fn append(&self, entries: Vec<Entry>) -> Result<Kept, Lost> {
        let now = self.inner.clock.now();
        let parts = &self.inner.parts;
        let last = self.last.load(Ordering::Relaxed);
        let times = (now, later(now, self.inner.idle()));
        let leave = parts.tasks.cancelled();
        let mut waiting = self.waiting().clone();
        for entry in &entries {
            waiting.apply(&entry.event);
        }
        let waits = !waiting.is_empty();
        let appended = parts
            .store
            .append(self.held, last, entries, times, leave)
            .await;
        // A turn that is over in the store, or another's, is not this process's any more.
        let appended = appended.map_err(|error| match error {
            store::Error::Unavailable => Lost::Turn,
            store::Error::Refused => Lost::Refused,
        });
        let appended = appended?.ok_or(Lost::Turn)?;
        self.last.store(appended.last, Ordering::Relaxed);
        *self.waiting() = waiting;
        self.running.tell(Progress::Kept {
            last: appended.last,
            waits,
        });
        Ok(appended.kept)
    }

    async fn output(&self, call: &CallId) -> Result<Option<String>, Lost> {
        let parts = &self.inner.parts;
        loop {
            if let Ok(found) = parts.store.output(&self.held.session, call).await {
                return Ok(found);
            }
            if !self.inner.waited().await {
                return Err(Lost::Turn);
            }
        }
    }

    /// A server that ends does not wait for people: whoever goes on with the turn does.
    async fn decision(&self, approval: &ApprovalId) -> Option<Decided> {
        let decided = self.inner.awaited.decision(approval);
        let stopping = self.inner.parts.tasks.stopping();
        stopping.run_until_cancelled(decided).await.flatten()
    }
}
