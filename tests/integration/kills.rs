//! Servers that are killed at any moment, while clients ask and ask again: every message that was
//! taken ends in one answer, nothing that writes runs twice, every history keeps the API's rules,
//! and no session stays busy.
//!
//! `TOLKIEN_KILLS` says how many kills, `TOLKIEN_SEED` which moments.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::chance::{Dice, number};
use crate::commands::program::{Folder, Server};
use crate::fake::{Answer, Fake, Seen};
use crate::postgres;

/// Clients at the same time, each with a session of its own.
const CLIENTS: usize = 6;

/// Longer than a turn takes over any kills; reaching it fails the test.
const LONG: Duration = Duration::from_mins(2);

const LOOK: &str = r#"
description: Looks.
effect: read
input: {type: object, required: [id], properties: {id: {type: string}}}
run: {command: [sh, -c, 'sleep 0.05; echo "saw $1"', sh, "{{ id }}"]}
arguments: {id: {allow: ['[a-z0-9-]+']}}
tests: [{allow: {id: a-1}}, {deny: {id: A}}]
"#;

const MARK: &str = r#"
description: Leaves a mark.
effect: write
input: {type: object, required: [id], properties: {id: {type: string}}}
run: {command: [sh, -c, 'echo "$1" >> MARKS; sleep 0.05; echo done', sh, "{{ id }}"]}
arguments: {id: {allow: ['[a-z0-9-]+']}}
tests: [{allow: {id: a-1}}, {deny: {id: A}}]
"#;

const TRUSTED: &str =
    "description: Marks are wanted.\napplies_to: {tools: [mark]}\neffect: {write: allow}\n";

/// What a question is answered with: two calls, one call, and an answer that repeats the question.
fn reply(seen: &Seen) -> Answer {
    let id = seen.question();
    match seen.rounds() {
        0 => Answer::tools([("look", json!({"id": id})), ("mark", json!({"id": id}))]),
        1 => Answer::tools([("mark", json!({"id": format!("{id}-again")}))]),
        _ => Answer::text(&format!("answer to {id}")),
    }
}

struct World {
    folder: Folder,
    fake: Fake,
    environment: Vec<(String, String)>,
    /// Where the servers listen; one that is dead keeps its address until the next is there.
    urls: RwLock<Vec<String>>,
    /// Whether the last kill is over.
    calm: AtomicBool,
}

impl World {
    async fn new(store: Option<String>, servers: usize) -> Arc<Self> {
        let fake = Fake::start().await;
        fake.respond_with(reply);
        let folder = Folder::new();
        for name in ["tools.d", "policies", "prompts"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        let marks = folder.path("marks").display().to_string();
        fs::write(&marks, "").unwrap();
        folder.write("tools.d/look.yaml", LOOK);
        folder.write("tools.d/mark.yaml", &MARK.replace("MARKS", &marks));
        folder.write("policies/trusted.yaml", TRUSTED);
        folder.write("prompts/system.md", "You are the agent.\n");
        let url = fake.base_url();
        let settings = format!("model: {{name: claude-opus-5-5, base_url: '{url}'}}\n");
        folder.write("tolkien.yaml", &settings);
        let store = store.map(|store| ("TOLKIEN_STORE".to_owned(), store));
        let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-fake-1".to_owned());
        Arc::new(Self {
            folder,
            fake,
            environment: store.into_iter().chain([key]).collect(),
            urls: RwLock::new(vec![String::new(); servers]),
            calm: AtomicBool::new(false),
        })
    }

    fn start(&self, place: usize) -> Server {
        let environment = self.environment.iter();
        let environment: Vec<(&str, &str)> = environment
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let server = self.folder.serve(&environment);
        self.urls.write().unwrap()[place].clone_from(&server.url);
        server
    }

    /// Kills one server after another, and starts it again; answers those that live in the end.
    fn kill(&self, kills: u64, mut servers: Vec<Server>) -> Vec<Server> {
        let mut dice = Dice::seeded();
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(dice.roll(400)));
            let place = usize::try_from(dice.roll(servers.len() as u64)).unwrap();
            // Dropping it kills it.
            drop(servers.remove(place));
            servers.insert(place, self.start(place));
        }
        self.calm.store(true, Ordering::SeqCst);
        servers
    }
}

/// Somebody who asks one question after another, each until it is answered.
struct Asker {
    world: Arc<World>,
    http: Client,
    token: String,
    name: usize,
}

impl Asker {
    /// Asks until a server answers; which of them, and how often, does not matter.
    async fn request(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Value {
        let mut attempt = self.name;
        loop {
            attempt += 1;
            let url = {
                let urls = self.world.urls.read().unwrap();
                format!("{}{path}", urls[attempt % urls.len()])
            };
            let mut request = self
                .http
                .request(method.parse().unwrap(), &url)
                .bearer_auth(&self.token)
                .header("prefer", "wait=1");
            if let Some(key) = key {
                request = request.header("idempotency-key", key).json(body);
            }
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                if status.is_success()
                    && let Ok(body) = answer.json().await
                {
                    return body;
                }
                let busy = status == StatusCode::SERVICE_UNAVAILABLE;
                assert!(status.is_success() || busy, "{method} {path}: {status}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every answered turn, until the kills are over.
    async fn converse(self) -> (String, Vec<Value>) {
        let key = format!("session-{}", self.name);
        let session = self
            .request("POST", "/sessions", Some(&key), &json!({}))
            .await;
        let session = session["session_id"].as_str().unwrap().to_owned();
        let mut turns = Vec::new();
        while !self.world.calm.load(Ordering::SeqCst) {
            let id = format!("c{}-{}", self.name, turns.len());
            let (path, body) = (
                format!("/sessions/{session}/messages"),
                json!({"content": id}),
            );
            let mut turn = self.request("POST", &path, Some(&id), &body).await;
            while turn["status"] == "running" {
                let path = format!(
                    "/sessions/{session}/turns/{}",
                    turn["turn_id"].as_str().unwrap()
                );
                turn = self
                    .request("GET", &format!("{path}?wait=1"), None, &Value::Null)
                    .await;
            }
            assert_eq!(turn["status"], "completed", "{turn:#}");
            assert_eq!(turn["response"], format!("answer to {id}"));
            turns.push(turn);
        }
        (session, turns)
    }
}

async fn survive(store: Option<String>, servers: usize, kills: u64) {
    let world = World::new(store, servers).await;
    let first: Vec<Server> = (0..servers).map(|place| world.start(place)).collect();
    let token = fs::read_to_string(world.folder.path(".local/state/tolkien/token")).unwrap();
    let killer = Arc::clone(&world);
    let killer = tokio::task::spawn_blocking(move || killer.kill(kills, first));
    let askers = (0..CLIENTS).map(|name| {
        let asker = Asker {
            world: Arc::clone(&world),
            http: Client::builder()
                .timeout(Duration::from_secs(5))
                .build()
                .unwrap(),
            token: token.trim().to_owned(),
            name,
        };
        asker.converse()
    });
    let heard = tokio::time::timeout(LONG + Duration::from_secs(kills * 4), join_all(askers));
    let Ok(heard) = heard.await else {
        panic!("some question is never answered");
    };

    let marks = fs::read_to_string(world.folder.path("marks")).unwrap();
    let mut made: BTreeMap<&str, u32> = BTreeMap::new();
    for mark in marks.lines() {
        *made.entry(mark).or_default() += 1;
    }
    let twice: Vec<_> = made.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "ran twice: {twice:?}");
    let mut cut = 0;
    for (session, turns) in &heard {
        for (number, turn) in turns.iter().enumerate() {
            let calls = turn["tool_calls"].as_array().unwrap();
            let outcomes: Vec<&str> = calls
                .iter()
                .map(|call| call["outcome"].as_str().unwrap())
                .collect();
            assert_eq!(outcomes.len(), 3, "{session}: {turn:#}");
            assert_eq!(outcomes[0], "exited", "what only looks is made again");
            cut += outcomes
                .iter()
                .filter(|outcome| **outcome == "interrupted")
                .count();
            let id = turn["response"]
                .as_str()
                .unwrap()
                .trim_start_matches("answer to ");
            assert!(id.ends_with(&format!("-{number}")), "{id}");
            for (call, mark) in [(1, id.to_owned()), (2, format!("{id}-again"))] {
                if outcomes[call] == "exited" {
                    assert_eq!(made.get(mark.as_str()), Some(&1), "{mark} was made");
                }
            }
        }
    }
    assert_eq!(
        world.fake.refusals(),
        [""; 0],
        "every history keeps the rules"
    );
    let answered: usize = heard.iter().map(|(_, turns)| turns.len()).sum();
    let asked = world.fake.requests().len();
    #[expect(clippy::print_stdout, reason = "a long run is run for its figures")]
    {
        println!(
            "{kills} kills: {answered} turns answered, {asked} model calls, {cut} writes cut off"
        );
    }

    for server in killer.await.unwrap() {
        server.signal(Signal::SIGTERM);
        let (code, said) = server.ended();
        assert_eq!(code, 0, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_repeat_nothing_that_writes() {
    survive(None, 1, number("TOLKIEN_KILLS", 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_two_servers_on_one_database_lose_nothing_and_repeat_nothing_that_writes() {
    let store = postgres::database().await;
    survive(Some(store), 2, number("TOLKIEN_KILLS", 8)).await;
}
