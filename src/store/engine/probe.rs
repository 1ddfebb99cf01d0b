//! Whether the store takes writes, asked where it is in doubt.

use super::Connection;
use super::queue::Write;

/// More than what is free in the pages that the engines have, so that there must be room on the disk.
const FILLER_BYTES: usize = 256 << 10;

/// The id of a session that nobody sees, since it is gone in the same transaction.
const ID: &str = "probe";

/// A write that leaves nothing.
#[derive(Debug)]
pub(super) struct Probe;

impl Write for Probe {
    type Answer = ();

    async fn write(&self, db: &mut Connection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO sessions (id, owner, created_at, last_active_at, expires_at, revision, \
             metadata, turns, kept_from) VALUES ($1, '', 0, 0, 0, '', $2, 0, 0)",
        )
        .bind(ID)
        .bind("x".repeat(FILLER_BYTES))
        .execute(&mut *db)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE id = $1")
            .bind(ID)
            .execute(db)
            .await?;
        Ok(())
    }
}
