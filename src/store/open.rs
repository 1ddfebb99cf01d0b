//! Opening a store.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::migrate::MigrateError;

use super::trouble::is_damage;
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
    /// It is not a whole database.
    #[error("the store `{path}` is damaged, or no store at all: {said}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database said.
        said: String,
    },
    /// It is a database, with other tables than a store's.
    #[error("`{0}` is another program's database")]
    Foreign(PathBuf),
    /// Its tables are ahead of what this version knows.
    #[error("the store `{store}` was written by a newer version of tolkien")]
    Newer {
        /// The file, or the address without its password.
        store: String,
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
    /// The same of a file, which may be one that no database can read.
    pub(super) fn of_file(self, path: &Path) -> Self {
        let (Self::Database { source, .. }
        | Self::Migration {
            source: MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _),
            ..
        }) = &self
        else {
            return self;
        };
        if !is_damage(source) {
            return self;
        }
        let database = source.as_database_error();
        Self::Damaged {
            path: path.to_owned(),
            said: database.map_or_else(|| source.to_string(), |said| said.message().to_owned()),
        }
    }

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
            // A chain in memory begins anew each time, and its copy may go into a file with others.
            writer: match location {
                Location::File(_) => ONLY_WRITER.into(),
                Location::Memory | Location::Postgres(_) => Arc::clone(&replica),
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
