//! Waiting for a turn: until it is over, or needs somebody's decision, or for as long as whoever
//! asks has patience.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::live::Progress;
use super::{Error, Sessions, TurnView};
use crate::agent::event::Status;
use crate::agent::{SessionId, TurnId};
use crate::call::Caller;

impl Sessions {
    /// A turn, as far as it came: at once when it is over or waits for an approval, else after at
    /// most `wait`.
    pub async fn turn(
        &self,
        who: &Caller,
        id: &SessionId,
        turn: &TurnId,
        wait: Duration,
    ) -> Result<TurnView, Error> {
        let inner = &self.inner;
        inner.session(who, id).await?;
        let deadline = Instant::now() + wait;
        let rests = |status: Status| status != Status::Running;
        if inner.live.turn(id, turn).is_none() || wait.is_zero() {
            let view = inner.turn(id, turn).await?;
            if rests(view.status) || wait.is_zero() {
                return Ok(view);
            }
        }
        let mut progress = inner.watch(id, turn);
        let mut news = *progress.borrow_and_update();
        loop {
            let is_late = Instant::now() >= deadline;
            if is_late || news.rests() {
                // Whether it came to its end in time, the store says.
                let view = inner.turn(id, turn).await?;
                if is_late || rests(view.status) {
                    return Ok(view);
                }
                if news == Progress::Gone {
                    // This server left it. Whoever asks one that ends asks again, elsewhere.
                    if inner.accepts().is_err() {
                        return Ok(view);
                    }
                    progress = inner.watch(id, turn);
                    news = *progress.borrow_and_update();
                    continue;
                }
            }
            if let Ok(Err(_)) = timeout_at(deadline, progress.changed()).await {
                return inner.turn(id, turn).await;
            }
            news = *progress.borrow_and_update();
        }
    }
}
