//! Copies of the trail beside the store: a file, standard output, and now and then its head in the
//! log.
//!
//! Each copy has a thread of its own, since a pipe that nobody reads, or a file system that does not
//! answer, holds whoever writes there for as long as it likes. Neither the store nor a turn waits so
//! long: after [`PATIENCE`] the copy counts as one that cannot be written, until it has caught up.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::{Added, Head};
use crate::agent::Trail;
use crate::tasks;

/// How often the head is logged while records are written, beside once at the end: a cut end hides
/// no more than that.
const HEAD_INTERVAL: Duration = Duration::from_mins(1);

/// How long whoever wrote records waits for their copies: a disk under load is that slow at times, and
/// a reader that is alive never.
const PATIENCE: Duration = Duration::from_secs(2);

/// Batches of records that wait for a copy at most: some megabytes. What does not fit is in the store
/// and not in the copy.
const BACKLOG: usize = 1024;

/// Where copies of the trail go.
#[derive(Debug, Default)]
pub struct Copies {
    copies: Vec<Copy>,
    state: Mutex<State>,
}

/// Records that were given to the copies; their numbers grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Ticket(u64);

#[derive(Debug, Default)]
struct State {
    /// The last one that was given out.
    ticket: u64,
    told: Option<Instant>,
    /// The last record that was kept.
    head: Option<Head>,
    /// Whether the trail's end was found missing.
    cut: bool,
    /// Whether the head is not logged yet.
    untold: bool,
}

impl State {
    fn tell(&mut self) {
        if let Some((number, head)) = self.head.as_ref().filter(|_| self.untold) {
            tracing::info!(number, head, "the head of the audit trail");
            self.told = Some(Instant::now());
            self.untold = false;
        }
    }
}

impl Copies {
    /// A file that lines are appended to and something that they are written to, each if there is
    /// one. The file is opened anew for each record, so that it may be moved away.
    pub fn new(file: Option<PathBuf>, output: Option<Box<dyn Write + Send>>) -> Self {
        let file = file.map(|path| Copy::start("a file", move |text| append(&path, text)));
        let output = output.map(|mut output| {
            Copy::start("standard output", move |text| {
                output.write_all(text.as_bytes())?;
                output.flush()
            })
        });
        Self {
            copies: file.into_iter().chain(output).collect(),
            state: Mutex::default(),
        }
    }

    /// The last record that was kept, as far as this process wrote any.
    pub(in crate::store) fn head(&self) -> Option<Head> {
        self.state().head.clone()
    }

    /// Has copies written of records that are kept, in the order of their chain. Answers what
    /// [`Copies::trail`] is asked with; without records, what stands for the last ones.
    pub(in crate::store) fn write(&self, added: &Added) -> Ticket {
        let mut state = self.state();
        let Some((number, head)) = &added.head else {
            return Ticket(state.ticket);
        };
        tracing::debug!(number, head, "the audit trail was written");
        state.ticket = state.ticket.saturating_add(1);
        let ticket = Ticket(state.ticket);
        let text: String = added.lines.iter().map(|line| line.whole() + "\n").collect();
        let text: Arc<str> = text.into();
        for copy in &self.copies {
            copy.write(ticket, &text);
        }
        state.cut |= added.cut;
        state.head.clone_from(&added.head);
        state.untold = true;
        let told = state.told.map(|told| told.elapsed());
        if told.is_none_or(|ago| ago >= HEAD_INTERVAL) {
            state.tell();
        }
        ticket
    }

    /// Whether the trail could be written up to there, its copies included.
    pub(in crate::store) async fn trail(&self, ticket: Ticket) -> Trail {
        let mut is_kept = !self.state().cut;
        for copy in &self.copies {
            is_kept &= copy.has(ticket).await;
        }
        if is_kept { Trail::Kept } else { Trail::Broken }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Copies {
    /// The last head is logged when the server ends.
    fn drop(&mut self) {
        self.state().tell();
    }
}

/// One copy, as those see it who have it written.
struct Copy {
    name: &'static str,
    batches: SyncSender<(Ticket, Arc<str>)>,
    done: watch::Receiver<Done>,
    /// The last ticket that it took.
    taken: AtomicU64,
    /// What it had taken when somebody waited in vain: it has caught up when that is written. 0 when
    /// nobody did since.
    stuck: AtomicU64,
    /// Whether something was left out since it was last written.
    lacking: AtomicBool,
}

/// How far a copy was written.
#[derive(Debug, Clone, Copy)]
struct Done {
    last: Ticket,
    /// The last that could not be written; 0 when all could.
    failed: Ticket,
}

impl Copy {
    fn start(
        name: &'static str,
        write: impl FnMut(&str) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let (batches, waiting) = sync_channel(BACKLOG);
        let none = Ticket(0);
        let (tell, done) = watch::channel(Done {
            last: none,
            failed: none,
        });
        if let Err(error) = tasks::aside("audit", move || copy(name, &waiting, &tell, write)) {
            tracing::error!(%error, copy = name, "a copy of the audit trail cannot be written");
        }
        Self {
            name,
            batches,
            done,
            taken: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            lacking: AtomicBool::new(false),
        }
    }

    fn write(&self, ticket: Ticket, text: &Arc<str>) {
        match self.batches.try_send((ticket, Arc::clone(text))) {
            Ok(()) => {
                self.taken.store(ticket.0, Ordering::Relaxed);
                self.lacking.store(false, Ordering::Relaxed);
            }
            Err(TrySendError::Full(_)) if !self.lacking.swap(true, Ordering::Relaxed) => {
                tracing::error!(
                    copy = self.name,
                    "a copy of the audit trail lacks records from here on, which the store has"
                );
            }
            Err(_) => {}
        }
    }

    /// Whether it was written up to there; nobody waits for one that is stuck already, unless it has
    /// caught up since.
    async fn has(&self, ticket: Ticket) -> bool {
        let mut done = self.done.clone();
        if done.borrow().last.0 < self.stuck.load(Ordering::Relaxed) {
            return false;
        }
        match timeout(PATIENCE, done.wait_for(|done| done.last >= ticket)).await {
            Ok(Ok(done)) => {
                if self.stuck.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!(
                        copy = self.name,
                        "a copy of the audit trail is written again"
                    );
                }
                done.failed < ticket
            }
            Ok(Err(_)) => false,
            Err(_) => {
                let taken = self.taken.load(Ordering::Relaxed);
                if self.stuck.swap(taken, Ordering::Relaxed) == 0 {
                    tracing::error!(
                        copy = self.name,
                        waited_s = PATIENCE.as_secs(),
                        "nobody takes a copy of the audit trail, so nothing that writes runs"
                    );
                }
                false
            }
        }
    }
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copy")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Writes one copy for as long as anybody has it written.
fn copy(
    name: &str,
    batches: &Receiver<(Ticket, Arc<str>)>,
    tell: &watch::Sender<Done>,
    mut write: impl FnMut(&str) -> io::Result<()>,
) {
    for (ticket, text) in batches {
        let written = write(&text);
        if let Err(error) = &written {
            tracing::error!(%error, copy = name, "a copy of the audit trail cannot be written, so nothing that writes runs");
        }
        tell.send_modify(|done| {
            done.last = ticket;
            if written.is_err() {
                done.failed = ticket;
            }
        });
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn one_that_has_caught_up_is_waited_for_again() {
        let (go, gate) = channel::<()>();
        let copy = Copy::start("a gate", move |_| {
            // It goes on at the test's end, too.
            let _ = gate.recv();
            Ok(())
        });
        let text: Arc<str> = "{}\n".into();
        copy.write(Ticket(1), &text);
        assert!(!copy.has(Ticket(1)).await);
        copy.write(Ticket(2), &text);
        assert!(!copy.has(Ticket(2)).await, "nobody waits a second time");
        go.send(()).unwrap();
        go.send(()).unwrap();
        let mut done = copy.done.clone();
        done.wait_for(|done| done.last >= Ticket(2)).await.unwrap();
        copy.write(Ticket(3), &text);
        let asked = async { copy.has(Ticket(3)).await };
        let (has, ()) = tokio::join!(asked, async { go.send(()).unwrap() });
        assert!(has);
    }
}
