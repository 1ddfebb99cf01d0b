//! Turns whose own work fails: with a panic, or because nothing can be recorded any more.

use std::fs;

use serde_json::json;

use super::drive::Begun;
use super::live::Place;
use super::*;
use crate::agent::event::Status;
use crate::agent::{Driven, Lost};
use crate::config::Overrides;
use crate::config::host::Host;
use crate::config::name::{CallerName, RoleName};
use crate::config::policy::Channel;
use crate::model::{Model, Script};
use crate::policy;
use crate::store::Location;

const TOOL: &str = r"
description: Says it again.
effect: read
input: {type: object, properties: {}}
run: {command: [echo, again]}
tests: [{allow: {}}, {deny: {now: 1}}]
";

async fn sessions() -> Sessions {
    let root = tempfile::tempdir().unwrap();
    for folder in ["tools.d", "prompts"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("tools.d/again.yaml"), TOOL).unwrap();
    fs::write(
        root.path().join("prompts/system.md"),
        "You are the agent.\n",
    )
    .unwrap();
    let config = policy::load(root.path(), Overrides::None)
        .unwrap()
        .config
        .unwrap();
    let tasks = Tasks::new();
    let script = json!([{"replies": [{"text": "Yes."}]}, {"replies": [{"text": "Yes."}]}]);
    let parts = Parts {
        in_force: Arc::new(ArcSwap::from_pointee(InForce {
            host: Arc::new(Host::probe(&config)),
            config,
            model: Model::Script(Script::parse(script).unwrap()),
        })),
        store: Store::open(&Location::Memory, &tasks).await.unwrap(),
        tasks,
    };
    Sessions::open(parts).await.unwrap()
}

fn joao() -> Caller {
    Caller {
        name: CallerName::new("joao"),
        role: RoleName::new("operator"),
        channel: Channel::Local,
    }
}

/// A turn that was started.
async fn begun(sessions: &Sessions) -> (SessionId, TurnId, Place, Box<Begun>) {
    let session = sessions.create(&joao(), None, None).await.unwrap();
    let session = session.session_id;
    let turn = TurnId::fresh();
    let message = Message {
        who: joao(),
        session: session.clone(),
        read: sessions.inner.session(&joao(), &session).await.unwrap(),
        content: "are you there?".to_owned(),
        key: None,
    };
    let Ok(Some((place, begun))) = sessions.inner.start(&message, &turn).await else {
        panic!("it starts");
    };
    (session, turn, place, begun)
}

/// A turn that was started, and whose work then comes to this.
async fn turn(sessions: &Sessions, work: impl Future<Output = Result<Driven, Lost>>) -> TurnView {
    let (session, turn, place, begun) = begun(sessions).await;
    sessions.inner.see_out(&begun.held, work).await;
    drop(place);
    let view = sessions
        .turn(&joao(), &session, &turn, Duration::ZERO)
        .await
        .unwrap();
    let next = sessions
        .send(&joao(), &session, "and now?".to_owned(), None)
        .await
        .unwrap();
    let next = sessions
        .turn(&joao(), &session, &next, Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(next.status, Status::Completed, "the conversation goes on");
    view
}

#[tokio::test]
async fn a_panic_ends_its_turn_and_nothing_else() {
    let sessions = sessions().await;
    let view = turn(&sessions, async { panic!("as a test does") }).await;
    let stop = view.stop.unwrap();
    assert_eq!(
        (view.status, stop.reason.as_str(), stop.detail.as_deref()),
        (
            Status::Failed,
            "internal_error",
            Some("the engine failed in this turn")
        )
    );
}

#[tokio::test]
async fn a_turn_that_cannot_be_recorded_any_more_is_ended() {
    let sessions = sessions().await;
    let view = turn(&sessions, async { Err(Lost::Turn) }).await;
    assert_eq!(
        (view.status, view.stop.unwrap().reason.as_str()),
        (Status::Failed, "internal_error")
    );
}

#[tokio::test]
async fn whoever_waits_for_a_turn_that_is_left_waits_for_whoever_goes_on() {
    let sessions = sessions().await;
    let (session, turn, place, begun) = begun(&sessions).await;
    let who = joao();
    let waits = sessions.turn(&who, &session, &turn, Duration::from_mins(1));
    let moves = async {
        let left = async { Ok(Driven::Left) };
        sessions.inner.see_out(&begun.held, left).await;
        drop(place);
        // Whoever waits hears that it was left, most likely before it goes on.
        tokio::time::sleep(Duration::from_millis(50)).await;
        sessions.inner.claim().await.unwrap();
    };
    let (view, ()) = tokio::join!(waits, moves);
    assert_eq!(view.unwrap().status, Status::Completed);
}
