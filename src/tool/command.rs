//! Running one program until it ends or is ended.
//!
//! A deadline, a cancel and a flood of output end the program and all that descends from it (where it
//! runs without a supervisor, its process group): TERM, a short grace, KILL; where so many are ready to
//! run that a supervisor would have to wait for its turn, KILL at once. What a program leaves
//! behind when it ends by itself is ended in the same way, and whoever holds an output open is waited
//! for no longer than that grace.

use std::future::{Future as _, poll_fn};
use std::process::ExitStatus;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Finished;
use super::capture::Capture;
use super::ending::{Ended, Ending};
use super::output::Output;
use super::pipes::Pipes;
use super::prepared::{Given, Prepared};
use super::redact::Redactor;
use super::running::Running;
use super::sandbox::Limits;
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

/// How and where a program runs. It has no `Debug`: it knows what is secret.
#[derive(Clone, Copy)]
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
    /// Takes the secrets out of everything that comes of it.
    pub(super) redactor: &'a Redactor<'a>,
    /// Fires when it is to end.
    pub(super) cancel: &'a CancellationToken,
}

/// Runs one program to its end. Dropping the future ends it and removes its folder.
pub(super) async fn run_start(start: &Start, run: &Run<'_>) -> Finished {
    let began = Instant::now();
    if run.cancel.is_cancelled() {
        return Finished::cancelled_before(began.elapsed());
    }
    match execute(start, run, &Given::default()).await {
        Ok(over) => over.finished(&start.ok, run, began.elapsed()),
        Err(because) => Finished::not_started(&because, began.elapsed(), run.redactor),
    }
}

/// A program that is over, with what is kept of its output.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) ended: Ended,
    pub(super) stdout: Capture,
    pub(super) stderr: Capture,
}

impl Over {
    /// In the words for the model.
    pub(super) fn finished(self, ok: &[i32], run: &Run<'_>, duration: Duration) -> Finished {
        let complete = self.ended.is_its_own();
        let streams = (self.stdout, self.stderr);
        let output = Output::new(streams, complete, run.output, run.redactor);
        let shown = output.shown(run.call_id, run.output);
        let is_error = self.ended.is_error(ok);
        Finished {
            outcome: self.ended.outcome(),
            is_error,
            shown: self.ended.head(is_error, shown.text),
            stored: output.stored,
            truncated: shown.truncated,
            duration,
            bytes: output.bytes,
            ended_by: None,
        }
    }
}

/// Starts a program and waits until it is over; the error says why it was not started.
pub(super) async fn execute(
    start: &Start,
    run: &Run<'_>,
    given: &Given<'_>,
) -> Result<Over, String> {
    let sandbox = run.sandbox.under(start.sandbox.as_ref());
    let mut prepared = Prepared::new(start, &sandbox, run.host, given)?;
    let mut running = Running::start(&mut prepared, run.host, run.bounds.limits).await?;
    let mut pipes = Pipes::of(running.child(), prepared.stdin.take(), run.output);
    let deadline = start
        .timeout
        .map_or(run.timeout, |own| own.min(run.timeout));
    let idle = start.idle_timeout;
    let ending = watch(&mut running, &mut pipes, (deadline, idle), run).await;
    let status = end(&mut running, &mut pipes, run.bounds.grace).await;
    drop(running);
    if let Some(folder) = prepared.folder.take() {
        folder.remove().await;
    }
    let ended = Ended {
        ending,
        status: status.transpose()?,
        deadline,
        flood: run.bounds.flood,
    };
    let (stdout, stderr) = pipes.finish();
    Ok(Over {
        ended,
        stdout,
        stderr,
    })
}

/// Moves the pipes until the leader ends or has to: at its deadline, or when it has written nothing
/// for so long.
async fn watch(
    running: &mut Running,
    pipes: &mut Pipes,
    (deadline, idle): (Duration, Option<Duration>),
    run: &Run<'_>,
) -> Ending {
    let mut heard = pipes.total();
    let mut silence = idle.map(|idle| (idle, Box::pin(sleep(idle))));
    let own = poll_fn(|cx| {
        pipes.poll(cx);
        if let Some((idle, silence)) = &mut silence {
            if pipes.total() > heard {
                heard = pipes.total();
                silence.as_mut().reset(Instant::now() + *idle);
            }
            if silence.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ending::Silent(*idle));
            }
        }
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
