//! Opening a SQLite store: a file, or memory that ends with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::queue::Queue;
use super::{Store, audit, migrations};
use crate::tasks::Tasks;

/// Readers beside the one writer. A read takes well under a millisecond, and each connection has a
/// thread and a cache of its own.
const READERS: u32 = 4;

/// How long a statement waits for a lock of another process (a backup, a curious person).
const BUSY: Duration = Duration::from_secs(5);

/// How long a read waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(10);

/// The name of the only replica that a store of this engine has. It is another one whenever the
/// store is opened, so that it takes over what the last one left.
fn only() -> Arc<str> {
    format!("r_{}", uuid::Uuid::new_v4().simple()).into()
}

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file; made when there is none.
    File(PathBuf),
    /// Memory: nothing outlives the process.
    Memory,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused.
    #[error("cannot open the store `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Two servers would each take the other's running turns for interrupted ones.
    #[error("another server is using the store `{0}`")]
    InUse(PathBuf),
    /// It is no database, or its tables are not what this version expects.
    #[error("cannot use the store `{path}`: {source}")]
    Database {
        /// The file, or `:memory:`.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot bring the store `{path}` up to date: {source}")]
    Migration {
        /// The file, or `:memory:`.
        path: PathBuf,
        /// What the database said.
        source: sqlx::migrate::MigrateError,
    },
}

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

impl Store {
    /// Opens a store and brings its tables up to date. Its writes run in `tasks`, so that the
    /// process does not end before they are kept.
    pub async fn open(location: &Location, tasks: &Tasks) -> Result<Self, OpenError> {
        match location {
            Location::File(path) => Self::open_file(path, tasks).await,
            Location::Memory => Self::open_memory(tasks).await,
        }
    }

    async fn open_file(path: &Path, tasks: &Tasks) -> Result<Self, OpenError> {
        let lock = Lock::take(path)?;
        // Conversations are nobody else's to read; SQLite gives its other files the same mode.
        private_file(path).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged outlives a power cut, not only the process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let failed = |source| OpenError::Database {
            path: path.to_owned(),
            source,
        };
        let writer = pool(1)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        migrate(&writer, path).await?;
        let reader = pool(READERS).connect_with(options).await.map_err(failed)?;
        Ok(Self {
            reader,
            queue: Queue::new(writer, tasks.clone()),
            copies: Arc::default(),
            replica: only(),
            lease: None,
            _lock: Some(Arc::new(lock)),
        })
    }

    async fn open_memory(tasks: &Tasks) -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .disable_statement_logging();
        // One connection, kept for ever: the database is the connection.
        let pool = pool(1).connect_with(options).await;
        let pool = pool.map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })?;
        migrate(&pool, path).await?;
        Ok(Self {
            reader: pool.clone(),
            queue: Queue::new(pool, tasks.clone()),
            copies: Arc::default(),
            replica: only(),
            lease: None,
            _lock: None,
        })
    }
}

impl audit::Reader {
    /// Opens the trail of a store that another process may be writing; nothing is changed.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let pool = pool(1).connect_with(options).await;
        let pool = pool.map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { pool })
    }
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

async fn migrate(pool: &super::Pool, path: &Path) -> Result<(), OpenError> {
    let migrated = migrations::all().run(pool).await;
    migrated.map_err(|source| OpenError::Migration {
        path: path.to_owned(),
        source,
    })
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
