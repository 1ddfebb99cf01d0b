//! A request with every name in it filled in from the host, ready to be sent.

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Method, RequestBuilder};

use super::hop::Hop;
use crate::call::{Request, address, may_ask};
use crate::config::host::Host;
use crate::tool::prepared::Fill;

/// What is liked best where a tool does not list what it takes.
const TEXTS: &str = "text/markdown, text/plain;q=0.9, text/html;q=0.8, application/json;q=0.8, \
                     */*;q=0.1";

/// A request that can be sent. It has no `Debug`: headers and body may hold secrets.
pub(super) struct Prepared {
    /// Where it goes first.
    pub(super) first: Hop,
    accept: HeaderValue,
    headers: HeaderMap,
    body: Option<String>,
}

impl Prepared {
    /// Fills everything in; the error is for the model.
    pub(super) fn new(request: &Request, host: &Host) -> Result<Self, String> {
        let fill = Fill::of_host(host);
        let written = fill.open(&request.url)?;
        let url =
            address(&written).map_err(|error| format!("`{written}` is no address: {error}"))?;
        may_ask(&url, &request.hosts).map_err(|refused| refused.to_string())?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let cannot = || format!("header `{name}` cannot be sent: its value is no header's");
            let mut value = HeaderValue::from_str(&fill.secret(value)?).map_err(|_| cannot())?;
            value.set_sensitive(true);
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| cannot())?;
            headers.append(name, value);
        }
        let body = request.body.as_ref();
        let body = body.map(|body| fill.secret(body)).transpose()?;
        let accept = if request.accept.is_empty() {
            TEXTS.to_owned()
        } else {
            request.accept.join(", ")
        };
        Ok(Self {
            first: Hop {
                method: Method::from_bytes(request.method.as_bytes())
                    .map_err(|_| format!("`{}` is no method", request.method))?,
                url,
                headers: true,
                body: body.is_some(),
            },
            accept: HeaderValue::from_str(&accept)
                .map_err(|_| format!("`{accept}` is no header's value"))?,
            headers,
            body,
        })
    }

    /// One request of the call.
    pub(super) fn request(&self, client: &Client, hop: &Hop) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        let agent = concat!("tolkien/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(ACCEPT, self.accept.clone());
        if hop.headers {
            for name in self.headers.keys() {
                headers.remove(name);
            }
            headers.extend(self.headers.clone());
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let request = client
            .request(hop.method.clone(), hop.url.clone())
            .headers(headers);
        match &self.body {
            Some(body) if hop.body => request.body(body.clone()),
            _ => request,
        }
    }
}
