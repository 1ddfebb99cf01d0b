//! The audit trail of real turns, and what happens when it cannot be written.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tolkien::agent::{Event, SessionId};
use tolkien::call::Caller;
use tolkien::config::host::Host;
use tolkien::config::policy::Channel;
use tolkien::model::{Claude, Model, claude::Options, claude::Timeouts, retry::Policy};
use tolkien::reload::InForce;
use tolkien::session::{Parts, Sessions, TurnView};
use tolkien::store::audit::{Check, Copies, Filter, Line};
use tolkien::store::{Location, Store};
use tolkien::tasks::Tasks;

use crate::decision;
use crate::fake::{Answer, Fake};

const SAY: &str = r#"
description: Says a text.
effect: read
input: {type: object, required: [text], properties: {text: {type: string}}}
run: {command: [echo, "{{ text }}"]}
arguments: {text: {deny: [forbidden]}}
tests: [{allow: {text: hello}}, {deny: {text: forbidden}}]
"#;

const HANG: &str = r#"
description: Never ends.
effect: read
input: {type: object, required: [seconds], properties: {seconds: {type: string}}}
run: {command: [sleep, "{{ seconds }}"]}
timeout: 100ms
tests: [{allow: {seconds: "1000"}}, {deny: {}}]
"#;

const WAIT: &str = r#"
description: Waits.
effect: read
input: {type: object}
run: {command: [sleep, "1000"]}
timeout: 1h
tests: [{allow: {}}, {deny: {other: 1}}]
"#;

fn write(folder: &Path) -> String {
    format!(
        "description: Leaves a mark.\neffect: write\ninput: {{type: object}}\n\
         run: {{command: [touch, {}/mark]}}\ntests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n",
        folder.display()
    )
}

/// A tool that waits for an approval.
fn hold(folder: &Path) -> String {
    write(folder).replace("allow: {}", "ask: {}")
}

const TRUST: &str = "applies_to: {tools: [write]}\neffect: {write: allow}\n";

struct World {
    folder: tempfile::TempDir,
    fake: Fake,
    store: Store,
    sessions: Sessions,
}

impl World {
    async fn new(file: impl FnOnce(&Path) -> PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let fake = Fake::start().await;
        let config = decision::config(&[
            ("tools.d/say.yaml", SAY),
            ("tools.d/hang.yaml", HANG),
            ("tools.d/wait.yaml", WAIT),
            ("tools.d/write.yaml", &write(root)),
            ("tools.d/hold.yaml", &hold(root)),
            ("policies/trust.yaml", TRUST),
            (
                "policies/shapes.yaml",
                include_str!("../fixtures/shapes.yaml"),
            ),
            ("tolkien.yaml", "sandbox: {require: off}\n"),
        ]);
        let tasks = Tasks::new();
        let location = Location::File(root.join("tolkien.db"));
        let store = Store::open(&location, &tasks).await.unwrap();
        let store = store.with_copies(Copies::new(Some(file(root)), None));
        let parts = Parts {
            in_force: Arc::new(ArcSwap::from_pointee(InForce {
                host: Arc::new(Host::probe(&config)),
                config,
                model: Model::Claude(Claude::new(options(&fake)).unwrap()),
            })),
            store: store.clone(),
            tasks,
        };
        let sessions = Sessions::open(parts).await.unwrap();
        Self {
            folder,
            fake,
            store,
            sessions,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn session(&self) -> SessionId {
        let created = self.sessions.create(&joao(), None, None).await.unwrap();
        created.session_id
    }

    async fn ask(&self, calls: Vec<(&str, Value)>) -> TurnView {
        self.fake.push(Answer::tools(calls));
        self.fake.push(Answer::text("Done."));
        let session = self.session().await;
        let sent = self
            .sessions
            .send(&joao(), &session, "go".to_owned(), None)
            .await;
        let turn = sent.unwrap();
        let long = Duration::from_mins(1);
        self.sessions
            .turn(&joao(), &session, &turn, long)
            .await
            .unwrap()
    }

    async fn lines(&self) -> Vec<Line> {
        let filter = Filter {
            most: 100,
            ..Filter::default()
        };
        let lines = self.store.trail().lines(&filter).await.unwrap();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// The trail without what differs from run to run; calls have numbers.
    async fn trail(&self) -> String {
        let mut calls = Vec::new();
        let mut text = String::new();
        for line in self.lines().await {
            let mut record: Value = serde_json::from_str(&line.whole()).unwrap();
            let call = record["call"].as_str().unwrap().to_owned();
            let known = calls.iter().position(|known| *known == call);
            let number = known.unwrap_or_else(|| {
                calls.push(call);
                calls.len() - 1
            });
            let members = record.as_object_mut().unwrap();
            for gone in [
                "at", "session", "turn", "call", "writer", "previous", "hash", "revision",
            ] {
                assert!(members.shift_remove(gone).is_some() || gone == "revision");
            }
            for same in [("caller", "joao"), ("role", "operator"), ("channel", "api")] {
                assert_eq!(members.shift_remove(same.0).unwrap(), same.1);
            }
            if let Some(duration) = members.get_mut("duration_ms").filter(|it| !it.is_null()) {
                *duration = json!("…");
            }
            writeln!(text, "{number} {record}").unwrap();
        }
        text.replace(&self.folder.path().display().to_string(), "FOLDER")
    }
}

fn options(fake: &Fake) -> Options {
    Options {
        base_url: fake.base_url(),
        api_key: Some("sk-fake-1".into()),
        name: "claude-opus-5-5".to_owned(),
        max_tokens: 1000,
        effort: None,
        thinking: None,
        retry: Policy::default(),
        timeouts: Timeouts::default(),
    }
}

fn joao() -> Caller {
    decision::caller("operator", Channel::Api)
}

#[tokio::test]
async fn each_call_has_a_decision_and_an_outcome() {
    let world = World::new(|folder| folder.join("audit.jsonl")).await;
    world
        .ask(vec![
            ("say", json!({"text": "Authorization: Bearer abc.def-123"})),
            ("say", json!({"text": "forbidden"})),
        ])
        .await;
    world
        .ask(vec![(
            "ghp_canary0github0token000000000000000001",
            json!({}),
        )])
        .await;
    world.ask(vec![("hang", json!({"seconds": "1000"}))]).await;
    world.ask(vec![("write", json!({}))]).await;
    insta::assert_snapshot!(world.trail().await, @r#"
    0 {"tool":"say","record":"decision","command_line":"echo 'Authorization: Bearer [redacted]'","verdict":"allow","rule":"say.effect","number":1}
    1 {"tool":"say","record":"decision","command_line":null,"verdict":"deny","rule":"say.text.deny[0]","number":2}
    1 {"tool":"say","record":"outcome","outcome":"denied","exit_code":null,"duration_ms":null,"bytes":null,"sandbox":null,"number":3}
    0 {"tool":"say","record":"outcome","outcome":"exited","exit_code":0,"duration_ms":"…","bytes":34,"sandbox":"off","number":4}
    2 {"tool":"(unknown)","record":"decision","command_line":null,"verdict":"deny","rule":"tools","number":5}
    2 {"tool":"(unknown)","record":"outcome","outcome":"denied","exit_code":null,"duration_ms":null,"bytes":null,"sandbox":null,"number":6}
    3 {"tool":"hang","record":"decision","command_line":"sleep 1000","verdict":"allow","rule":"hang.effect","number":7}
    3 {"tool":"hang","record":"outcome","outcome":"timed_out","exit_code":null,"duration_ms":"…","bytes":0,"sandbox":"off","number":8}
    4 {"tool":"write","record":"decision","command_line":"touch FOLDER/mark","verdict":"allow","rule":"trust.effect","number":9}
    4 {"tool":"write","record":"outcome","outcome":"exited","exit_code":0,"duration_ms":"…","bytes":0,"sandbox":"off","number":10}
    "#);
    let copy = fs::read_to_string(world.path("audit.jsonl")).unwrap();
    let lines: Vec<String> = world.lines().await.iter().map(Line::whole).collect();
    assert_eq!(copy.lines().collect::<Vec<_>>(), lines);
    let mut check = Check::default();
    for line in copy.lines() {
        check.take(Line::parse(line).as_ref());
    }
    assert_eq!((check.records(), check.problems()), (10, Vec::new()));
}

#[tokio::test]
async fn what_came_of_asking_is_recorded_before_its_effect() {
    let world = World::new(|folder| folder.join("audit.jsonl")).await;
    for approve in [true, false] {
        let view = world.ask(vec![("hold", json!({}))]).await;
        let asked = &view.pending_approvals[0];
        let (session, id) = (&asked.session_id, &asked.approval_id);
        let decided = world
            .sessions
            .decide(&joao(), session, id, approve, None)
            .await;
        decided.unwrap();
        let events = world.sessions.events(&joao(), session, &view.turn_id, 0);
        assert!(events.count().await > 0, "it comes to its end");
    }
    let trail = world.trail().await;
    let trail = regex::Regex::new("a_[0-9a-f]{32}")
        .unwrap()
        .replace_all(&trail, "a_…");
    insta::assert_snapshot!(trail, @r#"
    0 {"tool":"hold","record":"decision","command_line":"touch FOLDER/mark","verdict":"ask","rule":"hold.effect","number":1}
    0 {"tool":"hold","record":"approval","approval":"a_…","answer":"approved","by":"joao","number":2}
    0 {"tool":"hold","record":"outcome","outcome":"exited","exit_code":0,"duration_ms":"…","bytes":0,"sandbox":"off","number":3}
    1 {"tool":"hold","record":"decision","command_line":"touch FOLDER/mark","verdict":"ask","rule":"hold.effect","number":4}
    1 {"tool":"hold","record":"approval","approval":"a_…","answer":"denied","by":"joao","number":5}
    1 {"tool":"hold","record":"outcome","outcome":"denied","exit_code":null,"duration_ms":null,"bytes":null,"sandbox":null,"number":6}
    "#);
    let mut check = Check::default();
    for line in world.lines().await {
        check.take(Some(&line));
    }
    assert_eq!((check.records(), check.problems()), (6, Vec::new()));
}

#[tokio::test]
async fn a_cancelled_call_has_its_outcome_too() {
    let world = World::new(|folder| folder.join("audit.jsonl")).await;
    world.fake.push(Answer::tools([("wait", json!({}))]));
    let session = world.session().await;
    let sent = world
        .sessions
        .send(&joao(), &session, "go".to_owned(), None)
        .await;
    let turn = sent.unwrap();
    let mut events = Box::pin(world.sessions.events(&joao(), &session, &turn, 0));
    while let Some(event) = events.next().await {
        if matches!(event.unwrap().item, Event::CallStarted { .. }) {
            break;
        }
    }
    // The decision is there while the call runs.
    assert_eq!(world.lines().await.len(), 1);
    world
        .sessions
        .cancel(&joao(), &session, &turn)
        .await
        .unwrap();
    while events.next().await.is_some() {}
    insta::assert_snapshot!(world.trail().await, @r#"
    0 {"tool":"wait","record":"decision","command_line":"sleep 1000","verdict":"allow","rule":"wait.effect","number":1}
    0 {"tool":"wait","record":"outcome","outcome":"cancelled","exit_code":null,"duration_ms":"…","bytes":0,"sandbox":"off","number":2}
    "#);
}

#[tokio::test]
async fn nothing_that_writes_runs_while_the_trail_cannot_be_written() {
    // A folder stands where the file should be.
    let world = World::new(Path::to_owned).await;
    let calls = || vec![("write", json!({})), ("say", json!({"text": "hello"}))];
    world.ask(calls()).await;
    assert!(!world.path("mark").exists());
    let results = world.fake.requests().get(1).unwrap().results();
    let texts: Vec<&str> = results.iter().map(|(_, text, _)| text.as_str()).collect();
    assert_eq!(
        texts[0],
        "Not run: the audit trail cannot be written, and nothing that writes runs without it. \
         Calls that only read still work. Do not try again; tell the operator."
    );
    assert!(results[0].2 && texts[1].contains("\nhello\n"), "{texts:?}");
    insta::assert_snapshot!(world.trail().await, @r#"
    0 {"tool":"write","record":"decision","command_line":"touch FOLDER/mark","verdict":"allow","rule":"trust.effect","number":1}
    1 {"tool":"say","record":"decision","command_line":"echo hello","verdict":"allow","rule":"say.effect","number":2}
    0 {"tool":"write","record":"outcome","outcome":"not_started","exit_code":null,"duration_ms":null,"bytes":null,"sandbox":null,"number":3}
    1 {"tool":"say","record":"outcome","outcome":"exited","exit_code":0,"duration_ms":"…","bytes":6,"sandbox":"off","number":4}
    "#);
}

/// Changes the store behind the server's back.
async fn meddle(world: &World, sql: &'static str) {
    let address = format!("sqlite:{}", world.path("tolkien.db").display());
    let mut db = SqliteConnection::connect(&address).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

async fn problems(world: &World) -> Vec<String> {
    let mut check = Check::default();
    for line in world.lines().await {
        check.take(Some(&line));
    }
    check.problems()
}

#[tokio::test]
async fn an_end_that_is_cut_off_under_a_running_server_shows_for_good() {
    for (sql, missing) in [
        (
            "DELETE FROM audit WHERE number > 2",
            "record 5 of `main` follows record 2: what stood between is missing",
        ),
        (
            "DELETE FROM audit",
            "record 5 of `main` follows record 0: what stood between is missing",
        ),
    ] {
        let world = World::new(|folder| folder.join("audit.jsonl")).await;
        for text in ["one", "two"] {
            world.ask(vec![("say", json!({"text": text}))]).await;
        }
        assert_eq!(problems(&world).await, Vec::<String>::new());
        meddle(&world, sql).await;
        for _ in 0..2 {
            let calls = vec![("write", json!({})), ("say", json!({"text": "hello"}))];
            world.ask(calls).await;
            assert!(!world.path("mark").exists());
            let requests = world.fake.requests();
            let results = requests.last().unwrap().results();
            assert!(
                results[0]
                    .1
                    .starts_with("Not run: the audit trail cannot be written")
            );
            assert!(results[1].1.contains("\nhello\n"), "{results:?}");
        }
        assert_eq!(problems(&world).await, [missing]);
    }
}
