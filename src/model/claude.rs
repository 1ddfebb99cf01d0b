//! Claude, through the Messages API: `POST {base_url}/v1/messages`, always streamed.
//!
//! Long answers need the stream; nobody sees it. So a connection that fails, a stream that breaks
//! off and an `error` event inside it are all repeated from the start ([`retry`]),
//! and what had arrived is thrown away.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use backon::Retryable as _;
use reqwest::{
    Certificate, Client, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT},
    redirect,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Attempt, Error, Failure, Reply, Request, connection, retry};

mod block;

mod wire;

mod assembly;

/// The version of the API that is spoken. The newer `2026-10-21` only refuses fields that are
/// never sent from here; this one is understood by every gateway in front of the API, and the
/// vendor's own command line still sends it.
const API_VERSION: &str = "2023-06-01";

/// The longest error body that is read, in bytes: errors are short, pages of proxies need not be.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// What a [`Claude`] is made from.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API is; with or without a trailing slash, a path or `/v1`.
    pub base_url: String,
    /// The key; none for a gateway that adds its own.
    pub api_key: Option<SecretString>,
    /// The model's name.
    pub name: String,
    /// The longest reply, in tokens.
    pub max_tokens: u32,
    /// The `output_config.effort` to send; none sends nothing, as models differ in what they take.
    pub effort: Option<String>,
    /// The `thinking` object to send; none sends nothing.
    pub thinking: Option<Value>,
    /// How failures are repeated.
    pub retry: retry::Policy,
    /// How long the API may take.
    pub timeouts: Timeouts,
}

/// How long the API may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// Between two pieces of the answer, and to its first.
    pub idle: Duration,
    /// For the whole reply.
    pub reply: Duration,
}

impl Default for Timeouts {
    /// The API sends pings while a model thinks, so two silent minutes are a dead connection. An
    /// hour is the vendor's own estimate for the longest reply (128,000 tokens).
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_mins(2),
            reply: Duration::from_hours(1),
        }
    }
}

/// The vendor's own host, which answers nobody without a key.
const VENDOR: &str = "api.anthropic.com";

/// Why a [`Claude`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The address is none.
    #[error("`{0}` is not an http or https address")]
    BaseUrl(String),
    /// The key has characters that cannot be sent.
    #[error("the model's key holds characters that a header cannot carry")]
    ApiKey,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot start: {0}")]
    Client(#[source] reqwest::Error),
}

/// Claude.
#[derive(Debug, Clone)]
pub struct Claude {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    url: Url,
    options: Options,
}

impl Claude {
    /// Makes the client; connects to nothing yet.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        let url = messages_url(&options.base_url)?;
        let client = client(url.scheme(), &options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                url,
                options,
            }),
        })
    }

    /// The model's name, as it is sent.
    pub fn name(&self) -> &str {
        &self.inner.options.name
    }

    /// Asks once, with retries, see [`Model::reply`](super::Model::reply).
    pub async fn reply(
        &self,
        request: &Request,
        on_attempt: &mut (dyn FnMut(Attempt) + Send),
    ) -> Result<Reply, Error> {
        // A gateway at another address may add a key of its own.
        if self.inner.options.api_key.is_none() && self.inner.url.host_str() == Some(VENDOR) {
            return Err(Error::NoKey);
        }
        let body = wire::body(&self.inner.options, request);
        let body = body.map_err(|error| Error::Malformed(error.to_string()))?;
        let policy = self.inner.options.retry;
        // The retry loop borrows this in two closures at once; the lock is never contended.
        let failed = Mutex::new(0_u32);
        let count = || {
            let mut failed = failed
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            *failed = failed.saturating_add(1);
            *failed
        };
        let outcome = (|| self.attempt(body.clone()))
            .retry(policy.backoff())
            .when(Failure::is_transient)
            .adjust(|failure, wait| {
                let asked = failure
                    .retry_after()
                    .map(|asked| asked.min(policy.retry_after_cap));
                wait.map(|wait| asked.unwrap_or(wait))
            })
            .notify(|failure, wait| {
                on_attempt(Attempt {
                    number: count(),
                    error_code: failure.code().to_owned(),
                    detail: failure.to_string(),
                    wait,
                });
            })
            .await;
        outcome.map_err(|last| Error::after(count(), last))
    }

    async fn attempt(&self, body: String) -> Result<Reply, Failure> {
        let limit = self.inner.options.timeouts.reply;
        let reply = tokio::time::timeout(limit, self.exchange(body)).await;
        reply.unwrap_or(Err(Failure::Overlong(limit)))
    }

    async fn exchange(&self, body: String) -> Result<Reply, Failure> {
        let idle = self.inner.options.timeouts.idle;
        let sent = self
            .inner
            .client
            .post(self.inner.url.clone())
            .body(body)
            .send();
        let response = tokio::time::timeout(idle, sent)
            .await
            .map_err(|_| Failure::Idle(idle))?
            .map_err(|error| Failure::Unreachable {
                address: connection::address(&self.inner.url),
                cause: connection::cause(&error),
            })?;
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            let body = beginning(response, idle).await;
            return Err(wire::error_answer(status.as_u16(), &headers, &body));
        }
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(Failure::Malformed(wire::unreadable(content_type)));
        }
        assembly::read(Box::pin(response.bytes_stream()), idle).await
    }
}

/// As much of an error's body as is worth reading; what breaks off or stalls is what there is.
async fn beginning(mut response: Response, idle: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR_BYTES {
        match tokio::time::timeout(idle, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    body.truncate(MAX_ERROR_BYTES);
    body
}

/// `base_url` with the path of the messages call put on.
fn messages_url(base_url: &str) -> Result<Url, OptionsError> {
    let wrong = || OptionsError::BaseUrl(base_url.to_owned());
    let mut url = Url::parse(base_url.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong());
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/messages").unwrap_or(path);
    let path = format!("{}/v1/messages", path.strip_suffix("/v1").unwrap_or(path));
    url.set_path(&path);
    Ok(url)
}

fn client(scheme: &str, options: &Options) -> Result<Client, OptionsError> {
    let mut headers = HeaderMap::new();
    headers.insert("anthropic-version", HeaderValue::from_static(API_VERSION));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let agent = concat!("tolkien/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    if let Some(key) = &options.api_key {
        let key = HeaderValue::from_str(key.expose_secret());
        let mut key = key.map_err(|_| OptionsError::ApiKey)?;
        key.set_sensitive(true);
        headers.insert("x-api-key", key);
    }
    // Built-in roots beside the system's, which a small image lacks; plain HTTP needs none. No
    // proxy from the environment, which only `config` reads. No redirect: it would carry the key
    // and the conversation elsewhere.
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let roots = roots.filter_map(|root| Certificate::from_der(root).ok());
    let builder = match scheme {
        "https" => Client::builder().tls_certs_merge(roots),
        _ => Client::builder().tls_certs_only([]),
    };
    builder
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(options.timeouts.connect)
        .tcp_keepalive(Duration::from_secs(30))
        .default_headers(headers)
        .build()
        .map_err(OptionsError::Client)
}
