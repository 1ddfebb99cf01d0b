//! Starting background work so that the process can end it.
//!
//! Every task of the process starts here, under one tree of tokens: process → session → turn →
//! call. Ending has three steps, in this order: new work is refused, running work may finish within
//! the grace period, and what is left is cancelled.

use std::future::Future;
use std::io;
use std::thread;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The process's background work; cheap to clone, every clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
    cancelled: CancellationToken,
}

impl Tasks {
    /// Nothing running yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts work that the process waits for when it ends.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(work)
    }

    /// Starts work that blocks its thread, and that the process waits for when it ends.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.tracker.spawn_blocking(work)
    }

    /// Fires at the first step of the end: nothing new may be accepted from here on.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// The parent of every session's token: fires at the last step, when the grace is over.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Ends everything: refuses new work, waits up to `grace` for what runs, then cancels the rest
    /// and waits for it to have written what it must.
    pub async fn end(&self, grace: Duration) {
        self.stopping.cancel();
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_err()
        {
            self.cancelled.cancel();
            self.tracker.wait().await;
        }
    }
}

/// Starts work that may be held up for ever, on a thread of its own: the process ends without it.
pub fn aside<F>(name: &str, work: F) -> io::Result<()>
where
    F: FnOnce() + Send + 'static,
{
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop)
}

/// Does work that blocks its thread beside the async ones; for whoever waits for it, where the
/// process need not.
pub async fn blocking<F, T>(work: F) -> Result<T, JoinError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_finishes_within_the_grace_is_not_cancelled() {
        let tasks = Tasks::new();
        let token = tasks.cancelled().clone();
        let work = tasks.spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            token.is_cancelled()
        });
        tasks.end(Duration::from_secs(10)).await;
        assert!(!work.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_outlasts_the_grace_is_cancelled_and_waited_for() {
        let tasks = Tasks::new();
        let token = tasks.cancelled().clone();
        let work = tasks.spawn(async move {
            token.cancelled().await;
            "wrote its last word"
        });
        tasks.end(Duration::from_secs(1)).await;
        assert!(work.is_finished());
        assert_eq!(work.await.unwrap(), "wrote its last word");
    }
}
