//! The engine's side of a supervisor: started, told, heard, and reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::plan::{self, Order, Plan, Reply};
use super::{WORD, kin};

/// A program under its supervisor; dropping it ends everything that descends from it at once.
#[derive(Debug)]
pub(in crate::tool) struct Confined {
    supervisor: Child,
    socket: UnixStream,
    heard: Vec<u8>,
    reply: Option<Reply>,
    silent: bool,
}

impl Confined {
    /// Starts a supervisor and tells it what to run.
    #[expect(
        clippy::disallowed_methods,
        reason = "it starts this program itself, to supervise the process of a permitted call"
    )]
    pub(in crate::tool) async fn start(supervisor: &Path, plan: Plan) -> io::Result<Self> {
        let order = plan::frame(&Order::Run(Box::new(plan)))?;
        let (own, theirs) = std::os::unix::net::UnixStream::pair()?;
        own.set_nonblocking(true)?;
        // It is not killed on drop: it ends by itself, and its kin first.
        let supervisor = Command::new(supervisor)
            .arg(WORD)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut confined = Self {
            supervisor,
            socket: UnixStream::from_std(own)?,
            heard: Vec::new(),
            reply: None,
            silent: false,
        };
        // A supervisor that went before it had read everything is heard of as one that went.
        let _ = confined.socket.write_all(&order).await;
        Ok(confined)
    }

    /// The process with the program's output pipes, for taking them.
    pub(in crate::tool) fn child(&mut self) -> &mut Child {
        &mut self.supervisor
    }

    /// Ready when the program has ended, could not be started, or lost its supervisor.
    pub(in crate::tool) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.reply.is_none() && !self.silent {
            let mut chunk = [0; 1024];
            let mut buffer = ReadBuf::new(&mut chunk);
            let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer));
            self.silent = read.is_err() || buffer.filled().is_empty();
            self.heard.extend(buffer.filled());
            match plan::framed(&self.heard) {
                Some(Ok(reply)) => self.reply = Some(reply),
                Some(Err(_)) => self.silent = true,
                None => {}
            }
        }
        Poll::Ready(())
    }

    /// Has a signal sent to all that descends from the program, in its group or not. What is not TERM
    /// is KILL.
    pub(in crate::tool) fn signal(&self, signal: Signal) {
        let word = match signal {
            Signal::TERM => plan::TERM,
            Signal::KILL => plan::KILL,
            // The supervisor wakes what is stopped by itself.
            _ => return,
        };
        // Where nobody reads it, nobody is left.
        let _ = self.socket.try_write(&[word]);
    }

    /// How the program ended: its status, or why it was not started, or nothing when that cannot be
    /// told any more.
    pub(in crate::tool) fn ended(&self) -> Option<Result<ExitStatus, String>> {
        match &self.reply {
            Some(Reply::Ended { status }) => Some(Ok(ExitStatus::from_raw(*status))),
            Some(Reply::NotStarted { because }) => Some(Err(because.clone())),
            Some(Reply::Lacks(_)) | None => None,
        }
    }

    /// Waits until the supervisor, and with it everything that it supervised, is gone.
    pub(in crate::tool) async fn gone(&mut self) {
        let leader = self.supervisor.id();
        let _ = self.supervisor.wait().await;
        if self.reply.is_none()
            && let Some(leader) = leader.and_then(|id| Pid::from_raw(id.cast_signed()))
        {
            // Somebody else ended the supervisor, so it could not end its kin.
            kin::end_session(leader);
        }
    }
}
