//! Many reloads during many turns. `TOLKIEN_STORM=full` makes it 200 and 100; without it there are
//! fewer, for every run of the tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, pin_mut};
use serde_json::{Value, json};
use tolkien::agent::{CallId, Event, SessionId, TurnId};
use tolkien::config::policy::Channel;

use super::world::{Files, LONG, Mount, World, revision, until, version, write};
use crate::decision;
use crate::fake::{Answer, Fake};

/// Reloads, and conversations that go on meanwhile.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says how much they do"
)]
fn counts() -> (usize, usize) {
    match std::env::var_os("TOLKIEN_STORM") {
        Some(full) if full == "full" => (200, 100),
        _ => (30, 10),
    }
}

/// A third of the versions is broken, each in its own way.
fn is_broken(number: usize) -> bool {
    number.is_multiple_of(3)
}

fn content(fake: &Fake, number: usize) -> Files {
    let mut files = version(fake, number);
    if is_broken(number) {
        let tool = files.get_mut("tools.d/say.yaml").unwrap();
        tool.truncate(tool.len() * (number % 7 + 1) / 9);
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_of_reloads_no_request_fails_and_each_call_runs_under_what_decided_it() {
    let (reloads, talkers) = counts();
    let fake = Fake::start().await;
    fake.respond_with(|seen| match seen.rounds() {
        rounds if rounds < 4 => Answer::tools([
            ("say", json!({"words": ["a"]})),
            ("say", json!({"words": ["b"]})),
        ])
        .thinking("which?"),
        _ => Answer::text("Done.").thinking("so"),
    });
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mount");
    let mut mount = Mount::new(&root);
    mount.swap(&version(&fake, 1));
    let world = Arc::new(World::of((fake, folder, root)).await);
    let apart = tempfile::tempdir().unwrap();
    let mut good = BTreeMap::new();
    for number in (1..=reloads + 1).filter(|number| !is_broken(*number)) {
        write(apart.path(), &version(&world.fake, number));
        good.insert(revision(apart.path()), number);
    }
    let over = Arc::new(AtomicBool::new(false));
    let talking = (0..talkers).map(|_| {
        world
            .tasks
            .spawn(talk(Arc::clone(&world), Arc::clone(&over)))
    });
    let talking: Vec<_> = talking.collect();
    let probing = world
        .tasks
        .spawn(probe(Arc::clone(&world), Arc::clone(&over), good.clone()));
    for number in 2..=reloads + 1 {
        // The turns go on under each of them.
        world
            .fake
            .requested(world.fake.served() + talkers / 2)
            .await;
        mount.swap(&content(&world.fake, number));
        let wanted = revision(&world.root);
        until("judged", async || {
            let rejected = world
                .reloads
                .last_rejection()
                .and_then(|it| it.revision.clone());
            let judged = rejected.map_or_else(|| world.revision(), |it| it.to_string());
            judged == wanted
        })
        .await;
        assert_eq!(world.reloads.last_rejection().is_some(), is_broken(number));
    }
    over.store(true, Ordering::Relaxed);
    probing.await.unwrap();
    let sessions: Vec<SessionId> = join_all(talking)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(world.fake.refusals(), [""; 0]);
    let mut versions = BTreeMap::new();
    for session in &sessions {
        check(&world, session, &good, &mut versions).await;
    }
    // Most of the good ones ran some of the calls.
    assert!(versions.len() > reloads / 3, "{versions:?}");
}

/// Asks one question after the other.
async fn talk(world: Arc<World>, over: Arc<AtomicBool>) -> SessionId {
    let (status, session) = world.post("/sessions", &json!({})).await;
    assert_eq!(status, 201, "{session}");
    let id = session["session_id"].as_str().unwrap().to_owned();
    while !over.load(Ordering::Relaxed) {
        let message = json!({"content": "Say it."});
        let (status, turn) = world
            .post(&format!("/sessions/{id}/messages"), &message)
            .await;
        assert_eq!(
            (status, &turn["response"]),
            (200, &json!("Done.")),
            "{turn}"
        );
    }
    SessionId::from(id.as_str())
}

/// Sees nothing but good revisions, and none twice after another.
async fn probe(world: Arc<World>, over: Arc<AtomicBool>, good: BTreeMap<String, usize>) {
    let mut newest = 0;
    while !over.load(Ordering::Relaxed) {
        for path in ["/readyz", "/config"] {
            let answer: Value = world.get(path).await;
            let number = good[answer["revision"].as_str().unwrap()];
            assert!(number >= newest, "{number} after {newest}");
            newest = number;
        }
    }
}

/// Holds every call of a session against the revision that decided it.
async fn check(
    world: &World,
    session: &SessionId,
    good: &BTreeMap<String, usize>,
    versions: &mut BTreeMap<usize, usize>,
) {
    let admin = decision::caller("admin", Channel::Api);
    let view = world.sessions.view(&admin, session).await.unwrap();
    for turn in view.turns {
        let turn: TurnId = turn.turn_id;
        let events = world.sessions.events(&admin, session, &turn, 0);
        pin_mut!(events);
        let mut decided: BTreeMap<CallId, usize> = BTreeMap::new();
        while let Some(event) = tokio::time::timeout(LONG, events.next()).await.unwrap() {
            match event.unwrap().item {
                Event::CallDecided {
                    call_id, revision, ..
                } => {
                    decided.insert(call_id, good[revision.as_str()]);
                }
                Event::CallEnded(ended) => {
                    let number = decided[&ended.call_id];
                    let said = format!("tool-{number} settings-{number} ");
                    assert!(ended.shown.contains(&said), "{said}: {}", ended.shown);
                    *versions.entry(number).or_default() += 1;
                }
                _ => {}
            }
        }
    }
}
