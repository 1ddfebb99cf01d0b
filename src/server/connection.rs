//! Accepting connections, speaking HTTP/1.1 on them, and ending well.
//!
//! The end has three steps. New requests get 503 and idle connections are closed; requests that
//! wait for a turn go on, since the turn has its grace period; then turns are cancelled, their
//! watchers get the last word, and what is still open is dropped.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{App, router};
use crate::tasks::Tasks;

/// Connections at the same time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;

/// For the head of a request, and for an idle connection: silent strangers give their places back
/// soon. Whoever keeps connections longer, as proxies do, opens another one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// More than any head that a layer answers in words: what is longer breaks the connection off.
const MAX_HEAD_BYTES: usize = 4 * super::layer::MAX_HEAD_BYTES;

/// A client that vanished without a word is noticed after this, and a few probes.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// A client that reads nothing of what it asked for loses its place after this (`TCP_USER_TIMEOUT`).
const UNREAD: Duration = Duration::from_secs(30);

/// After the end of the grace period, for answers on their way: longer than a program that ignores
/// its end is given before it is killed.
const LAST_WORD: Duration = Duration::from_secs(5);

/// When the system has no room for another connection, it soon will.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown` fires, and then until everything has ended.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) {
    let tasks = app.tasks.clone();
    let routes = router(&app);
    let mut end = pin!(async {
        shutdown.cancelled().await;
        let grace = app.in_force.load().config.settings().server.shutdown_grace;
        tracing::info!(grace_s = grace.as_secs(), "stopping");
        app.tasks.end(grace).await;
    });
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        tokio::select! {
            () = &mut end => return,
            accepted = accept(&listener, &places), if !tasks.cancelled().is_cancelled() => {
                let Some((stream, place)) = accepted else { continue };
                let (routes, ending) = (routes.clone(), tasks.clone());
                tasks.spawn(async move {
                    converse(stream, routes, &ending).await;
                    drop(place);
                });
            }
        }
    }
}

/// The next connection; none when this attempt came to nothing.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            tune(&stream);
            Some((stream, place))
        }
        Err(error) => {
            let theirs = matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionRefused
            );
            if !theirs {
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

/// Small events leave at once, and peers that are dead or do not read are noticed. A socket that refuses either still
/// works.
fn tune(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE / 4);
    let socket = SockRef::from(stream);
    let tuned = socket
        .set_tcp_keepalive(&keepalive)
        .and_then(|()| socket.set_tcp_user_timeout(Some(UNREAD)))
        .and_then(|()| stream.set_nodelay(true));
    if let Err(error) = tuned {
        tracing::debug!(%error, "a connection could not be tuned");
    }
}

/// One connection, to its end.
async fn converse(stream: TcpStream, routes: Router, tasks: &Tasks) {
    let mut ending = tasks.stopping().is_cancelled();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD_BYTES)
        .keep_alive(!ending)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    let mut last_word = pin!(async {
        tasks.cancelled().cancelled().await;
        tokio::time::sleep(LAST_WORD).await;
    });
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke off");
                }
                return;
            }
            () = tasks.stopping().cancelled(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut last_word => return,
        }
    }
}
