//! Who drives which running turn: one replica at a time, told apart by a fence.
//!
//! A replica writes down again and again until when it lives; a turn whose holder lives no more is
//! claimed by another, with a higher fence. What the first holder still tries to append is refused,
//! however late it comes. Time is the database's own, so that no replica's clock matters. A store
//! that only one process opens needs none of this, and uses the same statements.

use super::queue::Write;
use super::{Connection, NOW};
use crate::agent::event::Cause;
use crate::agent::{SessionId, TurnId};
use crate::store::Held;
use crate::store::change::{AskToCancel, Beat, Claim, Release};

impl Write for Beat {
    type Answer = ();

    async fn write(&self, db: &mut Connection) -> Result<(), sqlx::Error> {
        if self.lease.is_none() {
            // Nobody else has the store open, so whoever is written down is dead.
            sqlx::query("DELETE FROM replicas")
                .execute(&mut *db)
                .await?;
        }
        let until = self
            .lease
            .map_or_else(|| i64::MAX.to_string(), |lease| format!("{NOW} + {lease}"));
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO replicas (id, alive_until) VALUES ($1, {until}) \
             ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until"
        )))
        .bind(&self.replica)
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Write for Claim {
    type Answer = Vec<Held>;

    async fn write(&self, db: &mut Connection) -> Result<Vec<Held>, sqlx::Error> {
        let claimed: Vec<HeldRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "UPDATE turns SET holder = $1, fence = fence + 1 \
             WHERE ended = 0 AND (holder IS NULL OR NOT EXISTS \
             (SELECT 1 FROM replicas r WHERE r.id = turns.holder AND r.alive_until > {NOW})) \
             RETURNING {HELD}"
        )))
        .bind(&self.replica)
        .fetch_all(&mut *db)
        .await?;
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "DELETE FROM replicas WHERE alive_until <= {NOW}"
        )))
        .execute(db)
        .await?;
        Ok(claimed.into_iter().map(held).collect())
    }
}

/// The columns of [`HeldRow`].
pub(super) const HELD: &str = "session_id, id, position, fence";

/// A row of the running turns: session, turn, its place in the session, fence.
pub(super) type HeldRow = (String, String, i64, i64);

/// A place that no turn has is the last, where nothing is.
pub(super) fn held((session, turn, position, fence): HeldRow) -> Held {
    Held {
        session: SessionId::from(session),
        turn: TurnId::from(turn),
        position: u32::try_from(position).unwrap_or(u32::MAX),
        fence,
    }
}

impl Write for Release {
    type Answer = ();

    async fn write(&self, db: &mut Connection) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE turns SET holder = NULL WHERE id = $1 AND fence = $2 AND ended = 0")
            .bind(self.turn.as_str())
            .bind(self.fence)
            .execute(db)
            .await?;
        Ok(())
    }
}

impl Write for AskToCancel {
    /// Whether it was still running.
    type Answer = bool;

    async fn write(&self, db: &mut Connection) -> Result<bool, sqlx::Error> {
        // The first to ask says why.
        let asked = sqlx::query(
            "UPDATE turns SET cancel = coalesce(cancel, $2) WHERE id = $1 AND ended = 0",
        )
        .bind(self.turn.as_str())
        .bind(written(self.cause))
        .execute(db)
        .await?;
        Ok(asked.rows_affected() > 0)
    }
}

/// A cause as it is kept.
fn written(cause: Cause) -> &'static str {
    match cause {
        Cause::Caller => "caller",
        Cause::SessionEnded => "session_ended",
    }
}

/// A cause as it was kept.
pub(super) fn read(text: &str) -> Cause {
    match text {
        "session_ended" => Cause::SessionEnded,
        _ => Cause::Caller,
    }
}
