//! Writes that fail, and what they leave.

use super::*;

on_both! {
    one_bad_write_fails_alone
    nothing_is_kept_of_what_the_audit_trail_cannot_hold
    what_the_database_refuses_is_not_tried_again
}

async fn one_bad_write_fails_alone(store: Store) {
    let (good, bad, also_good) = tokio::join!(
        store.create(session("s_1", "joao")),
        store.create(session("s_1", "joao")),
        store.create(session("s_2", "joao")),
    );
    assert_eq!(
        [good, bad, also_good],
        [Ok(Created::New), Err(Error::Refused), Ok(Created::New)]
    );
}

#[tokio::test]
async fn a_database_that_refuses_is_told_with_its_reason() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("postgres://nobody:secret@127.0.0.1:{port}/none");
    let opened = Store::open(&Location::Postgres(url.into()), &Tasks::new()).await;
    let said = opened
        .unwrap_err()
        .to_string()
        .replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(said, @"cannot use the store `postgres://127.0.0.1:PORT/none`: error communicating with database: Connection refused (os error 111)");
}

#[tokio::test]
async fn a_locked_database_is_unavailable_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder.path().join("tolkien.db")).await;
    let mut other = taken(&folder.path().join("tolkien.db")).await;
    store.run("PRAGMA busy_timeout = 0").await.unwrap();
    assert_eq!(
        store.create(session("s_1", "joao")).await,
        Err(Error::Unavailable)
    );
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.create(session("s_1", "joao")).await, Ok(Created::New));
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_loses_nothing_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder.path().join("tolkien.db")).await;
    store.create(session("s_1", "joao")).await.unwrap();
    store.limit_pages(40).await;
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    let event = Event::SumUpAsked {
        note: "x".repeat(4_096 * 100),
    };
    let appended = tried(&store, &held("s_1", "t_1"), 1, vec![event.into()]).await;
    assert_eq!(appended, Err(Error::Unavailable));
    assert_eq!(append(&store, "s_1", "t_1", vec![over()]).await, Some(2));
    // What is small may still fit, and says nothing.
    assert!(!store.is_available().await);
    store.limit_pages(1_000).await;
    assert!(store.is_available().await);
    let sessions = store.sessions(None, None, at(0), 10).await.unwrap();
    assert_eq!(sessions.len(), 1);
}

/// The end of a call with a whole output.
fn ended(output: &str) -> Entry {
    let event = Event::CallEnded(Ended {
        call_id: CallId::from("c_1"),
        outcome: Outcome::Exited,
        exit_code: Some(0),
        duration_ms: Some(7),
        truncated: true,
        is_error: false,
        shown: "so it was".to_owned(),
    });
    Entry {
        output: Some(output.to_owned()),
        ..event.into()
    }
}

/// Appends for as long as it takes.
async fn kept(store: &Store, after: u64, entry: Entry) -> Result<Option<u64>, Error> {
    let (held, never) = (held("s_1", "t_1"), CancellationToken::new());
    let appended = store.append(&held, after, vec![entry], (at(20), at(30)), &never);
    let appended = tokio::time::timeout(Duration::from_mins(1), appended).await;
    let appended = appended.expect("it is not tried for ever")?;
    Ok(appended.map(|appended| appended.last))
}

async fn what_the_database_refuses_is_not_tried_again(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    assert_eq!(kept(&store, 1, ended("the whole")).await, Ok(Some(2)));
    assert_eq!(kept(&store, 2, ended("again")).await, Err(Error::Refused));
    // It takes everything else.
    assert!(store.is_available().await);
    assert_eq!(kept(&store, 2, over().into()).await, Ok(Some(3)));
}

#[tokio::test]
async fn a_text_that_postgres_has_no_letter_for_is_refused_and_not_waited_with() {
    let store = database().await;
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    assert_eq!(kept(&store, 1, ended("a\0b")).await, Err(Error::Refused));
    assert_eq!(kept(&store, 1, ended("a b")).await, Ok(Some(2)));
}

async fn nothing_is_kept_of_what_the_audit_trail_cannot_hold(store: Store) {
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    store.run("DROP TABLE audit").await.unwrap();
    let mut reader = crate::agent::audit::Reader::default();
    reader.read(&started());
    let event = Event::CallDecided {
        call_id: CallId::from("c_1"),
        verdict: crate::policy::Decision::Allow,
        rule: crate::config::name::RuleId::new("kubectl.effect"),
        because: "so".to_owned(),
        command_line: None,
        usage: Vec::new(),
        awaits: false,
        approval: None,
        effect: None,
        revision: Revision::new("r1"),
    };
    let entry = Entry {
        record: reader.read(&event),
        ..event.into()
    };
    let (s, t) = (SessionId::from("s_1"), TurnId::from("t_1"));
    let appended = tried(&store, &held("s_1", "t_1"), 1, vec![entry]).await;
    assert_eq!(appended, Err(Error::Unavailable));
    let kept = store.events(&s, &t, 0).await.unwrap().unwrap();
    assert_eq!(names(&kept), [(1, "turn_started")]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_tried_again_until_the_store_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder.path().join("tolkien.db")).await;
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    let mut other = taken(&folder.path().join("tolkien.db")).await;
    store.run("PRAGMA busy_timeout = 0").await.unwrap();
    let (held, never) = (held("s_1", "t_1"), CancellationToken::new());
    let entries = vec![Entry::from(over())];
    let append = store.append(&held, 1, entries, (at(20), at(30)), &never);
    let free = async {
        // Refused together with the first try of the append.
        assert_eq!(
            store.create(session("s_2", "joao")).await,
            Err(Error::Unavailable)
        );
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    };
    let (appended, ()) = tokio::join!(append, free);
    assert_eq!(appended.unwrap().unwrap().last, 2);
}

/// Another process's transaction.
async fn taken(path: &Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut other = options.connect().await.unwrap();
    let begin = sqlx::query(sqlite::BEGIN);
    begin.execute(&mut other).await.unwrap();
    other
}

impl Store {
    /// What a full disk is to the engine, without filling one.
    async fn limit_pages(&self, pages: u32) {
        let sql = format!("PRAGMA max_page_count = {pages}");
        self.run(&sql).await.unwrap();
    }
}
