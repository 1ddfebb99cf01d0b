//! Following a turn: its events from any number on, kept ones first, then new ones as they come.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::live::Progress;
use super::{Error, Inner};
use crate::agent::{Event, Numbered, SessionId, TurnId};
use crate::call::Caller;

/// Somebody who follows a turn.
pub(super) struct Follower {
    inner: Arc<Inner>,
    who: Caller,
    session: SessionId,
    turn: TurnId,
    after: u64,
    read: VecDeque<Numbered<Event>>,
    over: bool,
    progress: Option<watch::Receiver<Progress>>,
}

impl Follower {
    pub(super) fn new(
        inner: Arc<Inner>,
        who: &Caller,
        session: &SessionId,
        turn: &TurnId,
        after: u64,
    ) -> Self {
        Self {
            inner,
            who: who.clone(),
            session: session.clone(),
            turn: turn.clone(),
            after,
            read: VecDeque::new(),
            over: false,
            progress: None,
        }
    }

    /// The next event, when there is one; nothing after the turn's last.
    pub(super) async fn next(&mut self) -> Result<Option<Numbered<Event>>, Error> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.after = event.number;
                self.over = event.item.ends_turn();
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            self.wait().await;
            self.read().await?;
        }
    }

    /// Waits for something to read, unless it has not looked yet or nothing more will come from
    /// where it looks.
    async fn wait(&mut self) {
        if let Some(progress) = &mut self.progress {
            let after = self.after;
            let news = |progress: &Progress| match progress {
                Progress::Starting => false,
                Progress::Kept { last, .. } => *last > after,
                Progress::Gone => true,
            };
            let _ = progress.wait_for(news).await;
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
        let inner = &self.inner;
        let gone = match &self.progress {
            None => {
                inner.session(&self.who, &self.session).await?;
                // Watching comes first, so that nothing is missed that is kept while it reads.
                self.progress = Some(inner.watch(&self.session, &self.turn));
                false
            }
            Some(progress) => *progress.borrow() == Progress::Gone,
        };
        let events = inner.events(&self.session, &self.turn, self.after).await?;
        self.read = events.into();
        if gone && self.read.is_empty() {
            // Either it ended before `after`, or this server left it and another goes on with it.
            let view = inner.turn(&self.session, &self.turn).await?;
            self.over = view.status.is_over();
            if !self.over {
                inner.accepts()?;
                self.progress = Some(inner.watch(&self.session, &self.turn));
            }
        }
        Ok(())
    }
}
