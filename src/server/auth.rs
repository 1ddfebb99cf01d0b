//! Who is asking: a bearer token to a caller.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::App;
use super::problem::Refusal;
use super::token;
use crate::api::Code;
use crate::call::Caller;
use crate::config::name::{CallerName, RoleName};
use crate::config::policy::Channel;
use crate::config::settings::Settings;

/// The layer: nothing behind it is reached without a valid token.
pub(super) async fn require(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let token = bearer(&request)?;
    // The configuration of now: a token that a reload removed is refused from the next request on.
    let in_force = app.in_force.load();
    let caller = identify(in_force.config.settings(), app.local.as_ref(), token)
        .ok_or_else(|| Refusal::new(Code::Unauthorized, "the token is not known to this server"))?;
    tracing::Span::current().record("caller", caller.name.as_str());
    request.extensions_mut().insert(Who(Arc::new(caller)));
    Ok(next.run(request).await)
}

fn bearer(request: &Request) -> Result<&str, Refusal> {
    let refuse = || {
        Refusal::new(
            Code::Unauthorized,
            "a token is needed: send one header `authorization: Bearer TOKEN`",
        )
    };
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refuse());
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(refuse)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(refuse())
    }
}

/// Compares with every digest there is and stops at none, so that the time says nothing.
fn identify(settings: &Settings, local: Option<&[u8; 32]>, token: &str) -> Option<Caller> {
    let digest = token::digest(token);
    let is = |known: &[u8; 32]| bool::from(known.ct_eq(&digest));
    let mut found = None;
    for caller in &settings.callers {
        for known in &caller.token_sha256 {
            if is(known) {
                found = Some((caller.name.clone(), caller.role.clone()));
            }
        }
    }
    if local.is_some_and(is) {
        found = Some((CallerName::new("local"), local_role(settings)));
    }
    found.map(|(name, role)| Caller {
        name,
        role,
        channel: Channel::Api,
    })
}

/// `admin`: whoever can read the local token's file already owns the database, the audit trail and
/// the process. Where the settings have no such role, `operator`; roles stay closed either way.
pub(crate) fn local_role(settings: &Settings) -> RoleName {
    let admin = RoleName::new("admin");
    if settings.roles.by_name.contains_key(&admin) {
        admin
    } else {
        RoleName::new("operator")
    }
}

/// The caller that [`require`] found.
#[derive(Debug, Clone)]
pub(super) struct Who(pub(super) Arc<Caller>);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Refusal::internal)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::HeaderValue;

    use super::*;
    use crate::config::settings;
    use crate::diagnostic::Place;

    fn request(headers: &[&'static str]) -> Request {
        let mut request = Request::new(Body::empty());
        for value in headers {
            let value = HeaderValue::from_static(value);
            request.headers_mut().append(AUTHORIZATION, value);
        }
        request
    }

    #[test]
    fn only_one_bearer_header_with_something_in_it_is_a_token() {
        for (headers, expected) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer  abc "], Some("abc")),
            (&[], None),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["abc"], None),
            (&["Basic abc"], None),
            (&["Bearer abc", "Bearer abc"], None),
        ] {
            let request = request(headers);
            assert_eq!(bearer(&request).ok(), expected, "{headers:?}");
        }
    }

    fn caller(name: &str, role: &str, tokens: &[&str]) -> settings::Caller {
        settings::Caller {
            name: CallerName::new(name),
            role: RoleName::new(role),
            token_sha256: tokens.iter().map(|token| token::digest(token)).collect(),
            telegram_user_ids: Vec::new(),
            place: Place::file("tolkien.yaml"),
        }
    }

    #[test]
    fn a_token_is_its_callers_and_nobody_elses() {
        let settings = Settings {
            callers: vec![
                caller("frodo", "operator", &["old", "new"]),
                caller("pippin", "viewer", &["took"]),
                caller("merry", "viewer", &[]),
            ],
            ..Settings::default()
        };
        let local = token::digest("here");
        let who = |token: &str, local: Option<&[u8; 32]>| {
            identify(&settings, local, token)
                .map(|caller| format!("{} {}", caller.name, caller.role))
        };
        for (token, expected) in [
            ("old", Some("frodo operator")),
            ("new", Some("frodo operator")),
            ("took", Some("pippin viewer")),
            ("here", Some("local admin")),
            ("Took", None),
            ("", None),
        ] {
            assert_eq!(who(token, Some(&local)).as_deref(), expected, "{token}");
        }
        assert_eq!(who("here", None), None);
    }

    #[test]
    fn the_local_caller_is_an_operator_where_there_is_no_admin() {
        let mut settings = Settings::default();
        settings.roles.by_name.remove("admin");
        assert_eq!(local_role(&settings).as_str(), "operator");
    }
}
