//! Conversations: real tools, a real store, and the fake model's strict eye on what is replayed.

use std::fs;
use std::future::poll_fn;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{StreamExt as _, future::join_all};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tolkien::agent::{Event, SessionId, TurnId};
use tolkien::call::Caller;
use tolkien::config::Config;
use tolkien::config::host::Host;
use tolkien::config::policy::Channel;
use tolkien::model::{Claude, Model, claude::Options, claude::Timeouts, retry::Policy};
use tolkien::reload::InForce;
use tolkien::session::{Clock, Error, Key, Parts, SessionStatus, Sessions, TurnView};
use tolkien::store::{Location, Store};
use tolkien::tasks::Tasks;

use crate::decision;
use crate::fake::{Answer, Fake, Gate, Seen};
use crate::postgres;

mod approvals;

mod conversation;

mod ending;

mod keeping;

mod pausing;

mod replicas;

mod refusing;

mod resuming;

/// Longer than any test takes; nothing waits for it to pass.
const LONG: Duration = Duration::from_mins(1);

const ECHO: &str = r#"
description: Says it again.
effect: read
input:
  type: object
  required: [words]
  properties: {words: {type: array, items: {type: string}, minItems: 1}}
run: {command: [echo, "{{ words }}"]}
arguments:
  words:
    allow: ['<word>...']
    deny: [{match: '** secret **', because: it is one}]
tests: [{allow: hello}, {deny: secret}]
"#;

const COUNT: &str = r#"
description: Counts.
effect: read
input:
  type: object
  required: [to]
  properties: {to: {type: integer, minimum: 1}}
run: {command: [seq, "1", "{{ to }}"]}
output: {limit: 100}
tests: [{allow: {to: 3}}, {deny: {to: 0}}]
"#;

/// A tool that leaves a mark, and one that asks before it does.
fn mark(folder: &Path, effect: &str) -> String {
    let (verdict, folder) = (
        if effect == "read" { "allow" } else { "ask" },
        folder.display(),
    );
    format!(
        r#"
description: Leaves a mark.
effect: {effect}
input:
  type: object
  required: [name]
  properties: {{name: {{type: string}}}}
run: {{command: [touch, "{folder}/{{{{ name }}}}"]}}
arguments:
  name: {{allow: ['[a-z]+'], deny: [{{match: forbidden, because: nobody leaves that}}]}}
tests: [{{{verdict}: {{name: a}}}}, {{deny: {{name: forbidden}}}}]
"#
    )
}

/// A tool that tells its process id and then never ends.
fn wait(folder: &Path) -> String {
    format!(
        r#"
description: Waits.
effect: read
input: {{type: object, properties: {{}}}}
run: {{command: [sh, -c, "echo $$ > {}/pid; exec sleep 100000"]}}
timeout: 1h
tests: [{{allow: {{}}}}, {{deny: {{for: 1}}}}]
"#,
        folder.display()
    )
}

/// Conversations with everything they need.
struct World {
    folder: tempfile::TempDir,
    fake: Fake,
    in_force: Arc<ArcSwap<InForce>>,
    tasks: Tasks,
    sessions: Sessions,
}

impl World {
    async fn new() -> Self {
        Self::with("", Clock::system()).await
    }

    async fn with(settings: &str, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = Fake::start().await;
        let in_force = in_force(&fake.base_url(), config(folder.path(), settings));
        let tasks = Tasks::new();
        let sessions = open(folder.path(), &in_force, &tasks, clock).await;
        Self {
            folder,
            fake,
            in_force,
            tasks,
            sessions,
        }
    }

    /// The same after its server ended and another one started.
    async fn again(self) -> Self {
        self.tasks.end(LONG).await;
        self.opened_again().await
    }

    /// The same when other settings were written meanwhile.
    async fn again_with(self, settings: &str) -> Self {
        self.tasks.end(LONG).await;
        let InForce { host, model, .. } = InForce::clone(&self.in_force.load());
        let config = config(self.folder.path(), settings);
        self.in_force.store(Arc::new(InForce {
            config,
            host,
            model,
        }));
        self.opened_again().await
    }

    async fn opened_again(self) -> Self {
        drop(self.sessions);
        let tasks = Tasks::new();
        let clock = Clock::system();
        let sessions = open(self.folder.path(), &self.in_force, &tasks, clock).await;
        Self {
            tasks,
            sessions,
            ..self
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn session(&self) -> SessionId {
        self.sessions
            .create(&joao(), None, None)
            .await
            .unwrap()
            .session_id
    }

    async fn send(&self, session: &SessionId, content: &str) -> TurnId {
        let content = content.to_owned();
        self.sessions
            .send(&joao(), session, content, None)
            .await
            .unwrap()
    }

    async fn over(&self, session: &SessionId, turn: &TurnId) -> TurnView {
        let view = self
            .sessions
            .turn(&joao(), session, turn, LONG)
            .await
            .unwrap();
        assert!(view.status.is_over(), "{view:?}");
        view
    }

    async fn ask(&self, session: &SessionId, content: &str) -> TurnView {
        let turn = self.send(session, content).await;
        self.over(session, &turn).await
    }

    /// Waits for the process of `wait`, and answers its id.
    async fn process(&self) -> Pid {
        let path = self.path("pid");
        let read = self.tasks.spawn_blocking(move || {
            let mut text = String::new();
            fs::File::open(path)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        });
        Pid::from_raw(read.await.unwrap().trim().parse().unwrap()).unwrap()
    }

    /// Every result that the model got, in order.
    fn results(&self) -> Vec<(String, String, bool)> {
        assert_eq!(self.fake.refusals(), [""; 0]);
        let requests = self.fake.requests();
        requests.iter().flat_map(Seen::results).collect()
    }
}

/// The tools of these tests, and whatever the settings say.
fn config(folder: &Path, settings: &str) -> Arc<Config> {
    config_with(folder, settings, &[])
}

/// The same with more files.
fn config_with(folder: &Path, settings: &str, others: &[(&str, &str)]) -> Arc<Config> {
    let pid = folder.join("pid");
    if !pid.exists() {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pid, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }
    let (read, write, wait) = (mark(folder, "read"), mark(folder, "write"), wait(folder));
    let files = [
        (
            "prompts/system.md",
            "You are {{ caller.name }}'s agent. {{ facts | length }}\n",
        ),
        ("tools.d/echo.yaml", ECHO),
        ("tools.d/count.yaml", COUNT),
        ("tools.d/mark.yaml", read.as_str()),
        ("tools.d/write.yaml", write.as_str()),
        ("tools.d/wait.yaml", wait.as_str()),
        ("tolkien.yaml", settings),
    ];
    decision::config(&[&files, others].concat())
}

/// A configuration with what this machine has for it, and the fake model.
fn in_force(base_url: &str, config: Arc<Config>) -> Arc<ArcSwap<InForce>> {
    let options = Options {
        base_url: base_url.to_owned(),
        api_key: Some("sk-fake-1".into()),
        name: "claude-opus-5-5".to_owned(),
        max_tokens: 1000,
        effort: None,
        thinking: None,
        retry: Policy {
            attempts: 2,
            first_delay: Duration::ZERO,
            longest_delay: Duration::ZERO,
            retry_after_cap: Duration::ZERO,
        },
        timeouts: Timeouts::default(),
    };
    Arc::new(ArcSwap::from_pointee(InForce {
        host: Arc::new(Host::probe(&config)),
        config,
        model: Model::Claude(Claude::new(options).unwrap()),
    }))
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says which store they run on"
)]
fn is_on_postgres() -> bool {
    std::env::var("TOLKIEN_TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// The store of a test: SQLite, or PostgreSQL where `TOLKIEN_TEST_STORE` says `postgres`.
async fn location(folder: &Path) -> Location {
    if !is_on_postgres() {
        return Location::File(folder.join("tolkien.db"));
    }
    // Whoever opens it again finds the same.
    let path = folder.join("database");
    let url = match fs::read_to_string(&path) {
        Ok(url) => url,
        Err(_) => postgres::database().await,
    };
    fs::write(path, &url).unwrap();
    Location::Postgres(url.into())
}

async fn open(
    folder: &Path,
    in_force: &Arc<ArcSwap<InForce>>,
    tasks: &Tasks,
    clock: Clock,
) -> Sessions {
    let location = location(folder).await;
    let parts = Parts {
        in_force: Arc::clone(in_force),
        store: Store::open(&location, tasks).await.unwrap(),
        tasks: tasks.clone(),
    };
    Sessions::open_at(parts, clock).await.unwrap()
}

fn joao() -> Caller {
    decision::caller("operator", Channel::Api)
}

fn maria(role: &str) -> Caller {
    Caller {
        name: serde_json::from_value(json!("maria")).unwrap(),
        ..decision::caller(role, Channel::Api)
    }
}

fn key(name: &str, body: u8) -> Key {
    Key {
        key: name.to_owned(),
        body_digest: [body; 32],
    }
}

fn echo(word: &str) -> (&'static str, Value) {
    ("echo", json!({"words": [word]}))
}

fn stop(view: &TurnView) -> &str {
    view.stop.as_ref().map_or("", |stop| stop.reason.as_str())
}

fn outcomes(view: &TurnView) -> Vec<&'static str> {
    view.tool_calls
        .iter()
        .map(|call| call.outcome.as_str())
        .collect()
}

fn runs(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}
