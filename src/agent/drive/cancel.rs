//! Ending a turn early.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::agent::event::Cause;

/// Ends a turn early, with the reason for it.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    token: CancellationToken,
    cause: Arc<OnceLock<Cause>>,
}

impl Cancel {
    /// Not asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the turn to end; the first to ask says why.
    pub fn ask(&self, cause: Cause) {
        self.cause.get_or_init(|| cause);
        self.token.cancel();
    }

    pub(super) async fn asked(&self) -> Cause {
        self.token.cancelled().await;
        self.cause.get().copied().unwrap_or(Cause::Caller)
    }
}
