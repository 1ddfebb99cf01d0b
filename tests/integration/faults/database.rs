//! PostgreSQL that is restarted, or away for longer than a server is held for alive, in the middle
//! of turns.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};
use std::time::Duration;

use nix::sys::signal::Signal;
use regex::Regex;
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{Talk, came_to, troubles};
use crate::busy::{World, ended};
use crate::postgres;

/// Longer than it takes; reaching it fails the test.
const LONG: Duration = Duration::from_mins(2);

/// A cluster that does what it is told, and ends with its standard input.
const SCRIPT: &str = r#"
set -e
dir=$(mktemp -d /tmp/tolkien-postgres.XXXXXX)
trap 'pg_ctl -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
initdb -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
begin() {
  pg_ctl -D "$dir/data" -w -l "$dir/log" -o "-k '$dir' -c listen_addresses=" start >/dev/null
}
begin
echo "$dir"
while read -r order; do
  case $order in
    start) begin ;;
    *) pg_ctl -D "$dir/data" -m "$order" -w stop >/dev/null ;;
  esac
  echo done
done
"#;

struct Cluster {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: String,
}

impl Cluster {
    fn start() -> Self {
        let mut shell = postgres::shell(SCRIPT).spawn().unwrap();
        let mut answers = BufReader::new(shell.stdout.take().unwrap());
        let mut folder = String::new();
        answers.read_line(&mut folder).unwrap();
        assert!(
            !folder.is_empty(),
            "there is no PostgreSQL: install the Debian package `postgresql`"
        );
        Self {
            orders: shell.stdin.take(),
            answers,
            folder: folder.trim().to_owned(),
            shell,
        }
    }

    fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.folder
        )
    }

    /// `start`, or how it is to stop; it has when this returns.
    fn order(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        let mut done = String::new();
        self.answers.read_line(&mut done).unwrap();
        assert_eq!(done, "done\n");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.orders.take());
        drop(self.shell.wait());
    }
}

/// What came of turns that waited for the model, ran calls and waited for an approval when the
/// database went away, and came back: after everything was left, or as soon as it was gone.
struct Came {
    refused: String,
    turns: Vec<String>,
    ran: String,
    troubles: String,
}

async fn away(how: &str, until_left: bool) -> Came {
    let came = tokio::time::timeout(LONG, goes_away(how, until_left)).await;
    came.unwrap_or_else(|_| panic!("some turn is never answered"))
}

async fn goes_away(how: &str, until_left: bool) -> Came {
    let mut cluster = Cluster::start();
    let world = World::new(Some(cluster.url()), "30s").await;
    let server = world.start();
    let talk = Talk::with(&world, &server);
    let mut asking = Vec::new();
    for content in ["approve-1", "change-1", "look-1", "model-1"] {
        let session = talk.session(content).await;
        if content == "approve-1" {
            let waits: Value = talk.say(&session, content).await.json().await.unwrap();
            assert_eq!(waits["status"], "awaiting_approval");
            asking.push((session, content, None));
        } else {
            let waiting = talk.asking(&session, content);
            asking.push((session, content, Some(waiting)));
        }
    }
    let old = talk.session("old").await;
    let kept = talk.clone().answered(old.clone(), "late-1").await;
    let mut world = world;
    let world = tokio::task::spawn_blocking(move || {
        world.running(2);
        world
    });
    let world = world.await.unwrap();
    world.fake.requested(5).await;
    // What is made again comes to its end by itself.
    world.folder.write("go", "");

    cluster.order(how);
    let refused = talk.refused().await;
    talk.is_ready("503 store_unavailable").await;
    assert_eq!(talk.get("/healthz").await.status(), 200);
    let hold = if until_left {
        while world.runs() {
            tokio::task::yield_now().await;
        }
        None
    } else {
        Some(world.let_go(2))
    };
    cluster.order("start");
    talk.is_ready("200 ready").await;
    world.gate.open();
    let mut turns = Vec::new();
    for (session, content, waiting) in asking {
        let waiting = waiting.unwrap_or_else(|| talk.asking(&session, content));
        let turn = waiting.await.unwrap();
        let all = talk.json(&session).await["turns"].take();
        assert_eq!(all, serde_json::json!([turn]), "one message is one turn");
        turns.push(came_to(&turn));
    }
    assert_eq!(talk.json(&old).await["turns"][0], kept);
    assert_eq!(
        world.fake.refusals(),
        [""; 0],
        "every history keeps the rules"
    );
    drop(hold);
    server.signal(Signal::SIGTERM);
    let (code, log) = ended(server).await;
    assert_eq!(code, 0, "{log}");
    Came {
        refused,
        turns,
        ran: world.ran(),
        troubles: whatever_was_under_way(&troubles(&log)),
    }
}

/// The different lines of trouble: a statement that was under way is told of another error than one
/// that finds nobody.
fn whatever_was_under_way(troubles: &str) -> String {
    let why = Regex::new("(error communicating with database: ).*").unwrap();
    let lines = troubles.lines().map(|line| why.replace(line, "${1}[why]"));
    let lines: BTreeSet<_> = lines.collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Has every commit wait for another database, which there is none of: it is made, and not answered.
async fn holds_answers(db: &mut PgConnection, holds: bool) {
    let standby = if holds { "'nobody'" } else { "''" };
    let setting = format!("ALTER SYSTEM SET synchronous_standby_names = {standby}");
    db.execute(sqlx::AssertSqlSafe(setting)).await.unwrap();
    db.execute("SELECT pg_reload_conf()").await.unwrap();
    let waits = if holds { "nobody" } else { "" };
    loop {
        let shown: String = sqlx::query_scalar("SHOW synchronous_standby_names")
            .fetch_one(&mut *db)
            .await
            .unwrap();
        if shown == waits {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_start_was_kept_without_an_answer_is_driven() {
    let cluster = Cluster::start();
    let world = World::new(Some(cluster.url()), "30s").await;
    let server = world.start();
    let talk = Talk::with(&world, &server);
    let session = talk.session("one").await;
    let url = cluster.url().parse().unwrap();
    let mut db = PgConnection::connect_with(&url).await.unwrap();
    holds_answers(&mut db, true).await;
    assert_eq!(talk.say(&session, "late-1").await.status(), 503);
    holds_answers(&mut db, false).await;
    let turn = talk.clone().answered(session.clone(), "late-1").await;
    assert_eq!(came_to(&turn), "completed [] answer to late-1");
    let all = talk.json(&session).await["turns"].take();
    assert_eq!(all, serde_json::json!([turn]), "one message is one turn");
    server.signal(Signal::SIGTERM);
    let (code, log) = ended(server).await;
    assert_eq!(code, 0, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_restarted_costs_nobody_an_answer() {
    for how in ["fast", "immediate"] {
        let came = away(how, false).await;
        assert!(
            came.refused.contains("store_unavailable"),
            "{}",
            came.refused
        );
        assert_eq!(came.turns.len(), 4);
        for turn in &came.turns {
            assert!(turn.starts_with("completed"), "{turn}");
        }
        // A slow machine may take longer than the lease; nothing that writes runs twice on it.
        assert!(
            came.ran.starts_with("approve-1 1, change-1 1, look-1 "),
            "{}",
            came.ran
        );
        assert!(
            came.troubles.contains("the store is unavailable"),
            "{}",
            came.troubles
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_for_a_lease_finds_every_turn_left_and_taken_up_again() {
    let came = away("fast", true).await;
    insta::assert_snapshot!(came.refused, @r#"
    retry-after: 1
    content-type: application/problem+json
    {
      "type": "about:blank",
      "title": "Service Unavailable",
      "status": 503,
      "code": "store_unavailable",
      "detail": "what happens cannot be recorded at the moment, so nothing is started",
      "request_id": "[id]"
    }
    "#);
    insta::assert_snapshot!(came.turns.join("\n"), @r#"
    completed ["exited"] answer to approve-1
    completed ["interrupted"] answer to change-1
    completed ["exited"] answer to look-1
    completed [] answer to model-1
    "#);
    insta::assert_snapshot!(came.ran, @"approve-1 1, change-1 1, look-1 2");
    insta::assert_snapshot!(came.troubles, @"
    ERROR the store is unavailable: error communicating with database: [why]
    WARN the store did not answer for a whole lease, so every turn is left:
    ");
}
