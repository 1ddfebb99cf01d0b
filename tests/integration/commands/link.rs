//! Bad links and impatient operators: what a client does when the connection or its user breaks off.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::conversation::scripted;
use super::program::Folder;
use crate::fake::{Answer, Fake, Gate};

/// Passes connections on to a server, but cuts the one that first sends a message when its answer
/// comes: the server has it, and the client does not know.
fn cutting_proxy(server: &str) -> String {
    let sent = Arc::new(AtomicBool::new(false));
    let cut = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&sent);
    proxy(
        server,
        move |bytes| {
            if String::from_utf8_lossy(bytes).contains("/messages HTTP") {
                seen.store(true, Ordering::SeqCst);
            }
            true
        },
        move |_| !sent.load(Ordering::SeqCst) || cut.swap(true, Ordering::SeqCst),
    )
}

/// Passes connections on to a server, but lets every answer wait until the turn is over, as a slow
/// link does to a quick turn.
fn slow_proxy(server: &str) -> String {
    proxy(
        server,
        |bytes| {
            let wait = bytes.windows(6).position(|six| six == b"wait=0");
            if let Some(start) = wait {
                bytes[start + 5] = b'9';
            }
            true
        },
        |_| true,
    )
}

/// Passes bytes on to a server and back for as long as they may pass, and as they are left.
fn proxy(
    server: &str,
    up: impl Fn(&mut [u8]) -> bool + Clone + Send + 'static,
    down: impl Fn(&mut [u8]) -> bool + Clone + Send + 'static,
) -> String {
    let server = server.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let Ok(upstream) = TcpStream::connect(&server) else {
                return;
            };
            let ends = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            relay(ends.0, ends.1, up.clone());
            relay(upstream, client, down.clone());
        }
    });
    url
}

fn relay(
    mut from: TcpStream,
    mut to: TcpStream,
    may_pass: impl Fn(&mut [u8]) -> bool + Send + 'static,
) {
    thread::spawn(move || {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if !may_pass(&mut bytes[..length]) || to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        // The other side may have ended it already.
        drop(to.shutdown(Shutdown::Both));
        drop(from.shutdown(Shutdown::Both));
    });
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn environment(url: &str) -> [(&str, &str); 2] {
    [
        ("ANTHROPIC_API_KEY", "sk-ant-test"),
        ("TOLKIEN_MODEL__BASE_URL", url),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_made_again_and_nothing_is_asked_twice() {
    let fake = Fake::start().await;
    fake.respond_with(|_| Answer::text("Once."));
    let url = fake.base_url();
    let ran = blocking(move || {
        let folder = Folder::with_configuration();
        let server = folder.serve(&environment(&url));
        let proxy = cutting_proxy(&server.url);
        let ran = folder.run(&["ask", "--server", &proxy, "only once"]);
        server.signal(Signal::SIGTERM);
        ran
    })
    .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "Once.\n"), "{}", ran.err);
    assert_eq!(fake.requests().len(), 1);
    let notes: Vec<&str> = ran.err.lines().collect();
    assert_eq!(notes.len(), 2, "{}", ran.err);
    assert!(notes[0].starts_with("no connection to "), "{}", ran.err);
    assert_eq!(notes[1], "connected again");
}

#[test]
fn a_turn_that_is_over_before_its_first_answer_arrives_is_told_as_any_other() {
    let folder = scripted();
    let server = folder.serve(&[]);
    let proxy = slow_proxy(&server.url);
    let ran = folder.run(&["ask", "--server", &proxy, "how full are the disks?"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "There is **room**.\n"),
        "{}",
        ran.err
    );
    let mut lines: Vec<&str> = ran.err.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 3, "{}", ran.err);
    assert_eq!(
        lines[1..],
        [
            "  ✗ disk  df /proc  denied by read-only.no-kernel-files: the kernel's file systems are not disks",
            "I will look.",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_cancels_the_turn_and_says_so() {
    let fake = Fake::start().await;
    let gate = Gate::new();
    fake.push(Answer::text("Too late.").behind(&gate));
    let url = fake.base_url();
    let (started, starts) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel();
    let ran = tokio::task::spawn_blocking(move || {
        let folder = Folder::with_configuration();
        let running = folder.start(&["ask", "--json", "take your time"], &environment(&url));
        started.send(()).unwrap();
        gone.recv().unwrap();
        running.signal(Signal::SIGINT);
        running.ended()
    });
    blocking(move || starts.recv().unwrap()).await;
    fake.requested(1).await;
    go.send(()).unwrap();
    let ran = ran.await.unwrap();
    assert_eq!(ran.code, 130, "{}", ran.err);
    let turn: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    assert_eq!(turn["status"], "cancelled");
    assert_eq!(turn["stop"]["reason"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_takes_too_long_is_cancelled() {
    let fake = Fake::start().await;
    let gate = Gate::new();
    fake.push(Answer::text("Too late.").behind(&gate));
    let url = fake.base_url();
    let (ran, view) = blocking(move || {
        let folder = Folder::with_configuration();
        let server = folder.serve(&environment(&url));
        let asked = [
            "ask",
            "--server",
            &server.url,
            "--timeout",
            "500ms",
            "hurry",
        ];
        let ran = folder.run(&asked);
        let view = folder.run_with(
            &["repl", "--server", &server.url],
            &[],
            "/sessions\n/resume\n",
        );
        (ran, view)
    })
    .await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(ran.err.contains("no answer in time"), "{}", ran.err);
    assert!(view.out.contains("  idle  "), "{}", view.out);
    assert!(view.err.contains("cancelled"), "{}", view.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_is_replaced_by_a_new_one() {
    let fake = Fake::start().await;
    fake.respond_with(|_| Answer::text("Here."));
    let url = fake.base_url();
    let ran = blocking(move || {
        let folder = Folder::with_configuration();
        folder.run_with(
            &["repl", "--session", "s_gone"],
            &environment(&url),
            "are you there?\n",
        )
    })
    .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "Here.\n"), "{}", ran.err);
    assert!(ran.err.contains("a new one begins"), "{}", ran.err);
}

#[test]
fn a_model_that_cannot_be_reached_is_named_once_with_the_reason() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let folder = Folder::with_configuration();
    let ask = ["ask", "--timeout", "3s", "hello"];
    let ran = folder.run_with(&ask, &environment(&url), "");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    insta::assert_snapshot!(ran.err.replace(&url, "URL"), @"
    the model's API at `URL` cannot be reached: nothing listens there (connection refused); trying again
    error: there was no answer in time, and the turn was cancelled
    help: give it longer with `--timeout`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_turn_says_why_and_what_to_do() {
    let fake = Fake::start().await;
    fake.respond_with(|_| Answer::error(401, "authentication_error", "invalid x-api-key"));
    let url = fake.base_url();
    let ran = blocking(move || {
        let folder = Folder::with_configuration();
        folder.run_with(&["ask", "hello"], &environment(&url), "")
    })
    .await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(ran.err.contains("model_unauthorized"), "{}", ran.err);
    assert!(ran.err.contains("ANTHROPIC_API_KEY"), "{}", ran.err);
}
