//! Group commit: writes that wait at the same time share one transaction.
//!
//! A durable commit costs a disk's flush however much it holds, so the writes of a thousand turns
//! are put into a few of them. Whoever submits the first write starts a short task that drains the
//! queue and ends: a client that goes away takes no other's write with it, and a process that ends
//! waits for what was submitted.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::probe::Probe;
use super::{BEGIN, Connection, PATIENCE, Pool};
use crate::store::Error;
use crate::store::trouble::Health;
use crate::tasks::Tasks;

/// Writes of one transaction at most, so that a long queue does not make its first wait for all.
const GROUP: usize = 512;

/// One change, made as a whole or not at all. It may be tried twice, so it consumes nothing.
pub(in crate::store) trait Write: Send + Sync + 'static {
    /// What the caller learns.
    type Answer: Send + Sync;

    /// Makes the change, within a transaction.
    fn write(
        &self,
        db: &mut Connection,
    ) -> impl Future<Output = Result<Self::Answer, sqlx::Error>> + Send;

    /// What is to be done when the change is kept; in the order in which changes were made.
    fn kept(&self, _answer: &mut Self::Answer) {}
}

/// The writes that wait.
#[derive(Clone)]
pub(in crate::store) struct Queue {
    pool: Pool,
    tasks: Tasks,
    waiting: Arc<Mutex<Waiting>>,
    /// Whether a write failed since the last [`Probe`].
    failing: Arc<AtomicBool>,
    health: Health,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Box<dyn Job>>,
    draining: bool,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn new(pool: Pool, tasks: Tasks, health: Health) -> Self {
        Self {
            pool,
            tasks,
            waiting: Arc::default(),
            failing: Arc::default(),
            health,
        }
    }

    /// Whether writes are kept. Nothing is tried while none has failed, and none can be trusted where
    /// something kept is damaged.
    pub(in crate::store) async fn is_available(&self) -> bool {
        if !self.health.is_whole() {
            return false;
        }
        if !self.failing.load(Ordering::Acquire) {
            return true;
        }
        let kept = self.submit(Probe).await.is_ok();
        self.failing.store(!kept, Ordering::Release);
        kept
    }

    /// Makes a change; when it returns, the change is kept.
    pub(in crate::store) async fn submit<W: Write>(&self, write: W) -> Result<W::Answer, Error> {
        if !self.health.is_whole() {
            // What is acknowledged must be there when a copy of the store stands in its place.
            return Err(Error::Unavailable);
        }
        let (reply, answer) = oneshot::channel();
        let job = Submitted {
            write,
            answer: None,
            reply,
        };
        let idle = {
            let mut waiting = self.lock();
            waiting.jobs.push(Box::new(job));
            !mem::replace(&mut waiting.draining, true)
        };
        if idle {
            let queue = self.clone();
            drop(self.tasks.spawn(async move { queue.drain().await }));
        }
        answer.await.unwrap_or(Err(Error::Unavailable))
    }

    #[cfg(test)]
    pub(in crate::store) fn pool(&self) -> &Pool {
        &self.pool
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn drain(&self) {
        while let Some(mut group) = self.next_group() {
            match self.commit(&mut group).await {
                Ok(()) => {
                    for job in group {
                        job.done(Ok(()));
                    }
                    continue;
                }
                Err(error) if error.as_database_error().is_none() => {
                    // The database does not answer anybody.
                    let error = self.failed(&error);
                    for job in group {
                        job.done(Err(error));
                    }
                    continue;
                }
                Err(_) => {}
            }
            // One bad write does not take the others of its group with it.
            for job in group {
                let mut alone = [job];
                let outcome = self.commit(&mut alone).await;
                let outcome = outcome.map_err(|error| self.failed(&error));
                let [job] = alone;
                job.done(outcome);
            }
        }
    }

    fn failed(&self, error: &sqlx::Error) -> Error {
        self.failing.store(true, Ordering::Release);
        self.health.told(error)
    }

    fn next_group(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut waiting = self.lock();
        if waiting.jobs.is_empty() {
            waiting.draining = false;
            return None;
        }
        let rest = waiting.jobs.len().min(GROUP);
        let later = waiting.jobs.split_off(rest);
        Some(mem::replace(&mut waiting.jobs, later))
    }

    /// The statements are written out, since sqlx's own transactions lose count when the engine
    /// has rolled back by itself, as SQLite does when the disk is full.
    async fn commit(&self, group: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let Some(patience) = PATIENCE else {
            return transaction(group, &mut connection).await;
        };
        let done = transaction(group, &mut connection);
        if let Ok(done) = tokio::time::timeout(patience, done).await {
            return done;
        }
        // Nobody knows what is under way on it.
        drop(connection.detach());
        Err(sqlx::Error::PoolTimedOut)
    }
}

async fn transaction(
    group: &mut [Box<dyn Job>],
    connection: &mut Connection,
) -> Result<(), sqlx::Error> {
    sqlx::query(BEGIN).execute(&mut *connection).await?;
    let written = write_all(group, connection).await;
    if written.is_err() {
        // It may have happened already.
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }
    written
}

async fn write_all(
    group: &mut [Box<dyn Job>],
    connection: &mut Connection,
) -> Result<(), sqlx::Error> {
    for job in group {
        job.apply(connection).await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

/// A write with whoever waits for it, of any kind.
trait Job: Send {
    fn apply<'a>(&'a mut self, db: &'a mut Connection) -> BoxFuture<'a, Result<(), sqlx::Error>>;

    fn done(self: Box<Self>, outcome: Result<(), Error>);
}

struct Submitted<W: Write> {
    write: W,
    answer: Option<W::Answer>,
    reply: oneshot::Sender<Result<W::Answer, Error>>,
}

impl<W: Write> Job for Submitted<W> {
    fn apply<'a>(&'a mut self, db: &'a mut Connection) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.answer = Some(self.write.write(db).await?);
            Ok(())
        })
    }

    fn done(self: Box<Self>, outcome: Result<(), Error>) {
        let Self {
            write,
            mut answer,
            reply,
        } = *self;
        if let (Ok(()), Some(answer)) = (&outcome, &mut answer) {
            write.kept(answer);
        }
        // Whoever asked may be gone; the change stays.
        drop(reply.send(outcome.and_then(|()| answer.ok_or(Error::Unavailable))));
    }
}
