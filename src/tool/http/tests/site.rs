//! A site on this machine: a TLS server on an address of its own, and listeners on the loopback
//! addresses, at the same port, that nobody may ever reach.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

use super::super::address::is_public;
use super::super::reach::Reach;
use crate::tasks::Tasks;

/// The one address beside public ones that tests let through.
pub(super) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));

/// Between the bytes of an answer that drips.
const DRIP: Duration = Duration::from_millis(10);

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// These bytes and the end.
    Whole(Vec<u8>),
    /// These bytes, and then nothing for ever.
    Stall(Vec<u8>),
    /// These bytes, and then others without end.
    Endless(Vec<u8>),
    /// These bytes, and then one at a time without end.
    Drip(Vec<u8>),
}

/// A server that gives its replies in order, and repeats the last one.
pub(super) struct Site {
    pub(super) reach: Reach,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    /// Every request as it came.
    pub(super) requests: Arc<Mutex<Vec<String>>>,
    /// Fires when a request has come.
    pub(super) asked: Arc<Notify>,
    traps: Vec<TcpListener>,
    trapped: AtomicUsize,
    _tasks: Tasks,
}

impl Site {
    pub(super) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (server, traps) = listeners();
        let port = server.local_addr().unwrap().port();
        let names = ["docs.example.org", "*.example.net"].map(str::to_owned);
        let key = rcgen::generate_simple_self_signed(names).unwrap();
        let root = Certificate::from_der(key.cert.der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                key.signing_key.serialize_der().try_into().unwrap(),
            )
            .unwrap();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::new(Notify::new());
        let tasks = Tasks::new();
        let service = Service {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            replies: replies.clone(),
            requests: requests.clone(),
            asked: asked.clone(),
        };
        tasks.spawn(serve(server, Arc::new(service), tasks.clone()));
        Self {
            reach: Reach {
                lookup: Arc::new(|name| Box::pin(async move { Ok(addresses(&name)) })),
                allowed: |address| address == SERVER || is_public(address),
                port,
                roots: vec![root],
                ..Reach::default()
            },
            replies,
            requests,
            asked,
            traps,
            trapped: AtomicUsize::new(0),
            _tasks: tasks,
        }
    }

    /// From here on these replies and no others.
    pub(super) fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.replies.lock().unwrap() = replies.into_iter().collect();
    }

    /// Every request that came, its first line alone.
    pub(super) fn asked_for(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let first = |text: &String| text.lines().next().unwrap_or_default().to_owned();
        requests.iter().map(first).collect()
    }

    /// How many connections came to a loopback address so far; one shows here even when it was closed
    /// again.
    pub(super) fn trapped(&self) -> usize {
        let new = self.traps.iter().map(|trap| {
            let come = std::iter::from_fn(|| match trap.accept() {
                Ok(connection) => Some(connection),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    None
                }
            });
            come.count()
        });
        let new = new.sum();
        self.trapped.fetch_add(new, Ordering::Relaxed) + new
    }
}

/// The names of the site stand for its server, and everything else for loopback.
fn addresses(name: &str) -> Vec<IpAddr> {
    match name {
        "docs.example.org" | "www.example.net" | "cdn.example.net" => vec![SERVER],
        _ => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
    }
}

/// The server's listener, and the traps at the same port of the loopback addresses.
fn listeners() -> (TcpListener, Vec<TcpListener>) {
    loop {
        let server = TcpListener::bind((SERVER, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        server.set_nonblocking(true).unwrap();
        let Ok(trap) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else {
            continue;
        };
        let mut traps = vec![trap];
        // Not every machine has IPv6.
        traps.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)));
        for trap in &traps {
            trap.set_nonblocking(true).unwrap();
        }
        return (server, traps);
    }
}

struct Service {
    acceptor: TlsAcceptor,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    requests: Arc<Mutex<Vec<String>>>,
    asked: Arc<Notify>,
}

async fn serve(listener: TcpListener, service: Arc<Service>, tasks: Tasks) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tasks.spawn(async move { answer(stream, &service).await });
    }
}

/// Answers one request; a client that goes away ends it.
async fn answer(stream: tokio::net::TcpStream, service: &Service) -> Option<()> {
    let mut stream = service.acceptor.accept(stream).await.ok()?;
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let request = String::from_utf8(request).unwrap();
    service.requests.lock().unwrap().push(request);
    service.asked.notify_one();
    let reply = {
        let mut replies = service.replies.lock().unwrap();
        match replies.len() {
            1 => replies[0].clone(),
            _ => replies.pop_front().unwrap(),
        }
    };
    match reply {
        Reply::Whole(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.shutdown().await.ok()
        }
        Reply::Stall(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            std::future::pending().await
        }
        Reply::Drip(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            let mut drip = tokio::time::interval(DRIP);
            loop {
                drip.tick().await;
                stream.write_all(b"x").await.ok()?;
                stream.flush().await.ok()?;
            }
        }
        Reply::Endless(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            loop {
                stream.write_all(&[b'x'; 16 << 10]).await.ok()?;
            }
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// A reply with a status line, further headers and a body.
pub(super) fn reply(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let length = format!("content-length: {}", body.len());
    Reply::Whole([&head(status, &[headers, &[&length]].concat()), body].concat())
}

/// The head of a reply.
pub(super) fn head(status: &str, headers: &[&str]) -> Vec<u8> {
    let status = format!("HTTP/1.1 {status}");
    let lines = [&[status.as_str()], headers, &["", ""]].concat();
    lines.join("\r\n").into_bytes()
}

/// A page or another text.
pub(super) fn ok(media: &str, body: impl AsRef<[u8]>) -> Reply {
    reply("200 OK", &[&format!("content-type: {media}")], body)
}

/// A redirect.
pub(super) fn to(status: &str, location: &str) -> Reply {
    reply(status, &[&format!("location: {location}")], "elsewhere")
}
