//! A conversation: kept, with at most one running turn, until nobody uses it any more.
//!
//! A turn belongs to its session: [`Sessions::send`] starts it as work of the process, and whoever
//! asked only watches. Coming back and watching again is the same operation, and so is asking again
//! with the same [`Key`]. What is told about a session is read from the store, never remembered
//! here; this module knows which turns run in this process ([`live`]), and what the model saw in the
//! sessions that spoke last ([`recent`]).

mod approval;

mod clock;

mod drive;

mod elsewhere;

mod error;

mod follow;

mod live;

mod pause;

mod recover;

mod start;

mod view;

mod recent;

mod wait;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{Stream, stream};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::{oneshot, watch};

use self::approval::Awaited;
use self::clock::later;
use self::elsewhere::Elsewhere;
use self::follow::Follower;
use self::live::{Live, Progress};
use self::recent::Recent;
use self::start::Message;
use crate::agent::event::Cause;
use crate::agent::{Cancel, Event, Numbered, Pause, SessionId, TurnId};
use crate::call::Caller;
use crate::reload::InForce;
use crate::store::{self, Created, Cursor, NewKey, NewSession, Session, Store};
use crate::tasks::Tasks;

pub use clock::Clock;
pub use error::Error;
pub use view::{SessionStatus, SessionView};

pub use crate::agent::view::{CallStatus, CallView, StopView, TurnView};

/// The role that sees every caller's sessions.
const ADMIN: &str = "admin";

/// Sessions that one sweep removes in one transaction, so that no turn waits long behind it.
const SWEEP_BATCH: u32 = 200;

/// How often expired sessions are removed. Nobody sees them meanwhile; they only take room.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// A client's name for one request, so that asking again is not asking twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The value of `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the request's body: the same key with another body is a mistake.
    pub body_digest: [u8; 32],
}

impl Key {
    fn digest(&self) -> String {
        self.body_digest
            .iter()
            .fold(String::new(), |mut hex, byte| {
                // Writing to a string cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    fn kept(&self) -> NewKey {
        NewKey {
            name: self.key.clone(),
            body_digest: self.digest(),
        }
    }
}

/// What sessions are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What is in force.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// Where everything is kept.
    pub store: Store,
    /// What the turns run in.
    pub tasks: Tasks,
}

/// All conversations; cheap to clone, every clone is the same.
#[derive(Debug, Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    clock: Clock,
    live: Live,
    elsewhere: Elsewhere,
    awaited: Awaited,
    recent: Recent,
    /// Whether all tools are stopped, as far as it was heard.
    paused: watch::Sender<Option<Pause>>,
}

impl Sessions {
    /// Opens the conversations that a store holds. A turn that was running when its server ended
    /// goes on.
    pub async fn open(parts: Parts) -> Result<Self, Error> {
        Self::open_at(parts, Clock::system()).await
    }

    /// The same with another clock.
    pub async fn open_at(parts: Parts, clock: Clock) -> Result<Self, Error> {
        let live = Live::new(parts.tasks.cancelled());
        let inner = Arc::new(Inner {
            parts,
            clock,
            live,
            elsewhere: Elsewhere::default(),
            awaited: Awaited::default(),
            recent: Recent::default(),
            paused: watch::Sender::new(None),
        });
        inner.parts.store.beat().await?;
        inner.claim().await?;
        let keeper = Arc::clone(&inner);
        drop(inner.parts.tasks.spawn(keeper.keep()));
        let sweeper = Arc::clone(&inner);
        drop(
            inner
                .parts
                .tasks
                .spawn(async move { sweeper.sweep().await }),
        );
        Ok(Self { inner })
    }

    /// Whether what is said can be kept.
    pub async fn are_kept(&self) -> bool {
        self.inner.parts.store.is_available().await
    }

    /// Opens a session, or finds the one that was opened under the same key.
    pub async fn create(
        &self,
        who: &Caller,
        metadata: Option<Map<String, Value>>,
        key: Option<Key>,
    ) -> Result<SessionView, Error> {
        let inner = &self.inner;
        inner.accepts()?;
        let in_force = inner.parts.in_force.load_full();
        let config = &in_force.config;
        let limits = &config.settings().limits;
        let (id, now) = (SessionId::fresh(), inner.clock.now());
        let created = inner.parts.store.create(NewSession {
            id: id.clone(),
            owner: who.name.clone(),
            revision: config.revision().clone(),
            metadata: metadata.map(|metadata| Value::Object(metadata).to_string()),
            now,
            expires_at: later(now, limits.session_idle),
            most: limits.sessions_per_caller,
            key: key.as_ref().map(Key::kept),
        });
        let limit = limits.sessions_per_caller;
        let id = match created.await? {
            Created::New => id,
            Created::Known(known) => known,
            Created::Mismatch => return Err(Error::IdempotencyMismatch),
            Created::TooMany => return Err(Error::TooManySessions { limit }),
        };
        let session = inner.session(who, &id).await?;
        Ok(inner.view(&session, Vec::new()))
    }

    /// One page of a caller's sessions, newest first, and where the next page goes on; of
    /// everybody's for the role `admin`.
    pub async fn list(
        &self,
        who: &Caller,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<SessionView>, Option<String>), Error> {
        let inner = &self.inner;
        let cursor = match after.map(read_cursor) {
            None => None,
            Some(Some(cursor)) => Some(cursor),
            // Nothing comes after what is not a place in the list.
            Some(None) => return Ok((Vec::new(), None)),
        };
        let owner = Some(&who.name).filter(|_| !is_admin(who));
        let (now, one_more) = (inner.clock.now(), limit.saturating_add(1));
        let found = inner
            .parts
            .store
            .sessions(owner, cursor.as_ref(), now, one_more);
        let mut found = found.await?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > page;
        found.truncate(page);
        let next = found.last().filter(|_| more).map(write_cursor);
        let views = found.iter().map(|session| inner.view(session, Vec::new()));
        Ok((views.collect(), next))
    }

    /// A session with its turns.
    pub async fn view(&self, who: &Caller, id: &SessionId) -> Result<SessionView, Error> {
        let inner = &self.inner;
        let session = inner.session(who, id).await?;
        let turns = inner.parts.store.turns(id, 0).await?;
        let mut views = Vec::with_capacity(turns.len());
        for turn in &turns {
            if let Some(view) = TurnView::fold(id, &turn.id, &turn.events) {
                views.push(inner.with_approvals(view).await?);
            }
        }
        Ok(inner.view(&session, views))
    }

    /// Ends a session. A running turn is cancelled first; nothing of it runs when this returns,
    /// and it goes on when nobody waits for it any more.
    pub async fn end(&self, who: &Caller, id: &SessionId) -> Result<(), Error> {
        self.inner.session(who, id).await?;
        let (inner, id) = (Arc::clone(&self.inner), id.clone());
        let ending = self.inner.parts.tasks.spawn(async move {
            let nothing = TurnId::fresh();
            let store = &inner.parts.store;
            loop {
                // The session's place is kept until it is gone, so that no turn starts meanwhile.
                let place = match inner.live.take(&id, &nothing, Cancel::new()) {
                    Ok(place) => place,
                    Err(running) => {
                        running.cancel.ask(Cause::SessionEnded);
                        running.gone().await;
                        continue;
                    }
                };
                let session = store.session(&id).await?;
                let Some(turn) = session.and_then(|session| session.running) else {
                    inner.recent.forget(&id);
                    return Ok(store.delete(&id).await?);
                };
                store.ask_to_cancel(&turn, Cause::SessionEnded).await?;
                drop(place);
                let mut progress = inner.elsewhere.watch(&turn);
                let gone = progress.wait_for(|it| *it == Progress::Gone);
                let stopping = inner.parts.tasks.stopping();
                if stopping.run_until_cancelled(gone).await.is_none() {
                    // The cancel is written down: whoever asks again ends the session elsewhere.
                    return Err(Error::ShuttingDown);
                }
            }
        });
        match ending.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Error::SessionNotFound),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::StoreUnavailable),
        }
    }

    /// Starts the turn that a message asks for, or finds the one that was started under the same
    /// key. The turn goes on when nobody waits for it any more.
    pub async fn send(
        &self,
        who: &Caller,
        id: &SessionId,
        content: String,
        key: Option<Key>,
    ) -> Result<TurnId, Error> {
        self.inner.accepts()?;
        let in_force = self.inner.parts.in_force.load_full();
        let limit = in_force.config.settings().limits.message_chars;
        if content.chars().count() > usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(Error::MessageTooLong { limit });
        }
        // The API refuses a text of nothing but spaces.
        if content.trim().is_empty() {
            return Err(Error::MessageEmpty);
        }
        let session = self.inner.session(who, id).await?;
        let message = Message {
            who: who.clone(),
            session: id.clone(),
            read: session,
            content,
            key,
        };
        let (reply, answer) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        drop(self.inner.parts.tasks.spawn(inner.converse(message, reply)));
        answer.await.unwrap_or(Err(Error::StoreUnavailable))
    }

    /// Cancels a turn and answers how far it came; asking again, or too late, changes nothing.
    pub async fn cancel(
        &self,
        who: &Caller,
        id: &SessionId,
        turn: &TurnId,
    ) -> Result<TurnView, Error> {
        let inner = &self.inner;
        inner.session(who, id).await?;
        let view = inner.turn(id, turn).await?;
        if let Some(running) = inner.live.turn(id, turn) {
            running.cancel.ask(Cause::Caller);
        }
        if !view.status.is_over() {
            // Whoever goes on with the turn when this server dies hears of it too.
            inner.parts.store.ask_to_cancel(turn, Cause::Caller).await?;
        }
        inner.turn(id, turn).await
    }

    /// The events of a turn after a number: those that are kept, then new ones as they come. It
    /// ends with the turn, or with an error.
    pub fn events(
        &self,
        who: &Caller,
        id: &SessionId,
        turn: &TurnId,
        after: u64,
    ) -> impl Stream<Item = Result<Numbered<Event>, Error>> + Send + use<> {
        let follower = Follower::new(Arc::clone(&self.inner), who, id, turn, after);
        stream::try_unfold(follower, |mut follower| async move {
            Ok(follower.next().await?.map(|event| (event, follower)))
        })
    }
}

impl Inner {
    fn accepts(&self) -> Result<(), Error> {
        if self.parts.tasks.stopping().is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        Ok(())
    }

    /// How long a session lives without activity.
    fn idle(&self) -> Duration {
        let in_force = self.parts.in_force.load();
        in_force.config.settings().limits.session_idle
    }

    /// A session that this caller may touch.
    async fn session(&self, who: &Caller, id: &SessionId) -> Result<Session, Error> {
        let session = self.parts.store.session(id).await?;
        let session = session.ok_or(Error::SessionNotFound)?;
        let theirs = session.owner == who.name || is_admin(who);
        let alive = session.running.is_some() || session.expires_at > self.clock.now();
        if theirs && alive {
            Ok(session)
        } else {
            Err(Error::SessionNotFound)
        }
    }

    async fn events(
        &self,
        session: &SessionId,
        turn: &TurnId,
        after: u64,
    ) -> Result<Vec<Numbered<Event>>, Error> {
        let events = self.parts.store.events(session, turn, after).await?;
        events.ok_or(Error::TurnNotFound)
    }

    /// A turn, as far as it came.
    async fn turn(&self, session: &SessionId, turn: &TurnId) -> Result<TurnView, Error> {
        let events = self.events(session, turn, 0).await?;
        let view = TurnView::fold(session, turn, &events).ok_or(Error::TurnNotFound)?;
        self.with_approvals(view).await
    }

    /// The same with what the store knows of the approvals that it waits for.
    async fn with_approvals(&self, view: TurnView) -> Result<TurnView, Error> {
        if view.waiting.is_empty() {
            return Ok(view);
        }
        let pending = self.parts.store.pending_of(&view.turn_id).await?;
        let pending = pending.into_iter().map(|approval| approval.view);
        Ok(view.awaiting(pending.collect()))
    }

    /// Follows how far a turn comes, wherever it is driven.
    fn watch(&self, session: &SessionId, turn: &TurnId) -> watch::Receiver<Progress> {
        match self.live.turn(session, turn) {
            Some(running) => running.watch(),
            None => self.elsewhere.watch(turn),
        }
    }

    fn view(&self, session: &Session, turns: Vec<TurnView>) -> SessionView {
        let idle = self.idle();
        let metadata = session.metadata.as_deref();
        SessionView {
            session_id: session.id.clone(),
            caller: session.owner.clone(),
            created_at: session.created_at,
            last_active_at: session.last_active_at,
            expires_at: match session.running {
                // It is being used.
                Some(_) => later(self.clock.now(), idle),
                None => session.expires_at,
            },
            revision: session.revision.clone(),
            status: match session.running {
                Some(_) if session.waits => SessionStatus::AwaitingApproval,
                Some(_) => SessionStatus::Running,
                None => SessionStatus::Idle,
            },
            metadata: metadata.and_then(|text| serde_json::from_str(text).ok()),
            turns,
        }
    }

    /// Removes expired sessions, until the process ends.
    async fn sweep(&self) {
        let stopping = self.parts.tasks.stopping();
        loop {
            let pause = tokio::time::sleep(SWEEP_INTERVAL);
            if stopping.run_until_cancelled(pause).await.is_none() {
                return;
            }
            let mut swept = Ok(u64::from(SWEEP_BATCH));
            while swept == Ok(u64::from(SWEEP_BATCH)) && !stopping.is_cancelled() {
                // The store has said why it did not answer; the next sweep tries again.
                swept = self.parts.store.sweep(self.clock.now(), SWEEP_BATCH).await;
            }
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable => Self::StoreUnavailable,
            store::Error::Refused => Self::NotKept,
        }
    }
}

fn is_admin(who: &Caller) -> bool {
    who.role.as_str() == ADMIN
}

/// A place in the list of sessions, as clients hold it.
fn write_cursor(last: &Session) -> String {
    format!("{}.{}", last.created_at.as_microsecond(), last.id)
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (created_at, session) = text.split_once('.')?;
    Some(Cursor {
        created_at: Timestamp::from_microsecond(created_at.parse().ok()?).ok()?,
        session: SessionId::from(session),
    })
}

#[cfg(test)]
mod tests;
