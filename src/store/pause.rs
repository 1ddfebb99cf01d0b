//! Stopping all tools, over all servers.

use jiff::Timestamp;

use crate::agent::Pause;
use crate::config::name::CallerName;

use super::{Error, Reading, Store, Writing, change, on};

impl Store {
    /// Stops all tools; answers the pause that lasts, which is an earlier one where there is one.
    /// When this returns no call starts any more.
    pub async fn stop(&self, pause: Pause) -> Result<Pause, Error> {
        let id = format!("p_{}", uuid::Uuid::new_v4().simple());
        on!(&self.writing, Writing, queue => queue.submit(change::Stop { id: id.clone(), pause: pause.clone() }))
    }

    /// Lets tools run again; answers whether they were stopped.
    pub async fn resume(&self, by: CallerName, now: Timestamp) -> Result<bool, Error> {
        on!(&self.writing, Writing, queue => queue.submit(change::Resume { by: by.clone(), now }))
    }

    /// The pause that lasts.
    pub async fn pause(&self) -> Result<Option<Pause>, Error> {
        on!(&self.reading, Reading, reader => reader.pause())
    }
}
