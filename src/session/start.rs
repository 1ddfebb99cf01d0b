//! Starting a turn and seeing it to its end, whoever still watches.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::clock::later;
use super::live::{Place, Progress, Running};
use super::{Error, Inner, Key};
use crate::agent::audit::Reader;
use crate::agent::context::{History, Prefix, cut};
use crate::agent::event::Stop;
use crate::agent::turn::{Bounds, State, step};
use crate::agent::{CallId, Cancel, Entry, Event, Journal, Lost, SessionId, Trail, Turn, TurnId};
use crate::call::Caller;
use crate::config::Config;
use crate::model::Model;
use crate::reload::InForce;
use crate::store::{self, NewTurn, Session, Started};

/// A message that asks for a turn.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) who: Caller,
    pub(super) session: SessionId,
    pub(super) content: String,
    pub(super) key: Option<Key>,
}

/// A turn that was kept as started.
pub(super) struct Begun {
    opening: Vec<Event>,
    prefix: Prefix,
    history: History,
    model: Model,
}

/// What starting led to.
enum Outcome {
    Begun(Box<Begun>),
    Known(TurnId),
    /// The session was not as it had been read, or had a turn that nobody runs: try again.
    Again,
}

impl Inner {
    /// Starts the turn that a message asks for, answers `reply`, and drives the turn to its end.
    pub(super) async fn converse(
        self: Arc<Self>,
        message: Message,
        reply: oneshot::Sender<Result<TurnId, Error>>,
    ) {
        let turn = TurnId::fresh();
        let span = tracing::info_span!("turn", session = %message.session, %turn);
        async move {
            match self.start(&message, &turn).await {
                Ok(Some((place, begun))) => {
                    // The client may be gone; the turn is the session's.
                    drop(reply.send(Ok(turn.clone())));
                    self.run(&message, &turn, place, begun).await;
                }
                Ok(None) => drop(reply.send(Err(Error::StoreUnavailable))),
                Err(Refused::Known(known)) => drop(reply.send(Ok(known))),
                Err(Refused::Error(error)) => drop(reply.send(Err(error))),
            }
        }
        .instrument(span)
        .await;
    }

    pub(super) async fn start(
        &self,
        message: &Message,
        turn: &TurnId,
    ) -> Result<Option<(Place, Box<Begun>)>, Refused> {
        // More than one repetition means that something takes the session apart as it is read.
        for _ in 0..4 {
            let cancel = Cancel::under(self.parts.tasks.cancelled());
            let place = match self.live.take(&message.session, turn, cancel) {
                Ok(place) => place,
                Err(running) => {
                    running.decided().await;
                    self.join(message, &running).await?;
                    continue;
                }
            };
            match self.begin(message, turn).await? {
                Outcome::Begun(begun) => {
                    let kept = u64::try_from(begun.opening.len()).unwrap_or(u64::MAX);
                    place.running.tell(Progress::Kept(kept));
                    return Ok(Some((place, begun)));
                }
                Outcome::Known(known) => return Err(Refused::Known(known)),
                Outcome::Again => {}
            }
        }
        Ok(None)
    }

    /// What a message gets whose session is busy: the turn of its key, or a refusal; nothing when
    /// the session has become free.
    async fn join(&self, message: &Message, running: &Running) -> Result<(), Refused> {
        if let Some(key) = &message.key {
            let known = self
                .parts
                .store
                .turn_of_key(&message.session, &key.key)
                .await?;
            match known {
                Some((turn, digest)) if digest == key.digest() => return Err(Refused::Known(turn)),
                Some(_) => return Err(Error::IdempotencyMismatch.into()),
                None => {}
            }
        }
        let session = self.parts.store.session(&message.session).await?;
        if session.and_then(|session| session.running).as_ref() != Some(&running.turn) {
            // Its end is kept, and it is about to be gone.
            running.gone().await;
            return Ok(());
        }
        Err(Error::TurnInProgress(running.turn.clone()).into())
    }

    /// Prepares the turn and keeps it as started, if the session is still as it was read.
    async fn begin(&self, message: &Message, turn: &TurnId) -> Result<Outcome, Error> {
        let session = self.session(&message.who, &message.session).await?;
        let in_force = self.parts.in_force.load_full();
        let config = &in_force.config;
        let limits = &config.settings().limits;
        let (prefix, frozen) = prefix(&in_force, &message.who, &session)?;
        let trimmed = cut(session.turns, session.kept_from, limits.history_turns);
        let kept_from = trimmed.unwrap_or(session.kept_from);
        let position = session.turns.saturating_add(1);
        let opening = opening(message, config, &session, frozen.is_some(), trimmed);
        let history = self.history(&session, kept_from, turn, position).await?;
        let now = self.clock.now();
        let events: Result<Vec<String>, store::Error> = opening.iter().map(store::json).collect();
        let started = self.parts.store.start(NewTurn {
            session: session.id.clone(),
            turn: turn.clone(),
            position,
            events: events?,
            revision: config.revision().clone(),
            prefix: frozen,
            kept_from,
            now,
            expires_at: later(now, limits.session_idle),
            key: message.key.as_ref().map(Key::kept),
        });
        match started.await? {
            Started::New => Ok(Outcome::Begun(Box::new(Begun {
                opening,
                prefix,
                history,
                model: in_force.model.clone(),
            }))),
            Started::Known(turn) => Ok(Outcome::Known(turn)),
            Started::Mismatch => Err(Error::IdempotencyMismatch),
            Started::NoSession => Err(Error::SessionNotFound),
            Started::Overtaken => Ok(Outcome::Again),
            Started::Busy(orphan) => {
                // The session's place is ours, so nobody runs it.
                self.abandon(&session.id, &orphan, Stop::Interrupted, INTERRUPTED)
                    .await?;
                Ok(Outcome::Again)
            }
        }
    }

    /// What the model saw so far, with the new turn begun.
    async fn history(
        &self,
        session: &Session,
        kept_from: u32,
        turn: &TurnId,
        position: u32,
    ) -> Result<History, Error> {
        let mut history = History::default();
        if session.turns > 0 {
            for earlier in self.parts.store.turns(&session.id, kept_from).await? {
                history.begin(earlier.id, earlier.position);
                for event in &earlier.events {
                    history.apply(&event.item);
                }
            }
        }
        history.begin(turn.clone(), position);
        Ok(history)
    }

    /// Drives a turn to its end; a turn that cannot come to one itself is ended here.
    async fn run(&self, message: &Message, turn: &TurnId, place: Place, begun: Box<Begun>) {
        let journal = Written {
            inner: self,
            session: &message.session,
            turn,
            running: &place.running,
        };
        let driven = Turn {
            caller: message.who.clone(),
            in_force: Arc::clone(&self.parts.in_force),
            model: begun.model,
            journal,
            approve: None,
            prefix: begun.prefix,
            history: begun.history,
            cancel: place.running.cancel.clone(),
        };
        self.see_out(&message.session, turn, driven.run(&begun.opening))
            .await;
    }

    /// Awaits a turn's work, and ends the turn if the work panics. What cannot be recorded stays as
    /// it is: whoever looks at the turn next ends it.
    pub(super) async fn see_out(
        &self,
        session: &SessionId,
        turn: &TurnId,
        work: impl Future<Output = Result<(), Lost>>,
    ) {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(Lost)) => tracing::error!("the turn cannot be recorded, so it was stopped"),
            Err(_panic) => {
                tracing::error!("the turn panicked, so it was ended");
                let detail = "the engine failed in this turn";
                let ended = self
                    .abandon(session, turn, Stop::InternalError, detail)
                    .await;
                if ended.is_err() {
                    tracing::error!("its end cannot be recorded");
                }
            }
        }
    }

    /// Ends a turn that nobody runs: every open call gets its result, and the turn its end.
    pub(super) async fn abandon(
        &self,
        session: &SessionId,
        turn: &TurnId,
        stop: Stop,
        detail: &str,
    ) -> Result<(), Error> {
        let store = &self.parts.store;
        let Some(events) = store.events(session, turn, 0).await? else {
            return Err(Error::TurnNotFound);
        };
        let in_force = self.parts.in_force.load_full();
        let limits = &in_force.config.settings().limits;
        let mut state = State::default();
        let mut reader = Reader::default();
        for event in &events {
            step(&mut state, &event.item, Bounds::from(limits));
            reader.read(&event.item);
        }
        if state.is_over() {
            return Ok(());
        }
        let entries = state.abandon(stop, detail).into_iter().map(|event| Entry {
            record: reader.read(&event),
            ..event.into()
        });
        let now = self.clock.now();
        let expires_at = later(now, limits.session_idle);
        store
            .append(session, turn, entries.collect(), now, expires_at)
            .await?;
        Ok(())
    }
}

/// Why a turn ended that nobody runs.
pub(super) const INTERRUPTED: &str = "the server ended before the turn did";

/// A message that starts nothing.
pub(super) enum Refused {
    /// Its turn was started before.
    Known(TurnId),
    Error(Error),
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// The frozen prefix, or a new one when it was frozen for something else.
fn prefix(
    in_force: &InForce,
    who: &Caller,
    session: &Session,
) -> Result<(Prefix, Option<store::Prefix>), Error> {
    let frozen_for = Prefix::frozen_for(&in_force.config, who);
    let kept = session
        .prefix
        .as_ref()
        .filter(|kept| kept.frozen_for == frozen_for);
    if let Some(kept) = kept
        && let Some(prefix) = Prefix::stored(&kept.system, kept.tools.clone())
    {
        return Ok((prefix, None));
    }
    let prefix = Prefix::render(&in_force.config, &in_force.host, who).map_err(|error| {
        tracing::error!(%error, "the system prompt cannot be rendered");
        Error::PromptFailed
    })?;
    let frozen = store::Prefix {
        frozen_for,
        system: prefix.system.to_string(),
        tools: prefix.tools.get().to_owned(),
    };
    Ok((prefix, Some(frozen)))
}

fn opening(
    message: &Message,
    config: &Config,
    session: &Session,
    refrozen: bool,
    trimmed: Option<u32>,
) -> Vec<Event> {
    let revision = config.revision();
    let started = Event::TurnStarted {
        content: message.content.clone(),
        caller: message.who.name.clone(),
        role: message.who.role.clone(),
        channel: message.who.channel,
        revision: revision.clone(),
    };
    let frozen = Event::PrefixFrozen {
        revision: revision.clone(),
    };
    let trimmed = trimmed.map(|kept_from| Event::HistoryTrimmed { kept_from });
    let mut opening = vec![started];
    opening.extend(Some(frozen).filter(|_| refrozen && session.turns > 0));
    opening.extend(trimmed);
    opening
}

/// Where a session's turn is written down.
struct Written<'a> {
    inner: &'a Inner,
    session: &'a SessionId,
    turn: &'a TurnId,
    running: &'a Running,
}

impl Journal for Written<'_> {
    async fn append(&self, entries: Vec<Entry>) -> Result<Trail, Lost> {
        let now = self.inner.clock.now();
        let store = &self.inner.parts.store;
        let expires_at = later(now, self.inner.idle());
        let appended = store
            .append(self.session, self.turn, entries, now, expires_at)
            .await;
        // A turn that is over in the store is not this process's any more.
        let appended = appended.map_err(|_| Lost)?.ok_or(Lost)?;
        self.running.tell(Progress::Kept(appended.last));
        Ok(appended.trail)
    }

    async fn output(&self, call: &CallId) -> Result<Option<String>, Lost> {
        let store = &self.inner.parts.store;
        store.output(self.session, call).await.map_err(|_| Lost)
    }
}
