//! The audit trail: records chained by hash, written with the events that they speak of.
//!
//! A record is one line of JSON. Its hash is the SHA-256 of that text, and the next record of the
//! same writer holds it, so a record that was changed, removed or moved shows ([`Check`]); a cut end
//! shows to whoever noted a later hash, and that is the log, and the server that wrote it. The trail
//! in the store is the record; a file and standard
//! output may have copies ([`copies`]), the hash as the last member of each line.

mod check;

mod copies;

mod filter;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Error, Reading, on};
use crate::agent::audit::Record;
use crate::agent::{SessionId, TurnId};
use crate::config::hex;

pub use check::Check;
pub use copies::Copies;
pub(super) use copies::Ticket;
pub use filter::{Filter, Place};

/// What the first record of a chain holds as the hash before it.
pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What stands between a record and its hash on a line.
const HASH: &str = r#","hash":""#;

/// A record with its place in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// When it was written.
    pub at: Timestamp,
    /// Its session.
    pub session: SessionId,
    /// Its turn.
    pub turn: TurnId,
    /// What it says.
    #[serde(flatten)]
    pub record: Record,
    /// Whose chain it belongs to.
    pub writer: String,
    /// Its number there, from 1.
    pub number: u64,
    /// The hash of the one before.
    pub previous: String,
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub(super) json: String,
    pub(super) hash: String,
    /// Whether the store files it under what it says, so that no filter passes it over.
    pub(super) filed: bool,
}

impl Line {
    pub(super) fn kept(json: String, hash: String) -> Self {
        Self {
            json,
            hash,
            filed: true,
        }
    }

    pub(super) fn of(content: &Content) -> Result<Self, sqlx::Error> {
        let json =
            serde_json::to_string(content).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let hash = digest(&json);
        Ok(Self::kept(json, hash))
    }

    /// Reads a line of a copy; nothing when it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let (json, rest) = line.rsplit_once(HASH)?;
        let hash = rest.strip_suffix("\"}")?;
        Some(Self::kept(format!("{json}}}"), hash.to_owned()))
    }

    /// As a line of a copy, without its end.
    pub fn whole(&self) -> String {
        let open = self.json.strip_suffix('}').unwrap_or(&self.json);
        format!("{open}{HASH}{}\"}}", self.hash)
    }

    /// What it says; nothing when it is no record any more.
    pub fn content(&self) -> Option<Content> {
        serde_json::from_str(&self.json).ok()
    }

    /// Its hash.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    fn is_intact(&self) -> bool {
        self.filed && digest(&self.json) == self.hash
    }
}

fn digest(json: &str) -> String {
    hex(&Sha256::digest(json.as_bytes()))
}

/// The number and the hash of the last record of a chain.
pub(super) type Head = (i64, String);

/// Records that were added to a chain.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) lines: Vec<Line>,
    pub(super) head: Option<Head>,
    /// Whether the end that this process had written was gone.
    pub(super) cut: bool,
}

/// A trail that is only read, also while a server writes it.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) reading: Reading,
}

impl Reader {
    /// A part of the trail, each record with the place where it is kept.
    pub async fn lines(&self, filter: &Filter) -> Result<Vec<(Place, Line)>, Error> {
        on!(&self.reading, Reading, reader => reader.lines(filter))
    }
}

#[cfg(test)]
mod tests;
