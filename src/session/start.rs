//! Starting the turn that a message asks for.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::clock::later;
use super::drive::{Begun, history};
use super::live::{Place, Running};
use super::{Error, Inner, Key};
use crate::agent::context::{Prefix, cut};
use crate::agent::{Cancel, Event, SessionId, TurnId};
use crate::call::Caller;
use crate::config::Config;
use crate::reload::InForce;
use crate::store::{self, NewTurn, Session, Started};

/// A message that asks for a turn.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) who: Caller,
    pub(super) session: SessionId,
    /// As it was when the message came.
    pub(super) read: Session,
    pub(super) content: String,
    pub(super) key: Option<Key>,
}

/// What starting led to.
enum Outcome {
    Begun(Box<Begun>),
    Known(TurnId),
    /// The session was not as it had been read: try again.
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
                    self.run(place, *begun).await;
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
        let mut read = Some(&message.read);
        // More than one repetition means that something takes the session apart as it is read.
        for _ in 0..4 {
            let place = match self.live.take(&message.session, turn, Cancel::new()) {
                Ok(place) => place,
                Err(running) => {
                    running.decided().await;
                    self.join(message, &running).await?;
                    read = None;
                    continue;
                }
            };
            match self.begin(message, turn, read.take()).await? {
                Outcome::Begun(begun) => return Ok(Some((place, begun))),
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
    async fn begin(
        &self,
        message: &Message,
        turn: &TurnId,
        read: Option<&Session>,
    ) -> Result<Outcome, Error> {
        let session = match read {
            Some(read) => read.clone(),
            None => self.session(&message.who, &message.session).await?,
        };
        let in_force = self.parts.in_force.load_full();
        let config = &in_force.config;
        let limits = &config.settings().limits;
        let (prefix, frozen) = prefix(&in_force, &message.who, &session)?;
        let trimmed = cut(session.turns, session.kept_from, limits.history_turns);
        let kept_from = trimmed.unwrap_or(session.kept_from);
        let position = session.turns.saturating_add(1);
        let opening = opening(message, config, &session, frozen.is_some(), trimmed);
        let history = if let Some(mut seen) = self.recent.after(&session.id, session.turns) {
            seen.begin(turn.clone(), position);
            seen
        } else {
            let earlier = match session.turns {
                0 => Vec::new(),
                _ => self.parts.store.turns(&session.id, kept_from).await?,
            };
            history(earlier, turn, position)
        };
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
            Started::New(held) => Ok(Outcome::Begun(Box::new(Begun {
                held,
                who: message.who.clone(),
                events: opening,
                prefix,
                history,
                model: in_force.model.clone(),
            }))),
            Started::Known(turn) => Ok(Outcome::Known(turn)),
            Started::Mismatch => Err(Error::IdempotencyMismatch),
            Started::NoSession => Err(Error::SessionNotFound),
            Started::Overtaken => Ok(Outcome::Again),
            // Another server drives it, or is about to take it over.
            Started::Busy(running) => Err(Error::TurnInProgress(running)),
        }
    }
}

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
        rounds: Some(config.settings().limits.rounds),
        named: config.settings().names(&message.who.name),
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
