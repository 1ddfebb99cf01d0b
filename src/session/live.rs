//! The turns that run in this process, by session.
//!
//! A place is taken before a turn is started and given back after its end was kept, so whatever the
//! store calls running and is not here is another server's, or about to be taken over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::agent::{Cancel, SessionId, TurnId};

/// The turns that run in this process.
#[derive(Debug, Clone)]
pub(super) struct Live {
    running: Arc<Mutex<HashMap<SessionId, Arc<Running>>>>,
    /// Fires when the process ends and the grace is over.
    ending: CancellationToken,
}

/// A turn that runs, or is about to.
#[derive(Debug)]
pub(super) struct Running {
    /// Its id.
    pub(super) turn: TurnId,
    /// Ends it early.
    pub(super) cancel: Cancel,
    /// Has it left where it is.
    pub(super) leave: CancellationToken,
    progress: watch::Sender<Progress>,
}

/// How far a turn came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Whether it may run is being found out.
    Starting,
    /// Its events up to this number are kept.
    Kept {
        /// The number.
        last: u64,
        /// Whether it waits for an approval.
        waits: bool,
    },
    /// It does not run any more, or never did.
    Gone,
}

impl Progress {
    /// Whether it may be over, or wait for somebody's decision.
    pub(super) fn rests(self) -> bool {
        matches!(self, Self::Gone | Self::Kept { waits: true, .. })
    }
}

/// A session's only place for a turn; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    live: Live,
    session: SessionId,
    pub(super) running: Arc<Running>,
}

impl Live {
    /// None yet; they are left when the process ends.
    pub(super) fn new(ending: &CancellationToken) -> Self {
        Self {
            running: Arc::default(),
            ending: ending.clone(),
        }
    }

    /// Takes the session's place for a turn, or answers the turn that has it.
    pub(super) fn take(
        &self,
        session: &SessionId,
        turn: &TurnId,
        cancel: Cancel,
    ) -> Result<Place, Arc<Running>> {
        let mut map = self.lock();
        if let Some(running) = map.get(session) {
            return Err(Arc::clone(running));
        }
        let running = Arc::new(Running {
            turn: turn.clone(),
            cancel,
            leave: self.ending.child_token(),
            progress: watch::Sender::new(Progress::Starting),
        });
        map.insert(session.clone(), Arc::clone(&running));
        Ok(Place {
            live: self.clone(),
            session: session.clone(),
            running,
        })
    }

    /// The turn that has the session's place.
    pub(super) fn of(&self, session: &SessionId) -> Option<Arc<Running>> {
        self.lock().get(session).cloned()
    }

    /// This turn, if it has the session's place.
    pub(super) fn turn(&self, session: &SessionId, turn: &TurnId) -> Option<Arc<Running>> {
        self.of(session).filter(|running| running.turn == *turn)
    }

    /// This turn, wherever it runs here.
    pub(super) fn find(&self, turn: &TurnId) -> Option<Arc<Running>> {
        let map = self.lock();
        map.values().find(|running| running.turn == *turn).cloned()
    }

    /// Has every turn left where it is.
    pub(super) fn leave_all(&self) {
        for running in self.lock().values() {
            running.leave.cancel();
        }
    }

    /// Whether no turn runs here.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Tells whoever watches how far the turn came.
    pub(super) fn tell(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }

    /// Follows how far the turn comes.
    pub(super) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Waits until it is known whether it runs.
    pub(super) async fn decided(&self) {
        self.wait(|progress| progress != Progress::Starting).await;
    }

    /// Waits until it does not run any more.
    pub(super) async fn gone(&self) {
        self.wait(|progress| progress == Progress::Gone).await;
    }

    async fn wait(&self, until: impl Fn(Progress) -> bool) {
        // The sender is borrowed, so the channel cannot close meanwhile.
        let _ = self.watch().wait_for(|progress| until(*progress)).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.lock().remove(&self.session);
        self.running.tell(Progress::Gone);
    }
}
