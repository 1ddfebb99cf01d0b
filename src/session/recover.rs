//! Going on with turns that nobody drives any more, and keeping in touch with other servers that
//! share the store.
//!
//! A server that is killed leaves its turns as rows of events. Whoever opens the store next, or
//! lives beside it, takes them over ([`crate::store::Held`]) and drives them on from their last
//! event.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument as _;

use super::clock::later;
use super::drive::{Begun, history};
use super::live::Place;
use super::{Error, Inner};
use crate::agent::context::Prefix;
use crate::agent::event::Stop;
use crate::agent::{Cancel, Event, TurnId};
use crate::call::Caller;
use crate::store::Held;

/// How often the store is asked for what other servers did.
const TICK: Duration = Duration::from_millis(250);

/// Signs of life within one lease, so that one that is late or lost does no harm.
const BEATS: u32 = 3;

/// Why a turn ended that was taken over too late.
const TOO_LATE: &str = "the server ended before the turn did, and nobody went on with it in time";

/// Why a turn ended whose session cannot be read.
const UNREADABLE: &str = "the server ended before the turn did, and what is kept of it cannot be \
     read";

/// The signs of life of a server that shares its store.
struct Life {
    lease: Duration,
    /// When the last one was given, heard or not.
    tried: Instant,
    /// When the last one was given that the store kept.
    heard: Instant,
    /// Whether the others hold it for dead.
    dead: bool,
    /// Turns that it held at the last one, by the store, and did not drive.
    undriven: HashSet<TurnId>,
}

impl Life {
    /// Begins with the sign of life that was given at the start.
    fn new(lease: Duration) -> Self {
        let now = Instant::now();
        Self {
            lease,
            tried: now,
            heard: now,
            dead: false,
            undriven: HashSet::new(),
        }
    }
}

/// A turn as it was found.
enum Found {
    /// It can be driven on.
    Open(Box<Begun>),
    /// Nobody waits for it any more.
    TooLate,
    /// Its first event or its prompt is not what this version writes.
    Unreadable,
    /// It is over, or gone.
    Nothing,
}

impl Inner {
    /// Takes over every running turn that no living server drives, and goes on with them.
    pub(super) async fn claim(self: &Arc<Self>) -> Result<(), Error> {
        for held in self.parts.store.claim().await? {
            let span = tracing::info_span!("turn", session = %held.session, turn = %held.turn);
            let resumed = Arc::clone(self).resume(held).instrument(span);
            drop(self.parts.tasks.spawn(resumed));
        }
        Ok(())
    }

    async fn resume(self: Arc<Self>, held: Held) {
        let place = self.place(&held).await;
        loop {
            let outcome = match self.find(&held).await {
                Ok(Found::Open(begun)) => {
                    tracing::info!(events = begun.events.len(), "the turn goes on");
                    return self.run(place, *begun).await;
                }
                Ok(Found::Nothing) => Ok(()),
                Ok(Found::TooLate) => self.abandon(&held, Stop::Interrupted, TOO_LATE).await,
                Ok(Found::Unreadable) => self.abandon(&held, Stop::InternalError, UNREADABLE).await,
                Err(error) => Err(error),
            };
            if outcome.is_ok() {
                return;
            }
            if !self.waited().await {
                return;
            }
        }
    }

    /// The session's place; a message that was just refused, or an earlier driver that has not
    /// heard yet that the turn is not its own, gives it back soon.
    async fn place(&self, held: &Held) -> Place {
        loop {
            match self.live.take(&held.session, &held.turn, Cancel::new()) {
                Ok(place) => return place,
                Err(running) => running.gone().await,
            }
        }
    }

    /// Reads a turn and its session back.
    async fn find(&self, held: &Held) -> Result<Found, Error> {
        let store = &self.parts.store;
        let Some(session) = store.session(&held.session).await? else {
            return Ok(Found::Nothing);
        };
        let mut turns = store.turns(&held.session, session.kept_from).await?;
        let newest = turns.pop().filter(|turn| turn.id == held.turn);
        let (Some(turn), true) = (newest, session.running.as_ref() == Some(&held.turn)) else {
            return Ok(Found::Nothing);
        };
        let last = turn.events.last().map(|event| event.at);
        if last.is_none_or(|last| later(last, self.idle()) <= self.clock.now()) {
            return Ok(Found::TooLate);
        }
        let prefix = session.prefix.as_ref();
        let prefix = prefix.and_then(|kept| Prefix::stored(&kept.system, kept.tools.clone()));
        let events: Vec<Event> = turn.events.into_iter().map(|event| event.item).collect();
        let (Some(prefix), Some(who)) = (prefix, events.first().and_then(asker)) else {
            return Ok(Found::Unreadable);
        };
        Ok(Found::Open(Box::new(Begun {
            held: held.clone(),
            who,
            events,
            prefix,
            model: self.parts.in_force.load().model.clone(),
            history: history(turns, &held.turn, held.position),
        })))
    }

    /// Gives signs of life, takes over what others left, and hears what they were asked about this
    /// server's turns; until the process ends and its turns are over or left.
    pub(super) async fn keep(self: Arc<Self>) {
        let stopping = self.parts.tasks.stopping();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut life = self.parts.store.lease().map(Life::new);
        while !(stopping.is_cancelled() && self.live.is_empty()) {
            if stopping.is_cancelled() {
                ticks.tick().await;
            } else {
                // The end of the process is not kept waiting for a tick.
                let _ = stopping.run_until_cancelled(ticks.tick()).await;
            }
            if let Some(life) = &mut life {
                self.live_on(life).await;
            }
            if !self.live.is_empty() {
                self.hear().await;
                self.look_at_pause().await;
            }
            self.elsewhere.look(&self.parts.store).await;
            self.awaited.look(&self.parts.store).await;
        }
    }

    /// Gives a sign of life when it is time, and takes over what the dead left. A server whose signs
    /// are not heard for a whole lease is dead to the others, so it drives nothing any more.
    async fn live_on(self: &Arc<Self>, life: &mut Life) {
        if life.tried.elapsed() >= life.lease / BEATS {
            life.tried = Instant::now();
            // The store has said why it did not answer; the next time tries again.
            if self.parts.store.beat().await.is_ok() {
                life.heard = life.tried;
                if !self.parts.tasks.stopping().is_cancelled() {
                    let _ = self.give_back_undriven(&mut life.undriven).await;
                    let _ = self.claim().await;
                }
            }
        }
        let dead = life.heard.elapsed() >= life.lease;
        if dead && !life.dead {
            tracing::warn!("the store did not answer for a whole lease, so every turn is left");
        }
        if dead {
            self.live.leave_all();
        }
        life.dead = dead;
    }

    /// Gives back the turns that this server holds without knowing: their start, or their claim, was
    /// kept after all when the database had not answered in time. One that is seen so twice is no turn
    /// that is about to be driven.
    async fn give_back_undriven(&self, before: &mut HashSet<TurnId>) -> Result<(), Error> {
        let held = self.parts.store.held().await?;
        let undriven = held
            .into_iter()
            .filter(|held| self.live.turn(&held.session, &held.turn).is_none());
        let mut now = HashSet::new();
        for held in undriven {
            if before.contains(&held.turn) {
                tracing::warn!(session = %held.session, turn = %held.turn, "nobody drives the turn, so it is given back");
                self.parts.store.release(&held).await?;
            } else {
                now.insert(held.turn);
            }
        }
        *before = now;
        Ok(())
    }

    /// Cancels turns of this server that another one was asked to cancel.
    async fn hear(&self) {
        let asked = self.parts.store.cancelled().await.unwrap_or_default();
        for (turn, cause) in asked {
            if let Some(running) = self.live.find(&turn) {
                running.cancel.ask(cause);
            }
        }
    }
}

/// Who asked for a turn, from its first event.
fn asker(first: &Event) -> Option<Caller> {
    match first {
        Event::TurnStarted {
            caller,
            role,
            channel,
            ..
        } => Some(Caller {
            name: caller.clone(),
            role: role.clone(),
            channel: *channel,
        }),
        _ => None,
    }
}
