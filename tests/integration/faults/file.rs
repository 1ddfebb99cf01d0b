//! A file that is not the store that it was.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::{Talk, told, troubles};
use crate::busy::{World, ended};
use crate::commands::program::SERVE;

/// SQLite's own.
const PAGE: usize = 4096;

async fn database(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new();
    let options = options.filename(path).create_if_missing(true);
    options.connect().await.unwrap()
}

/// A world with a turn that a server kept before it ended: its session's path, the turn, and the
/// store, which is one file.
async fn kept() -> (World, String, Value, PathBuf) {
    let world = World::new(None, "30s").await;
    let server = world.start();
    let talk = Talk::with(&world, &server);
    let session = talk.session("old").await;
    let turn = talk.clone().answered(session.clone(), "late-1").await;
    server.signal(Signal::SIGTERM);
    assert_eq!(ended(server).await.0, 0);
    let path = world.folder.path(".local/state/tolkien/tolkien.db");
    let mut db = database(&path).await;
    let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
    checkpoint.execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    (world, session, turn, path)
}

/// What a server says that does not start, in its last two lines.
fn refusal(world: &World, by: &[&str]) -> String {
    let environment = world.environment();
    let mut refused = world.folder.start_in(by, SERVE, &environment);
    refused.say("");
    let refused = refused.ended();
    assert_eq!(refused.code, 4, "{}", refused.err);
    let lines: Vec<&str> = refused.err.lines().collect();
    let root = world.folder.path("").display().to_string();
    lines[lines.len() - 2..]
        .join("\n")
        .replace(&root, "FOLDER/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_whole_store_is_named_and_never_written_to() {
    let (world, session, turn, path) = kept().await;
    let whole = fs::read(&path).unwrap();
    let mut headless = whole.clone();
    headless[..100].fill(0);
    let other = world.folder.path("other.db");
    let mut db = database(&other).await;
    for sql in [
        "CREATE TABLE notes (text)",
        "INSERT INTO notes VALUES ('mine')",
    ] {
        sqlx::query(sql).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
    let newer = world.folder.path("newer.db");
    fs::write(&newer, &whole).unwrap();
    let mut db = database(&newer).await;
    for sql in [
        "INSERT INTO _sqlx_migrations SELECT 99, 'later', installed_on, success, checksum, \
         execution_time FROM _sqlx_migrations LIMIT 1",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ] {
        sqlx::query(sql).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
    let mut said = Vec::new();
    for (what, bytes) in [
        ("an overwritten header", headless),
        ("half of it", whole[..whole.len() / 2].to_vec()),
        ("a text", b"Notes of last summer.\n".to_vec()),
        ("another program's database", fs::read(&other).unwrap()),
        ("a newer version's", fs::read(&newer).unwrap()),
    ] {
        fs::write(&path, &bytes).unwrap();
        said.push(format!("{what}\n{}", refusal(&world, &["env"])));
        assert!(fs::read(&path).unwrap() == bytes, "{what} was written to");
    }
    insta::assert_snapshot!(said.join("\n\n"), @"
    an overwritten header
    error: the store `FOLDER/.local/state/tolkien/tolkien.db` is damaged, or no store at all: file is not a database
    help: put a copy of it in its place, or move it aside, with the files beside it, to begin with an empty one; nothing in it was changed

    half of it
    error: the store `FOLDER/.local/state/tolkien/tolkien.db` is damaged, or no store at all: database disk image is malformed
    help: put a copy of it in its place, or move it aside, with the files beside it, to begin with an empty one; nothing in it was changed

    a text
    error: the store `FOLDER/.local/state/tolkien/tolkien.db` is damaged, or no store at all: file is not a database
    help: put a copy of it in its place, or move it aside, with the files beside it, to begin with an empty one; nothing in it was changed

    another program's database
    error: `FOLDER/.local/state/tolkien/tolkien.db` is another program's database
    help: name another file with `--store`, or `store` in the settings; nothing in it was changed

    a newer version's
    error: the store `FOLDER/.local/state/tolkien/tolkien.db` was written by a newer version of tolkien
    help: run that version again, or put a copy from before it in its place
    ");
    // The way out.
    fs::write(&path, whole).unwrap();
    let server = world.start();
    let talk = Talk::with(&world, &server);
    assert_eq!(talk.json(&session).await["turns"][0], turn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_only_others_may_write_to_is_not_opened() {
    let (world, session, turn, path) = kept().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let by: &[&str] = if nix::unistd::geteuid().is_root() {
        // Root asks nobody, unless it cannot.
        &[
            "setpriv",
            "--bounding-set=-dac_override",
            "--inh-caps=-dac_override",
        ]
    } else {
        &["env"]
    };
    insta::assert_snapshot!(refusal(&world, by), @"
    error: cannot open the store `FOLDER/.local/state/tolkien/tolkien.db`: Permission denied (os error 13)
    help: make its folder, writable for this user, or name another file: `--store`, `store` in the settings, or TOLKIEN_STORE
    ");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let server = world.start();
    let talk = Talk::with(&world, &server);
    assert_eq!(talk.json(&session).await["turns"][0], turn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_that_is_found_while_it_runs_is_said_and_nothing_more_is_taken() {
    let (world, session, turn, path) = kept().await;
    let mut db = database(&path).await;
    let root = sqlx::query_as("SELECT rootpage FROM sqlite_master WHERE name = 'events'");
    let (root,): (i64,) = root.fetch_one(&mut db).await.unwrap();
    db.close().await.unwrap();
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let (mut page, at) = ([0; PAGE], (u64::try_from(root).unwrap() - 1) * PAGE as u64);
    file.read_exact_at(&mut page, at).unwrap();
    file.write_all_at(&[0xff; PAGE], at).unwrap();

    let server = world.start();
    let talk = Talk::with(&world, &server);
    talk.is_ready("200 ready").await;
    insta::assert_snapshot!(told(talk.get(&session).await).await, @r#"
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
    talk.is_ready("503 store_unavailable").await;
    let refused = told(talk.open("new").await).await;
    assert!(refused.contains("store_unavailable"), "{refused}");
    assert_eq!(talk.get("/healthz").await.status(), 200);
    server.signal(Signal::SIGTERM);
    let (code, log) = ended(server).await;
    assert_eq!(code, 0, "{log}");
    insta::assert_snapshot!(troubles(&log), @"ERROR the store is damaged: end the server, and put a copy of the store in its place: error returned from database: (code: 11) database disk image is malformed");

    file.write_all_at(&page, at).unwrap();
    let server = world.start();
    let talk = Talk::with(&world, &server);
    assert_eq!(talk.json(&session).await["turns"][0], turn);
}
