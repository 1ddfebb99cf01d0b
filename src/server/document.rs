//! `GET /openapi.json`: the contract as a document, made from the routes and the wire's types.

use axum::Extension;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, Response as Described,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::Refusal;
use crate::api::{Code, Problem};

/// The text of the document, made once.
#[derive(Debug, Clone)]
pub(super) struct Document(Bytes);

impl Document {
    /// Joins what the open and the guarded routes say about themselves.
    pub(super) fn of(mut open: OpenApi, mut guarded: OpenApi) -> Self {
        let token = SecurityRequirement::new("token", Vec::<String>::new());
        for operation in operations(&mut guarded) {
            operation.security = Some(vec![token.clone()]);
            describe(operation, "401", "No valid token came with the request");
        }
        open.merge(guarded);
        for operation in operations(&mut open) {
            describe(operation, "default", "Anything else that goes wrong");
            for (status, response) in &mut operation.responses.responses {
                if !status.starts_with('2') {
                    fill(response);
                }
            }
        }
        open.info = InfoBuilder::new()
            .title("tolkien")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(
                "Conversations with an infrastructure agent. Times are RFC 3339 in UTC, ids are \
                 opaque, every answer carries `x-request-id`, and every error is a `Problem`.",
            ))
            .build();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = ComponentsBuilder::from(open.components.take().unwrap_or_default())
            .schema(Problem::name(), Problem::schema())
            .schema(Code::name(), Code::schema())
            .security_scheme("token", SecurityScheme::Http(bearer));
        open.components = Some(components.build());
        Self(serde_json::to_vec(&open).unwrap_or_default().into())
    }
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.delete]
            .into_iter()
            .flatten()
    })
}

fn describe(operation: &mut Operation, status: &str, text: &str) {
    let response = ResponseBuilder::new().description(text).build();
    operation
        .responses
        .responses
        .insert(status.to_owned(), response.into());
}

/// What has a status of its own and no body in the code's words is a problem.
fn fill(response: &mut RefOr<Described>) {
    if let RefOr::T(response) = response
        && response.content.is_empty()
    {
        let problem = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(Problem::name())))
            .build();
        let kind = "application/problem+json".to_owned();
        response.content.insert(kind, problem.into());
    }
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
pub(super) async fn openapi(document: Option<Extension<Document>>) -> Response {
    let Some(Extension(Document(text))) = document else {
        return Refusal::internal().into_response();
    };
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], text).into_response()
}
