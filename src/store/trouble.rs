//! What a database's error means for whoever reads or writes: whether to try again, or not.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::error::DatabaseError;

use super::Error;

/// The low byte of SQLite's codes is their kind (<https://sqlite.org/rescode.html>).
const SQLITE_KIND: u32 = 0xff;

/// `SQLITE_CORRUPT`, `SQLITE_NOTADB`.
const SQLITE_DAMAGED: [u32; 2] = [11, 26];

/// `SQLITE_TOOBIG`, `SQLITE_CONSTRAINT`, `SQLITE_MISMATCH`.
const SQLITE_REFUSED: [u32; 3] = [18, 19, 20];

/// `data_corrupted`, `index_corrupted` (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const POSTGRES_DAMAGED: [&str; 2] = ["XX001", "XX002"];

/// Classes of codes: a value that is none, a constraint, a limit of the program.
const POSTGRES_REFUSED: [&str; 3] = ["22", "23", "54"];

/// How often a store that does not answer is worth a line in the log: every turn that waits tries it
/// once a second.
const AGAIN: Duration = Duration::from_secs(5);

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It goes away: the disk is full, the database is gone, another process has the lock.
    Passing,
    /// What was to be kept is not to its liking, and never will be.
    Refused,
    /// What was kept is not what was written.
    Damaged,
}

/// Whether the database was seen to be damaged; cheap to clone, every clone is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    damaged: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
}

/// What was logged of trouble that passes.
#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    unlogged: u64,
}

impl Health {
    /// Whether nothing kept was found damaged since the store was opened.
    pub(super) fn is_whole(&self) -> bool {
        !self.damaged.load(Ordering::Acquire)
    }

    /// The one line that says why the store does not do what it was asked.
    pub(super) fn told(&self, error: &sqlx::Error) -> Error {
        match kind(error) {
            Kind::Passing => {
                if let Some(unlogged) = self.next_line() {
                    tracing::error!(%error, unlogged, "the store is unavailable");
                }
                Error::Unavailable
            }
            Kind::Refused => {
                tracing::error!(%error, "the store refuses what it was to keep");
                Error::Refused
            }
            Kind::Damaged => {
                if !self.damaged.swap(true, Ordering::AcqRel) {
                    tracing::error!(
                        %error,
                        "the store is damaged: end the server, and put a copy of the store in its place"
                    );
                }
                Error::Unavailable
            }
        }
    }

    /// Whether trouble that passes is worth a line again, and how often it was not since the last.
    fn next_line(&self) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_soon = told.last.is_some_and(|last| last.elapsed() < AGAIN);
        if is_soon {
            told.unlogged = told.unlogged.saturating_add(1);
            return None;
        }
        told.last = Some(Instant::now());
        Some(mem::take(&mut told.unlogged))
    }
}

/// Whether an error says that something is no database, or not a whole one.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    kind(error) == Kind::Damaged
}

fn kind(error: &sqlx::Error) -> Kind {
    if matches!(error, sqlx::Error::Encode(_)) {
        return Kind::Refused;
    }
    let code = error.as_database_error().and_then(DatabaseError::code);
    let Some(code) = code.as_deref() else {
        return Kind::Passing;
    };
    // PostgreSQL's have five characters, and SQLite's have fewer.
    let (damaged, refused) = match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => {
            let kind = number & SQLITE_KIND;
            (
                SQLITE_DAMAGED.contains(&kind),
                SQLITE_REFUSED.contains(&kind),
            )
        }
        _ => (
            POSTGRES_DAMAGED.contains(&code),
            POSTGRES_REFUSED.iter().any(|class| code.starts_with(class)),
        ),
    };
    match (damaged, refused) {
        (true, _) => Kind::Damaged,
        (_, true) => Kind::Refused,
        _ => Kind::Passing,
    }
}
