//! PostgreSQL: one database for several servers.

#![expect(
    clippy::duplicate_mod,
    reason = "the engines share their statements, which sqlx types for one engine at a time"
)]

#[path = "engine/approval.rs"]
mod approval;

#[path = "engine/chain.rs"]
mod chain;

#[path = "engine/lease.rs"]
mod lease;

#[path = "engine/pause.rs"]
mod pause;

#[path = "engine/probe.rs"]
mod probe;

#[path = "engine/queue.rs"]
mod queue;

#[path = "engine/read.rs"]
mod read;

#[path = "engine/write.rs"]
mod write;

use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::trouble::Health;
use super::{OpenError, migrations};
use crate::config::secret::{ExposeSecret as _, SecretString};
use crate::tasks::Tasks;

pub(super) use queue::Queue;
pub(super) use read::Reader;

type Engine = sqlx::Postgres;
type Connection = sqlx::PgConnection;
type Pool = sqlx::PgPool;
type Row = sqlx::postgres::PgRow;

/// Read committed: what two servers may not do at once is held apart by [`lock`], by the tables'
/// own constraints and by fences.
const BEGIN: &str = "BEGIN";

/// Now, in microseconds; not the beginning of the transaction.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// How long a transaction may take before its connection is given up: the network may be gone
/// without a word.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));

/// How long a replica that gives no sign of life keeps its turns. With a sign of life every third of
/// it, and a look for dead ones as often, a turn moves within 8 seconds.
pub(super) const LEASE: Duration = Duration::from_secs(6);

/// Readers of one server, beside the one writer.
const READERS: u32 = 8;

/// How long whoever needs a connection waits for one.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Holds a name until the end of the transaction, against every other server.
async fn lock(db: &mut Connection, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}

/// Holds a name until the end of the transaction, against whoever holds it by [`lock`].
async fn lock_shared(db: &mut Connection, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))")
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}

/// Opens a database and brings its tables up to date.
pub(super) async fn open(url: &SecretString, tasks: &Tasks) -> Result<(Reader, Queue), OpenError> {
    let (options, name) = options(url)?;
    let failed = OpenError::database(&name);
    greet(&options).await.map_err(&failed)?;
    let writer = pool(1).connect_with(options.clone()).await;
    let writer = writer.map_err(&failed)?;
    migrations::run(&writer, &name).await?;
    let pool = pool(READERS).connect_with(options).await.map_err(&failed)?;
    let health = Health::default();
    let queue = Queue::new(writer, tasks.clone(), health.clone());
    Ok((Reader { pool, health }, queue))
}

/// Opens a database only to read it.
pub(super) async fn open_reader(url: &SecretString) -> Result<Reader, OpenError> {
    let (options, name) = options(url)?;
    let options = options.options([("default_transaction_read_only", "on")]);
    greet(&options).await.map_err(OpenError::database(&name))?;
    let pool = pool(1).connect_with(options).await;
    let pool = pool.map_err(OpenError::database(name))?;
    let health = Health::default();
    Ok(Reader { pool, health })
}

/// Connects once: a pool tries until its time is over, and then says only that.
async fn greet(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let Ok(connected) = tokio::time::timeout(ACQUIRE, options.connect()).await else {
        let silent = format!("it does not answer within {} s", ACQUIRE.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, silent).into());
    };
    connected?.close().await
}

/// What the address says, and how it may be shown.
fn options(url: &SecretString) -> Result<(PgConnectOptions, String), OpenError> {
    let options = PgConnectOptions::from_str(url.expose_secret());
    let options = options.map_err(OpenError::database("postgres://…"))?;
    let name = format!(
        "postgres://{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or_default()
    );
    let options = options
        .application_name("tolkien")
        .disable_statement_logging();
    Ok((options, name))
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
}
