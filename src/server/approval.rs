//! Approvals: listed and decided by those who may, whoever's session they are in.

use axum::Json;
use axum::extract::{Path, State};

use super::App;
use super::auth::Who;
use super::extract::{Document, reason};
use super::problem::Refusal;
use crate::agent::{ApprovalId, SessionId};
use crate::api::{Approval, ApprovalList, Choice, DecideApproval};

/// The pending approvals that the caller may decide, oldest first, in anybody's sessions.
#[utoipa::path(
    get,
    path = "/approvals",
    operation_id = "list_approvals",
    tag = "approvals",
    responses((status = 200, description = "Those that are pending", body = ApprovalList))
)]
pub(super) async fn list(
    State(app): State<App>,
    Who(who): Who,
) -> Result<Json<ApprovalList>, Refusal> {
    let approvals = app.sessions.approvals(&who).await?;
    Ok(Json(ApprovalList {
        approvals: approvals.into_iter().map(Into::into).collect(),
    }))
}

/// Approves or denies exactly the call that is shown; the first decision counts.
#[utoipa::path(
    post,
    path = "/sessions/{session_id}/approvals/{approval_id}",
    operation_id = "decide_approval",
    tag = "approvals",
    params(
        ("session_id" = String, Path, description = "The session"),
        ("approval_id" = String, Path, description = "The approval"),
    ),
    request_body = DecideApproval,
    responses(
        (status = 200, description = "It is decided", body = Approval),
        (status = 400, description = "The request cannot be understood"),
        (status = 403, description = "The caller's role may not decide it"),
        (status = 404, description = "There is none that the caller may see"),
        (status = 409, description = "It was decided before, or is not asked for any more"),
        (status = 410, description = "Nobody decided it in time"),
    )
)]
pub(super) async fn decide(
    State(app): State<App>,
    Who(who): Who,
    Path((session, approval)): Path<(SessionId, ApprovalId)>,
    Document(body): Document<DecideApproval>,
) -> Result<Json<Approval>, Refusal> {
    let is_approved = body.decision == Choice::Approve;
    let reason = reason(body.reason)?;
    let decided = app
        .sessions
        .decide(&who, &session, &approval, is_approved, reason)
        .await?;
    Ok(Json(decided.into()))
}
