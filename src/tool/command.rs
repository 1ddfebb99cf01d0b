//! Running one program until it ends or is ended.
//!
//! A deadline, a cancel and a flood of output end the program and all that descends from it (where it
//! runs without a supervisor, its process group): TERM, a short grace, KILL. What a program leaves
//! behind when it ends by itself is ended in the same way, and whoever holds an output open is waited
//! for no longer than that grace.

use std::future::poll_fn;
use std::process::ExitStatus;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::ending::{Ended, Ending};
use super::output::Output;
use super::pipes::Pipes;
use super::prepared::Prepared;
use super::running::Running;
use super::sandbox::Limits;
use super::{Finished, Outcome};
use crate::call::Start;
use crate::config::host::Host;
use crate::config::tool::{OutputLimits, Sandbox};

/// Between TERM and KILL: long enough for a client to take back what it began, short enough that
/// everything is gone within two seconds of its deadline.
const GRACE: Duration = Duration::from_millis(1500);

/// Bytes of output after which a program is ended: far beyond any log that somebody wants read to
/// its end, and some ten seconds of a program that writes as fast as a pipe goes.
const FLOOD: u64 = 16 << 30;

/// What holds for every program.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Between TERM and KILL.
    pub grace: Duration,
    /// Bytes of output after which it is ended.
    pub flood: u64,
    /// How much of the machine it may take.
    pub limits: Limits,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            grace: GRACE,
            flood: FLOOD,
            limits: Limits::default(),
        }
    }
}

/// How and where a program runs.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// The call's name, for `read_output`.
    pub(super) call_id: &'a str,
    /// What fills in the names.
    pub(super) host: &'a Host,
    /// What is kept and shown of its output.
    pub(super) output: OutputLimits,
    /// The tool's sandbox; the program's own stands over it.
    pub(super) sandbox: &'a Sandbox,
    /// The call's deadline; the program's own may be earlier.
    pub(super) timeout: Duration,
    /// What holds for every program.
    pub(super) bounds: Bounds,
    /// Fires when it is to end.
    pub(super) cancel: &'a CancellationToken,
}

/// Runs one program to its end. Dropping the future ends it and removes its folder.
pub(super) async fn run_start(start: &Start, run: &Run<'_>) -> Finished {
    let began = Instant::now();
    if run.cancel.is_cancelled() {
        return Finished::cancelled_before(began.elapsed());
    }
    let sandbox = run.sandbox.under(start.sandbox.as_ref());
    let mut prepared = match Prepared::new(start, &sandbox, run.host) {
        Ok(prepared) => prepared,
        Err(because) => return Finished::not_started(because, began.elapsed()),
    };
    let running = Running::start(&mut prepared, run.host, run.bounds.limits).await;
    let mut running = match running {
        Ok(running) => running,
        Err(because) => return Finished::not_started(because, began.elapsed()),
    };
    let mut pipes = Pipes::of(running.child(), prepared.stdin.take(), run.output);
    let deadline = start
        .timeout
        .map_or(run.timeout, |own| own.min(run.timeout));
    let ending = watch(&mut running, &mut pipes, deadline, run).await;
    let status = end(&mut running, &mut pipes, run.bounds.grace).await;
    drop(running);
    if let Some(folder) = prepared.folder.take() {
        folder.remove().await;
    }
    let status = match status.transpose() {
        Ok(status) => status,
        Err(because) => return Finished::not_started(because, began.elapsed()),
    };
    let (stdout, stderr) = pipes.finish();
    let output = Output::new(stdout, stderr, run.output);
    let shown = output.shown(run.call_id, run.output);
    let ended = Ended {
        ending,
        status,
        deadline,
        flood: run.bounds.flood,
    };
    let is_error = ended.is_error(&start.ok);
    Finished {
        outcome: ended.outcome(),
        is_error,
        shown: ended.head(is_error, shown.text),
        stored: output.stored,
        truncated: shown.truncated,
        duration: began.elapsed(),
        bytes: output.bytes,
    }
}

/// Moves the pipes until the leader ends or has to.
async fn watch(
    running: &mut Running,
    pipes: &mut Pipes,
    deadline: Duration,
    run: &Run<'_>,
) -> Ending {
    let own = poll_fn(|cx| {
        pipes.poll(cx);
        if pipes.total() > run.bounds.flood {
            return Poll::Ready(Ending::Flooded);
        }
        running.poll_ended(cx).map(|()| Ending::Itself)
    });
    tokio::select! {
        biased;
        () = run.cancel.cancelled() => Ending::Cancelled,
        () = sleep(deadline) => Ending::TimedOut,
        ending = own => ending,
    }
}

/// Ends whatever is left of it and reaps it; each of the three waits is usually none.
async fn end(
    running: &mut Running,
    pipes: &mut Pipes,
    grace: Duration,
) -> Option<Result<ExitStatus, String>> {
    pipes.close_stdin();
    let over = |cx: &mut Context<'_>, running: &mut Running, pipes: &mut Pipes| {
        pipes.poll(cx);
        let ended = running.poll_ended(cx).is_ready();
        if ended && pipes.at_end() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    };
    // The usual case costs no signal but the last: the leader has ended and its outputs with it.
    let at_once = poll_fn(|cx| Poll::Ready(over(cx, running, pipes).is_ready())).await;
    if !at_once {
        running.signal(Signal::TERM);
        // A stopped process gets nothing but KILL until it goes on.
        running.signal(Signal::CONT);
        let _ = timeout(grace, poll_fn(|cx| over(cx, running, pipes))).await;
    }
    running.signal(Signal::KILL);
    // Only a leader that the kernel cannot let go (a dead network disk) outlasts this.
    let _ = timeout(grace, poll_fn(|cx| running.poll_ended(cx))).await;
    let status = running.reap();
    let _ = timeout(grace, running.gone()).await;
    // What was written between the last look and the end.
    poll_fn(|cx| {
        pipes.poll(cx);
        Poll::Ready(())
    })
    .await;
    status
}

impl Finished {
    fn cancelled_before(duration: Duration) -> Self {
        Self {
            outcome: Outcome::Cancelled,
            is_error: true,
            shown: "[cancelled before it started]".to_owned(),
            stored: String::new(),
            truncated: false,
            duration,
            bytes: 0,
        }
    }
}
