//! SQLite: a file that one server opens, or memory that ends with the process.

// The engines share their statements, which sqlx types for one engine at a time.
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

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::trouble::Health;
use super::{OpenError, migrations};
use crate::tasks::Tasks;

pub(super) use queue::Queue;
pub(super) use read::Reader;

type Engine = sqlx::Sqlite;
type Connection = sqlx::SqliteConnection;
type Pool = sqlx::SqlitePool;
type Row = sqlx::sqlite::SqliteRow;

/// Takes the write lock at the beginning, so that no transaction has to be repeated for it.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Now, in microseconds.
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// A file is as near as its disk: nothing is given up early.
const PATIENCE: Option<Duration> = None;

/// Readers beside the one writer. A read takes well under a millisecond, and each connection has a
/// thread and a cache of its own.
const READERS: u32 = 4;

/// How long a statement waits for a lock of another process (a backup, a curious person).
const BUSY: Duration = Duration::from_secs(5);

/// How long a read waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(10);

/// Held while a store is open: no second server opens it.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    fn take(store: &Path) -> Result<Self, OpenError> {
        let mut path = store.as_os_str().to_owned();
        path.push(".lock");
        let file = private_file(Path::new(&path)).map_err(|source| OpenError::Io {
            path: store.to_owned(),
            source,
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(store.to_owned())),
            Err(TryLockError::Error(source)) => Err(OpenError::Io {
                path: store.to_owned(),
                source,
            }),
        }
    }
}

/// Whoever writes has the whole store.
async fn lock(_: &mut Connection, _: &str) -> Result<(), sqlx::Error> {
    Ok(())
}

/// The same.
async fn lock_shared(_: &mut Connection, _: &str) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Opens a file, which is made when there is none.
pub(super) async fn open_file(
    path: &Path,
    tasks: &Tasks,
) -> Result<(Reader, Queue, Lock), OpenError> {
    let lock = Lock::take(path)?;
    // Conversations are nobody else's to read; SQLite gives its other files the same mode.
    private_file(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    let opened = open_database(path, tasks).await;
    let (reader, queue) = opened.map_err(|error| error.of_file(path))?;
    Ok((reader, queue, lock))
}

async fn open_database(path: &Path, tasks: &Tasks) -> Result<(Reader, Queue), OpenError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let failed = OpenError::database(path.display());
    if !may_be_store(&options).await.map_err(&failed)? {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged outlives a power cut, not only the process.
        .synchronous(SqliteSynchronous::Full);
    let writer = pool(1).connect_with(options.clone()).await;
    let writer = writer.map_err(&failed)?;
    migrations::run(&writer, path.display()).await?;
    let pool = pool(READERS).connect_with(options).await.map_err(&failed)?;
    let health = Health::default();
    let queue = Queue::new(writer, tasks.clone(), health.clone());
    Ok((Reader { pool, health }, queue))
}

/// Whether a database is a store, or empty; looked at before anything is set in it.
async fn may_be_store(options: &SqliteConnectOptions) -> Result<bool, sqlx::Error> {
    let mut db = options.connect().await?;
    let tables: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut db)
            .await?;
    if tables.is_empty() {
        return Ok(true);
    }
    if !tables.iter().any(|(name,)| name == "_sqlx_migrations") {
        return Ok(false);
    }
    let first: Option<(String,)> =
        sqlx::query_as("SELECT description FROM _sqlx_migrations ORDER BY version LIMIT 1")
            .fetch_optional(&mut db)
            .await?;
    Ok(first.is_none_or(|(first,)| first == migrations::FIRST))
}

/// Opens an empty store in memory.
pub(super) async fn open_memory(tasks: &Tasks) -> Result<(Reader, Queue), OpenError> {
    let options = SqliteConnectOptions::new()
        .in_memory(true)
        .disable_statement_logging();
    // One connection, kept for ever: the database is the connection.
    let pool = pool(1).connect_with(options).await;
    let pool = pool.map_err(OpenError::database(":memory:"))?;
    migrations::run(&pool, ":memory:").await?;
    let health = Health::default();
    let queue = Queue::new(pool.clone(), tasks.clone(), health.clone());
    Ok((Reader { pool, health }, queue))
}

/// Opens a file that another process may be writing, only to read it.
pub(super) async fn open_reader(path: &Path) -> Result<Reader, OpenError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let failed = |error| OpenError::database(path.display())(error).of_file(path);
    let pool = pool(1).connect_with(options).await.map_err(failed)?;
    // Only now is the file looked into.
    let looked = sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1");
    looked.fetch_optional(&pool).await.map_err(failed)?;
    let health = Health::default();
    Ok(Reader { pool, health })
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
