//! Turns and sessions that end early: cancelled, deleted, expired, killed.

use super::*;

async fn waiting(world: &World) -> (SessionId, TurnId, Pid) {
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
async fn a_server_that_ends_lets_turns_finish_within_the_grace_and_then_ends_them() {
    let world = World::new().await;
    let (session, turn, pid) = waiting(&world).await;
    world.tasks.end(Duration::ZERO).await;
    assert!(!runs(pid));
    let view = world.over(&session, &turn).await;
    assert_eq!(stop(&view), "interrupted");
    let refused = world
        .sessions
        .send(&joao(), &session, "more".to_owned(), None)
        .await;
    assert_eq!(refused, Err(Error::ShuttingDown));
    assert_eq!(
        world.sessions.create(&joao(), None, None).await.map(|_| ()),
        Err(Error::ShuttingDown)
    );
}

#[tokio::test]
async fn an_idle_session_expires_and_a_running_turn_is_activity() {
    let world = World::with("limits: {session_idle: 30m}\n", Clock::runtime()).await;
    let idle = world.session().await;
    let (busy, turn, _) = waiting(&world).await;
    pass(Duration::from_mins(29)).await;
    assert!(world.sessions.view(&joao(), &idle).await.is_ok());
    pass(Duration::from_mins(1)).await;
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
    pass(Duration::from_mins(29)).await;
    let (held, _) = world.sessions.list(&joao(), None, 10).await.unwrap();
    let held: Vec<&SessionId> = held.iter().map(|session| &session.session_id).collect();
    assert_eq!(held, [&busy]);
}

/// Lets time pass; it stands still only for this moment, since sockets and disks have their own.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[test]
fn a_killed_server_finds_its_turn_interrupted_and_the_conversation_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let outer = tokio::runtime::Runtime::new().unwrap();
    let fake = outer.block_on(Fake::start());
    let in_force = in_force(&fake.base_url(), config(folder.path(), ""));
    fake.push(
        Answer::tools([("mark", json!({"name": "done"})), ("wait", json!({}))]).thinking("so"),
    );

    // A runtime that is dropped stops every task where it stands, as a kill does.
    let inner = tokio::runtime::Runtime::new().unwrap();
    let (session, turn) = inner.block_on(async {
        let tasks = Tasks::new();
        let sessions = open(folder.path(), &in_force, &tasks, Clock::system()).await;
        let session = sessions
            .create(&joao(), None, None)
            .await
            .unwrap()
            .session_id;
        let key = Some(key("k", 1));
        let turn = sessions
            .send(&joao(), &session, "wait".to_owned(), key)
            .await
            .unwrap();
        let mut events = pin!(sessions.events(&joao(), &session, &turn, 0));
        let mut ended = 0;
        while ended < 1 {
            let event = events.next().await.unwrap().unwrap();
            ended += usize::from(matches!(event.item, Event::CallEnded(_)));
        }
        (session, turn)
    });
    inner.shutdown_timeout(LONG);

    outer.block_on(async {
        let tasks = Tasks::new();
        let sessions = open(folder.path(), &in_force, &tasks, Clock::system()).await;
        let view = sessions.turn(&joao(), &session, &turn, LONG).await.unwrap();
        assert_eq!(stop(&view), "interrupted");
        assert_eq!(outcomes(&view), ["exited", "interrupted"]);
        let again = sessions
            .send(&joao(), &session, "wait".to_owned(), Some(key("k", 1)))
            .await;
        assert_eq!(again, Ok(turn));
        fake.push(Answer::text("I will check."));
        let next = sessions
            .send(&joao(), &session, "and now?".to_owned(), None)
            .await
            .unwrap();
        let next = sessions.turn(&joao(), &session, &next, LONG).await.unwrap();
        assert_eq!(next.response.as_deref(), Some("I will check."));
        assert_eq!(fake.refusals(), [""; 0]);
        let results = fake.requests().pop().unwrap().results();
        assert_eq!(
            results[1].1,
            "Interrupted: the server ended while this call was running, so whether it did \
             anything is unknown. Check before you try again."
        );
    });
}
