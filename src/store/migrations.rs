//! The tables, as a row of migrations that runs when a store is opened.

use std::fmt::Display;
use std::ops::Deref;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Acquire, SqlSafeStr as _};

use super::OpenError;

/// Every migration, in order. One that was released is never changed: what an old store ran must
/// still be what it says.
fn all() -> Migrator {
    let files = [
        (FIRST, include_str!("migrations/0001_sessions.sql")),
        ("audit", include_str!("migrations/0002_audit.sql")),
        ("leases", include_str!("migrations/0003_leases.sql")),
        ("approvals", include_str!("migrations/0004_approvals.sql")),
        ("pauses", include_str!("migrations/0005_pauses.sql")),
        ("held", include_str!("migrations/0006_held.sql")),
    ];
    let migrations = (1_i64..).zip(files).map(|(version, (name, sql))| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            // Each runs in a transaction of its own.
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// What the first migration is called, in a store as in no other database.
pub(super) const FIRST: &str = "sessions";

/// Brings the tables of a store up to date.
pub(super) async fn run<'a, A>(database: A, store: impl Display) -> Result<(), OpenError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    let migrated = all().run(database).await;
    migrated.map_err(|source| match source {
        MigrateError::VersionMissing(_) => OpenError::Newer {
            store: store.to_string(),
        },
        source => OpenError::Migration {
            store: store.to_string(),
            source,
        },
    })
}
