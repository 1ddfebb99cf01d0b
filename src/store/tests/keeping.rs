//! Keys and limits.

use super::*;

on_both! {
    a_key_names_one_request_as_long_as_its_session_lives
    a_caller_holds_so_many_sessions_and_expired_ones_do_not_count
    more_events_than_one_statement_takes_are_kept_in_their_order
}

async fn a_key_names_one_request_as_long_as_its_session_lives(store: Store) {
    let first = |id: &str, digest: &str| NewSession {
        key: Some(key("k", digest)),
        ..session(id, "joao")
    };
    assert_eq!(store.create(first("s_1", "d")).await, Ok(Created::New));
    let known = Created::Known(SessionId::from("s_1"));
    assert_eq!(store.create(first("s_2", "d")).await, Ok(known));
    assert_eq!(store.create(first("s_2", "e")).await, Ok(Created::Mismatch));
    let of_another = NewSession {
        owner: CallerName::new("maria"),
        ..first("s_3", "e")
    };
    assert_eq!(store.create(of_another).await, Ok(Created::New));

    let ask = |id: &str, position, digest: &str| NewTurn {
        key: Some(key("k", digest)),
        ..turn("s_1", id, position)
    };
    assert_eq!(
        store.start(ask("t_1", 1, "d")).await,
        Ok(Started::New(held("s_1", "t_1")))
    );
    let known = || Ok(Started::Known(TurnId::from("t_1")));
    assert_eq!(
        store.start(ask("t_2", 2, "d")).await,
        known(),
        "while it runs"
    );
    assert_eq!(store.start(ask("t_2", 2, "e")).await, Ok(Started::Mismatch));
    append(&store, "s_1", "t_1", vec![over()]).await;
    assert_eq!(
        store.start(ask("t_2", 2, "d")).await,
        known(),
        "when it is over"
    );

    let later = NewSession {
        now: at(1_821),
        expires_at: at(3_621),
        ..first("s_4", "e")
    };
    assert_eq!(
        store.create(later).await,
        Ok(Created::New),
        "the session has expired"
    );
    assert!(store.delete(&SessionId::from("s_4")).await.unwrap());
    assert_eq!(store.create(first("s_5", "f")).await, Ok(Created::New));
}

async fn a_caller_holds_so_many_sessions_and_expired_ones_do_not_count(store: Store) {
    for id in ["s_1", "s_2", "s_3"] {
        assert_eq!(store.create(session(id, "joao")).await, Ok(Created::New));
    }
    assert_eq!(
        store.create(session("s_4", "joao")).await,
        Ok(Created::TooMany)
    );
    assert_eq!(
        store.create(session("s_4", "maria")).await,
        Ok(Created::New)
    );
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    let late = |id: &str| NewSession {
        now: at(5_000),
        ..session(id, "joao")
    };
    assert_eq!(store.create(late("s_5")).await, Ok(Created::New));
    let held = store
        .sessions(Some(&CallerName::new("joao")), None, at(5_000), 10)
        .await;
    let held: Vec<String> = held
        .unwrap()
        .iter()
        .map(|held| held.id.to_string())
        .collect();
    assert_eq!(
        held,
        ["s_1"],
        "the running one; s_5 was made to expire in the past"
    );
}

async fn more_events_than_one_statement_takes_are_kept_in_their_order(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    let (s, t) = (SessionId::from("s_1"), TurnId::from("t_1"));
    let calls = 1..=2_500_u64;
    let entries = calls.clone().map(|call| Entry {
        event: Event::CallEnded(Ended {
            call_id: CallId::from(format!("c_{call}")),
            outcome: Outcome::Exited,
            exit_code: Some(0),
            duration_ms: None,
            truncated: false,
            is_error: false,
            shown: String::new(),
        }),
        output: Some(format!("output {call}")),
        record: None,
        approvals: Vec::new(),
    });
    let appended = tried(&store, &held("s_1", "t_1"), 1, entries.collect()).await;
    assert_eq!(appended.unwrap().unwrap().last, 2_501);
    let kept = store.events(&s, &t, 1).await.unwrap().unwrap();
    let kept: Vec<(u64, &str)> = kept
        .iter()
        .map(|event| match &event.item {
            Event::CallEnded(ended) => (event.number, ended.call_id.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let names: Vec<String> = calls.clone().map(|call| format!("c_{call}")).collect();
    let expected: Vec<(u64, &str)> = (2..).zip(names.iter().map(String::as_str)).collect();
    assert_eq!(kept, expected);
    for call in calls {
        let output = store.output(&s, &CallId::from(format!("c_{call}"))).await;
        assert_eq!(output, Ok(Some(format!("output {call}"))));
    }
}
