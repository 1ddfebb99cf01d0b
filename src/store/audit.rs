//! The audit trail: records chained by hash, written with the events that they speak of.
//!
//! A record is one line of JSON. Its hash is the SHA-256 of that text, and the next record of the
//! same writer holds it, so a record that was changed, removed or moved shows ([`Check`]); a cut end
//! shows to whoever noted a later hash, and that is the log, and the server that wrote it. The trail in the store is the record; a file and standard
//! output may have copies ([`copies`]), the hash as the last member of each line.

mod check;

mod copies;

mod filter;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Connection, Error, micros};
use crate::agent::audit::Record;
use crate::agent::{SessionId, TurnId};
use crate::config::hex;
use crate::policy::Decision;

pub use check::Check;
pub use copies::Copies;
pub use filter::{Filter, Place};

/// What the first record of a chain holds as the hash before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

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
    json: String,
    hash: String,
    /// Whether the store files it under what it says, so that no filter passes it over.
    filed: bool,
}

impl Line {
    fn kept(json: String, hash: String) -> Self {
        Self {
            json,
            hash,
            filed: true,
        }
    }

    fn of(content: &Content) -> Result<Self, sqlx::Error> {
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

impl Added {
    /// The last records of a session in a writer's chain.
    pub(super) async fn last_of(
        db: &mut Connection,
        writer: &str,
        session: &SessionId,
        count: i64,
    ) -> Result<Self, sqlx::Error> {
        let mut found: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT number, json, hash FROM audit WHERE writer = $1 AND session_id = $2 \
             ORDER BY number DESC LIMIT $3",
        )
        .bind(writer)
        .bind(session.as_str())
        .bind(count)
        .fetch_all(db)
        .await?;
        found.reverse();
        let head = found.last().map(|(number, _, hash)| (*number, hash.clone()));
        let lines = found.into_iter();
        Ok(Self {
            lines: lines.map(|(_, json, hash)| Line::kept(json, hash)).collect(),
            head,
            cut: false,
        })
    }
}

/// Records of one turn, to be written.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    pub(super) writer: &'a str,
    /// The last record that this process knows to be kept, if it wrote any.
    pub(super) known: Option<Head>,
    pub(super) session: &'a SessionId,
    pub(super) turn: &'a TurnId,
    pub(super) now: Timestamp,
}

impl Chain<'_> {
    /// Adds records to the end of the writer's chain, within a transaction. Where its end was cut
    /// off, the chain goes on from what was there, so that the gap shows for good.
    pub(super) async fn write(
        &self,
        db: &mut Connection,
        records: &[Record],
    ) -> Result<Added, sqlx::Error> {
        if records.is_empty() {
            return Ok(Added::default());
        }
        let last: Option<Head> = sqlx::query_as(
            "SELECT number, hash FROM audit WHERE writer = $1 ORDER BY number DESC LIMIT 1",
        )
        .bind(self.writer)
        .fetch_optional(&mut *db)
        .await?;
        let found = last.as_ref().map_or(0, |(number, _)| *number);
        let gone = match &self.known {
            Some(known) if !self.holds(db, last.as_ref(), known).await? => Some(known),
            _ => None,
        };
        if let Some((number, hash)) = gone {
            tracing::error!(
                writer = self.writer,
                found,
                number,
                hash,
                "the audit trail was cut: it ends with record `found`, and this server had written \
                 record `number`; nothing that writes runs until it starts again"
            );
        }
        let whole = last.clone().unwrap_or_else(|| (0, NOTHING.to_owned()));
        let (mut number, mut previous) = match gone {
            Some(known) if known.0 >= found => known.clone(),
            _ => whole,
        };
        let mut lines = Vec::with_capacity(records.len());
        for record in records {
            number = number.saturating_add(1);
            let line = Line::of(&Content {
                at: self.now,
                session: self.session.clone(),
                turn: self.turn.clone(),
                record: record.clone(),
                writer: self.writer.to_owned(),
                number: u64::try_from(number).unwrap_or_default(),
                previous,
            })?;
            self.insert(db, number, record, &line).await?;
            previous = line.hash.clone();
            lines.push(line);
        }
        Ok(Added {
            lines,
            head: Some((number, previous)),
            cut: gone.is_some(),
        })
    }

    /// Whether the trail, which ends so, still holds a record.
    async fn holds(
        &self,
        db: &mut Connection,
        last: Option<&Head>,
        known: &Head,
    ) -> Result<bool, sqlx::Error> {
        match last {
            // Others of the same transaction may have written behind it.
            Some(last) if last.0 > known.0 => {
                let hash: Option<(String,)> =
                    sqlx::query_as("SELECT hash FROM audit WHERE writer = $1 AND number = $2")
                        .bind(self.writer)
                        .bind(known.0)
                        .fetch_optional(db)
                        .await?;
                Ok(hash.is_some_and(|(hash,)| hash == known.1))
            }
            last => Ok(last == Some(known)),
        }
    }

    async fn insert(
        &self,
        db: &mut Connection,
        number: i64,
        record: &Record,
        line: &Line,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO audit \
             (writer, number, at, session_id, tool, caller, verdict, json, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(self.writer)
        .bind(number)
        .bind(micros(self.now))
        .bind(self.session.as_str())
        .bind(&record.tool)
        .bind(record.caller.as_str())
        .bind(record.verdict().map(Decision::as_str))
        .bind(&line.json)
        .bind(&line.hash)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// A trail that is only read, also while a server writes it.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) pool: super::Pool,
}

impl Reader {
    /// A part of the trail, each record with the place where it is kept.
    pub async fn lines(&self, filter: &Filter) -> Result<Vec<(Place, Line)>, Error> {
        filter::lines(&self.pool, filter).await
    }
}

#[cfg(test)]
mod tests;
