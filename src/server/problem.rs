//! How a handler says no.
//!
//! A [`Refusal`] travels from wherever a request fails to the outermost layer, which alone knows
//! the request's id and writes the body. Whatever else answers with an error status (a path that
//! does not exist, a body that is cut off by its limit) becomes a problem there too.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::api::{Code, Problem};
use crate::session;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: Code,
    status: StatusCode,
    detail: String,
    turn_id: Option<String>,
}

impl Refusal {
    /// With the code's usual status.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: StatusCode::from_u16(code.status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            detail: detail.into(),
            turn_id: None,
        }
    }

    /// The request cannot be understood.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// A defect: the log has what the client must not see.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "something went wrong in the server; its log has this request's id",
        )
    }

    /// The same with another status of the same meaning.
    #[must_use]
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// What an answer becomes that nobody put into words.
    fn of_status(status: StatusCode) -> Self {
        let refusal = match status {
            StatusCode::NOT_FOUND => Self::new(
                Code::NotFound,
                "there is no such path; `GET /openapi.json` lists them",
            ),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                Code::MethodNotAllowed,
                "the path has other methods; the header `allow` lists them",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(Code::PayloadTooLarge, "a body may have at most 1 MiB")
            }
            status if status.is_client_error() => Self::invalid("the request cannot be understood"),
            _ => Self::internal(),
        };
        refusal.status(status)
    }

    /// The body that the client gets.
    pub(crate) fn problem(&self, request_id: &str) -> Problem {
        Problem {
            kind: "about:blank".to_owned(),
            title: self
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            turn_id: self.turn_id.clone(),
        }
    }

    fn headers(&self, headers: &mut HeaderMap) {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.code == Code::Unauthorized {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"tolkien\""),
            );
        }
        // Soon, and not at once: what is in the way goes away by itself.
        if self.code == Code::RateLimited || self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

impl From<session::Error> for Refusal {
    fn from(error: session::Error) -> Self {
        use session::Error;
        let code = match &error {
            Error::SessionNotFound => Code::SessionNotFound,
            Error::TurnNotFound => Code::TurnNotFound,
            Error::ApprovalNotFound => Code::ApprovalNotFound,
            Error::NotAnApprover => Code::NotAnApprover,
            Error::NotAnAdmin => Code::NotAnAdmin,
            Error::ApprovalDecided(_) => Code::ApprovalDecided,
            Error::ApprovalExpired => Code::ApprovalExpired,
            Error::TurnInProgress(_) => Code::TurnInProgress,
            Error::IdempotencyMismatch => Code::IdempotencyMismatch,
            Error::TooManySessions { .. } => Code::TooManySessions,
            Error::MessageTooLong { .. } => Code::MessageTooLong,
            Error::MessageEmpty => Code::InvalidRequest,
            Error::StoreUnavailable => Code::StoreUnavailable,
            Error::ShuttingDown => Code::ShuttingDown,
            Error::PromptFailed | Error::NotKept => Code::Internal,
        };
        let turn_id = match &error {
            Error::TurnInProgress(turn) => Some(turn.to_string()),
            _ => None,
        };
        Self {
            turn_id,
            ..Self::new(code, error.to_string())
        }
    }
}

impl IntoResponse for Refusal {
    /// The status alone; [`render`] adds the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Behind the token, so that nobody without one learns what there is.
pub(crate) async fn no_such_path() -> Refusal {
    Refusal::of_status(StatusCode::NOT_FOUND)
}

/// Gives every answer that is an error its body.
pub(crate) fn render(mut response: Response, request_id: &str) -> Response {
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal,
        None if is_bare_error(&response) => Refusal::of_status(response.status()),
        None => return response,
    };
    let body = serde_json::to_vec(&refusal.problem(request_id)).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    refusal.headers(headers);
    *response.body_mut() = Body::from(body);
    response
}

/// Whether an answer is an error that nobody put into words; an error with JSON of its own (a
/// server that is not ready) speaks for itself.
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    (status.is_client_error() || status.is_server_error()) && !json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::TurnId;
    use crate::agent::approve::ApprovalStatus;

    #[test]
    fn a_session_that_says_no_is_a_problem_with_its_word_and_status() {
        use session::Error;
        let told: Vec<String> = [
            Error::SessionNotFound,
            Error::TurnNotFound,
            Error::ApprovalNotFound,
            Error::NotAnApprover,
            Error::NotAnAdmin,
            Error::ApprovalDecided(ApprovalStatus::Denied),
            Error::ApprovalExpired,
            Error::TurnInProgress(TurnId::from("t_1")),
            Error::IdempotencyMismatch,
            Error::TooManySessions { limit: 100 },
            Error::MessageTooLong { limit: 100_000 },
            Error::MessageEmpty,
            Error::PromptFailed,
            Error::StoreUnavailable,
            Error::NotKept,
            Error::ShuttingDown,
        ]
        .map(|error| {
            let problem = Refusal::from(error).problem("r");
            let code = serde_json::to_value(problem.code).unwrap();
            let code = code.as_str().unwrap();
            let turn = problem.turn_id.unwrap_or_default();
            format!("{} {code} {turn}: {}", problem.status, problem.detail)
        })
        .into();
        insta::assert_snapshot!(told.join("\n"), @"
        404 session_not_found : there is no such session
        404 turn_not_found : there is no such turn in this session
        404 approval_not_found : there is no such approval
        403 not_an_approver : your role may not decide this approval
        403 not_an_admin : only an admin may do this
        409 approval_decided : this approval is denied already
        410 approval_expired : nobody decided this approval in time
        409 turn_in_progress t_1: turn `t_1` is still running in this session
        422 idempotency_mismatch : this idempotency key was used with another body
        429 too_many_sessions : you hold 100 sessions, and may not hold more
        413 message_too_long : a message may be at most 100000 characters long
        400 invalid_request : a message needs some text
        500 internal : the system prompt cannot be rendered
        503 store_unavailable : what happens cannot be recorded at the moment, so nothing is started
        500 internal : the store refuses to keep what this request holds
        503 shutting_down : the server is shutting down
        ");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_put_into_words_gets_them() {
        let mut told = Vec::new();
        for status in [204, 404, 405, 408, 411, 413, 431, 500, 501] {
            let status = StatusCode::from_u16(status).unwrap();
            let response = render((status, "as it came").into_response(), "r-1");
            let kind = response.headers().get(CONTENT_TYPE).unwrap().clone();
            let body = axum::body::to_bytes(response.into_body(), 4096).await;
            let body = String::from_utf8(body.unwrap().into()).unwrap();
            told.push(format!("{} {body}", kind.to_str().unwrap()));
        }
        insta::assert_snapshot!(told.join("\n"), @r#"
        text/plain; charset=utf-8 as it came
        application/problem+json {"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"there is no such path; `GET /openapi.json` lists them","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Method Not Allowed","status":405,"code":"method_not_allowed","detail":"the path has other methods; the header `allow` lists them","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Request Timeout","status":408,"code":"invalid_request","detail":"the request cannot be understood","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Length Required","status":411,"code":"invalid_request","detail":"the request cannot be understood","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Payload Too Large","status":413,"code":"payload_too_large","detail":"a body may have at most 1 MiB","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Request Header Fields Too Large","status":431,"code":"invalid_request","detail":"the request cannot be understood","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"something went wrong in the server; its log has this request's id","request_id":"r-1"}
        application/problem+json {"type":"about:blank","title":"Not Implemented","status":501,"code":"internal","detail":"something went wrong in the server; its log has this request's id","request_id":"r-1"}
        "#);
    }
}
