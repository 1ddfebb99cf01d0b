//! The real client over a link that loses, holds, cuts, repeats and delays what passes: every message
//! is answered once, and whoever waits hears of the link and of nothing else.
//!
//! `TOLKIEN_MESSAGES` says how many messages, `TOLKIEN_SEED` which exchanges go wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::chance::{Dice, number};
use crate::commands::program::Folder;
use crate::fake::{Answer, Fake, Seen};

/// Of so many exchanges so many go wrong.
const FAULTS: (u64, u64) = (3, 10);

/// Messages of one session.
const SESSION: u64 = 20;

const MARK: &str = r#"
description: Leaves a mark.
effect: write
input: {type: object, required: [id], properties: {id: {type: string}}}
run: {command: [sh, -c, 'echo "$1" >> MARKS', sh, "{{ id }}"]}
arguments: {id: {allow: ['[a-z0-9-]+']}}
tests: [{allow: {id: a-1}}, {deny: {id: A}}]
"#;

const TRUSTED: &str =
    "description: Marks are wanted.\napplies_to: {tools: [mark]}\neffect: {write: allow}\n";

/// What becomes of one request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The request never arrives.
    Lost,
    /// The request arrives, and its answer does not.
    Unanswered,
    /// The answer ends in its middle.
    Cut,
    /// Nothing comes for a while, and then the end.
    Stalled,
    /// It comes late.
    Delayed,
    /// The request arrives twice.
    Repeated,
    /// A proxy answers in the server's place.
    Gateway,
}

const EVERY_FAULT: [Fault; 7] = [
    Fault::Lost,
    Fault::Unanswered,
    Fault::Cut,
    Fault::Stalled,
    Fault::Delayed,
    Fault::Repeated,
    Fault::Gateway,
];

/// A link to a server, with chance in it; counts what went wrong.
fn link(server: &str) -> (String, Arc<Mutex<BTreeMap<Fault, u64>>>) {
    let server = server.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let faults: Arc<Mutex<BTreeMap<Fault, u64>>> = Arc::default();
    let counted = Arc::clone(&faults);
    thread::spawn(move || {
        let mut dice = Dice::seeded();
        for client in listener.incoming() {
            let fault = (dice.roll(FAULTS.1) < FAULTS.0).then(|| {
                let which = dice.roll(EVERY_FAULT.len() as u64);
                EVERY_FAULT[usize::try_from(which).unwrap()]
            });
            if let Some(fault) = fault {
                *counted.lock().unwrap().entry(fault).or_default() += 1;
            }
            let (server, dice) = (server.clone(), Dice::of(dice.roll(u64::MAX)));
            // Either side may break it off at any time; that is what it is for.
            thread::spawn(move || drop(exchange(client.unwrap(), &server, fault, dice)));
        }
    });
    (url, faults)
}

/// Carries one request and its answer.
fn exchange(
    mut client: TcpStream,
    server: &str,
    fault: Option<Fault>,
    mut dice: Dice,
) -> io::Result<()> {
    let request = request(&mut client)?;
    let send = || -> io::Result<TcpStream> {
        let mut server = TcpStream::connect(server)?;
        server.write_all(&request)?;
        Ok(server)
    };
    let mut pass = Duration::ZERO;
    let mut bytes = u64::MAX;
    match fault {
        Some(Fault::Lost) => return Ok(()),
        Some(Fault::Unanswered) => {
            // Its first byte says that the server has the request.
            send()?.read_exact(&mut [0])?;
            return Ok(());
        }
        Some(Fault::Cut) => bytes = dice.roll(1500),
        Some(Fault::Stalled) => {
            let _server = send()?;
            thread::sleep(Duration::from_millis(dice.roll(400)));
            return Ok(());
        }
        Some(Fault::Delayed) => pass = Duration::from_millis(dice.roll(300)),
        Some(Fault::Repeated) => {
            let mut first = send()?;
            thread::spawn(move || io::copy(&mut first, &mut io::sink()));
        }
        Some(Fault::Gateway) => {
            let page = "<html>no upstream</html>";
            let status = if dice.roll(2) == 0 {
                "502 Bad Gateway"
            } else {
                "504 Gateway Timeout"
            };
            return write!(
                client,
                "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{page}",
                page.len()
            );
        }
        None => {}
    }
    thread::sleep(pass);
    io::copy(&mut send()?.take(bytes), &mut client)?;
    Ok(())
}

/// One request, which asks for the end of its connection.
fn request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(format!("{head}\r\nconnection: close\r\n\r\n{body}").into());
            }
        }
        match client.read(&mut some)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => bytes.extend(&some[..length]),
        }
    }
}

fn reply(seen: &Seen) -> Answer {
    let id = seen.question();
    match seen.rounds() {
        0 => Answer::tools([("mark", json!({"id": id}))]),
        _ => Answer::text(&format!("answer to {id}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_over_a_bad_link_is_answered_once() {
    let fake = Fake::start().await;
    fake.respond_with(reply);
    let url = fake.base_url();
    let messages = number("TOLKIEN_MESSAGES", 25);
    let talk = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        for name in ["tools.d", "policies", "prompts"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        let marks = folder.path("marks").display().to_string();
        folder.write("tools.d/mark.yaml", &MARK.replace("MARKS", &marks));
        folder.write("policies/trusted.yaml", TRUSTED);
        folder.write("prompts/system.md", "You are the agent.\n");
        let settings = format!("model: {{name: claude-opus-5-5, base_url: '{url}'}}\n");
        folder.write("tolkien.yaml", &settings);
        let server = folder.serve(&[("ANTHROPIC_API_KEY", "sk-fake-1")]);
        let (link, faults) = link(&server.url);
        let mut typed = Vec::new();
        for message in 0..messages {
            if message % SESSION == 0 {
                typed.push("/new".to_owned());
            }
            typed.push(format!("m-{message}"));
        }
        let talk = folder.run_with(&["repl", "--server", &link], &[], &typed.join("\n"));
        server.signal(Signal::SIGTERM);
        let faults = faults.lock().unwrap().clone();
        (talk, faults, folder.read("marks"))
    });
    let (talk, faults, marks) = talk.await.unwrap();
    let ids = || (0..messages).map(|message| format!("m-{message}"));
    let answers: Vec<String> = ids().map(|id| format!("answer to {id}")).collect();
    assert_eq!(talk.code, 0, "{}", talk.err);
    assert_eq!(
        talk.out.lines().collect::<Vec<_>>(),
        answers,
        "{}",
        talk.err
    );
    assert_eq!(marks.lines().collect::<Vec<_>>(), ids().collect::<Vec<_>>());
    // Once for each round.
    let asked = u64::try_from(fake.requests().len()).unwrap();
    assert_eq!((asked, fake.refusals()), (2 * messages, Vec::new()));
    println!("{messages} messages; went wrong: {faults:?}");
    for fault in EVERY_FAULT {
        assert!(faults.contains_key(&fault), "{fault:?} was not tried");
    }
    // Whoever waits is told when the link is lost and when it is back, and nothing else about it.
    let mut is_lost = false;
    for line in talk.err.lines() {
        let lost = line.starts_with("no connection to ");
        let back = line == "connected again";
        assert!(
            lost || back || line.starts_with("  ✓ mark") || line.starts_with("the next message"),
            "{line:?} in {}",
            talk.err
        );
        // Each is told once.
        assert!(!(lost || back) || lost != is_lost, "{}", talk.err);
        is_lost = (is_lost || lost) && !back;
    }
    assert!(!is_lost, "{}", talk.err);
}
