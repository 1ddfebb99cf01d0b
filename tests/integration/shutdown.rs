//! SIGTERM while a server is busy: twelve clients whose turns wait for the model, run calls that
//! read and calls that write, or wait for an approval, and more who come meanwhile. Each of them
//! has one answer in the end, here or at the next server, and nothing that writes runs twice.

use std::sync::Arc;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::busy::{World, ended};
use crate::postgres;

/// What clients wait for when the signal comes, and how many of each there are.
const KINDS: [&str; 4] = ["approve", "model", "look", "change"];
const EACH: usize = 3;

/// Somebody with a session of its own and one message in it.
struct Asker {
    http: Client,
    token: String,
    name: String,
    first: String,
    /// Where the next server is, as soon as that is known.
    next: watch::Receiver<Option<String>>,
    session: String,
}

impl Asker {
    async fn new(
        world: &World,
        name: String,
        first: &str,
        next: &watch::Sender<Option<String>>,
    ) -> Self {
        let token = world.folder.read(".local/state/tolkien/token");
        let mut asker = Self {
            http: Client::new(),
            token: token.trim().to_owned(),
            first: first.to_owned(),
            next: next.subscribe(),
            session: String::new(),
            name,
        };
        let opened = asker.post(first, "/sessions", &json!({})).await.unwrap();
        assert_eq!(opened.status(), 201);
        let opened: Value = opened.json().await.unwrap();
        opened["session_id"]
            .as_str()
            .unwrap()
            .clone_into(&mut asker.session);
        asker
    }

    async fn post(&self, url: &str, path: &str, body: &Value) -> reqwest::Result<Response> {
        let request = self.http.post(format!("{url}{path}"));
        let request = request.bearer_auth(&self.token);
        let request = request.header("idempotency-key", &self.name);
        request.json(body).send().await
    }

    async fn get(&self, url: &str, path: &str) -> Value {
        let request = self.http.get(format!("{url}{path}"));
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    async fn say(&self, url: &str) -> reqwest::Result<Response> {
        let path = format!("/sessions/{}/messages", self.session);
        self.post(url, &path, &json!({"content": self.name})).await
    }

    /// Says its message to the first server, and again to the next: what the first told, and what
    /// came of the turn.
    async fn converse(self, heard: impl FnOnce(&str)) -> (String, String, Value) {
        let told = match self.say(&self.first).await {
            Ok(answer) => told(answer).await,
            Err(_) => "no answer".to_owned(),
        };
        heard(&told);
        let mut next = self.next.clone();
        let next = next
            .wait_for(Option::is_some)
            .await
            .unwrap()
            .clone()
            .unwrap();
        let answer = self.say(&next).await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}: {}",
            self.name,
            answer.status()
        );
        let mut turn: Value = answer.json().await.unwrap();
        let session = format!("/sessions/{}", self.session);
        let path = format!("{session}/turns/{}", turn["turn_id"].as_str().unwrap());
        while turn["finished_at"].is_null() {
            if let Some(asked) = turn["pending_approvals"][0]["approval_id"].as_str() {
                let approve = json!({"decision": "approve"});
                let decide = format!("{session}/approvals/{asked}");
                let decided = self.post(&next, &decide, &approve).await.unwrap();
                assert!([200, 409].contains(&decided.status().as_u16()));
            }
            turn = self.get(&next, &format!("{path}?wait=100")).await;
        }
        let turns = self.get(&next, &session).await["turns"].take();
        assert_eq!(turns, json!([turn]), "one message is one turn");
        (self.name, told, turn)
    }
}

/// What a client that looks at an answer sees.
async fn told(answer: Response) -> String {
    let status = answer.status().as_u16();
    let again = answer.headers().get("retry-after").cloned();
    let Ok(body) = answer.json::<Value>().await else {
        return format!("{status}, and no whole body");
    };
    if status < 300 {
        return format!("{status} {}", body["status"].as_str().unwrap());
    }
    let again = again.unwrap().to_str().unwrap().to_owned();
    let (code, detail) = (body["code"].as_str(), body["detail"].as_str());
    format!(
        "{status} {}, again in {again} s: {}",
        code.unwrap(),
        detail.unwrap()
    )
}

/// What each turn came to, in a line.
fn lines(heard: &[(String, String, Value)]) -> String {
    let mut lines: Vec<String> = heard
        .iter()
        .map(|(name, told, turn)| {
            let calls = turn["tool_calls"].as_array().unwrap();
            let calls: Vec<&str> = calls
                .iter()
                .map(|call| call["outcome"].as_str().unwrap())
                .collect();
            let (status, said) = (&turn["status"], &turn["response"]);
            let (status, said) = (status.as_str().unwrap(), said.as_str().unwrap_or("nothing"));
            format!("{name}: {told} | {status} {calls:?} {said}")
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

/// A server that ends while everybody waits, and the next one: what everybody heard, and how often
/// each call ran. `let_go` lets what runs come to its end once nothing new is taken.
async fn end_while_busy(store: Option<String>, grace: &str, let_go: bool) -> (String, String) {
    let is_shared = store.is_some();
    let mut world = World::new(store, grace).await;
    let (first, second) = (world.start(), is_shared.then(|| world.start()));
    let (next, _) = watch::channel(None);
    let (waiting, mut waits) = watch::channel(0);
    let waiting = Arc::new(waiting);
    let mut busy = Vec::new();
    for (kind, number) in KINDS
        .iter()
        .flat_map(|kind| (1..=EACH).map(move |n| (kind, n)))
    {
        let name = format!("{kind}-{number}");
        let asker = Asker::new(&world, name, &first.url, &next).await;
        let waiting = Arc::clone(&waiting);
        let heard = move |told: &str| {
            waiting.send_modify(|waits| *waits += usize::from(told == "202 awaiting_approval"));
        };
        busy.push(tolkien::tasks::Tasks::new().spawn(asker.converse(heard)));
    }
    let mut late = Vec::new();
    for number in 1..=EACH {
        late.push(Asker::new(&world, format!("late-{number}"), &first.url, &next).await);
    }
    // Three wait for an approval, three for the model, and six calls run.
    waits.wait_for(|waits| *waits == EACH).await.unwrap();
    world.fake.requested(4 * EACH).await;
    let world = tokio::task::spawn_blocking(move || {
        world.running(2 * EACH);
        world
    })
    .await
    .unwrap();
    world.folder.write("go", "");

    first.signal(Signal::SIGTERM);
    let ready = format!("{}/readyz", first.url);
    let mut hold = None;
    if let_go {
        let mut said = Vec::new();
        let mut answer = reqwest::get(&ready).await.unwrap();
        while answer.status() == 200 {
            answer = reqwest::get(&ready).await.unwrap();
        }
        assert_eq!(answer.status(), 503);
        assert_eq!(
            answer.json::<Value>().await.unwrap()["status"],
            "shutting_down"
        );
        for asker in &late {
            said.push(told(asker.say(&first.url).await.unwrap()).await);
        }
        assert_eq!(
            said,
            ["503 shutting_down, again in 1 s: the server is shutting down"; EACH]
        );
        world.gate.open();
        hold = Some(world.let_go(2 * EACH));
    }
    let (code, log) = ended(first).await;
    drop(hold);
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("ERROR"), "{log}");

    let second = second.unwrap_or_else(|| world.start());
    next.send_replace(Some(second.url.clone()));
    let late = late.into_iter().map(|asker| asker.converse(|_| ()));
    let mut heard: Vec<_> = join_all(busy)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    heard.extend(join_all(late).await);
    assert_eq!(
        world.fake.refusals(),
        [""; 0],
        "every history keeps the rules"
    );
    second.signal(Signal::SIGTERM);
    let (code, log) = tokio::task::spawn_blocking(|| second.ended())
        .await
        .unwrap();
    assert_eq!(code, 0, "{log}");
    (lines(&heard), world.ran())
}

/// What runs may come to its end, so everybody who waits has the answer of the server that ends.
async fn everybody_is_answered(store: Option<String>) {
    let (heard, ran) = end_while_busy(store, "1m", true).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(heard, @r#"
        approve-1: 202 awaiting_approval | completed ["exited"] answer to approve-1
        approve-2: 202 awaiting_approval | completed ["exited"] answer to approve-2
        approve-3: 202 awaiting_approval | completed ["exited"] answer to approve-3
        change-1: 200 completed | completed ["exited"] answer to change-1
        change-2: 200 completed | completed ["exited"] answer to change-2
        change-3: 200 completed | completed ["exited"] answer to change-3
        late-1: no answer | completed [] answer to late-1
        late-2: no answer | completed [] answer to late-2
        late-3: no answer | completed [] answer to late-3
        look-1: 200 completed | completed ["exited"] answer to look-1
        look-2: 200 completed | completed ["exited"] answer to look-2
        look-3: 200 completed | completed ["exited"] answer to look-3
        model-1: 200 completed | completed [] answer to model-1
        model-2: 200 completed | completed [] answer to model-2
        model-3: 200 completed | completed [] answer to model-3
        "#);
        insta::assert_snapshot!(ran, @"approve-1 1, approve-2 1, approve-3 1, change-1 1, change-2 1, change-3 1, look-1 1, look-2 1, look-3 1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_that_ends_answers_everybody_and_takes_nothing_new() {
    everybody_is_answered(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_that_ends_beside_another_answers_everybody_and_takes_nothing_new() {
    everybody_is_answered(Some(postgres::database().await)).await;
}

/// Nothing may come to its end, so everybody has an answer of the next server.
async fn the_next_server_answers(store: Option<String>) {
    let (heard, ran) = end_while_busy(store, "1ms", false).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(heard, @r#"
        approve-1: 202 awaiting_approval | completed ["exited"] answer to approve-1
        approve-2: 202 awaiting_approval | completed ["exited"] answer to approve-2
        approve-3: 202 awaiting_approval | completed ["exited"] answer to approve-3
        change-1: 202 running | completed ["interrupted"] answer to change-1
        change-2: 202 running | completed ["interrupted"] answer to change-2
        change-3: 202 running | completed ["interrupted"] answer to change-3
        late-1: no answer | completed [] answer to late-1
        late-2: no answer | completed [] answer to late-2
        late-3: no answer | completed [] answer to late-3
        look-1: 202 running | completed ["exited"] answer to look-1
        look-2: 202 running | completed ["exited"] answer to look-2
        look-3: 202 running | completed ["exited"] answer to look-3
        model-1: 202 running | completed [] answer to model-1
        model-2: 202 running | completed [] answer to model-2
        model-3: 202 running | completed [] answer to model-3
        "#);
        insta::assert_snapshot!(ran, @"approve-1 1, approve-2 1, approve-3 1, change-1 1, change-2 1, change-3 1, look-1 2, look-2 2, look-3 2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_grace_is_answered_once_by_the_next_server() {
    the_next_server_answers(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_grace_is_answered_once_by_the_server_beside_it() {
    the_next_server_answers(Some(postgres::database().await)).await;
}
