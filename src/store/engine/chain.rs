//! The audit trail as rows: a chain for each writer.

use jiff::Timestamp;

use super::read::{Reader, column};
use super::{Connection, Row};
use crate::agent::audit::Record;
use crate::agent::{SessionId, TurnId};
use crate::policy::Decision;
use crate::store::audit::{Added, Content, Filter, Head, Line, NOTHING, Place};
use crate::store::{Error, micros};

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

/// The last records of a session in a writer's chain.
pub(super) async fn last_of(
    db: &mut Connection,
    writer: &str,
    session: &SessionId,
    count: i64,
) -> Result<Added, sqlx::Error> {
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
    let head = found
        .last()
        .map(|(number, _, hash)| (*number, hash.clone()));
    let lines = found.into_iter();
    Ok(Added {
        lines: lines
            .map(|(_, json, hash)| Line::kept(json, hash))
            .collect(),
        head,
        cut: false,
    })
}

impl Reader {
    /// The records, each chain in its order.
    pub(in crate::store) async fn lines(
        &self,
        filter: &Filter,
    ) -> Result<Vec<(Place, Line)>, Error> {
        let after = filter.after.clone().unwrap_or_default();
        let rows = sqlx::query(
            "SELECT writer, number, at, session_id, tool, caller, verdict, json, hash FROM audit \
             WHERE (writer > $1 OR (writer = $1 AND number > $2)) \
             AND ($3 IS NULL OR substr(session_id, 1, length($3)) = $3) AND ($4 IS NULL OR tool = $4) \
             AND ($5 IS NULL OR caller = $5) AND ($6 IS NULL OR verdict = $6) \
             ORDER BY writer, number LIMIT $7",
        )
        .bind(after.writer)
        .bind(i64::try_from(after.number).unwrap_or(i64::MAX))
        .bind(filter.session.as_deref())
        .bind(filter.tool.as_deref())
        .bind(filter.caller.as_deref())
        .bind(filter.verdict.map(Decision::as_str))
        .bind(i64::from(filter.most))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        rows.iter()
            .map(|row| {
                let place = Place {
                    writer: column(row, "writer")?,
                    number: u64::try_from(column::<i64>(row, "number")?).unwrap_or_default(),
                };
                let line = Line::kept(column(row, "json")?, column(row, "hash")?);
                let filed = line.content().is_none_or(|content| is_filed(row, &content));
                Ok((place, Line { filed, ..line }))
            })
            .collect()
    }
}

/// Whether the columns of a row say what its record says.
fn is_filed(row: &Row, content: &Content) -> bool {
    let text = |name| column::<Option<String>>(row, name).ok().flatten();
    let number = |name| column::<i64>(row, name).ok();
    let record = &content.record;
    let verdict = record.verdict().map(Decision::as_str);
    text("writer").as_deref() == Some(&content.writer)
        && number("number") == i64::try_from(content.number).ok()
        && number("at") == Some(micros(content.at))
        && text("session_id").as_deref() == Some(content.session.as_str())
        && text("tool").as_deref() == Some(&record.tool)
        && text("caller").as_deref() == Some(record.caller.as_str())
        && text("verdict").as_deref() == verdict
}
