//! A client of the HTTP API, and of nothing else: what `repl` and `ask` know, they know from here.
//!
//! Links are bad: a request that got no answer, or a proxy's, is sent again with a growing pause
//! and the same idempotency key, so that nothing is lost and nothing is asked twice. The operator
//! hears of it once when the link is lost and once when it is back; at a terminal, where a spinner
//! says what is wrong meanwhile, only then.

pub(crate) mod follow;

mod patience;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::render::Screen;
use super::render::progress::seconds;
use crate::api::{
    self, Approval, ApprovalList, ConfigReport, CreateSession, DecideApproval, PauseState,
    PauseTools, Problem, SendMessage, Session, SessionCreated, SessionPage, SessionSummary, Turn,
};
use crate::config::secret::{ExposeSecret as _, SecretString};
use crate::model::connection;
use crate::model::sse::Decoder;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may take for an answer beyond what it was asked to wait.
const ANSWER: Duration = Duration::from_secs(20);

/// Silence on an event stream after which it counts as broken: the server says something every 15
/// seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// Why the server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It said why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// It did not answer for as long as was worth trying.
    #[error("cannot reach `{server}`: {cause}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What the last attempt came to.
        cause: String,
    },
    /// Something answered that does not speak this API.
    #[error("`{server}` does not answer as a tolkien server does: {cause}")]
    Foreign {
        /// Its address.
        server: String,
        /// What was odd.
        cause: String,
    },
}

/// A server, and who one is to it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: SecretString,
    screen: Screen,
    link: Arc<Link>,
}

/// What is known of the way to the server.
#[derive(Debug, Default)]
struct Link {
    /// It answered at least once.
    reached: AtomicBool,
    /// Since when every attempt failed, where the operator knows.
    lost: Mutex<Option<Lost>>,
}

/// An outage.
#[derive(Debug)]
struct Lost {
    since: Instant,
    /// Whether it is told where it leaves no trace.
    is_passing: bool,
}

impl Client {
    /// Makes a client; connects to nothing yet.
    pub(crate) fn new(
        base: Url,
        token: SecretString,
        screen: &Screen,
    ) -> Result<Self, reqwest::Error> {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots = roots.filter_map(|root| reqwest::Certificate::from_der(root).ok());
        let http = reqwest::Client::builder()
            .tls_certs_merge(roots)
            // A proxy of the environment is not asked: only `config` reads the environment.
            .no_proxy()
            // The token goes to the server that was named, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("tolkien/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            base,
            token,
            screen: screen.clone(),
            link: Arc::default(),
        })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Begins a session.
    pub(crate) async fn begin(&self, key: &str) -> Result<SessionCreated, Error> {
        let body = CreateSession::default();
        self.asked(ANSWER, || {
            self.request(Method::POST, &["sessions"])
                .header("idempotency-key", key)
                .json(&body)
        })
        .await
    }

    /// Says something in a session; the answer is the turn as it stands, most likely running.
    pub(crate) async fn send(
        &self,
        session: &str,
        content: &str,
        key: &str,
    ) -> Result<Turn, Error> {
        let body = SendMessage {
            content: content.to_owned(),
        };
        self.asked(ANSWER, || {
            self.request(Method::POST, &["sessions", session, "messages"])
                .header("idempotency-key", key)
                .header("prefer", "wait=0")
                .json(&body)
        })
        .await
    }

    /// A turn, as soon as it is finished or after a wait.
    pub(crate) async fn turn(
        &self,
        session: &str,
        turn: &str,
        wait: Duration,
    ) -> Result<Turn, Error> {
        self.asked(wait + ANSWER, || {
            let query = format!("wait={}", wait.as_secs());
            self.request_with(
                Method::GET,
                &["sessions", session, "turns", turn],
                Some(&query),
            )
        })
        .await
    }

    /// Ends a turn early.
    pub(crate) async fn cancel(&self, session: &str, turn: &str) -> Result<Turn, Error> {
        self.asked(ANSWER, || {
            self.request(
                Method::POST,
                &["sessions", session, "turns", turn, "cancel"],
            )
        })
        .await
    }

    /// What waits for a decision that is one's to make.
    pub(crate) async fn approvals(&self) -> Result<Vec<Approval>, Error> {
        let list: ApprovalList = self
            .asked(ANSWER, || self.request(Method::GET, &["approvals"]))
            .await?;
        Ok(list.approvals)
    }

    /// Decides an approval.
    pub(crate) async fn decide(
        &self,
        approval: &Approval,
        decision: &DecideApproval,
    ) -> Result<Approval, Error> {
        let (session, id) = (&approval.session_id, &approval.approval_id);
        self.asked(ANSWER, || {
            self.request(Method::POST, &["sessions", session, "approvals", id])
                .json(decision)
        })
        .await
    }

    /// A session with its turns.
    pub(crate) async fn session(&self, session: &str) -> Result<Session, Error> {
        self.asked(ANSWER, || self.request(Method::GET, &["sessions", session]))
            .await
    }

    /// The newest sessions, as many as one page has.
    pub(crate) async fn sessions(&self) -> Result<Vec<SessionSummary>, Error> {
        let page: SessionPage = self
            .asked(ANSWER, || self.request(Method::GET, &["sessions"]))
            .await?;
        Ok(page.sessions)
    }

    /// What serves.
    pub(crate) async fn config(&self) -> Result<ConfigReport, Error> {
        self.asked(ANSWER, || self.request(Method::GET, &["config"]))
            .await
    }

    /// Stops all tools.
    pub(crate) async fn pause(&self, body: &PauseTools) -> Result<PauseState, Error> {
        self.asked(ANSWER, || self.request(Method::POST, &["pause"]).json(body))
            .await
    }

    /// Lets tools run again.
    pub(crate) async fn resume(&self) -> Result<PauseState, Error> {
        self.asked(ANSWER, || self.request(Method::POST, &["resume"]))
            .await
    }

    /// The events of a turn after a number, until it ends or the link breaks; one attempt.
    pub(crate) async fn events(
        &self,
        session: &str,
        turn: &str,
        after: u64,
    ) -> Result<impl Stream<Item = api::Event> + use<>, Error> {
        let path = ["sessions", session, "turns", turn, "events"];
        let request = self
            .request_with(Method::GET, &path, Some(&format!("after={after}")))
            .header("accept", "text/event-stream");
        let sent = tokio::time::timeout(ANSWER, request.send()).await;
        let response = sent
            .map_err(|_| self.unreachable("the server is silent".to_owned()))?
            .map_err(|error| self.unreachable(connection::cause(&error)))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        Ok(decoded(response))
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.request_with(method, path, None)
    }

    fn request_with(&self, method: Method, path: &[&str], query: Option<&str>) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query(query);
        self.http
            .request(method, url)
            .bearer_auth(self.token.expose_secret())
    }

    /// Sends a request until it is answered, or patience ends.
    async fn asked<T: DeserializeOwned>(
        &self,
        limit: Duration,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, Error> {
        let mut pauses = patience::pauses(self.link.reached.load(Ordering::Relaxed));
        loop {
            let cause = match self.attempt(request().timeout(limit)).await {
                Attempt::Done(answer) => {
                    self.found();
                    return answer;
                }
                Attempt::Failed(cause) => cause,
            };
            let Some(pause) = pauses.next() else {
                return Err(self.unreachable(cause));
            };
            self.lost(&cause);
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, request: RequestBuilder) -> Attempt<T> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Attempt::Failed(connection::cause(&error)),
        };
        let status = response.status();
        if is_passing(status) {
            return Attempt::Failed(format!("the server answers {status}"));
        }
        if !status.is_success() {
            return Attempt::Done(Err(self.refused(response).await));
        }
        match response.bytes().await {
            Ok(body) => Attempt::Done(
                serde_json::from_slice(&body)
                    .map_err(|error| self.foreign(format!("its answer cannot be read ({error})"))),
            ),
            Err(error) => Attempt::Failed(connection::cause(&error)),
        }
    }

    async fn refused(&self, response: Response) -> Error {
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        match serde_json::from_slice(&body) {
            Ok(problem) => Error::Refused(Box::new(problem)),
            Err(_) => self.foreign(format!("it answers {status}")),
        }
    }

    fn unreachable(&self, cause: String) -> Error {
        Error::Unreachable {
            server: self.server().to_owned(),
            cause,
        }
    }

    fn foreign(&self, cause: String) -> Error {
        Error::Foreign {
            server: self.server().to_owned(),
            cause,
        }
    }

    fn lost(&self, cause: &str) {
        let mut lost = self
            .link
            .lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if lost.is_some() {
            return;
        }
        let passing = format!("no connection: {cause}; trying again");
        let is_passing = self.screen.passing(&passing);
        if !is_passing {
            let server = self.server();
            self.screen
                .note(&format!("no connection to {server}: {cause}; trying again"));
        }
        *lost = Some(Lost {
            since: Instant::now(),
            is_passing,
        });
    }

    fn found(&self) {
        self.link.reached.store(true, Ordering::Relaxed);
        let mut lost = self
            .link
            .lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match lost.take() {
            Some(lost) if lost.is_passing => {
                self.screen.passed();
                let (server, long) = (self.server(), seconds(lost.since.elapsed()));
                self.screen
                    .note(&format!("there was no connection to {server} for {long}"));
            }
            Some(_) => self.screen.note("connected again"),
            None => {}
        }
    }
}

enum Attempt<T> {
    Done(Result<T, Error>),
    Failed(String),
}

/// Answers that say "not now": of proxies, of a server that starts or ends, of a busy one. 429 is
/// not among them: a caller that holds too many sessions does not get one by asking again.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The events of a stream, until it ends, breaks, or falls silent.
fn decoded(response: Response) -> impl Stream<Item = api::Event> {
    let pieces = Box::pin(response.bytes_stream());
    let state = (pieces, Decoder::default());
    futures_util::stream::unfold(state, |(mut pieces, mut decoder)| async move {
        let piece = tokio::time::timeout(SILENCE, pieces.next()).await;
        let piece = piece.ok().flatten()?.ok()?;
        let events: Vec<api::Event> = decoder
            .push(&piece)
            .ok()?
            .iter()
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect();
        Some((futures_util::stream::iter(events), (pieces, decoder)))
    })
    .flatten()
}
