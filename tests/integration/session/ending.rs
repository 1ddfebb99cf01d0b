//! Turns and sessions that end early: cancelled, deleted, expired, killed.

use super::*;

pub(super) async fn waiting(world: &World) -> (SessionId, TurnId, Pid) {
    let session = world.session().await;
    world
        .fake
        .push(Answer::tools([("wait", json!({})), echo("beside")]));
    let turn = world.send(&session, "wait").await;
    let pid = world.process().await;
    (session, turn, pid)
}

#[tokio::test]
async fn cancelling_ends_the_process_and_keeps_the_conversation() {
    let world = World::new().await;
    let (session, turn, pid) = waiting(&world).await;
    assert!(runs(pid));
    for _ in 0..2 {
        world
            .sessions
            .cancel(&joao(), &session, &turn)
            .await
            .unwrap();
    }
    let view = world.over(&session, &turn).await;
    assert_eq!((stop(&view), view.response.as_deref()), ("cancelled", None));
    assert_eq!(outcomes(&view)[0], "cancelled");
    assert!(!runs(pid));
    let again = world
        .sessions
        .cancel(&joao(), &session, &turn)
        .await
        .unwrap();
    assert_eq!(again, view);
    world.fake.push(Answer::text("Still here."));
    let next = world.ask(&session, "and now?").await;
    assert_eq!(next.response.as_deref(), Some("Still here."));
    assert_eq!(world.fake.refusals(), [""; 0]);
}

#[tokio::test]
async fn cancelling_does_not_wait_for_the_model() {
    let world = World::new().await;
    let session = world.session().await;
    world.fake.push(Answer::silence());
    let turn = world.send(&session, "hello?").await;
    world.fake.requested(1).await;
    world
        .sessions
        .cancel(&joao(), &session, &turn)
        .await
        .unwrap();
    assert_eq!(stop(&world.over(&session, &turn).await), "cancelled");
}

#[tokio::test]
async fn a_deleted_session_leaves_no_process_behind() {
    let world = World::new().await;
    let (session, turn, pid) = waiting(&world).await;
    world.sessions.end(&joao(), &session).await.unwrap();
    assert!(!runs(pid));
    let gone = Err(Error::SessionNotFound);
    assert_eq!(
        world.sessions.view(&joao(), &session).await.map(|_| ()),
        gone
    );
    assert_eq!(
        world
            .sessions
            .turn(&joao(), &session, &turn, LONG)
            .await
            .map(|_| ()),
        gone
    );
    assert_eq!(world.sessions.end(&joao(), &session).await, gone);
}

#[tokio::test]
async fn an_idle_session_expires_and_a_running_turn_is_activity() {
    let clock = Clock::system();
    let world = World::with("limits: {session_idle: 30m}\n", clock.clone()).await;
    let idle = world.session().await;
    let (busy, turn, _) = waiting(&world).await;
    clock.advance(Duration::from_mins(29));
    assert!(world.sessions.view(&joao(), &idle).await.is_ok());
    clock.advance(Duration::from_mins(1));
    let gone = world.sessions.view(&joao(), &idle).await.map(|_| ());
    assert_eq!(gone, Err(Error::SessionNotFound));
    let refused = world
        .sessions
        .send(&joao(), &idle, "too late".to_owned(), None)
        .await;
    assert_eq!(refused, Err(Error::SessionNotFound));
    assert_eq!(
        world.sessions.view(&joao(), &busy).await.unwrap().status,
        SessionStatus::Running
    );
    world.sessions.cancel(&joao(), &busy, &turn).await.unwrap();
    world.over(&busy, &turn).await;
    clock.advance(Duration::from_mins(29));
    let (held, _) = world.sessions.list(&joao(), None, 10).await.unwrap();
    let held: Vec<&SessionId> = held.iter().map(|session| &session.session_id).collect();
    assert_eq!(held, [&busy]);
}
