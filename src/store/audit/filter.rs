//! Reading a part of the trail.

use super::{Content, Error, Line};
use crate::policy::Decision;
use crate::store::read::column;
use crate::store::{Pool, Row, micros, unavailable};

/// A place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The chain.
    pub writer: String,
    /// The record's number there.
    pub number: u64,
}

/// Which part of the trail; every part that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only what comes after this record.
    pub after: Option<Place>,
    /// Of the sessions whose ids begin so.
    pub session: Option<String>,
    /// Of this tool.
    pub tool: Option<String>,
    /// Of this caller.
    pub caller: Option<String>,
    /// Decisions with this answer.
    pub verdict: Option<Decision>,
    /// How many at most.
    pub most: u32,
}

impl Filter {
    /// Whether it lets a record through; its place and their number are not looked at.
    pub fn covers(&self, content: &Content) -> bool {
        let record = &content.record;
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let session = self.session.as_deref().unwrap_or_default();
        content.session.as_str().starts_with(session)
            && is(&self.tool, &record.tool)
            && is(&self.caller, record.caller.as_str())
            && (self.verdict.is_none() || self.verdict == record.verdict())
    }
}

/// The records, each chain in its order.
pub(super) async fn lines(pool: &Pool, filter: &Filter) -> Result<Vec<(Place, Line)>, Error> {
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
    .fetch_all(pool)
    .await
    .map_err(|error| unavailable(&error))?;
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
