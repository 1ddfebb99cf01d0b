//! Whose a session is, what is asked twice, and who watches.

use super::*;

#[tokio::test]
async fn a_message_sent_twice_under_one_key_is_one_turn() {
    let world = World::new().await;
    let session = world.session().await;
    let gate = Gate::new();
    world.fake.push(Answer::text("Once.").behind(&gate));
    let (owner, id) = (joao(), session.clone());
    let send = |name: &str, body: u8| {
        let key = Some(key(name, body));
        world.sessions.send(&owner, &id, "once".to_owned(), key)
    };
    let many = join_all((0..20).map(|_| send("k", 1))).await;
    let first = many[0].clone().unwrap();
    assert!(
        many.iter().all(|turn| *turn == Ok(first.clone())),
        "{many:?}"
    );
    assert_eq!(send("k", 2).await, Err(Error::IdempotencyMismatch));
    assert_eq!(
        send("other", 1).await,
        Err(Error::TurnInProgress(first.clone()))
    );
    gate.open();
    assert_eq!(
        world.over(&session, &first).await.response.as_deref(),
        Some("Once.")
    );
    assert_eq!(send("k", 1).await, Ok(first));
    assert_eq!(send("k", 2).await, Err(Error::IdempotencyMismatch));
    assert_eq!(world.fake.requests().len(), 1);
}

#[tokio::test]
async fn a_session_opened_twice_under_one_key_is_one_session() {
    let world = World::new().await;
    let metadata = json!({"b": 1, "a": 2}).as_object().cloned();
    let create = |who: Caller, body: u8| {
        let metadata = metadata.clone();
        let sessions = world.sessions.clone();
        async move { sessions.create(&who, metadata, Some(key("k", body))).await }
    };
    let first = create(joao(), 1).await.unwrap();
    assert_eq!(create(joao(), 1).await, Ok(first.clone()));
    assert_eq!(create(joao(), 2).await, Err(Error::IdempotencyMismatch));
    let other = create(maria("operator"), 2).await.unwrap();
    assert_ne!(other.session_id, first.session_id);
    assert_eq!(first.metadata, metadata);
    world
        .sessions
        .end(&joao(), &first.session_id)
        .await
        .unwrap();
    assert_ne!(
        create(joao(), 2).await.unwrap().session_id,
        first.session_id
    );
}

#[tokio::test]
async fn a_turn_outlives_whoever_asked_for_it() {
    let world = World::new().await;
    let session = world.session().await;
    world.fake.push(Answer::tools([echo("one")]));
    world.fake.push(Answer::text("Done."));
    {
        let sessions = world.sessions.clone();
        let owner = joao();
        let mut asking =
            pin!(sessions.send(&owner, &session, "go on".to_owned(), Some(key("k", 1))));
        // Asked once and dropped before the answer came, as a client does that goes away.
        while world.fake.requests().is_empty() {
            let gone =
                poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_ready())).await;
            if gone {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let turn = world
        .sessions
        .send(&joao(), &session, "go on".to_owned(), Some(key("k", 1)))
        .await;
    let view = world.over(&session, &turn.unwrap()).await;
    assert_eq!(view.response.as_deref(), Some("Done."));
    assert_eq!(world.fake.requests().len(), 2);
}

#[tokio::test]
async fn the_next_message_may_be_sent_as_soon_as_the_last_event_was_seen() {
    let world = World::new().await;
    let session = world.session().await;
    world.fake.respond_with(|_| Answer::text("Yes."));
    for _ in 0..50 {
        let turn = world.send(&session, "ready?").await;
        let events = world.sessions.events(&joao(), &session, &turn, 0);
        let events: Vec<_> = events.map(|event| event.unwrap().item).collect().await;
        assert!(events.last().unwrap().ends_turn(), "{events:?}");
        assert_eq!(world.fake.refusals(), [""; 0]);
    }
}

#[tokio::test]
async fn events_are_followed_from_any_number_while_they_come_and_afterwards() {
    let world = World::new().await;
    let session = world.session().await;
    let gate = Gate::new();
    world.fake.push(Answer::tools([echo("one")]));
    world.fake.push(Answer::text("Done.").behind(&gate));
    let turn = world.send(&session, "go").await;
    let follow = |after| {
        let events = world.sessions.events(&joao(), &session, &turn, after);
        events.map(|event| {
            let event = event.unwrap();
            format!("{} {}", event.number, event.item.name())
        })
    };
    let all = [
        "1 turn_started",
        "2 model_replied",
        "3 call_decided",
        "4 call_started",
        "5 call_ended",
        "6 model_replied",
        "7 turn_ended",
    ];
    let begun: Vec<String> = follow(0).take(5).collect().await;
    assert_eq!(begun, all[..5]);
    let (live, ()) = tokio::join!(follow(2).collect::<Vec<_>>(), async {
        world.fake.requested(2).await;
        gate.open();
    });
    assert_eq!(live, all[2..]);
    assert_eq!(follow(0).collect::<Vec<_>>().await, all);
    assert_eq!(follow(6).collect::<Vec<_>>().await, all[6..]);
    assert_eq!(follow(7).collect::<Vec<_>>().await, [""; 0]);
    let mut other = pin!(
        world
            .sessions
            .events(&joao(), &session, &TurnId::from("t_x"), 0)
    );
    assert!(matches!(other.next().await, Some(Err(Error::TurnNotFound))));
    assert!(other.next().await.is_none());
}

#[tokio::test]
async fn a_caller_meets_only_its_own_sessions_and_an_admin_everybodys() {
    let world = World::new().await;
    let session = world.session().await;
    world.fake.respond_with(|_| Answer::text("Yes."));
    let turn = world.send(&session, "mine?").await;
    world.over(&session, &turn).await;
    let (other, admin) = (maria("operator"), maria("admin"));
    let sessions = &world.sessions;
    let gone = || Err(Error::SessionNotFound);
    assert_eq!(sessions.view(&other, &session).await.map(|_| ()), gone());
    assert_eq!(sessions.end(&other, &session).await, gone());
    assert_eq!(
        sessions.cancel(&other, &session, &turn).await.map(|_| ()),
        gone()
    );
    assert_eq!(
        sessions
            .send(&other, &session, "hi".to_owned(), None)
            .await
            .map(|_| ()),
        gone()
    );
    let first = pin!(sessions.events(&other, &session, &turn, 0))
        .next()
        .await
        .unwrap();
    assert_eq!(first.map(|_| ()), gone());
    assert!(sessions.list(&other, None, 10).await.unwrap().0.is_empty());
    assert_eq!(sessions.list(&admin, None, 10).await.unwrap().0.len(), 1);
    assert_eq!(
        sessions.view(&admin, &session).await.unwrap().turns.len(),
        1
    );
}

#[tokio::test]
async fn sessions_are_listed_newest_first_in_pages() {
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.session().await);
    }
    made.reverse();
    let mut listed = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let (page, next) = world
            .sessions
            .list(&joao(), after.as_deref(), 2)
            .await
            .unwrap();
        listed.extend(page.into_iter().map(|session| session.session_id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
    assert!(
        world
            .sessions
            .list(&joao(), Some("nowhere"), 2)
            .await
            .unwrap()
            .0
            .is_empty()
    );
}

#[tokio::test]
async fn messages_and_sessions_have_their_limits() {
    let settings = "limits: {message_chars: 5, sessions_per_caller: 1}\n";
    let world = World::with(settings, Clock::system()).await;
    let session = world.session().await;
    let send = |text: &str| {
        let (sessions, session, text) = (world.sessions.clone(), session.clone(), text.to_owned());
        async move {
            sessions
                .send(&joao(), &session, text, None)
                .await
                .map(|_| ())
        }
    };
    assert_eq!(
        send("äöüßé!").await,
        Err(Error::MessageTooLong { limit: 5 })
    );
    assert_eq!(send(" \n").await, Err(Error::MessageEmpty));
    world.fake.push(Answer::text("Five."));
    assert_eq!(send("äöüßé").await, Ok(()));
    let second = world.sessions.create(&joao(), None, None).await.map(|_| ());
    assert_eq!(second, Err(Error::TooManySessions { limit: 1 }));
}

#[tokio::test]
async fn a_hundred_conversations_go_on_at_once() {
    let settings = "limits: {sessions_per_caller: 200}\n";
    let world = World::with(settings, Clock::system()).await;
    world.fake.respond_with(|seen| match seen.rounds() {
        0 => Answer::tools([echo(&seen.question())]),
        _ => Answer::text(&seen.results().pop().unwrap().1),
    });
    let answers = join_all((0..100).map(|number| {
        let world = &world;
        async move {
            let session = world.session().await;
            let view = world.ask(&session, &format!("n{number}")).await;
            let response = view.response.unwrap();
            assert_eq!(response.lines().nth(1), Some(format!("n{number}").as_str()));
        }
    }))
    .await;
    assert_eq!(answers.len(), 100);
}
