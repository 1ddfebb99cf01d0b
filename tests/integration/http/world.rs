//! A server on a free port, its configuration on disk, and callers to talk to it as.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tolkien::config::Overrides;
use tolkien::config::host::Host;
use tolkien::config::secret::SecretString;
use tolkien::model::claude::{Options, Timeouts};
use tolkien::model::retry::Policy;
use tolkien::model::{Claude, Model};
use tolkien::policy;
use tolkien::reload::{InForce, Reloads};
use tolkien::server::{self, App};
use tolkien::session::{self, Sessions};
use tolkien::store::{Location, Store};
use tolkien::tasks::Tasks;

use crate::fake::Fake;

/// Everything a test of the API needs.
pub(super) struct World {
    pub(super) fake: Fake,
    _root: TempDir,
    pub(super) base: String,
    client: Client,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl World {
    /// A server with the callers frodo, sam (operators) and gandalf (an admin),
    /// whose tokens are their names with `-token` after them.
    pub(super) async fn start() -> Self {
        Self::with(&callers(), None).await
    }

    /// A server whose settings end so, and a local caller's token.
    pub(super) async fn with(settings: &str, local: Option<&str>) -> Self {
        Self::with_files(settings, local, &[]).await
    }

    /// The same with more files.
    pub(super) async fn with_files(
        settings: &str,
        local: Option<&str>,
        files: &[(&str, &str)],
    ) -> Self {
        let fake = Fake::start().await;
        let root = tempfile::tempdir().unwrap();
        write_root(root.path(), &fake, settings, files);
        let loaded = policy::load(root.path(), Overrides::None).unwrap();
        let config = loaded
            .config
            .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let tasks = Tasks::new();
        let in_force = Arc::new(ArcSwap::from_pointee(InForce {
            host: Arc::new(Host::probe(&config)),
            config,
            model: model(&fake),
        }));
        let sessions = Sessions::open(session::Parts {
            in_force: Arc::clone(&in_force),
            store: Store::open(&Location::Memory, &tasks).await.unwrap(),
            tasks: tasks.clone(),
        })
        .await
        .unwrap();
        let app = App::new(server::Parts {
            in_force,
            reloads: Reloads::default(),
            sessions,
            tasks,
            local: local.map(SecretString::from),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let served = Tasks::new().spawn(server::serve(listener, app, shutdown.clone()));
        Self {
            fake,
            _root: root,
            base,
            client: Client::new(),
            shutdown,
            served,
        }
    }

    /// A request without a token.
    pub(super) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// A request of a caller.
    pub(super) fn by(&self, who: &str, method: &str, path: &str) -> RequestBuilder {
        self.ask(method, path).bearer_auth(format!("{who}-token"))
    }

    /// A request of frodo without a body, answered.
    pub(super) async fn get(&self, path: &str) -> Response {
        self.by("frodo", "GET", path).send().await.unwrap()
    }

    /// A request of frodo with a JSON body, answered.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.by("frodo", "POST", path).json(body);
        request.send().await.unwrap()
    }

    /// A new session of a caller; its path.
    pub(super) async fn session_of(&self, who: &str) -> String {
        let request = self.by(who, "POST", "/sessions").json(&json!({}));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        path_in_location(&response)
    }

    /// A new session of frodo; its path.
    pub(super) async fn session(&self) -> String {
        self.session_of("frodo").await
    }

    /// A turn that goes on until the model answers: the path of a session of frodo and its own.
    pub(super) async fn running_turn(&self) -> (String, String) {
        let session = self.session().await;
        let before = self.fake.requests().len();
        let response = self
            .by("frodo", "POST", &format!("{session}/messages"))
            .header("prefer", "wait=0")
            .json(&json!({"content": "Where is the ring?"}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
        self.fake.requested(before + 1).await;
        (session, path_in_location(&response))
    }

    /// Begins the end.
    pub(super) fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// Waits until the server has ended.
    pub(super) async fn ended(self) {
        self.served.await.unwrap();
    }
}

fn model(fake: &Fake) -> Model {
    let options = Options {
        base_url: fake.base_url(),
        api_key: Some("sk-fake-1".into()),
        name: "claude-test".to_owned(),
        max_tokens: 1000,
        effort: None,
        thinking: None,
        retry: Policy::default(),
        timeouts: Timeouts::default(),
    };
    Model::Claude(Claude::new(options).unwrap())
}

fn write_root(root: &Path, fake: &Fake, settings: &str, files: &[(&str, &str)]) {
    let settings = format!(
        "model: {{name: claude-test, base_url: '{}'}}\n\
         limits: {{message_chars: 200, sessions_per_caller: 5}}\n\
         {settings}",
        fake.base_url()
    );
    let own = [
        ("tolkien.yaml", settings.as_str()),
        ("prompts/system.md", "You help.\n"),
        ("tools.d/say.yaml", SAY),
    ];
    for (name, text) in own.iter().chain(files) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

const SAY: &str = "\
description: Says something.
effect: read
input:
  type: object
  required: [words]
  properties:
    words: {type: array, items: {type: string}, minItems: 1, description: What to say.}
run:
  command: [echo, '{{ words }}']
arguments:
  words: {allow: ['[a-z]+ ...'], deny: [{match: '** mellon **', because: doors open}]}
tests:
  - allow: speak friend
  - deny: mellon
";

/// Settings with the callers.
pub(super) fn callers() -> String {
    let mut text = "\
        roles:\n  \
          operator: {tools: ['*'], approve: true}\n  \
          admin: {tools: ['*'], approve: true}\n\
        callers:\n"
        .to_owned();
    for (name, role) in [
        ("frodo", "operator"),
        ("sam", "operator"),
        ("gandalf", "admin"),
    ] {
        let digest = digest(&format!("{name}-token"));
        let second = digest_of_second(name);
        writeln!(
            text,
            "  - {{name: {name}, role: {role}, token_sha256: ['{digest}', '{second}']}}"
        )
        .unwrap();
    }
    text
}

/// Callers have two tokens while they rotate.
fn digest_of_second(name: &str) -> String {
    digest(&format!("{name}-second-token"))
}

fn digest(token: &str) -> String {
    Sha256::digest(token)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

/// Where an answer says its subject is.
pub(super) fn path_in_location(response: &Response) -> String {
    let location = response.headers().get("location").unwrap();
    location.to_str().unwrap().to_owned()
}

/// An answer as a text that is the same every time: status, the headers that mean something, body.
pub(super) async fn shown(response: Response) -> String {
    let mut text = response.status().as_u16().to_string();
    for name in [
        "content-type",
        "location",
        "preference-applied",
        "www-authenticate",
        "allow",
        "retry-after",
    ] {
        if let Some(value) = response.headers().get(name) {
            write!(text, "\n{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    assert!(response.headers().contains_key("x-request-id"));
    let body = response.text().await.unwrap();
    let body = serde_json::from_str::<Value>(&body)
        .map_or(body, |json| serde_json::to_string_pretty(&json).unwrap());
    redacted(&format!("{text}\n{body}"))
}

/// Only status and code of a problem.
pub(super) async fn code(response: Response) -> String {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    format!("{status} {}", body["code"].as_str().unwrap())
}

/// The body as JSON.
pub(super) async fn json_of(response: Response) -> Value {
    response.json().await.unwrap()
}

/// Without what differs from run to run. Ids keep apart: the same one has the same name.
pub(super) fn redacted(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, name) in [
        (r"\bs_[0-9a-f]{32}\b", "session"),
        (r"\bt_[0-9a-f]{32}\b", "turn"),
        (r"\bc_[0-9a-f]{32}\b", "call"),
        (r"\ba_[0-9a-f]{32}\b", "approval"),
    ] {
        let pattern = regex::Regex::new(pattern).unwrap();
        let mut number = 0;
        while let Some(found) = pattern.find(&text).map(|found| found.as_str().to_owned()) {
            number += 1;
            text = text.replace(&found, &format!("[{name} {number}]"));
        }
    }
    for (pattern, name) in [
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "[time]"),
        (r"\b[0-9a-f]{64}\b", "[revision]"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "[id]"),
        (r#"("duration_ms": ?)[0-9]+"#, "$1[ms]"),
    ] {
        let pattern = regex::Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, name).into_owned();
    }
    text
}
