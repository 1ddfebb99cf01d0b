//! Who drives a turn, and what the others can do about it.

use super::*;

/// Another replica on the same store.
fn another(store: &Store, name: &str) -> Store {
    Store {
        replica: name.into(),
        lease: Some(Duration::from_mins(1)),
        ..store.clone()
    }
}

/// A replica that drives a turn.
async fn at_work(store: Store) -> (Store, Held) {
    let store = another(&store, "one");
    store.beat().await.unwrap();
    store.create(session("s_1", "joao")).await.unwrap();
    let Ok(Started::New(held)) = store.start(turn("s_1", "t_1", 1)).await else {
        panic!("it starts");
    };
    (store, held)
}

on_both! {
    a_living_replica_keeps_its_turns
    a_turn_is_taken_over_once_and_its_first_holder_appends_nothing_more
    a_turn_that_is_given_back_is_taken_over_at_once
    events_whose_answer_was_lost_are_not_appended_twice
    whoever_drives_a_turn_hears_that_it_is_to_end
    how_far_turns_came_is_told_of_those_that_are_there
}

async fn a_living_replica_keeps_its_turns(store: Store) {
    let (one, _) = at_work(store).await;
    let two = another(&one, "two");
    two.beat().await.unwrap();
    assert_eq!(two.claim().await, Ok(vec![]));
    assert_eq!(one.claim().await, Ok(vec![]));
}

async fn a_turn_is_taken_over_once_and_its_first_holder_appends_nothing_more(store: Store) {
    let (one, held) = at_work(store).await;
    let mut dead = another(&one, "one");
    dead.lease = Some(Duration::ZERO);
    dead.beat().await.unwrap();
    let (two, three) = (another(&one, "two"), another(&one, "three"));
    two.beat().await.unwrap();
    three.beat().await.unwrap();
    let (first, second) = tokio::join!(two.claim(), three.claim());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.len(), second.len()), (1, 0));
    let entry = || vec![Entry::from(started())];
    assert_eq!(tried(&one, &held, 1, entry()).await, Ok(None));
    let kept = tried(&two, &first[0], 1, entry()).await.unwrap().unwrap();
    assert_eq!(kept.last, 2);
}

async fn a_turn_that_is_given_back_is_taken_over_at_once(store: Store) {
    let (one, held) = at_work(store).await;
    one.release(&held).await.unwrap();
    let two = another(&one, "two");
    two.beat().await.unwrap();
    let taken = two.claim().await.unwrap();
    assert_eq!(taken.len(), 1);
    one.release(&held).await.unwrap();
    assert_eq!(one.claim().await, Ok(vec![]), "it is not its own to give");
}

async fn events_whose_answer_was_lost_are_not_appended_twice(store: Store) {
    let (store, held) = at_work(store).await;
    let entries = || vec![Entry::from(started()), Entry::from(started())];
    let first = tried(&store, &held, 1, entries()).await;
    assert_eq!(first, tried(&store, &held, 1, entries()).await);
    assert_eq!(first.unwrap().unwrap().last, 3);
    let other = tried(&store, &held, 1, vec![Entry::from(started())]).await;
    assert_eq!(other, Ok(None), "those were others");
    let events = store.events(&held.session, &held.turn, 0).await;
    assert_eq!(events.unwrap().unwrap().len(), 3);
}

async fn whoever_drives_a_turn_hears_that_it_is_to_end(store: Store) {
    let (one, held) = at_work(store).await;
    let two = another(&one, "two");
    let (s, t) = (Cause::SessionEnded, held.turn.clone());
    assert_eq!(two.ask_to_cancel(&t, s).await, Ok(true));
    assert_eq!(two.ask_to_cancel(&t, Cause::Caller).await, Ok(true));
    assert_eq!(one.cancelled().await, Ok(vec![(t.clone(), s)]));
    assert_eq!(two.cancelled().await, Ok(vec![]));
    tried(&one, &held, 1, vec![Entry::from(over())])
        .await
        .unwrap();
    assert_eq!(one.cancelled().await, Ok(vec![]));
    assert_eq!(two.ask_to_cancel(&t, Cause::Caller).await, Ok(false));
}

async fn how_far_turns_came_is_told_of_those_that_are_there(store: Store) {
    let (store, held) = at_work(store).await;
    let wanted = [held.turn.clone(), TurnId::from("t_9")];
    let at = |last, is_over| {
        let turn = held.turn.clone();
        Ok(vec![Progress {
            turn,
            last,
            is_over,
            waits: false,
        }])
    };
    assert_eq!(store.progress(&wanted).await, at(1, false));
    tried(&store, &held, 1, vec![Entry::from(over())])
        .await
        .unwrap();
    assert_eq!(store.progress(&wanted).await, at(2, true));
}
