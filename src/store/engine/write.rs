//! Changes of sessions and turns.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::QueryBuilder;

use super::chain::{Chain, last_of};
use super::queue::Write;
use super::{Connection, Engine, approval, lock, pause};
use crate::agent::{self, SessionId, Trail, TurnId};
use crate::store::change::{Append, Begin, Delete, Kept, Sweep};
use crate::store::{Appended, Created, FIRST_FENCE, Held, NewKey, NewSession, Started, micros};

/// Rows of one statement at most: with four values each, far below what the engines take (SQLite
/// 32,766 values, PostgreSQL 65,535).
const ROWS: usize = 1000;

impl Write for NewSession {
    type Answer = Created;

    async fn write(&self, db: &mut Connection) -> Result<Created, sqlx::Error> {
        let now = micros(self.now);
        let scope = self.key_scope();
        lock(db, &scope).await?;
        if let Some(key) = &self.key {
            let known: Option<(String, String, i64)> = sqlx::query_as(
                "SELECT k.body_digest, k.session_id, s.expires_at FROM idempotency_keys k \
                 JOIN sessions s ON s.id = k.session_id WHERE k.scope = $1 AND k.name = $2",
            )
            .bind(&scope)
            .bind(&key.name)
            .fetch_optional(&mut *db)
            .await?;
            match known {
                Some((digest, session, expires)) if expires > now => {
                    return Ok(if digest == key.body_digest {
                        Created::Known(SessionId::from(session))
                    } else {
                        Created::Mismatch
                    });
                }
                Some(_) => forget_key(db, &scope, &key.name).await?,
                None => {}
            }
        }
        let (held,): (i64,) = sqlx::query_as(
            // In two, so that each is counted from an index.
            "SELECT (SELECT count(*) FROM sessions WHERE owner = $1 AND expires_at > $2) \
             + (SELECT count(*) FROM turns t JOIN sessions s ON s.id = t.session_id \
             WHERE t.ended = 0 AND s.owner = $1 AND s.expires_at <= $2)",
        )
        .bind(self.owner.as_str())
        .bind(now)
        .fetch_one(&mut *db)
        .await?;
        if held >= i64::from(self.most) {
            return Ok(Created::TooMany);
        }
        sqlx::query(
            "INSERT INTO sessions (id, owner, created_at, last_active_at, expires_at, revision, \
             metadata, turns, kept_from) VALUES ($1, $2, $3, $3, $4, $5, $6, 0, 0)",
        )
        .bind(self.id.as_str())
        .bind(self.owner.as_str())
        .bind(now)
        .bind(micros(self.expires_at))
        .bind(self.revision.as_str())
        .bind(self.metadata.as_deref())
        .execute(&mut *db)
        .await?;
        if let Some(key) = &self.key {
            keep_key(db, &scope, key, &self.id, None).await?;
        }
        Ok(Created::New)
    }
}

impl Write for Begin {
    type Answer = Started;

    async fn write(&self, db: &mut Connection) -> Result<Started, sqlx::Error> {
        lock(db, self.new.session.as_str()).await?;
        let session: Option<(i64, i64, Option<String>)> = sqlx::query_as(
            "SELECT s.turns, s.expires_at, t.id FROM sessions s \
             LEFT JOIN turns t ON t.session_id = s.id AND t.ended = 0 WHERE s.id = $1",
        )
        .bind(self.new.session.as_str())
        .fetch_optional(&mut *db)
        .await?;
        let Some((turns, expires_at, running)) = session else {
            return Ok(Started::NoSession);
        };
        if running.is_none() && expires_at <= micros(self.new.now) {
            return Ok(Started::NoSession);
        }
        let scope = self.new.session.as_str();
        if let Some(key) = &self.new.key
            && let Some((digest, turn)) = known_turn(db, scope, &key.name).await?
        {
            return Ok(if digest == key.body_digest {
                Started::Known(TurnId::from(turn))
            } else {
                Started::Mismatch
            });
        }
        if let Some(running) = running {
            return Ok(Started::Busy(TurnId::from(running)));
        }
        if turns != i64::from(self.new.position) - 1 {
            return Ok(Started::Overtaken);
        }
        begin(self, db).await?;
        if let Some(key) = &self.new.key {
            keep_key(db, scope, key, &self.new.session, Some(&self.new.turn)).await?;
        }
        Ok(Started::New(Held {
            session: self.new.session.clone(),
            turn: self.new.turn.clone(),
            position: self.new.position,
            fence: FIRST_FENCE,
        }))
    }
}

async fn begin(begin: &Begin, db: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO turns (id, session_id, position, last_event, ended, holder, fence) \
         VALUES ($1, $2, $3, $4, 0, $5, $6)",
    )
    .bind(begin.new.turn.as_str())
    .bind(begin.new.session.as_str())
    .bind(i64::from(begin.new.position))
    .bind(i64::try_from(begin.new.events.len()).unwrap_or(i64::MAX))
    .bind(&begin.holder)
    .bind(FIRST_FENCE)
    .execute(&mut *db)
    .await?;
    add_events(db, &begin.new.turn, 1, begin.new.now, &begin.new.events).await?;
    sqlx::query(
        "UPDATE sessions SET turns = $2, last_active_at = $3, expires_at = $4, revision = $5, \
         kept_from = $6 WHERE id = $1",
    )
    .bind(begin.new.session.as_str())
    .bind(i64::from(begin.new.position))
    .bind(micros(begin.new.now))
    .bind(micros(begin.new.expires_at))
    .bind(begin.new.revision.as_str())
    .bind(i64::from(begin.new.kept_from))
    .execute(&mut *db)
    .await?;
    if let Some(prefix) = &begin.new.prefix {
        sqlx::query("UPDATE sessions SET frozen_for = $2, system = $3, tools = $4 WHERE id = $1")
            .bind(begin.new.session.as_str())
            .bind(&prefix.frozen_for)
            .bind(&prefix.system)
            .bind(&prefix.tools)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

impl Write for Arc<Append> {
    /// Absent when the turn is over, gone, or another's.
    type Answer = Option<Kept>;

    async fn write(&self, db: &mut Connection) -> Result<Option<Kept>, sqlx::Error> {
        let count = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let after = i64::try_from(self.after).unwrap_or(i64::MAX);
        let last = after.saturating_add(count);
        let updated = sqlx::query(
            "UPDATE turns SET last_event = $2, ended = $3 \
             WHERE id = $1 AND ended = 0 AND fence = $4 AND last_event = $5",
        )
        .bind(self.held.turn.as_str())
        .bind(last)
        .bind(i64::from(self.ends.is_some()))
        .bind(self.held.fence)
        .bind(after)
        .execute(&mut *db)
        .await?;
        let paused = if self.starts {
            pause::lasting(db).await?
        } else {
            None
        };
        let appended = Appended {
            last: u64::try_from(last).unwrap_or(0),
            kept: agent::Kept {
                trail: Trail::Kept,
                paused,
            },
        };
        if updated.rows_affected() == 0 {
            return kept_before(self, db, last, appended).await;
        }
        let first = after.saturating_add(1);
        add_events(db, &self.held.turn, first, self.now, &self.events).await?;
        for some in self.outputs.chunks(ROWS) {
            let mut insert =
                QueryBuilder::<Engine>::new("INSERT INTO outputs (session_id, call_id, output) ");
            insert.push_values(some, |mut row, (call, output)| {
                row.push_bind(self.held.session.as_str())
                    .push_bind(call.as_str())
                    .push_bind(output);
            });
            insert.build().execute(&mut *db).await?;
        }
        approval::change(db, &self.held, &self.approvals).await?;
        if let Some(expires_at) = self.ends {
            sqlx::query("UPDATE sessions SET last_active_at = $2, expires_at = $3 WHERE id = $1")
                .bind(self.held.session.as_str())
                .bind(micros(self.now))
                .bind(micros(expires_at))
                .execute(&mut *db)
                .await?;
        }
        let chain = Chain {
            writer: &self.writer,
            known: self.copies.head(),
            session: &self.held.session,
            turn: &self.held.turn,
            now: self.now,
        };
        let added = chain.write(db, &self.records).await?;
        Ok(Some(Kept {
            appended,
            added,
            copied: None,
        }))
    }

    fn kept(&self, answer: &mut Option<Kept>) {
        if let Some(kept) = answer {
            kept.copied = Some(self.copies.write(&kept.added));
        }
    }
}

/// Whether just these events were appended by an earlier try, whose answer was lost with the
/// connection.
async fn kept_before(
    append: &Append,
    db: &mut Connection,
    last: i64,
    appended: Appended,
) -> Result<Option<Kept>, sqlx::Error> {
    let found: Option<(i64,)> = sqlx::query_as(
        "SELECT last_event FROM turns WHERE id = $1 AND fence = $2 AND last_event = $3",
    )
    .bind(append.held.turn.as_str())
    .bind(append.held.fence)
    .bind(last)
    .fetch_optional(&mut *db)
    .await?;
    if found.is_none() || append.events.is_empty() {
        return Ok(None);
    }
    let copied = i64::try_from(append.records.len()).unwrap_or(i64::MAX);
    let added = last_of(db, &append.writer, &append.held.session, copied).await?;
    Ok(Some(Kept {
        appended,
        added,
        copied: None,
    }))
}

impl Write for Delete {
    /// Whether there was one.
    type Answer = bool;

    async fn write(&self, db: &mut Connection) -> Result<bool, sqlx::Error> {
        let deleted = sqlx::query("DELETE FROM sessions WHERE id = $1")
            .bind(self.0.as_str())
            .execute(db)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }
}

impl Write for Sweep {
    /// How many there were.
    type Answer = u64;

    async fn write(&self, db: &mut Connection) -> Result<u64, sqlx::Error> {
        let swept = sqlx::query(
            "DELETE FROM sessions WHERE expires_at <= $1 AND id IN (SELECT s.id FROM sessions s \
             WHERE s.expires_at <= $1 AND NOT EXISTS \
             (SELECT 1 FROM turns t WHERE t.session_id = s.id AND t.ended = 0) LIMIT $2)",
        )
        .bind(micros(self.now))
        .bind(i64::from(self.most))
        .execute(db)
        .await?;
        Ok(swept.rows_affected())
    }
}

/// Adds events with the numbers from `first`, in as few statements as there are [`ROWS`]: each
/// statement is a way to the database and back.
async fn add_events(
    db: &mut Connection,
    turn: &TurnId,
    first: i64,
    now: Timestamp,
    events: &[String],
) -> Result<(), sqlx::Error> {
    let numbered: Vec<(i64, &String)> = (first..).zip(events).collect();
    for some in numbered.chunks(ROWS) {
        let mut insert =
            QueryBuilder::<Engine>::new("INSERT INTO events (turn_id, number, at, json) ");
        insert.push_values(some, |mut row, (number, json)| {
            row.push_bind(turn.as_str())
                .push_bind(*number)
                .push_bind(micros(now))
                .push_bind(*json);
        });
        insert.build().execute(&mut *db).await?;
    }
    Ok(())
}

async fn known_turn(
    db: &mut Connection,
    scope: &str,
    name: &str,
) -> Result<Option<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT body_digest, turn_id FROM idempotency_keys \
         WHERE scope = $1 AND name = $2 AND turn_id IS NOT NULL",
    )
    .bind(scope)
    .bind(name)
    .fetch_optional(db)
    .await
}

async fn keep_key(
    db: &mut Connection,
    scope: &str,
    key: &NewKey,
    session: &SessionId,
    turn: Option<&TurnId>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO idempotency_keys (scope, name, body_digest, session_id, turn_id) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(scope)
    .bind(&key.name)
    .bind(&key.body_digest)
    .bind(session.as_str())
    .bind(turn.map(TurnId::as_str))
    .execute(db)
    .await?;
    Ok(())
}

async fn forget_key(db: &mut Connection, scope: &str, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM idempotency_keys WHERE scope = $1 AND name = $2")
        .bind(scope)
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}
