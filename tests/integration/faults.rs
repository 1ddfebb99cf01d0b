//! Stores that fail under a real server: what a client reads, what the operator reads, and that
//! nothing is lost that was acknowledged.

mod copies;

mod database;

mod disk;

mod file;

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use tolkien::tasks::Tasks;

use crate::busy::World;
use crate::commands::program::Server;

/// Longer than anything takes here; reaching it fails the test.
const LONG: Duration = Duration::from_mins(1);

/// Tries of something that is refused sooner or later, and that must not be taken for ever.
const OFTEN: usize = 5_000;

/// A client of one server.
#[derive(Clone)]
struct Talk {
    http: Client,
    url: String,
    token: String,
}

impl Talk {
    fn with(world: &World, server: &Server) -> Self {
        let token = world.folder.read(".local/state/tolkien/token");
        Self {
            http: Client::new(),
            url: server.url.clone(),
            token: token.trim().to_owned(),
        }
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.token);
        let request = request.header("idempotency-key", key).json(body);
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.url));
        request.bearer_auth(&self.token).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    async fn open(&self, key: &str) -> Response {
        self.post("/sessions", key, &json!({})).await
    }

    /// The path of a new session.
    async fn session(&self, key: &str) -> String {
        let opened = self.open(key).await;
        assert_eq!(opened.status(), 201);
        let opened: Value = opened.json().await.unwrap();
        format!("/sessions/{}", opened["session_id"].as_str().unwrap())
    }

    async fn say(&self, session: &str, content: &str) -> Response {
        let body = json!({"content": content});
        self.post(&format!("{session}/messages"), content, &body)
            .await
    }

    /// Says something until the turn is over, whatever is in the way meanwhile, as a client does.
    async fn answered(self, session: String, content: impl Into<String>) -> Value {
        let content = content.into();
        let answered = timeout(LONG, self.over(&session, &content)).await;
        answered.unwrap_or_else(|_| panic!("`{content}` is never answered"))
    }

    async fn over(&self, session: &str, content: &str) -> Value {
        loop {
            let answer = self.say(session, content).await;
            if answer.status() == 503 {
                self.is_ready("200 ready").await;
                continue;
            }
            assert!(answer.status().is_success(), "{}", answer.status());
            let turn: Value = answer.json().await.unwrap();
            if !turn["finished_at"].is_null() {
                return turn;
            }
            if let Some(asked) = turn["pending_approvals"][0]["approval_id"].as_str() {
                let approve = json!({"decision": "approve"});
                let path = format!("{session}/approvals/{asked}");
                self.post(&path, content, &approve).await;
            }
        }
    }

    /// The same beside everything else.
    fn asking(&self, session: &str, content: &'static str) -> tokio::task::JoinHandle<Value> {
        let (talk, session) = (self.clone(), session.to_owned());
        Tasks::new().spawn(talk.answered(session, content))
    }

    /// Asks whether the server is ready until it says so.
    async fn is_ready(&self, wanted: &str) {
        let said = timeout(LONG, self.says_ready(wanted)).await;
        assert!(said.is_ok(), "it never says `{wanted}`");
    }

    async fn says_ready(&self, wanted: &str) {
        loop {
            let answer = self.get("/readyz").await;
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap();
            if format!("{status} {}", body["status"].as_str().unwrap()) == wanted {
                return;
            }
        }
    }

    /// Opens sessions until one is refused, which the store must do some time: how that is told.
    async fn refused(&self) -> String {
        for number in 0..OFTEN {
            let opened = self.open(&format!("open-{number}")).await;
            if !opened.status().is_success() {
                return told(opened).await;
            }
        }
        panic!("nothing is ever refused");
    }
}

/// A problem as a client reads it.
async fn told(answer: Response) -> String {
    let again = answer.headers().get("retry-after").cloned();
    let again = again.map(|again| format!("retry-after: {}\n", again.to_str().unwrap()));
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let mut body: Value = answer.json().await.unwrap();
    body["request_id"] = json!("[id]");
    format!(
        "{}content-type: {kind}\n{body:#}",
        again.unwrap_or_default()
    )
}

/// A turn in a line.
fn came_to(turn: &Value) -> String {
    let calls = turn["tool_calls"].as_array().unwrap();
    let calls: Vec<&str> = calls
        .iter()
        .map(|call| call["outcome"].as_str().unwrap())
        .collect();
    let (status, said) = (turn["status"].as_str(), turn["response"].as_str());
    format!(
        "{} {calls:?} {}",
        status.unwrap(),
        said.unwrap_or("nothing")
    )
}

/// The different lines of a log that are more than news, without what differs from run to run.
fn troubles(log: &str) -> String {
    let lines = log.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let level = line["level"].as_str()?;
        let error = line["error"].as_str().unwrap_or_default();
        let message = line["message"].as_str()?;
        (level != "INFO" && level != "DEBUG").then(|| format!("{level} {message}: {error}"))
    });
    let lines: BTreeSet<String> = lines.collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}
