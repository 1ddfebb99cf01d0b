//! Approvals as rows. What changes one is conditional on what it is, so that of several who decide
//! about it one does, over all servers.

use jiff::Timestamp;
use sqlx::QueryBuilder;

use super::queue::Write;
use super::read::{Reader, column, unreadable};
use super::{Connection, Engine, NOW, Row};
use crate::agent::approve::{ApprovalStatus, Change, Question};
use crate::agent::{Answer, ApprovalId, ApprovalView, CallId, SessionId, TurnId};
use crate::config::name::{CallerName, RoleName};
use crate::store::approval::Approval;
use crate::store::change::{Decide, Expire};
use crate::store::{Error, Held};

/// Approvals of one statement at most.
const ROWS: usize = 500;

/// Makes what becomes of approvals with the events of a turn, within their transaction.
pub(super) async fn change(
    db: &mut Connection,
    held: &Held,
    changes: &[Change],
) -> Result<(), sqlx::Error> {
    for change in changes {
        match change {
            Change::Asked(question) => ask(db, held, question).await?,
            Change::Superseded(id) => {
                // An answer that came meanwhile permits nothing any more.
                sqlx::query(
                    "UPDATE approvals SET status = 'superseded' \
                     WHERE id = $1 AND status IN ('pending', 'approved')",
                )
                .bind(id.as_str())
                .execute(&mut *db)
                .await?;
            }
            Change::Cancelled(id) => {
                sqlx::query(
                    "UPDATE approvals SET status = 'cancelled' \
                     WHERE id = $1 AND status = 'pending'",
                )
                .bind(id.as_str())
                .execute(&mut *db)
                .await?;
            }
        }
    }
    Ok(())
}

async fn ask(db: &mut Connection, held: &Held, question: &Question) -> Result<(), sqlx::Error> {
    let wait = i64::try_from(question.timeout.as_micros()).unwrap_or(i64::MAX / 4);
    let encoded = |error: serde_json::Error| sqlx::Error::Encode(error.into());
    let shown = serde_json::to_string(&question.shown).map_err(encoded)?;
    let approvers = question.approvers.as_ref().map(serde_json::to_string);
    let approvers = approvers.transpose().map_err(encoded)?;
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "INSERT INTO approvals (id, session_id, turn_id, call_id, digest, revision, shown, \
         approvers, status, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', {NOW}, {NOW} + $9)"
    )))
    .bind(question.id.as_str())
    .bind(held.session.as_str())
    .bind(held.turn.as_str())
    .bind(question.call.as_str())
    .bind(&question.digest)
    .bind(question.revision.as_str())
    .bind(shown)
    .bind(approvers)
    .bind(wait)
    .execute(db)
    .await?;
    Ok(())
}

impl Write for Decide {
    /// Whether this decided it.
    type Answer = bool;

    async fn write(&self, db: &mut Connection) -> Result<bool, sqlx::Error> {
        let (status, by, reason) = match &self.answer {
            Answer::Approved(by) => (ApprovalStatus::Approved, by, None),
            Answer::Denied(by, reason) => (ApprovalStatus::Denied, by, reason.as_deref()),
        };
        let decided = sqlx::query(sqlx::AssertSqlSafe(format!(
            "UPDATE approvals SET status = $2, decided_by = $3, decided_role = $4, reason = $5 \
             WHERE id = $1 AND status = 'pending' AND expires_at > {NOW}"
        )))
        .bind(self.id.as_str())
        .bind(status.as_str())
        .bind(by.name.as_str())
        .bind(by.role.as_str())
        .bind(reason)
        .execute(db)
        .await?;
        Ok(decided.rows_affected() > 0)
    }
}

impl Write for Expire {
    type Answer = ();

    async fn write(&self, db: &mut Connection) -> Result<(), sqlx::Error> {
        for some in self.ids.chunks(ROWS) {
            let mut update = QueryBuilder::<Engine>::new(format!(
                "UPDATE approvals SET status = 'expired' \
                 WHERE status = 'pending' AND expires_at <= {NOW} AND id IN ("
            ));
            list(&mut update, some);
            update.build().execute(&mut *db).await?;
        }
        Ok(())
    }
}

impl Reader {
    /// These approvals; one that is gone is left out.
    pub(in crate::store) async fn approvals(
        &self,
        ids: &[ApprovalId],
    ) -> Result<Vec<Approval>, Error> {
        let mut all = Vec::with_capacity(ids.len());
        for some in ids.chunks(ROWS) {
            let mut select = QueryBuilder::<Engine>::new(format!(
                "SELECT a.*, {NOW} AS now FROM approvals a WHERE a.id IN ("
            ));
            list(&mut select, some);
            let found = select.build().fetch_all(&self.pool).await;
            for row in found.map_err(|error| self.health.told(&error))? {
                all.push(read(&row)?);
            }
        }
        Ok(all)
    }

    /// The pending approvals of a turn, oldest first.
    pub(in crate::store) async fn pending_of(
        &self,
        turn: &TurnId,
        most: u32,
    ) -> Result<Vec<Approval>, Error> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT a.*, {NOW} AS now FROM approvals a WHERE a.status = 'pending' \
             AND a.turn_id = $1 ORDER BY a.created_at, a.id LIMIT $2"
        )))
        .bind(turn.as_str())
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        found.iter().map(read).collect()
    }

    /// The pending approvals whose time is not over after one of them, oldest first.
    pub(in crate::store) async fn pending(
        &self,
        after: Option<&Approval>,
        most: u32,
    ) -> Result<Vec<Approval>, Error> {
        let (since, last) = after.map_or((i64::MIN, ""), |last| {
            (last.created_at, last.view.approval_id.as_str())
        });
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT a.*, {NOW} AS now FROM approvals a WHERE a.status = 'pending' \
             AND a.expires_at > {NOW} AND (a.created_at, a.id) > ($1, $2) \
             ORDER BY a.created_at, a.id LIMIT $3"
        )))
        .bind(since)
        .bind(last)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.health.told(&error))?;
        found.iter().map(read).collect()
    }
}

/// The rest of a statement whose condition is one of these.
fn list(statement: &mut QueryBuilder<Engine>, ids: &[ApprovalId]) {
    let mut listed = statement.separated(", ");
    for id in ids {
        listed.push_bind(id.as_str().to_owned());
    }
    statement.push(")");
}

fn read(row: &Row) -> Result<Approval, Error> {
    let text = |name: &str| column::<String>(row, name);
    let maybe = |name: &str| column::<Option<String>>(row, name);
    let word = text("status")?;
    let known = ApprovalStatus::ALL.into_iter();
    let mut known = known.filter(|status| status.as_str() == word);
    let status = known.next().ok_or_else(|| unreadable(&word))?;
    let (now, expires_at): (i64, i64) = (column(row, "now")?, column(row, "expires_at")?);
    let approvers = maybe("approvers")?.map(|json| parsed(&json)).transpose()?;
    Ok(Approval {
        view: ApprovalView {
            approval_id: ApprovalId::from(text("id")?),
            session_id: SessionId::from(text("session_id")?),
            turn_id: TurnId::from(text("turn_id")?),
            call_id: CallId::from(text("call_id")?),
            shown: parsed(&text("shown")?)?,
            status,
            expires_at: Timestamp::from_microsecond(expires_at).map_err(unreadable)?,
            decided_by: maybe("decided_by")?.map(CallerName::new),
        },
        approvers,
        is_due: status == ApprovalStatus::Pending && expires_at <= now,
        created_at: column(row, "created_at")?,
        role: maybe("decided_role")?.map(RoleName::new),
        reason: maybe("reason")?,
    })
}

fn parsed<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error: serde_json::Error| unreadable(error))
}
