//! Turns that another server drives: how far they came, as the store says it.
//!
//! One question to the store covers everybody who waits for any of them, however many there are.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::live::Progress;
use crate::agent::TurnId;
use crate::store::Store;

/// The turns that somebody waits for here and that are driven elsewhere.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(Mutex<HashMap<TurnId, watch::Sender<Progress>>>);

impl Elsewhere {
    /// Follows how far a turn comes.
    pub(super) fn watch(&self, turn: &TurnId) -> watch::Receiver<Progress> {
        let mut map = self.lock();
        let sender = map
            .entry(turn.clone())
            .or_insert_with(|| watch::Sender::new(Progress::Starting));
        sender.subscribe()
    }

    /// Asks the store how far they came, and tells whoever waits.
    pub(super) async fn look(&self, store: &Store) {
        let wanted: Vec<TurnId> = {
            let mut map = self.lock();
            map.retain(|_, sender| sender.receiver_count() > 0);
            map.keys().cloned().collect()
        };
        if wanted.is_empty() {
            return;
        }
        // The store has said why it did not answer; the next look tells.
        let Ok(found) = store.progress(&wanted).await else {
            return;
        };
        let running = found.into_iter().filter(|turn| !turn.is_over);
        let running: HashMap<TurnId, Progress> = running
            .map(|turn| {
                let (last, waits) = (turn.last, turn.waits);
                (turn.turn, Progress::Kept { last, waits })
            })
            .collect();
        let mut map = self.lock();
        for turn in wanted {
            if let Some(kept) = running.get(&turn).copied() {
                if let Some(sender) = map.get(&turn) {
                    sender.send_if_modified(|progress| std::mem::replace(progress, kept) != kept);
                }
            } else if let Some(sender) = map.remove(&turn) {
                sender.send_replace(Progress::Gone);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TurnId, watch::Sender<Progress>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
