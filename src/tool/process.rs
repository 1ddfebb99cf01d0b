//! One process group: started, watched, ended and reaped.
//!
//! The end of the leader is seen through a file descriptor of the process (`pidfd`) and not by
//! reaping it, so that its number, and with it the group's, cannot pass to a stranger before the
//! group was ended. Starting takes the `posix_spawn` path of the standard library: nothing here
//! runs code between a `fork` and an `exec`, whose cost would grow with the engine's memory.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, pidfd_open,
    waitid, waitpgid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};
use tokio::time::{Interval, interval, sleep};

/// How often is looked where nothing can be waited for: at the leader on a kernel without `pidfd`
/// (before Linux 5.3), and at dying descendants.
const LOOK: Duration = Duration::from_millis(10);

/// What is started: nothing of it is interpreted any more. It has no `Debug`, since its environment
/// may hold secrets.
#[derive(Clone, Copy)]
pub(super) struct Exec<'a> {
    /// The file.
    pub(super) program: &'a Path,
    /// The argument vector, the program's name as written included.
    pub(super) words: &'a [String],
    /// The whole environment.
    pub(super) env: &'a [(String, String)],
    /// The working folder.
    pub(super) cwd: &'a Path,
    /// Whether it gets a pipe for standard input; otherwise it reads `/dev/null`.
    pub(super) stdin: bool,
}

/// A running process group; dropping it ends it at once.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    watch: Watch,
}

/// How the end of the leader is seen.
#[derive(Debug)]
enum Watch {
    Pidfd(AsyncFd<OwnedFd>),
    Look(Interval),
    Ended,
}

impl Process {
    /// Starts a program as the leader of a new process group.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts the process of a permitted call"
    )]
    pub(super) fn start(exec: Exec<'_>) -> io::Result<Self> {
        let mut command = Command::new(exec.program);
        if let Some((name, arguments)) = exec.words.split_first() {
            command.arg0(name).args(arguments);
        }
        command
            .env_clear()
            .envs(exec.env.iter().map(|(name, value)| (name, value)))
            .current_dir(exec.cwd)
            .stdin(if exec.stdin {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or(io::ErrorKind::NotFound)?;
        let watch = Watch::new(group);
        Ok(Self {
            child,
            group,
            watch,
        })
    }

    /// The process with its pipes, for taking them.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ready when the leader has ended.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.watch {
            Watch::Ended => {}
            Watch::Pidfd(fd) => {
                let _ = ready!(fd.poll_read_ready(cx));
            }
            Watch::Look(interval) => {
                while !has_ended(self.group) {
                    ready!(interval.poll_tick(cx));
                }
            }
        }
        self.watch = Watch::Ended;
        Poll::Ready(())
    }

    /// Sends a signal to every process of the group. Only before [`Self::reap`]: until then the
    /// group's number is its own.
    pub(super) fn signal(&self, signal: Signal) {
        if self.child.id().is_some() {
            // It fails only when there is nobody left to get it.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Takes the status of the leader; absent while the kernel does not let it go.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Reaps descendants that came to the engine as the first process of its container, and waits
    /// for those that are still dying; elsewhere there are none.
    pub(super) async fn reap_adopted(&self) {
        loop {
            match waitpgid(self.group, WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => sleep(LOOK).await,
                Err(_) => return,
            }
        }
    }
}

impl Drop for Process {
    /// The child itself is left to the runtime, which reaps what is dropped unreaped.
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Watch {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for the sake of types that lie about their descriptor, \
                  which `OwnedFd` does not, and this package forbids unsafe code"
    )]
    fn new(leader: Pid) -> Self {
        pidfd_open(leader, PidfdFlags::empty())
            .ok()
            .and_then(|fd| AsyncFd::with_interest(fd, Interest::READABLE).ok())
            .map_or_else(|| Self::Look(interval(LOOK)), Self::Pidfd)
    }
}

/// Whether a child has ended, without reaping it.
fn has_ended(child: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(child), options), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    fn start(script: &str) -> Process {
        Process::start(Exec {
            program: Path::new("/bin/sh"),
            words: &["sh", "-c", script].map(str::to_owned),
            env: &[],
            cwd: Path::new("/"),
            stdin: false,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_seen_and_its_status_still_there() {
        let mut process = start("exit 3");
        poll_fn(|cx| process.poll_ended(cx)).await;
        poll_fn(|cx| process.poll_ended(cx)).await;
        assert_eq!(process.reap().unwrap().code(), Some(3));
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_seen_on_a_kernel_without_pidfd() {
        let mut process = start("exec sleep 1000");
        process.watch = Watch::Look(interval(LOOK));
        assert!(process.reap().is_none());
        process.signal(Signal::KILL);
        poll_fn(|cx| process.poll_ended(cx)).await;
        assert!(process.reap().is_some());
        assert!(!Path::new(&format!("/proc/{}", process.group.as_raw_nonzero())).exists());
    }
}
