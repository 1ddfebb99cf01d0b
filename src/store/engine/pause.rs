//! Stopping all tools. Whoever starts calls holds the name of this against whoever stops them, so
//! that nothing starts any more when stopping was answered.

use jiff::Timestamp;

use super::queue::Write;
use super::read::{Reader, column, unreadable};
use super::{Connection, Row, lock, lock_shared};
use crate::agent::Pause;
use crate::config::name::CallerName;
use crate::store::change::{Resume, Stop};
use crate::store::{Error, micros};

/// What is held.
const NAME: &str = "pause";

/// The one that lasts.
const LASTING: &str =
    "SELECT stopped_by, reason, since FROM pauses WHERE until IS NULL ORDER BY since LIMIT 1";

/// The pause that lasts; none begins before the transaction ends.
pub(super) async fn lasting(db: &mut Connection) -> Result<Option<Pause>, sqlx::Error> {
    lock_shared(db, NAME).await?;
    found(db).await
}

async fn found(db: &mut Connection) -> Result<Option<Pause>, sqlx::Error> {
    let row = sqlx::query(LASTING).fetch_optional(db).await?;
    let pause = row.as_ref().map(read).transpose();
    pause.map_err(|error| sqlx::Error::Decode(error.into()))
}

impl Write for Stop {
    /// The one that lasts: this, or an earlier one.
    type Answer = Pause;

    async fn write(&self, db: &mut Connection) -> Result<Pause, sqlx::Error> {
        lock(db, NAME).await?;
        if let Some(lasting) = found(db).await? {
            return Ok(lasting);
        }
        sqlx::query("INSERT INTO pauses (id, stopped_by, reason, since) VALUES ($1, $2, $3, $4)")
            .bind(&self.id)
            .bind(self.pause.by.as_str())
            .bind(self.pause.reason.as_deref())
            .bind(micros(self.pause.since))
            .execute(&mut *db)
            .await?;
        found(db).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

impl Write for Resume {
    /// Whether there was one.
    type Answer = bool;

    async fn write(&self, db: &mut Connection) -> Result<bool, sqlx::Error> {
        lock(db, NAME).await?;
        let ended =
            sqlx::query("UPDATE pauses SET started_by = $1, until = $2 WHERE until IS NULL")
                .bind(self.by.as_str())
                .bind(micros(self.now))
                .execute(db)
                .await?;
        Ok(ended.rows_affected() > 0)
    }
}

impl Reader {
    /// The pause that lasts.
    pub(in crate::store) async fn pause(&self) -> Result<Option<Pause>, Error> {
        let row = sqlx::query(LASTING).fetch_optional(&self.pool).await;
        let row = row.map_err(|error| self.health.told(&error))?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &Row) -> Result<Pause, Error> {
    let since: i64 = column(row, "since")?;
    Ok(Pause {
        by: CallerName::new(column::<String>(row, "stopped_by")?),
        reason: column(row, "reason")?,
        since: Timestamp::from_microsecond(since).map_err(unreadable)?,
    })
}
