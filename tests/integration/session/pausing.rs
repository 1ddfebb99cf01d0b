//! Stopping all tools: nothing starts, what runs is ended, turns go on, and the model is told.

use super::*;
use ending::waiting;

/// The last text that the model got for a call.
fn told(world: &World) -> String {
    let (_, text, _) = world.results().pop().unwrap();
    text
}

#[tokio::test]
async fn nothing_starts_while_all_tools_are_stopped() {
    let world = World::new().await;
    let session = world.session().await;
    let (admin, sessions) = (maria("admin"), &world.sessions);
    let pause = sessions.pause(&admin, Some("the cluster is being restored".to_owned()));
    let pause = pause.await.unwrap();
    assert_eq!(sessions.paused().await, Ok(Some(pause.clone())));
    let again = sessions.pause(&admin, Some("another".to_owned()));
    assert_eq!(again.await, Ok(pause), "the first goes on");
    world.fake.push(Answer::tools([echo("one"), echo("two")]));
    world.fake.push(Answer::text("They are stopped."));
    let view = world.ask(&session, "say it").await;
    assert_eq!(outcomes(&view), ["not_started", "not_started"]);
    assert_eq!(view.response.as_deref(), Some("They are stopped."));
    insta::assert_snapshot!(told(&world), @"Not run: maria stopped all tools: the cluster is being restored. No tool runs until they are started again. Do not try again; tell the operator.");
    world.sessions.resume(&maria("admin")).await.unwrap();
    assert_eq!(world.sessions.paused().await, Ok(None));
    world.fake.push(Answer::tools([echo("one")]));
    let view = world.ask(&session, "and now?").await;
    assert_eq!(outcomes(&view), ["exited"]);
    assert_eq!(world.sessions.resume(&maria("admin")).await, Ok(()));
}

#[tokio::test]
async fn what_runs_is_ended_and_its_turn_goes_on() {
    let world = World::new().await;
    let (session, turn, pid) = waiting(&world).await;
    world.fake.push(Answer::text("It was stopped."));
    world.sessions.pause(&maria("admin"), None).await.unwrap();
    let view = world.over(&session, &turn).await;
    assert_eq!(outcomes(&view).first(), Some(&"cancelled"));
    assert_eq!(view.response.as_deref(), Some("It was stopped."));
    assert!(!runs(pid));
    let results = world.results();
    let text = &results.first().unwrap().1;
    let last = text.lines().next_back().unwrap();
    insta::assert_snapshot!(last, @"Ended while it ran: maria stopped all tools. What it had not done by then it did not do. No tool runs until they are started again; tell the operator.");
}

#[tokio::test]
async fn only_admins_stop_and_start_them() {
    let world = World::new().await;
    let refused = world
        .sessions
        .pause(&joao(), Some("no reason".to_owned()))
        .await;
    assert_eq!(refused, Err(Error::NotAnAdmin));
    assert_eq!(world.sessions.paused().await, Ok(None));
    world.sessions.pause(&maria("admin"), None).await.unwrap();
    assert_eq!(world.sessions.resume(&joao()).await, Err(Error::NotAnAdmin));
    assert!(world.sessions.paused().await.unwrap().is_some());
}

#[tokio::test]
async fn they_stay_stopped_when_the_server_starts_again() {
    let world = World::new().await;
    let pause = world
        .sessions
        .pause(&maria("admin"), Some("a flood".to_owned()))
        .await;
    let world = world.again().await;
    assert_eq!(world.sessions.paused().await, pause.map(Some));
    world.fake.push(Answer::tools([echo("one")]));
    let session = world.session().await;
    let view = world.ask(&session, "say it").await;
    assert_eq!(outcomes(&view), ["not_started"]);
}

#[tokio::test]
async fn a_call_that_is_approved_meanwhile_does_not_run() {
    let world = World::new().await;
    world
        .fake
        .push(Answer::tools([("write", json!({"name": "a"}))]));
    let session = world.session().await;
    let turn = world.send(&session, "write it").await;
    let view = world.sessions.turn(&joao(), &session, &turn, LONG).await;
    let asked = view.unwrap().pending_approvals.pop().unwrap();
    world.sessions.pause(&maria("admin"), None).await.unwrap();
    let (who, id) = (joao(), &asked.approval_id);
    let decided = world.sessions.decide(&who, &session, id, true, None);
    assert!(decided.await.is_ok());
    let events = world.sessions.events(&joao(), &session, &turn, 0);
    assert!(events.count().await > 0);
    assert_eq!(
        outcomes(&world.over(&session, &turn).await),
        ["not_started"]
    );
    assert!(!world.path("a").exists());
}
