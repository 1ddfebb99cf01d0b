//! Keeping events and reading them back.
//!
//! Sessions, turns and their events are kept in SQL, in one of two engines ([`sqlite`],
//! [`postgres`]) that share every statement (`engine/`); writes of many turns share a commit. When
//! a write returns it is on the disk, and one turn runs in a session at a time because the tables
//! say so. Who drives it is written down too ([`Held`]), so that another server goes on with it when
//! that one dies. Beside them grows the [`audit`] trail, in the same transactions.

pub mod approval;

pub mod audit;

mod change;

mod migrations;

mod open;

mod pause;

mod postgres;

mod sqlite;

mod trouble;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::agent::event::Cause;
use crate::agent::{self, CallId, Entry, Event, Numbered, SessionId, TurnId};
use crate::config::name::{CallerName, Revision};

pub use open::{Location, OpenError};

/// The fence of a turn that nobody took over yet.
const FIRST_FENCE: i64 = 1;

/// How long a write that must be kept waits before it is tried again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Why the store does not do what it was asked; the log says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The database does not answer, its disk is full, or it holds what cannot be read.
    #[error("the store is unavailable")]
    Unavailable,
    /// The database takes writes, and not this one: trying it again changes nothing.
    #[error("the store refuses what it was to keep")]
    Refused,
}

/// Where events are kept; cheap to clone, every clone is the same.
#[derive(Debug, Clone)]
pub struct Store {
    reading: Reading,
    writing: Writing,
    /// The chain of this process's audit records.
    writer: Arc<str>,
    copies: Arc<audit::Copies>,
    replica: Arc<str>,
    lease: Option<Duration>,
    _lock: Option<Arc<sqlite::Lock>>,
}

#[derive(Debug, Clone)]
enum Reading {
    Sqlite(sqlite::Reader),
    Postgres(postgres::Reader),
}

#[derive(Debug, Clone)]
enum Writing {
    Sqlite(sqlite::Queue),
    Postgres(postgres::Queue),
}

/// The same with either engine.
macro_rules! on {
    ($of:expr, $which:ident, $engine:ident => $done:expr) => {
        match $of {
            $which::Sqlite($engine) => $done.await,
            $which::Postgres($engine) => $done.await,
        }
    };
}

use on;

/// Where a list of sessions goes on: after this one, towards older ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When that one was opened.
    pub created_at: Timestamp,
    /// Its id.
    pub session: SessionId,
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who holds it.
    pub owner: CallerName,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When a turn last started or ended in it.
    pub last_active_at: Timestamp,
    /// When it ends if nothing happens; a running turn keeps it.
    pub expires_at: Timestamp,
    /// The revision of its last turn, or the one it was opened with.
    pub revision: Revision,
    /// JSON text.
    pub metadata: Option<String>,
    /// How many turns it has had.
    pub turns: u32,
    /// The first turn that the model still sees beside the first of all; 0 before any was cut off.
    pub kept_from: u32,
    /// What the model is told first.
    pub prefix: Option<Prefix>,
    /// The turn that runs.
    pub running: Option<TurnId>,
    /// Whether it waits for an approval.
    pub waits: bool,
}

/// What the model is told first, frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// What it was rendered for.
    pub frozen_for: String,
    /// The system prompt.
    pub system: String,
    /// The tools, as JSON text.
    pub tools: String,
}

/// A turn as it is kept.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// Its place in the session, from 1.
    pub position: u32,
    /// What happened.
    pub events: Vec<Numbered<Event>>,
}

/// A running turn in the hands of this replica, until another one takes it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its session.
    pub session: SessionId,
    /// Its id.
    pub turn: TurnId,
    /// Its place in the session, from 1.
    pub position: u32,
    fence: i64,
}

/// How far a turn came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its id.
    pub turn: TurnId,
    /// The number of its last event.
    pub last: u64,
    /// Whether that was its end.
    pub is_over: bool,
    /// Whether it waits for an approval.
    pub waits: bool,
}

/// A client's name for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The name.
    pub name: String,
    /// SHA-256 of the request, in hexadecimal.
    pub body_digest: String,
}

/// A session to open.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Who holds it.
    pub owner: CallerName,
    /// The revision in force.
    pub revision: Revision,
    /// JSON text.
    pub metadata: Option<String>,
    /// Now.
    pub now: Timestamp,
    /// When it ends if nothing happens.
    pub expires_at: Timestamp,
    /// Sessions that the owner may hold.
    pub most: u32,
    /// The client's name for this.
    pub key: Option<NewKey>,
}

impl NewSession {
    fn key_scope(&self) -> String {
        // No session's id looks like this.
        format!("caller:{}", self.owner)
    }
}

/// What became of a session to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is open.
    New,
    /// It was opened before, under the same key.
    Known(SessionId),
    /// The key stands for another request.
    Mismatch,
    /// The owner holds as many as it may.
    TooMany,
}

/// A turn to start.
#[derive(Debug, Clone)]
pub struct NewTurn {
    /// Its session.
    pub session: SessionId,
    /// Its id.
    pub turn: TurnId,
    /// Its place in the session, from 1: one more than the session's turns were when it was read.
    pub position: u32,
    /// Its first events, as JSON text.
    pub events: Vec<String>,
    /// The revision in force.
    pub revision: Revision,
    /// What the model is told first, where that is new.
    pub prefix: Option<Prefix>,
    /// The first turn that the model still sees beside the first of all.
    pub kept_from: u32,
    /// Now.
    pub now: Timestamp,
    /// When the session ends if nothing happens.
    pub expires_at: Timestamp,
    /// The client's name for this.
    pub key: Option<NewKey>,
}

/// What became of a turn to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs, and is this replica's to drive.
    New(Held),
    /// It was started before, under the same key.
    Known(TurnId),
    /// The key stands for another request.
    Mismatch,
    /// Another one runs.
    Busy(TurnId),
    /// The session had another turn since it was read.
    Overtaken,
    /// There is no such session any more.
    NoSession,
}

/// What became of events to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The number of the last event.
    pub last: u64,
    /// What may follow from them.
    pub kept: agent::Kept,
}

impl Store {
    /// The same with copies of the audit trail.
    #[must_use]
    pub fn with_copies(mut self, copies: audit::Copies) -> Self {
        self.copies = copies.into();
        self
    }

    /// The audit trail, for reading.
    pub fn trail(&self) -> audit::Reader {
        audit::Reader {
            reading: self.reading.clone(),
        }
    }

    /// Whether it takes writes: once one has failed, a try says so.
    pub async fn is_available(&self) -> bool {
        on!(&self.writing, Writing, queue => queue.is_available())
    }

    /// Opens a session.
    pub async fn create(&self, session: NewSession) -> Result<Created, Error> {
        on!(&self.writing, Writing, queue => queue.submit(session))
    }

    /// Starts a turn, if none runs.
    pub async fn start(&self, turn: NewTurn) -> Result<Started, Error> {
        let holder = self.replica.to_string();
        on!(&self.writing, Writing, queue => queue.submit(change::Begin { new: turn, holder }))
    }

    /// Appends to a running turn after its event of that number, with the audit records of the
    /// events; nothing is appended, and nothing answered, when the turn is over or another
    /// replica's. It is tried until the store answers, if only that it refuses them, or `give_up`
    /// fires. `expires_at` is when the session ends if nothing happens after the turn.
    pub async fn append(
        &self,
        held: &Held,
        after: u64,
        entries: Vec<Entry>,
        (now, expires_at): (Timestamp, Timestamp),
        give_up: &CancellationToken,
    ) -> Result<Option<Appended>, Error> {
        let ends = entries.iter().any(|entry| entry.event.ends_turn());
        let starts = |entry: &Entry| matches!(entry.event, Event::CallStarted { .. });
        let starts = entries.iter().any(starts);
        let mut append = change::Append {
            writer: Arc::clone(&self.writer),
            held: held.clone(),
            after,
            events: Vec::with_capacity(entries.len()),
            outputs: Vec::new(),
            records: Vec::new(),
            approvals: Vec::new(),
            copies: Arc::clone(&self.copies),
            now,
            starts,
            ends: ends.then_some(expires_at),
        };
        for entry in entries {
            let Entry {
                event,
                output,
                record,
                approvals,
            } = entry;
            append.events.push(json(&event)?);
            append.records.extend(record);
            append.approvals.extend(approvals);
            if let (Event::CallEnded(ended), Some(output)) = (event, output) {
                append.outputs.push((ended.call_id, output));
            }
        }
        let append = Arc::new(append);
        let (mut pause, longest) = AGAIN;
        loop {
            match on!(&self.writing, Writing, queue => queue.submit(Arc::clone(&append))) {
                Ok(None) => return Ok(None),
                Ok(Some(kept)) => {
                    let mut appended = kept.appended;
                    if let Some(copied) = kept.copied {
                        appended.kept.trail = self.copies.trail(copied).await;
                    }
                    return Ok(Some(appended));
                }
                Err(Error::Refused) => return Err(Error::Refused),
                Err(error) => {
                    let waited = give_up.run_until_cancelled(tokio::time::sleep(pause));
                    if waited.await.is_none() {
                        return Err(error);
                    }
                }
            }
            pause = longest.min(pause.saturating_mul(2));
        }
    }

    /// How long others wait for a sign of life of this replica; absent when there are no others.
    pub fn lease(&self) -> Option<Duration> {
        self.lease
    }

    /// Says that this replica lives.
    pub async fn beat(&self) -> Result<(), Error> {
        let lease = self.lease.map(|lease| lease.as_micros());
        let beat = change::Beat {
            replica: self.replica.to_string(),
            lease: lease.map(|lease| i64::try_from(lease).unwrap_or(i64::MAX)),
        };
        on!(&self.writing, Writing, queue => queue.submit(beat))
    }

    /// Takes over every running turn that no living replica holds.
    pub async fn claim(&self) -> Result<Vec<Held>, Error> {
        let replica = self.replica.to_string();
        on!(&self.writing, Writing, queue => queue.submit(change::Claim { replica }))
    }

    /// The running turns that this replica holds.
    pub async fn held(&self) -> Result<Vec<Held>, Error> {
        on!(&self.reading, Reading, reader => reader.held(&self.replica))
    }

    /// Gives a turn back that is not driven any further here.
    pub async fn release(&self, held: &Held) -> Result<(), Error> {
        let (turn, fence) = (held.turn.clone(), held.fence);
        on!(&self.writing, Writing, queue => queue.submit(change::Release { turn, fence }))
    }

    /// Asks whoever drives a turn to end it; answers whether it was still running.
    pub async fn ask_to_cancel(&self, turn: &TurnId, cause: Cause) -> Result<bool, Error> {
        let turn = turn.clone();
        on!(&self.writing, Writing, queue => queue.submit(change::AskToCancel { turn, cause }))
    }

    /// The turns of this replica that others asked to end early.
    pub async fn cancelled(&self) -> Result<Vec<(TurnId, Cause)>, Error> {
        on!(&self.reading, Reading, reader => reader.cancelled(&self.replica))
    }

    /// How far turns came; one that is gone is left out.
    pub async fn progress(&self, turns: &[TurnId]) -> Result<Vec<Progress>, Error> {
        on!(&self.reading, Reading, reader => reader.progress(turns))
    }

    /// Removes a session with everything in it; answers whether there was one.
    pub async fn delete(&self, session: &SessionId) -> Result<bool, Error> {
        on!(&self.writing, Writing, queue => queue.submit(change::Delete(session.clone())))
    }

    /// Removes at most so many sessions that have expired; answers how many there were.
    pub async fn sweep(&self, now: Timestamp, most: u32) -> Result<u64, Error> {
        on!(&self.writing, Writing, queue => queue.submit(change::Sweep { now, most }))
    }

    /// A session, expired or not.
    pub async fn session(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        on!(&self.reading, Reading, reader => reader.session(id))
    }

    /// Sessions that have not expired, newest first: one caller's, or everybody's.
    pub async fn sessions(
        &self,
        owner: Option<&CallerName>,
        after: Option<&Cursor>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Session>, Error> {
        on!(&self.reading, Reading, reader => reader.sessions(owner, after, now, limit))
    }

    /// The first turn of a session and those from a position on, with their events.
    pub async fn turns(&self, session: &SessionId, from: u32) -> Result<Vec<Turn>, Error> {
        on!(&self.reading, Reading, reader => reader.turns(session, from))
    }

    /// The events of a turn after a number; absent when the session has no such turn.
    pub async fn events(
        &self,
        session: &SessionId,
        turn: &TurnId,
        after: u64,
    ) -> Result<Option<Vec<Numbered<Event>>>, Error> {
        on!(&self.reading, Reading, reader => reader.events(session, turn, after))
    }

    /// The turn that was started under a key in a session, and the digest of its request.
    pub async fn turn_of_key(
        &self,
        session: &SessionId,
        name: &str,
    ) -> Result<Option<(TurnId, String)>, Error> {
        on!(&self.reading, Reading, reader => reader.turn_of_key(session, name))
    }

    /// The whole output of a call of this session.
    pub async fn output(
        &self,
        session: &SessionId,
        call: &CallId,
    ) -> Result<Option<String>, Error> {
        on!(&self.reading, Reading, reader => reader.output(session, call))
    }
}

/// An event as it is kept.
pub fn json(event: &Event) -> Result<String, Error> {
    serde_json::to_string(event).map_err(|error| {
        tracing::error!(%error, "an event cannot be written as JSON");
        Error::Refused
    })
}

fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

#[cfg(test)]
mod tests;
