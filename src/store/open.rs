//! Opening a store.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Reading, Store, Writing, audit, postgres, sqlite};
use crate::config::secret::SecretString;
use crate::tasks::Tasks;

/// The chain of audit records in a store that one server writes at a time.
const ONLY_WRITER: &str = "main";

/// Where a store is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file; made when there is none.
    File(PathBuf),
    /// Memory: nothing outlives the process.
    Memory,
    /// A PostgreSQL database, as its address with everything that it takes to get in.
    Postgres(SecretString),
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
    /// Two servers would each take the other's running turns for their own.
    #[error("another server is using the store `{0}`")]
    InUse(PathBuf),
    /// It is no database, it does not answer, or its tables are not what this version expects.
    #[error("cannot use the store `{store}`: {source}")]
    Database {
        /// The file, `:memory:`, or the address without its password.
        store: String,
        /// What the database said.
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot bring the store `{store}` up to date: {source}")]
    Migration {
        /// The file, `:memory:`, or the address without its password.
        store: String,
        /// What the database said.
        source: sqlx::migrate::MigrateError,
    },
}

impl OpenError {
    pub(super) fn database(store: impl Display) -> impl Fn(sqlx::Error) -> Self {
        let store = store.to_string();
        move |source| Self::Database {
            store: store.clone(),
            source,
        }
    }
}

impl Store {
    /// Opens a store and brings its tables up to date. Its writes run in `tasks`, so that the
    /// process does not end before they are kept.
    pub async fn open(location: &Location, tasks: &Tasks) -> Result<Self, OpenError> {
        // Another name whenever it is opened, so that what the last one left is taken over.
        let replica: Arc<str> = format!("r_{}", uuid::Uuid::new_v4().simple()).into();
        let (reading, writing, lock) = match location {
            Location::File(path) => {
                let (reader, queue, lock) = sqlite::open_file(path, tasks).await?;
                let lock = Some(Arc::new(lock));
                (Reading::Sqlite(reader), Writing::Sqlite(queue), lock)
            }
            Location::Memory => {
                let (reader, queue) = sqlite::open_memory(tasks).await?;
                (Reading::Sqlite(reader), Writing::Sqlite(queue), None)
            }
            Location::Postgres(url) => {
                let (reader, queue) = postgres::open(url, tasks).await?;
                (Reading::Postgres(reader), Writing::Postgres(queue), None)
            }
        };
        let shared = matches!(location, Location::Postgres(_));
        Ok(Self {
            reading,
            writing,
            copies: Arc::default(),
            writer: if shared {
                Arc::clone(&replica)
            } else {
                ONLY_WRITER.into()
            },
            replica,
            lease: shared.then_some(postgres::LEASE),
            _lock: lock,
        })
    }
}

impl audit::Reader {
    /// Opens the trail of a store that another process may be writing; nothing is changed. There is
    /// none in memory.
    pub async fn open(location: &Location) -> Result<Option<Self>, OpenError> {
        let reading = match location {
            Location::Memory => return Ok(None),
            Location::File(path) => Reading::Sqlite(sqlite::open_reader(path).await?),
            Location::Postgres(url) => Reading::Postgres(postgres::open_reader(url).await?),
        };
        Ok(Some(Self { reading }))
    }
}
