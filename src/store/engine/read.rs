//! Everything that is read back.

use std::fmt::Display;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};

use super::{Engine, Pool, Row, lease};
use crate::agent::event::Cause;
use crate::agent::{CallId, Event, Numbered, SessionId, TurnId};
use crate::config::name::{CallerName, Revision};
use crate::store::trouble::Health;
use crate::store::{Cursor, Error, Held, Prefix, Progress, Session, Turn, micros};

/// Turns of one statement at most.
const TURNS: usize = 500;

/// Reads the store, beside whoever writes it.
#[derive(Debug, Clone)]
pub(in crate::store) struct Reader {
    pub(super) pool: Pool,
    pub(super) health: Health,
}

impl Reader {
    pub(in crate::store) async fn session(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        let row = sqlx::query(
            "SELECT s.*, t.id AS running, (SELECT count(*) FROM approvals a \
             WHERE a.turn_id = t.id AND a.status = 'pending') AS waiting FROM sessions s \
             LEFT JOIN turns t ON t.session_id = s.id AND t.ended = 0 WHERE s.id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        row.as_ref().map(read_session).transpose()
    }

    /// The caller's sessions (or everybody's) that have not expired, newest first.
    pub(in crate::store) async fn sessions(
        &self,
        owner: Option<&CallerName>,
        after: Option<&Cursor>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Session>, Error> {
        let created_at = after.map_or(i64::MAX, |cursor| micros(cursor.created_at));
        let id = after.map_or("", |cursor| cursor.session.as_str());
        let rows = sqlx::query(
            "SELECT s.*, t.id AS running, (SELECT count(*) FROM approvals a \
             WHERE a.turn_id = t.id AND a.status = 'pending') AS waiting FROM sessions s \
             LEFT JOIN turns t ON t.session_id = s.id AND t.ended = 0 \
             WHERE ($1 IS NULL OR s.owner = $1) AND (s.expires_at > $2 OR t.id IS NOT NULL) \
             AND (s.created_at < $3 OR (s.created_at = $3 AND s.id < $4)) \
             ORDER BY s.created_at DESC, s.id DESC LIMIT $5",
        )
        .bind(owner.map(CallerName::as_str))
        .bind(micros(now))
        .bind(created_at)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        rows.iter().map(read_session).collect()
    }

    /// The turns of a session with all their events: its first, and those from a position on.
    pub(in crate::store) async fn turns(
        &self,
        session: &SessionId,
        from: u32,
    ) -> Result<Vec<Turn>, Error> {
        let rows = sqlx::query(
            "SELECT t.id, t.position, e.number, e.at, e.json FROM turns t \
             JOIN events e ON e.turn_id = t.id \
             WHERE t.session_id = $1 AND (t.position = 1 OR t.position >= $2) \
             ORDER BY t.position, e.number",
        )
        .bind(session.as_str())
        .bind(i64::from(from))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        let mut turns: Vec<Turn> = Vec::new();
        for row in &rows {
            let position = column::<i64>(row, "position")?;
            let position = u32::try_from(position).map_err(unreadable)?;
            if turns.last().is_none_or(|turn| turn.position != position) {
                turns.push(Turn {
                    id: TurnId::from(column::<String>(row, "id")?),
                    position,
                    events: Vec::new(),
                });
            }
            if let Some(turn) = turns.last_mut() {
                turn.events.push(read_event(row)?);
            }
        }
        Ok(turns)
    }

    /// The events of a turn after a number; absent when the session has no such turn.
    pub(in crate::store) async fn events(
        &self,
        session: &SessionId,
        turn: &TurnId,
        after: u64,
    ) -> Result<Option<Vec<Numbered<Event>>>, Error> {
        let rows = sqlx::query(
            "SELECT t.id, e.number, e.at, e.json FROM turns t \
             LEFT JOIN events e ON e.turn_id = t.id AND e.number > $3 \
             WHERE t.id = $1 AND t.session_id = $2 ORDER BY e.number",
        )
        .bind(turn.as_str())
        .bind(session.as_str())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut events = Vec::new();
        for row in &rows {
            if column::<Option<i64>>(row, "number")?.is_some() {
                events.push(read_event(row)?);
            }
        }
        Ok(Some(events))
    }

    pub(in crate::store) async fn turn_of_key(
        &self,
        session: &SessionId,
        name: &str,
    ) -> Result<Option<(TurnId, String)>, Error> {
        let found: Option<(String, String)> = sqlx::query_as(
            "SELECT turn_id, body_digest FROM idempotency_keys \
             WHERE scope = $1 AND name = $2 AND turn_id IS NOT NULL",
        )
        .bind(session.as_str())
        .bind(name)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        Ok(found.map(|(turn, digest)| (TurnId::from(turn), digest)))
    }

    pub(in crate::store) async fn output(
        &self,
        session: &SessionId,
        call: &CallId,
    ) -> Result<Option<String>, Error> {
        let found: Option<(String,)> =
            sqlx::query_as("SELECT output FROM outputs WHERE session_id = $1 AND call_id = $2")
                .bind(session.as_str())
                .bind(call.as_str())
                .fetch_optional(&self.pool)
                .await
                .map_err(|error| self.health.told(&error))?;
        Ok(found.map(|(output,)| output))
    }

    /// How far turns came; one that is gone is left out.
    pub(in crate::store) async fn progress(
        &self,
        turns: &[TurnId],
    ) -> Result<Vec<Progress>, Error> {
        let mut all = Vec::with_capacity(turns.len());
        for some in turns.chunks(TURNS) {
            let mut select = QueryBuilder::<Engine>::new(
                "SELECT id, last_event, ended, (SELECT count(*) FROM approvals a \
                 WHERE a.turn_id = turns.id AND a.status = 'pending') FROM turns WHERE id IN (",
            );
            let mut ids = select.separated(", ");
            for turn in some {
                ids.push_bind(turn.as_str());
            }
            select.push(")");
            let found: Vec<(String, i64, i64, i64)> = select
                .build_query_as()
                .fetch_all(&self.pool)
                .await
                .map_err(|error| self.health.told(&error))?;
            for (turn, last, ended, waiting) in found {
                all.push(Progress {
                    turn: TurnId::from(turn),
                    last: u64::try_from(last).map_err(unreadable)?,
                    is_over: ended != 0,
                    waits: waiting != 0,
                });
            }
        }
        Ok(all)
    }

    /// The running turns of a replica.
    pub(in crate::store) async fn held(&self, replica: &str) -> Result<Vec<Held>, Error> {
        let found: Vec<lease::HeldRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {} FROM turns WHERE holder = $1 AND ended = 0",
            lease::HELD
        )))
        .bind(replica)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        Ok(found.into_iter().map(lease::held).collect())
    }

    /// The turns of a replica that others asked to end early.
    pub(in crate::store) async fn cancelled(
        &self,
        replica: &str,
    ) -> Result<Vec<(TurnId, Cause)>, Error> {
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, cancel FROM turns WHERE holder = $1 AND ended = 0 AND cancel IS NOT NULL",
        )
        .bind(replica)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        let found = found.into_iter();
        Ok(found
            .map(|(turn, cause)| (TurnId::from(turn), lease::read(&cause)))
            .collect())
    }
}

fn read_session(row: &Row) -> Result<Session, Error> {
    let frozen_for: Option<String> = column(row, "frozen_for")?;
    let (system, tools): (Option<String>, Option<String>) =
        (column(row, "system")?, column(row, "tools")?);
    let prefix = match (frozen_for, system, tools) {
        (Some(frozen_for), Some(system), Some(tools)) => Some(Prefix {
            frozen_for,
            system,
            tools,
        }),
        _ => None,
    };
    let running: Option<String> = column(row, "running")?;
    Ok(Session {
        id: SessionId::from(column::<String>(row, "id")?),
        owner: CallerName::new(column::<String>(row, "owner")?),
        created_at: time(row, "created_at")?,
        last_active_at: time(row, "last_active_at")?,
        expires_at: time(row, "expires_at")?,
        revision: Revision::new(column::<String>(row, "revision")?),
        metadata: column(row, "metadata")?,
        turns: u32::try_from(column::<i64>(row, "turns")?).map_err(unreadable)?,
        kept_from: u32::try_from(column::<i64>(row, "kept_from")?).map_err(unreadable)?,
        prefix,
        running: running.map(TurnId::from),
        waits: column::<i64>(row, "waiting")? != 0,
    })
}

fn read_event(row: &Row) -> Result<Numbered<Event>, Error> {
    let json: String = column(row, "json")?;
    Ok(Numbered {
        number: u64::try_from(column::<i64>(row, "number")?).map_err(unreadable)?,
        at: time(row, "at")?,
        item: serde_json::from_str(&json).map_err(unreadable)?,
    })
}

fn time(row: &Row, name: &str) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(column(row, name)?).map_err(unreadable)
}

pub(super) fn column<'r, T>(row: &'r Row, name: &str) -> Result<T, Error>
where
    T: sqlx::Decode<'r, super::Engine> + sqlx::Type<super::Engine>,
{
    row.try_get(name).map_err(unreadable)
}

pub(super) fn unreadable(error: impl Display) -> Error {
    tracing::error!(%error, "the store holds something that cannot be read");
    Error::Unavailable
}
