//! Clients of the server, all of them in one, over connections that are kept.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::process::Server;

/// How long each exchange took, or why it failed.
pub(crate) type Exchanges = Vec<Result<Duration, String>>;

/// A client; cheap to clone, every clone uses the same connections.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    token: String,
}

impl Client {
    /// A client of a server.
    pub(crate) fn of(server: &Server) -> Self {
        Self {
            http: http(),
            address: server.address.clone(),
            token: server.token(),
        }
    }

    /// Opens a session; its id.
    pub(crate) async fn open(&self) -> Result<String, String> {
        let session = self.json(self.post("/sessions", &json!({}))).await?;
        text(&session, "session_id")
    }

    /// Ends a session.
    pub(crate) async fn close(&self, session: &str) -> Result<(), String> {
        let path = format!("{}/sessions/{session}", self.address);
        let ended = self.http.delete(path).bearer_auth(&self.token).send().await;
        let ended = ended.map_err(|error| format!("{error:?}"))?;
        ended
            .error_for_status()
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The newest of the caller's sessions.
    pub(crate) async fn list(&self) -> Result<(), String> {
        self.json(self.get("/sessions")).await.map(drop)
    }

    /// A whole turn, in one exchange.
    pub(crate) async fn ask(&self, session: &str) -> Result<(), String> {
        completed(&self.message(session, "wait=100").await?)
    }

    /// So many turns, one after the other.
    pub(crate) async fn ask_often(&self, session: &str, times: u32) -> Exchanges {
        let mut exchanges = Vec::new();
        for _ in 0..times {
            exchanges.push(timed(self.ask(session)).await);
        }
        exchanges
    }

    /// Begins a turn, and does not wait for it; where to ask for it.
    pub(crate) async fn begin(&self, session: &str) -> Result<String, String> {
        let turn = self.message(session, "respond-async").await?;
        let turn = text(&turn, "turn_id")?;
        Ok(format!("/sessions/{session}/turns/{turn}?wait=100"))
    }

    /// Waits for a turn that was begun.
    pub(crate) async fn collect(&self, path: &str) -> Result<(), String> {
        completed(&self.json(self.get(path)).await?)
    }

    async fn message(&self, session: &str, prefer: &str) -> Result<Value, String> {
        let path = format!("/sessions/{session}/messages");
        let body = json!({"content": "Are all nodes ready?"});
        self.json(self.post(&path, &body).header("prefer", prefer))
            .await
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.address))
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.address)).json(body)
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, String> {
        let sent = request.bearer_auth(&self.token).send().await;
        let response = sent.map_err(|error| format!("{error:?}"))?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|error| error.to_string())?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{status}: {body}"))
        }
    }
}

/// Connections are given up before the server does, which is after 10 s.
pub(crate) fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder
        .pool_idle_timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    let text = value[key].as_str();
    text.map(str::to_owned).ok_or_else(|| value.to_string())
}

fn completed(turn: &Value) -> Result<(), String> {
    match turn["status"].as_str() {
        Some("completed") => Ok(()),
        _ => Err(turn.to_string()),
    }
}

/// How long an exchange takes.
pub(crate) async fn timed(
    exchange: impl Future<Output = Result<(), String>>,
) -> Result<Duration, String> {
    let began = Instant::now();
    exchange.await.map(|()| began.elapsed())
}

/// Does all of it, so many at a time.
pub(crate) async fn at_once<T>(
    width: usize,
    work: impl IntoIterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    stream::iter(work).buffer_unordered(width).collect().await
}

/// What some exchanges took.
pub(crate) struct Measured {
    /// From the first to the last.
    pub(crate) wall: Duration,
    /// CPU of the server alone: not that of the database's processes.
    pub(crate) cpu: Duration,
    /// Each that succeeded, the shortest first.
    pub(crate) times: Vec<Duration>,
    /// Why the others did not.
    pub(crate) failures: Vec<String>,
}

/// Measures exchanges beside what the server spends on them.
pub(crate) async fn measure(
    server: &Server,
    exchanges: impl Future<Output = Exchanges>,
) -> Measured {
    let (began, before) = (Instant::now(), cpu(server));
    let exchanges = exchanges.await;
    let (wall, cpu) = (began.elapsed(), cpu(server).saturating_sub(before));
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    for exchange in exchanges {
        match exchange {
            Ok(time) => times.push(time),
            Err(failure) => failures.push(failure),
        }
    }
    times.sort();
    Measured {
        wall,
        cpu,
        times,
        failures,
    }
}

/// CPU of a server's threads, to the nanosecond: some of what is measured takes less than a tick.
fn cpu(server: &Server) -> Duration {
    let process = Pid::from_raw(server.id().cast_signed());
    clock_getcpuclockid(process).unwrap().now().unwrap().into()
}
