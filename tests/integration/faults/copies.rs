//! Copies of the audit trail that nobody takes: a pipe without a reader at its other end, and a
//! standard output that is full.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::thread;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Talk, came_to, troubles};
use crate::busy::{World, ended};
use crate::commands::program::Server;

/// More calls than the smallest pipe has room for.
const CALLS: usize = 8;

/// Asks for calls that read, each answered, and then for one that writes: what came of them.
async fn asked(talk: &Talk, session: &str, calls: usize) -> (Vec<String>, Value) {
    let mut looked = Vec::new();
    for number in 1..=calls {
        let turn = talk
            .clone()
            .answered(session.to_owned(), format!("look-{number}"));
        looked.push(came_to(&turn.await));
    }
    let changed = talk.clone().answered(session.to_owned(), "change-1");
    (looked, changed.await)
}

fn expected(calls: usize) -> Vec<String> {
    (1..=calls)
        .map(|number| format!("completed [\"exited\"] answer to look-{number}"))
        .collect()
}

/// What the model was told of its last call.
fn told(world: &World) -> String {
    let results = world.fake.requests().pop().unwrap().results();
    results.last().unwrap().1.clone()
}

/// The server ends, though nobody takes its copies.
async fn ends(server: Server) -> String {
    server.signal(Signal::SIGTERM);
    let (code, log) = ended(server).await;
    assert_eq!(code, 0, "{log}");
    troubles(&log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_without_a_reader_holds_up_nothing_but_what_writes() {
    let world = World::new(None, "30s").await;
    world.folder.write("go", "");
    let pipe = world.folder.path("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let settings = world.folder.read("tolkien.yaml");
    let audit = format!(
        "{settings}audit: {{file: '{}', stdout: false}}\n",
        pipe.display()
    );
    world.folder.write("tolkien.yaml", &audit);
    let server = world.start();
    let talk = Talk::with(&world, &server);
    let session = talk.session("one").await;
    let (looked, changed) = asked(&talk, &session, 2).await;
    assert_eq!(looked, expected(2));
    assert_eq!(
        came_to(&changed),
        r#"completed ["not_started"] answer to change-1"#
    );
    insta::assert_snapshot!(told(&world), @"Not run: the audit trail cannot be written, and nothing that writes runs without it. Calls that only read still work. Do not try again; tell the operator.");
    assert_eq!(world.ran(), "look-1 1, look-2 1");
    insta::assert_snapshot!(ends(server).await, @"ERROR nobody takes a copy of the audit trail, so nothing that writes runs:");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_output_that_is_full_holds_up_nothing_but_what_writes_until_it_is_read() {
    let world = World::new(None, "30s").await;
    world.folder.write("go", "");
    let mut server = world.folder.serve_unread(&["env"], &world.environment());
    let mut out = server.out.take().unwrap();
    fcntl(out.as_fd(), FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let talk = Talk::with(&world, &server);
    let session = talk.session("one").await;
    let (looked, changed) = asked(&talk, &session, CALLS).await;
    assert_eq!(looked, expected(CALLS));
    assert_eq!(
        came_to(&changed),
        r#"completed ["not_started"] answer to change-1"#
    );
    // Somebody reads again, and misses nothing.
    let reader = thread::spawn(move || {
        let mut copy = String::new();
        out.read_to_string(&mut copy).map(|_| copy)
    });
    let mut number = 1;
    let outcome = loop {
        number += 1;
        let turn = talk
            .clone()
            .answered(session.clone(), format!("change-{number}"));
        let turn = turn.await;
        let outcome = turn["tool_calls"][0]["outcome"]
            .as_str()
            .unwrap()
            .to_owned();
        if outcome != "not_started" {
            break outcome;
        }
    };
    assert_eq!(outcome, "exited");
    let ran = world.ran();
    assert!(
        ran.starts_with(&format!("change-{number} 1, look-1 1")),
        "{ran}"
    );
    insta::assert_snapshot!(ends(server).await, @"ERROR nobody takes a copy of the audit trail, so nothing that writes runs:");
    let copy = reader.join().unwrap().unwrap();
    let copy: io::Result<()> = std::fs::write(world.folder.path("copy.jsonl"), copy);
    copy.unwrap();
    let verified = world
        .folder
        .run(&["audit", "--verify", "--file", "copy.jsonl"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}
