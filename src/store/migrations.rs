//! The tables, as a row of migrations that runs when a store is opened.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every migration, in order. One that was released is never changed: what an old store ran must
/// still be what it says.
pub(super) fn all() -> Migrator {
    let files = [
        ("sessions", include_str!("migrations/0001_sessions.sql")),
        ("audit", include_str!("migrations/0002_audit.sql")),
        ("leases", include_str!("migrations/0003_leases.sql")),
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
