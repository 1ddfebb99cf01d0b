//! Several servers on one database: any of them answers, one of them drives, and another goes on.

use sqlx::{Connection as _, PgConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tolkien::agent::ApprovalView;
use tolkien::agent::approve::ApprovalStatus;

use super::resuming::{ended, running, trusted};
use super::*;
use crate::chance::number;

/// A server that shares the database.
struct Replica {
    tasks: Tasks,
    sessions: Sessions,
}

struct Replicas {
    folder: tempfile::TempDir,
    fake: Fake,
    in_force: Arc<ArcSwap<InForce>>,
    url: String,
}

impl Replicas {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = Fake::start().await;
        let in_force = in_force(&fake.base_url(), trusted(folder.path(), ""));
        Self {
            folder,
            fake,
            in_force,
            url: postgres::database().await,
        }
    }

    async fn start(&self) -> Replica {
        self.start_on(&self.url).await
    }

    async fn start_on(&self, url: &str) -> Replica {
        let tasks = Tasks::new();
        let location = Location::Postgres(url.into());
        let parts = Parts {
            in_force: Arc::clone(&self.in_force),
            store: Store::open(&location, &tasks).await.unwrap(),
            tasks: tasks.clone(),
        };
        let sessions = Sessions::open(parts).await.unwrap();
        Replica { tasks, sessions }
    }

    fn ran(&self) -> String {
        fs::read_to_string(self.folder.path().join("ran")).unwrap_or_default()
    }
}

impl Replica {
    async fn begin(&self) -> (SessionId, TurnId) {
        let session = self.sessions.create(&joao(), None, None).await.unwrap();
        let session = session.session_id;
        let content = "look".to_owned();
        let turn = self.sessions.send(&joao(), &session, content, None).await;
        (session, turn.unwrap())
    }

    async fn over(&self, (session, turn): &(SessionId, TurnId)) -> TurnView {
        let view = self.sessions.turn(&joao(), session, turn, LONG).await;
        let view = view.unwrap();
        assert!(view.status.is_over(), "{view:?}");
        view
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_followed_and_cancelled_through_another_server() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    let look = [("look", json!({})), ("echo", json!({"words": ["beside"]}))];
    replicas.fake.push(Answer::tools(look));
    let begun = one.begin().await;
    let pid = running(replicas.folder.path()).await;
    ended(&two.sessions, &begun.0, &begun.1, 1).await;
    let busy = two
        .sessions
        .send(&joao(), &begun.0, "more".to_owned(), None)
        .await;
    assert_eq!(busy, Err(Error::TurnInProgress(begun.1.clone())));
    let cancelled = two.sessions.cancel(&joao(), &begun.0, &begun.1).await;
    assert!(cancelled.is_ok());
    let view = two.over(&begun).await;
    assert_eq!(stop(&view), "cancelled");
    assert_eq!(view, one.over(&begun).await);
    assert!(!runs(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tools_are_stopped_through_any_server() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    replicas.fake.push(Answer::tools([("look", json!({}))]));
    let begun = one.begin().await;
    let pid = running(replicas.folder.path()).await;
    let pause = two.sessions.pause(&maria("admin"), None).await;
    assert_eq!(outcomes(&one.over(&begun).await), ["cancelled"]);
    assert!(!runs(pid));
    assert_eq!(one.sessions.paused().await, pause.map(Some));
    let echo = ("echo", json!({"words": ["one"]}));
    replicas.fake.push(Answer::tools([echo.clone()]));
    let begun = one.begin().await;
    assert_eq!(outcomes(&one.over(&begun).await), ["not_started"]);
    one.sessions.resume(&maria("admin")).await.unwrap();
    replicas.fake.push(Answer::tools([echo]));
    let begun = two.begin().await;
    assert_eq!(outcomes(&two.over(&begun).await), ["exited"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_to_another_server_is_known() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    let session = one.sessions.create(&joao(), None, None).await.unwrap();
    let session = session.session_id;
    for (server, content) in [(&one, "frodo"), (&two, "sam"), (&one, "merry")] {
        replicas.fake.push(Answer::text("Hello."));
        let turn = server
            .sessions
            .send(&joao(), &session, content.to_owned(), None)
            .await
            .unwrap();
        server.over(&(session.clone(), turn)).await;
    }
    let last = replicas.fake.requests().pop().unwrap();
    let said: Vec<String> = last
        .messages()
        .iter()
        .filter(|message| message["role"] == "user")
        .map(|message| message["content"][0]["text"].to_string())
        .collect();
    assert_eq!(said, [r#""frodo""#, r#""sam""#, r#""merry""#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_deleted_through_another_server() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    replicas.fake.push(Answer::tools([("look", json!({}))]));
    let (session, _) = one.begin().await;
    let pid = running(replicas.folder.path()).await;
    two.sessions.end(&joao(), &session).await.unwrap();
    assert!(!runs(pid));
    let gone = one.sessions.view(&joao(), &session).await;
    assert_eq!(gone.map(|_| ()), Err(Error::SessionNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_turn_whichever_servers_hear_it() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    replicas.fake.respond_with(|_| Answer::text("Yes."));
    let session = one.sessions.create(&joao(), None, None).await.unwrap();
    let id = session.session_id;
    for round in 0..50_u8 {
        let name = format!("k{round}");
        let caller = joao();
        let send = |replica: &Replica| {
            let sessions = replica.sessions.clone();
            let (caller, id, key) = (caller.clone(), id.clone(), key(&name, round));
            async move {
                let content = "are you there?".to_owned();
                sessions.send(&caller, &id, content, Some(key)).await
            }
        };
        let (first, second) = tokio::join!(send(&one), send(&two));
        let turns: Vec<TurnId> = [first, second].into_iter().flatten().collect();
        let turn = turns.first().expect("one of them is heard").clone();
        assert!(turns.iter().all(|other| *other == turn), "{turns:?}");
        assert_eq!(stop(&two.over(&(id.clone(), turn)).await), "end_turn");
    }
    let view = one.sessions.view(&joao(), &id).await.unwrap();
    assert_eq!(view.turns.len(), 50);
    assert_eq!(replicas.fake.requests().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_hands_its_turn_over() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    replicas.fake.push(Answer::tools([("look", json!({}))]));
    replicas.fake.push(Answer::text("It is there."));
    let begun = one.begin().await;
    running(replicas.folder.path()).await;
    one.tasks.end(Duration::ZERO).await;
    let view = two.over(&begun).await;
    assert_eq!(view.response.as_deref(), Some("It is there."));
    assert_eq!(replicas.ran(), "read\nread\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_cut_off_writes_nothing_into_a_turn_that_moved() {
    let replicas = Replicas::new().await;
    let (cut, is_cut) = watch::channel(false);
    let one = replicas.start_on(&way(&replicas.url, is_cut).await).await;
    let two = replicas.start().await;
    replicas.fake.push(Answer::tools([("look", json!({}))]));
    replicas.fake.push(Answer::text("It is there."));
    let begun = one.begin().await;
    let pid = running(replicas.folder.path()).await;
    cut.send_replace(true);
    let view = two.over(&begun).await;
    assert_eq!(view.response.as_deref(), Some("It is there."));
    cut.send_replace(false);
    // The first server hears of it, ends what it still runs, and sees what the others see.
    one.tasks.end(LONG).await;
    assert!(!runs(pid));
    assert_eq!(one.over(&begun).await, view);
    assert_eq!(replicas.ran(), "read\nread\n");
    assert_eq!(replicas.fake.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_though_it_waits_for_a_turn_of_another() {
    let replicas = Replicas::new().await;
    let (cut, is_cut) = watch::channel(false);
    let one = replicas.start_on(&way(&replicas.url, is_cut).await).await;
    let two = replicas.start().await;
    replicas.fake.push(Answer::tools([("look", json!({}))]));
    let (session, turn) = one.begin().await;
    running(replicas.folder.path()).await;
    cut.send_replace(true);
    let who = joao();
    let mut ending = pin!(two.sessions.end(&who, &session));
    let cancel_is_kept = async {
        let url = replicas.url.parse().unwrap();
        let mut db = PgConnection::connect_with(&url).await.unwrap();
        let asked = "SELECT cancel IS NOT NULL FROM turns WHERE id = $1";
        loop {
            let asked = sqlx::query_scalar(asked).bind(turn.as_str());
            if asked.fetch_one(&mut db).await.unwrap() {
                return;
            }
        }
    };
    tokio::select! {
        ended = &mut ending => panic!("the turn still runs: {ended:?}"),
        () = cancel_is_kept => {}
    }
    let ((), ended) = tokio::join!(two.tasks.end(LONG), ending);
    assert_eq!(ended, Err(Error::ShuttingDown));
}

impl Replica {
    /// The turn as this server sees it, as soon as it waits for an approval.
    async fn waiting(&self, (session, turn): &(SessionId, TurnId)) -> TurnView {
        let view = self.sessions.turn(&joao(), session, turn, LONG).await;
        let view = view.unwrap();
        assert_eq!(view.pending_approvals.len(), 1, "{view:?}");
        view
    }

    async fn decide(&self, asked: &ApprovalView, approve: bool) -> Result<(), Error> {
        let (session, id) = (&asked.session_id, &asked.approval_id);
        let sessions = &self.sessions;
        let decided = sessions.decide(&joao(), session, id, approve, None).await;
        decided.map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_who_decide_an_approval_on_any_server_one_does() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    for round in 0..20 {
        let name = format!("mark{}", char::from(b'a' + round));
        let write = ("write", json!({"name": name}));
        replicas.fake.push(Answer::tools([write]));
        replicas.fake.push(Answer::text("Done."));
        let begun = one.begin().await;
        let view = two.waiting(&begun).await;
        assert_eq!(one.waiting(&begun).await, view);
        let asked = &view.pending_approvals[0];
        assert_eq!(two.sessions.approvals(&joao()).await.unwrap().len(), 1);
        let (yes, no) = tokio::join!(one.decide(asked, true), two.decide(asked, false));
        assert_ne!(yes.is_ok(), no.is_ok(), "{yes:?} {no:?}");
        let view = two.over(&begun).await;
        let expected = if yes.is_ok() { "exited" } else { "denied" };
        assert_eq!(outcomes(&view), [expected]);
        assert_eq!(replicas.folder.path().join(&name).exists(), yes.is_ok());
    }
}

/// Two clients of one session, each with a server of its own, who do the same at the same moment:
/// `TOLKIEN_ROUNDS` times.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_clients_at_two_servers_one_wins_and_the_other_is_told_why() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    let session = one.sessions.create(&joao(), None, None).await.unwrap();
    let session = session.session_id;
    replicas.fake.respond_with(|seen| match seen.rounds() {
        0 => Answer::tools([("write", json!({"name": seen.question()}))]),
        _ => Answer::text("Done."),
    });
    let mut wins = [0_u32; 4];
    for round in 0..number("TOLKIEN_ROUNDS", 12) {
        let name = named(round);
        let send = async |replica: &Replica| {
            let sessions = &replica.sessions;
            sessions.send(&joao(), &session, name.clone(), None).await
        };
        let (first, second) = tokio::join!(send(&one), send(&two));
        wins[usize::from(first.is_err())] += 1;
        let (won, lost) = if first.is_ok() {
            (first, second)
        } else {
            (second, first)
        };
        let turn = won.unwrap();
        assert_eq!(lost, Err(Error::TurnInProgress(turn.clone())));
        let begun = (session.clone(), turn);
        let view = two.waiting(&begun).await;
        let asked = &view.pending_approvals[0];
        let path = replicas.folder.path().join(&name);
        let view = if round % 2 == 0 {
            let (yes, no) = tokio::join!(one.decide(asked, true), two.decide(asked, false));
            let (won, lost, status, outcome) = if yes.is_ok() {
                (yes, no, ApprovalStatus::Approved, "exited")
            } else {
                (no, yes, ApprovalStatus::Denied, "denied")
            };
            assert_eq!((won, lost), (Ok(()), Err(Error::ApprovalDecided(status))));
            let view = one.over(&begun).await;
            assert_eq!(outcomes(&view), [outcome]);
            assert_eq!(path.exists(), outcome == "exited");
            view
        } else {
            // The server that drives the turn is either of them, and so is the one that cancels it.
            let (mine, other) = if round % 4 == 1 {
                (&one, &two)
            } else {
                (&two, &one)
            };
            let (who, theirs) = (joao(), &other.sessions);
            let cancel = theirs.cancel(&who, &session, &begun.1);
            let (approved, cancelled) = tokio::join!(mine.decide(asked, true), cancel);
            assert!(cancelled.is_ok());
            let view = one.over(&begun).await;
            let late = Err(Error::ApprovalDecided(ApprovalStatus::Cancelled));
            assert!(approved.is_ok() || approved == late, "{approved:?}");
            wins[2 + usize::from(approved.is_err())] += 1;
            assert!(approved.is_ok() || !path.exists());
            assert!(["cancelled", "exited"].contains(&outcomes(&view)[0]));
            view
        };
        assert_eq!(two.over(&begun).await, view);
    }
    assert_eq!(replicas.fake.refusals(), [""; 0]);
    println!("sent first, sent second, approved, cancelled first: {wins:?}");
}

/// A round in letters.
fn named(round: u64) -> String {
    let digits = round.to_string();
    let letters = digits.bytes().map(|digit| char::from(digit - b'0' + b'a'));
    format!("mark{}", letters.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_moves_with_its_turn_to_another_server() {
    let replicas = Replicas::new().await;
    let (one, two) = (replicas.start().await, replicas.start().await);
    let write = ("write", json!({"name": "mark"}));
    replicas.fake.push(Answer::tools([write]));
    replicas.fake.push(Answer::text("Done."));
    let begun = one.begin().await;
    let view = one.waiting(&begun).await;
    // Nobody is waited for when a server ends.
    one.tasks.end(LONG).await;
    let asked = &view.pending_approvals[0];
    assert_eq!(two.waiting(&begun).await.pending_approvals[0], *asked);
    assert_eq!(two.decide(asked, true).await, Ok(()));
    assert_eq!(outcomes(&two.over(&begun).await), ["exited"]);
    assert!(replicas.folder.path().join("mark").exists());
}

/// A way to the database that can be cut: what is on it breaks off, and nothing new gets through.
async fn way(url: &str, is_cut: watch::Receiver<bool>) -> String {
    let socket = PathBuf::from(url.rsplit_once("host=").unwrap().1).join(".s.PGSQL.5432");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(Tasks::new().spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (socket, mut is_cut) = (socket.clone(), is_cut.clone());
            drop(Tasks::new().spawn(async move {
                let mut server = UnixStream::connect(&socket).await.unwrap();
                tokio::select! {
                    biased;
                    _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                }
            }));
        }
    }));
    let database = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}
