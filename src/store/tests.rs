//! The store against a real database, in memory and in files.

mod approvals;

mod keeping;

mod leases;

mod trouble;

#[path = "../../tests/postgres.rs"]
mod cluster;

use std::path::Path;

use jiff::ToSpan as _;

use super::*;
use crate::agent::event::{Ended, Outcome, Stop};
use crate::config::name::RoleName;
use crate::config::policy::Channel;
use crate::tasks::Tasks;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Runs a test on each engine.
macro_rules! on_both {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn sqlite() {
                super::$name(memory().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(database().await).await;
            }
        }
    )*};
}

use on_both;

impl Store {
    /// Runs a statement, and answers how many rows it changed.
    async fn run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match &self.writing {
            Writing::Sqlite(queue) => {
                let done = sqlx::query(sql).execute(queue.pool()).await?;
                Ok(done.rows_affected())
            }
            Writing::Postgres(queue) => {
                let done = sqlx::query(sql).execute(queue.pool()).await?;
                Ok(done.rows_affected())
            }
        }
    }
}

async fn database() -> Store {
    let location = Location::Postgres(cluster::database().await.into());
    Store::open(&location, &Tasks::new()).await.unwrap()
}

async fn memory() -> Store {
    Store::open(&Location::Memory, &Tasks::new()).await.unwrap()
}

async fn file(path: &Path) -> Store {
    let location = Location::File(path.to_owned());
    Store::open(&location, &Tasks::new()).await.unwrap()
}

fn key(name: &str, digest: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        body_digest: digest.to_owned(),
    }
}

fn session(id: &str, owner: &str) -> NewSession {
    NewSession {
        id: SessionId::from(id),
        owner: CallerName::new(owner),
        revision: Revision::new("r1"),
        metadata: Some(r#"{"b":1,"a":2}"#.to_owned()),
        now: at(0),
        expires_at: at(1_800),
        most: 3,
        key: None,
    }
}

fn started() -> Event {
    Event::TurnStarted {
        content: "why?".to_owned(),
        caller: CallerName::new("joao"),
        role: RoleName::new("operator"),
        channel: Channel::Api,
        revision: Revision::new("r1"),
        rounds: None,
        named: false,
    }
}

fn over() -> Event {
    Event::TurnEnded {
        stop: Stop::EndTurn,
        detail: None,
    }
}

fn turn(session: &str, id: &str, position: u32) -> NewTurn {
    NewTurn {
        session: SessionId::from(session),
        turn: TurnId::from(id),
        position,
        events: vec![json(&started()).unwrap()],
        revision: Revision::new("r1"),
        prefix: None,
        kept_from: 0,
        now: at(10),
        expires_at: at(1_810),
        key: None,
    }
}

/// A turn as this replica holds it from its start.
fn held(session: &str, turn: &str) -> Held {
    Held {
        session: SessionId::from(session),
        turn: TurnId::from(turn),
        position: 1,
        fence: FIRST_FENCE,
    }
}

async fn append(store: &Store, session: &str, turn: &str, events: Vec<Event>) -> Option<u64> {
    let entries = events.into_iter().map(Entry::from).collect();
    let held = held(session, turn);
    let progress = store
        .progress(std::slice::from_ref(&held.turn))
        .await
        .unwrap();
    let after = progress.first().map_or(0, |progress| progress.last);
    tried(store, &held, after, entries)
        .await
        .unwrap()
        .map(|appended| appended.last)
}

/// Tries once.
async fn tried(
    store: &Store,
    held: &Held,
    after: u64,
    entries: Vec<Entry>,
) -> Result<Option<Appended>, Error> {
    let times = (at(20), at(20) + 1_800.seconds());
    let once = CancellationToken::new();
    once.cancel();
    store.append(held, after, entries, times, &once).await
}

fn names(events: &[Numbered<Event>]) -> Vec<(u64, &'static str)> {
    events
        .iter()
        .map(|event| (event.number, event.item.name()))
        .collect()
}

#[tokio::test]
async fn what_was_written_is_there_after_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tolkien.db");
    let (s, t) = (SessionId::from("s_1"), TurnId::from("t_1"));
    let ended = Ended {
        call_id: CallId::from("c_1"),
        outcome: Outcome::Exited,
        exit_code: Some(0),
        duration_ms: Some(7),
        truncated: true,
        is_error: false,
        shown: "a\u{0}b\n".to_owned(),
    };
    {
        let store = file(&path).await;
        store.create(session("s_1", "joao")).await.unwrap();
        let prefix = Some(Prefix {
            frozen_for: "r1".to_owned(),
            system: "You are Tolkien.".to_owned(),
            tools: "[ ]".to_owned(),
        });
        let first = NewTurn {
            prefix,
            kept_from: 3,
            ..turn("s_1", "t_1", 1)
        };
        assert_eq!(
            store.start(first).await,
            Ok(Started::New(held("s_1", "t_1")))
        );
        let entry = Entry {
            event: Event::CallEnded(ended.clone()),
            output: Some("the whole".to_owned()),
            record: None,
            approvals: Vec::new(),
        };
        let appended = tried(&store, &held("s_1", "t_1"), 1, vec![entry]).await;
        let (last, kept) = (2, agent::Trail::Kept.into());
        assert_eq!(appended, Ok(Some(Appended { last, kept })));
    }
    let store = file(&path).await;
    let kept = store.session(&s).await.unwrap().unwrap();
    assert_eq!(
        kept,
        Session {
            id: s.clone(),
            owner: CallerName::new("joao"),
            created_at: at(0),
            last_active_at: at(10),
            expires_at: at(1_810),
            revision: Revision::new("r1"),
            metadata: Some(r#"{"b":1,"a":2}"#.to_owned()),
            turns: 1,
            kept_from: 3,
            prefix: Some(Prefix {
                frozen_for: "r1".to_owned(),
                system: "You are Tolkien.".to_owned(),
                tools: "[ ]".to_owned(),
            }),
            running: Some(t.clone()),
            waits: false,
        }
    );
    let events = store.events(&s, &t, 1).await.unwrap().unwrap();
    assert_eq!(names(&events), [(2, "call_ended")]);
    assert_eq!(events[0].at, at(20));
    let Event::CallEnded(read) = &events[0].item else {
        panic!("{events:?}");
    };
    assert_eq!(*read, ended);
    let output = store.output(&s, &CallId::from("c_1")).await.unwrap();
    assert_eq!(output.as_deref(), Some("the whole"));
    let other = store
        .output(&SessionId::from("s_2"), &CallId::from("c_1"))
        .await;
    assert_eq!(other, Ok(None));
    let taken = Held {
        fence: FIRST_FENCE + 1,
        ..held("s_1", "t_1")
    };
    store.beat().await.unwrap();
    assert_eq!(store.claim().await, Ok(vec![taken]));
}

#[tokio::test]
async fn a_store_is_one_servers_and_only_its_owners_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tolkien.db");
    let store = file(&path).await;
    store.create(session("s_1", "joao")).await.unwrap();
    let second = Store::open(&Location::File(path.clone()), &Tasks::new()).await;
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

on_both! {
    a_session_runs_one_turn_at_a_time
    the_table_itself_refuses_a_second_running_turn
    nothing_is_appended_to_a_turn_that_is_over
    sessions_are_listed_newest_first_in_pages
    the_sweep_takes_expired_sessions_in_batches_and_leaves_running_ones
    the_model_sees_the_first_turn_and_those_from_a_position_on
}

async fn a_session_runs_one_turn_at_a_time(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    assert_eq!(
        store.start(turn("s_1", "t_1", 1)).await,
        Ok(Started::New(held("s_1", "t_1")))
    );
    let busy = Started::Busy(TurnId::from("t_1"));
    assert_eq!(store.start(turn("s_1", "t_2", 2)).await, Ok(busy));
    assert_eq!(append(&store, "s_1", "t_1", vec![over()]).await, Some(2));
    assert_eq!(
        store.start(turn("s_1", "t_2", 1)).await,
        Ok(Started::Overtaken),
        "it was prepared before the first turn"
    );
    let second = Held {
        position: 2,
        ..held("s_1", "t_2")
    };
    assert_eq!(
        store.start(turn("s_1", "t_2", 2)).await,
        Ok(Started::New(second))
    );
    assert_eq!(
        store.start(turn("s_9", "t_9", 1)).await,
        Ok(Started::NoSession)
    );
}

async fn the_table_itself_refuses_a_second_running_turn(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    let second = store
        .run(
            "INSERT INTO turns (id, session_id, position, last_event, ended) \
             VALUES ('t_2', 's_1', 2, 0, 0)",
        )
        .await;
    assert!(second.is_err_and(|error| {
        error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }));
}

async fn nothing_is_appended_to_a_turn_that_is_over(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    assert_eq!(
        append(&store, "s_1", "t_1", vec![started(), over()]).await,
        Some(3)
    );
    assert_eq!(append(&store, "s_1", "t_1", vec![started()]).await, None);
    assert_eq!(append(&store, "s_1", "t_9", vec![started()]).await, None);
    let (s, t) = (SessionId::from("s_1"), TurnId::from("t_1"));
    let events = store.events(&s, &t, 0).await.unwrap().unwrap();
    assert_eq!(
        names(&events),
        [(1, "turn_started"), (2, "turn_started"), (3, "turn_ended")]
    );
    let kept = store.session(&s).await.unwrap().unwrap();
    assert_eq!(
        (kept.running, kept.last_active_at, kept.expires_at),
        (None, at(20), at(1_820))
    );
    assert_eq!(
        store
            .events(&SessionId::from("s_2"), &t, 0)
            .await
            .unwrap()
            .map(|_| ()),
        None
    );
}

async fn sessions_are_listed_newest_first_in_pages(store: Store) {
    for (id, second) in [("s_a", 1), ("s_c", 3), ("s_b", 3), ("s_d", 2)] {
        let session = NewSession {
            now: at(second),
            most: 9,
            ..session(id, "joao")
        };
        store.create(session).await.unwrap();
    }
    store.create(session("s_e", "maria")).await.unwrap();
    let owner = CallerName::new("joao");
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .sessions(Some(&owner), after.as_ref(), at(4), 3)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor {
            created_at: last.created_at,
            session: last.id.clone(),
        });
        pages.push(
            page.iter()
                .map(|session| session.id.to_string())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(pages, [vec!["s_c", "s_b", "s_d"], vec!["s_a"]]);
    assert_eq!(
        store.sessions(None, None, at(4), 10).await.unwrap().len(),
        5
    );
}

async fn the_sweep_takes_expired_sessions_in_batches_and_leaves_running_ones(store: Store) {
    for number in 0..7 {
        let session = NewSession {
            most: 9,
            ..session(&format!("s_{number}"), "joao")
        };
        store.create(session).await.unwrap();
    }
    store.start(turn("s_0", "t_1", 1)).await.unwrap();
    assert_eq!(store.sweep(at(1_799), 4).await, Ok(0));
    assert_eq!(store.sweep(at(9_000), 4).await, Ok(4));
    assert_eq!(store.sweep(at(9_000), 4).await, Ok(2));
    assert_eq!(store.sweep(at(9_000), 4).await, Ok(0));
    append(&store, "s_0", "t_1", vec![over()]).await;
    assert_eq!(store.sweep(at(9_000), 4).await, Ok(1));
    let events = store.run("DELETE FROM events").await.unwrap();
    assert_eq!(events, 0, "what belongs to a session goes with it");
}

async fn the_model_sees_the_first_turn_and_those_from_a_position_on(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    for position in 1..=4 {
        let id = format!("t_{position}");
        store.start(turn("s_1", &id, position)).await.unwrap();
        append(&store, "s_1", &id, vec![over()]).await;
    }
    let turns = store.turns(&SessionId::from("s_1"), 3).await.unwrap();
    let seen: Vec<(u32, String, usize)> = turns
        .iter()
        .map(|turn| (turn.position, turn.id.to_string(), turn.events.len()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, "t_1".to_owned(), 2),
            (3, "t_3".to_owned(), 2),
            (4, "t_4".to_owned(), 2)
        ]
    );
}

#[tokio::test]
async fn a_thousand_writes_at_once_share_commits_and_all_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder.path().join("tolkien.db")).await;
    let writes = (0..1_000).map(|number| {
        let store = store.clone();
        async move {
            let session = NewSession {
                most: 2_000,
                ..session(&format!("s_{number}"), "joao")
            };
            store.create(session).await
        }
    });
    let made = futures_util::future::join_all(writes).await;
    assert!(made.iter().all(|made| *made == Ok(Created::New)));
    assert_eq!(
        store
            .sessions(None, None, at(1), 2_000)
            .await
            .unwrap()
            .len(),
        1_000
    );
}
