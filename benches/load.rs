//! Whole turns under load: how many a second are kept, how many go at once, and how their cost
//! grows with what is kept already, in SQLite and in PostgreSQL.
//!
//! `cargo bench --bench load` prints one table; words choose rows and stores, as in `cargo bench
//! --bench load -- turns sqlite`, and `tenth` does a tenth of everything. PostgreSQL is the one that
//! the tests start, but it waits for its disk.
//!
//! Clients and model share the machine with the server: its CPU says more than the wall time. The
//! limits of the same run stand first. Where thousands of turns go at once, a client asks with
//! `Prefer: respond-async` and comes back with `GET …?wait=100`: the server keeps at most 512
//! requests, so that a client for each turn could not wait in one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench starts programs, prints its table, and stops at once when it cannot go on"
)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sqlx::{ConnectOptions as _, Executor as _};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tolkien::tasks::Tasks;

mod process;

#[path = "load/client.rs"]
mod client;

#[path = "load/model.rs"]
mod model;

#[path = "../tests/postgres.rs"]
mod postgres;

use client::{Client, Exchanges, Measured, at_once, measure, timed};
use model::Model;
use process::Server;

/// Sessions that talk at the same time.
const SESSIONS: u32 = 64;

/// Requests that wait at the same time where thousands of turns go at once: the server keeps 512.
const WAITING: usize = 256;

/// Files that 10,000 turns at once take in a process: a connection to the model for each turn, and some.
const FILES: u64 = 11_000;

const ROWS: [&str; 6] = [
    "limits", "turns", "thousand", "myriad", "history", "sessions",
];

#[derive(Clone, Copy, PartialEq)]
enum Store {
    Sqlite,
    Postgres,
}

impl Store {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What was asked for, and where servers find things.
struct Bench {
    folder: TempDir,
    rows: Vec<&'static str>,
    /// What all counts are divided by.
    part: u32,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, and measures nothing.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    let mut stores = vec![Store::Sqlite, Store::Postgres];
    let (mut rows, mut part) = (Vec::new(), 1);
    for word in words.iter().filter(|word| *word != "--bench") {
        match word.as_str() {
            "sqlite" => stores = vec![Store::Sqlite],
            "postgres" => stores = vec![Store::Postgres],
            "tenth" => part = 10,
            word => match ROWS.into_iter().find(|row| *row == word) {
                Some(row) => rows.push(row),
                None => panic!("`{word}` is none of {ROWS:?}, sqlite, postgres, tenth"),
            },
        }
    }
    if rows.is_empty() {
        rows = ROWS.to_vec();
    }
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let bench = Bench { folder, rows, part };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(bench.run(stores));
}

/// The smallest configuration that serves, with one tool that nobody calls.
fn configure(folder: &Path) {
    fs::create_dir_all(folder.join("config/tools.d")).unwrap();
    fs::create_dir_all(folder.join("config/prompts")).unwrap();
    let tool = "description: Says a text.\neffect: read\n\
        input: {type: object, required: [text], properties: {text: {type: string}}}\n\
        run: {command: [/bin/echo, \"{{ text }}\"]}\n\
        tests: [{allow: {text: hello}}, {deny: {}}]\n";
    fs::write(folder.join("config/tools.d/echo.yaml"), tool).unwrap();
    fs::write(
        folder.join("config/prompts/system.md"),
        "You are a bench.\n",
    )
    .unwrap();
}

impl Bench {
    async fn run(&self, mut stores: Vec<Store>) {
        allow_files();
        if stores.contains(&Store::Postgres) && !has_postgres() {
            println!("PostgreSQL is not installed: its rows are left out");
            stores.retain(|store| *store != Store::Postgres);
        }
        println!(
            "{:<44}{:<10}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}",
            "", "store", "a second", "wall s", "CPU ms", "p50 ms", "p99 ms", "peak MB", "failed"
        );
        if self.wants("limits") {
            self.echoes().await;
            self.appends();
        }
        if self.wants("turns") {
            for store in &stores {
                self.turns(*store).await;
            }
        }
        for (row, count) in [("thousand", 1_000), ("myriad", 10_000)] {
            for store in stores.iter().filter(|_| self.wants(row)) {
                self.crowd(*store, count / self.part).await;
            }
        }
        for store in stores.iter().filter(|_| self.wants("history")) {
            self.history(*store).await;
        }
        for store in stores.iter().filter(|_| self.wants("sessions")) {
            self.sessions(*store).await;
        }
    }

    fn wants(&self, row: &str) -> bool {
        self.rows.contains(&row)
    }

    /// A server of its own, with an empty store and a model that thinks for so long.
    async fn serve(&self, store: Store, thinks: Duration) -> (Server, Client, Model) {
        let model = Model::start(thinks);
        let state = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let database = match store {
            Store::Sqlite => None,
            Store::Postgres => Some(database().await),
        };
        let config = self.folder.path().join("config");
        let server = Server::start(&config, &state, &model.base_url, database.as_deref());
        let client = Client::of(&server);
        (server, client, model)
    }

    /// What the machine can: exchanges with a server that does nothing, from the same client.
    async fn echoes(&self) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().route("/", post(|body: Bytes| async { body }));
        let serving = Tasks::new().spawn(async move { axum::serve(listener, app).await });
        let (http, each) = (client::http(), 500 / self.part);
        let exchanges = (0..SESSIONS).map(|_| async {
            for _ in 0..each {
                let sent = http.post(&address).body("{\"content\":\"Hello\"}").send();
                sent.await.unwrap().bytes().await.unwrap();
            }
        });
        let began = Instant::now();
        at_once(SESSIONS as usize, exchanges).await;
        limit(
            "limit: echoes of a bare axum, 64 at once",
            SESSIONS * each,
            began,
        );
        serving.abort();
    }

    /// What the disk can: appends that wait for it, one after the other.
    fn appends(&self) {
        let mut file = File::create(self.folder.path().join("appended")).unwrap();
        let count = 500 / self.part;
        let began = Instant::now();
        for _ in 0..count {
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
        }
        limit("limit: appends of 4 KiB with fdatasync", count, began);
    }

    /// Turns without tools, 64 at a time, one exchange each.
    async fn turns(&self, store: Store) {
        let (server, client, _model) = self.serve(store, Duration::ZERO).await;
        let sessions = open(&client, SESSIONS).await;
        talk(&client, &sessions, 2).await;
        let measured = measure(&server, talk(&client, &sessions, 100 / self.part)).await;
        row("turns, 64 sessions at once", store, &server, &measured);
    }

    /// Many turns at once with a model that thinks for a second, each in a session of its own.
    async fn crowd(&self, store: Store, count: u32) {
        let (server, client, model) = self.serve(store, Duration::from_secs(1)).await;
        let sessions = open(&client, count).await;
        let (start, client) = (Instant::now(), &client);
        let exchanges = async {
            let asked = sessions.iter().map(|session| async move {
                let asked = Instant::now();
                (asked, client.begin(session).await)
            });
            let asked = at_once(WAITING, asked).await;
            let accepted = start.elapsed().as_secs_f64();
            println!("  all of the next were accepted after {accepted:.2} s");
            let collected = asked.into_iter().map(|(asked, path)| async move {
                client.collect(&path?).await.map(|()| asked.elapsed())
            });
            at_once(WAITING, collected).await
        };
        let measured = measure(&server, exchanges).await;
        let what = format!("{count} turns at once, model takes 1 s");
        row(&what, store, &server, &measured);
        let most = model.most_at_once();
        println!("  the model thought about at most {most} of them at once");
    }

    /// Turns in sessions that have had more and more of them.
    async fn history(&self, store: Store) {
        let (server, client, _model) = self.serve(store, Duration::ZERO).await;
        let sessions = open(&client, SESSIONS / self.part).await;
        let mut had = 0;
        for earlier in [1, 10, 50, 200] {
            talk(&client, &sessions, earlier - had).await;
            let measured = measure(&server, talk(&client, &sessions, MEASURED)).await;
            let what = format!(
                "a turn after {earlier} to {} others",
                earlier + MEASURED - 1
            );
            row(&what, store, &server, &measured);
            had = earlier + MEASURED;
        }
    }

    /// Opening a session, its first turn, and the list, with more and more other sessions kept.
    async fn sessions(&self, store: Store) {
        let (server, client, _model) = self.serve(store, Duration::ZERO).await;
        let (mut kept, client) = (0, &client);
        for others in [10, 1_000, 10_000].map(|others| others / self.part) {
            let sessions = open(client, others - kept).await;
            succeeded(&talk(client, &sessions, 1).await);
            kept = others;
            let ids = Mutex::new(Vec::new());
            let opened = (0..NEW).map(|_| {
                timed(async {
                    let id = client.open().await?;
                    ids.lock().unwrap().push(id);
                    Ok(())
                })
            });
            let measured = measure(&server, at_once(FEW, opened)).await;
            row(
                &format!("a new session beside {others}"),
                store,
                &server,
                &measured,
            );
            let sessions = ids.into_inner().unwrap();
            let asked = sessions.iter().map(|session| timed(client.ask(session)));
            let measured = measure(&server, at_once(FEW, asked)).await;
            row(
                &format!("a first turn beside {others}"),
                store,
                &server,
                &measured,
            );
            let listed = (0..NEW).map(|_| timed(client.list()));
            let measured = measure(&server, at_once(FEW, listed)).await;
            row(
                &format!("the newest sessions of {others}"),
                store,
                &server,
                &measured,
            );
            let ended = sessions.iter().map(|session| timed(client.close(session)));
            let measured = measure(&server, at_once(FEW, ended)).await;
            row(
                &format!("the end of one of {others}"),
                store,
                &server,
                &measured,
            );
        }
    }
}

/// Turns of each session that are measured where the length of its history matters.
const MEASURED: u32 = 4;

/// Sessions that are measured where the number of others matters, and how many clients they have.
const NEW: u32 = 256;

const FEW: usize = 8;

async fn open(client: &Client, count: u32) -> Vec<String> {
    let opened = at_once(SESSIONS as usize, (0..count).map(|_| client.open())).await;
    opened.into_iter().map(Result::unwrap).collect()
}

/// So many turns in each of some sessions, 64 of which talk at the same time.
async fn talk(client: &Client, sessions: &[String], times: u32) -> Exchanges {
    let asked = sessions.iter().map(|one| client.ask_often(one, times));
    at_once(SESSIONS as usize, asked).await.concat()
}

fn succeeded(exchanges: &Exchanges) {
    let failed = exchanges
        .iter()
        .find_map(|exchange| exchange.as_ref().err());
    assert_eq!(failed, None, "a turn that is not measured failed");
}

fn limit(what: &str, count: u32, began: Instant) {
    let wall = began.elapsed().as_secs_f64();
    println!("{what:<54}{:>8.0}{wall:>9.2}", f64::from(count) / wall);
}

fn row(what: &str, store: Store, server: &Server, measured: &Measured) {
    let Measured {
        wall,
        cpu,
        times,
        failures,
    } = measured;
    let count = u32::try_from(times.len() + failures.len()).unwrap();
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let at = |percent: usize| {
        times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
    };
    let quantile = |percent| at(percent).map_or(f64::NAN, |time| ms(*time));
    println!(
        "{what:<44}{:<10}{:>8.0}{:>9.2}{:>9.3}{:>9.1}{:>9.1}{:>9.1}{:>8}",
        store.name(),
        f64::from(count) / wall.as_secs_f64(),
        wall.as_secs_f64(),
        ms(*cpu / count),
        quantile(50),
        quantile(99),
        server.memory("VmHWM"),
        failures.len()
    );
    if let Some(failure) = failures.first() {
        println!("  one failed so: {failure}");
    }
}

/// Raises the limit of open files of this process, and so of the server, as far as it goes.
fn allow_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    if let Some(allowed) = maximum.filter(|allowed| *allowed < FILES) {
        println!("a process may open {allowed} files only: 10,000 turns at once take {FILES}");
    }
}

fn has_postgres() -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v initdb"])
        .env("PATH", postgres::path())
        .output();
    found.unwrap().status.success()
}

/// A new database of a cluster that waits for its disk, as the tests' own does not.
async fn database() -> String {
    let url = postgres::database().await;
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    connection
        .execute("ALTER SYSTEM SET fsync = on")
        .await
        .unwrap();
    connection.execute("SELECT pg_reload_conf()").await.unwrap();
    // The answer may come before the change.
    for _ in 0..100 {
        let fsync: String = sqlx::query_scalar("SHOW fsync")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if fsync == "on" {
            return url;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("PostgreSQL does not turn fsync on");
}
