//! Stopping all tools, and letting them run again.

use super::{Error, Inner, Sessions, is_admin};
use crate::agent::Pause;
use crate::call::Caller;

impl Sessions {
    /// Stops all tools of every server that shares the store, for a reason that the model is told.
    /// When this returns no call starts any more, and those that run here are being ended; other
    /// servers end theirs when they look next. Answers the pause that lasts, which is an earlier
    /// one where there is one.
    pub async fn pause(&self, who: &Caller, reason: Option<String>) -> Result<Pause, Error> {
        admitted(who)?;
        let pause = Pause {
            by: who.name.clone(),
            reason,
            since: self.inner.clock.now(),
        };
        let lasting = self.inner.parts.store.stop(pause).await?;
        tracing::warn!(by = %lasting.by, reason = lasting.reason, "all tools are stopped");
        self.inner.hear_of(Some(lasting.clone()));
        Ok(lasting)
    }

    /// Lets tools run again.
    pub async fn resume(&self, who: &Caller) -> Result<(), Error> {
        admitted(who)?;
        let now = self.inner.clock.now();
        if self.inner.parts.store.resume(who.name.clone(), now).await? {
            tracing::warn!(by = %who.name, "tools run again");
        }
        self.inner.hear_of(None);
        Ok(())
    }

    /// Whether all tools are stopped.
    pub async fn paused(&self) -> Result<Option<Pause>, Error> {
        Ok(self.inner.parts.store.pause().await?)
    }
}

fn admitted(who: &Caller) -> Result<(), Error> {
    if is_admin(who) {
        Ok(())
    } else {
        Err(Error::NotAnAdmin)
    }
}

impl Inner {
    /// Asks the store whether all tools are stopped, and tells the turns that run here.
    pub(super) async fn look_at_pause(&self) {
        // The store has said why it did not answer; the next look tells.
        if let Ok(pause) = self.parts.store.pause().await {
            self.hear_of(pause);
        }
    }

    fn hear_of(&self, pause: Option<Pause>) {
        self.paused.send_if_modified(|heard| {
            let is_news = *heard != pause;
            *heard = pause;
            is_news
        });
    }
}
