//! What the model saw in the sessions that spoke last, so that the next message of one of them does
//! not read back what was just written.
//!
//! It is a copy of what the store holds: it is taken after the end of a turn was
//! kept, and counts for a session that has had just that many turns. Another server that drove a
//! turn meanwhile has made it one more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use crate::agent::SessionId;
use crate::agent::context::History;

/// The messages of all of them together have at most this many bytes.
const MOST: usize = 8 << 20;

/// What is kept beside the messages of one: names, places, the tables.
const EACH: usize = 512;

/// The histories of sessions that spoke last.
#[derive(Debug)]
pub(super) struct Recent {
    kept: Mutex<Kept>,
    most: usize,
}

#[derive(Debug)]
struct Kept {
    /// The one that spoke last comes last.
    histories: LruCache<SessionId, Spoken>,
    /// What they take together.
    bytes: usize,
}

#[derive(Debug)]
struct Spoken {
    /// The turns that the session had then.
    turns: u32,
    history: History,
    bytes: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self::of_at_most(MOST)
    }
}

impl Recent {
    fn of_at_most(bytes: usize) -> Self {
        Self {
            kept: Mutex::new(Kept {
                histories: LruCache::new_unbounded(),
                bytes: 0,
            }),
            most: bytes,
        }
    }

    /// The history of a session that has had so many turns.
    pub(super) fn after(&self, session: &SessionId, turns: u32) -> Option<History> {
        let mut kept = self.lock();
        let spoken = kept.histories.get(session)?;
        Some(spoken.history.clone()).filter(|_| spoken.turns == turns)
    }

    /// Keeps the history of a session that has had so many turns, as long as there is room.
    pub(super) fn keep(&self, session: &SessionId, turns: u32, history: History) {
        let bytes = history.bytes() + EACH;
        let mut kept = self.lock();
        kept.forget(session);
        if bytes > self.most {
            return;
        }
        kept.bytes += bytes;
        let spoken = Spoken {
            turns,
            history,
            bytes,
        };
        kept.histories.insert(session.clone(), spoken);
        while kept.bytes > self.most
            && let Some((_, oldest)) = kept.histories.remove_lru()
        {
            kept.bytes -= oldest.bytes;
        }
    }

    /// Forgets a session.
    pub(super) fn forget(&self, session: &SessionId) {
        self.lock().forget(session);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, session: &SessionId) {
        if let Some(spoken) = self.histories.remove(session) {
            self.bytes -= spoken.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Event, TurnId};
    use crate::call::Caller;
    use crate::config::name::{CallerName, Revision, RoleName};
    use crate::config::policy::Channel;

    fn said(content: &str) -> History {
        let who = Caller {
            name: CallerName::new("joao"),
            role: RoleName::new("operator"),
            channel: Channel::Api,
        };
        let mut history = History::default();
        history.begin(TurnId::from("t_1"), 1);
        history.apply(&Event::TurnStarted {
            content: content.to_owned(),
            caller: who.name,
            role: who.role,
            channel: who.channel,
            revision: Revision::new("r"),
            rounds: None,
            named: true,
        });
        history
    }

    fn holds(recent: &Recent, session: &str, turns: u32) -> bool {
        recent.after(&SessionId::from(session), turns).is_some()
    }

    #[test]
    fn a_history_counts_for_just_the_turns_that_made_it() {
        let recent = Recent::default();
        let session = SessionId::from("s_1");
        recent.keep(&session, 3, said("hello"));
        assert!(holds(&recent, "s_1", 3));
        assert!(!holds(&recent, "s_1", 2));
        assert!(!holds(&recent, "s_1", 4));
        assert!(!holds(&recent, "s_2", 3));
        recent.keep(&session, 4, said("hello again"));
        assert!(holds(&recent, "s_1", 4));
        assert!(!holds(&recent, "s_1", 3));
        recent.forget(&session);
        assert!(!holds(&recent, "s_1", 4));
        assert_eq!(recent.lock().bytes, 0);
    }

    #[test]
    fn whoever_spoke_last_stays() {
        let recent = Recent::of_at_most(3 * (EACH + 200));
        let long = "x".repeat(150);
        for session in ["s_1", "s_2", "s_3"] {
            recent.keep(&SessionId::from(session), 1, said(&long));
        }
        assert!(holds(&recent, "s_1", 1));
        recent.keep(&SessionId::from("s_4"), 1, said(&long));
        assert!(holds(&recent, "s_1", 1));
        assert!(!holds(&recent, "s_2", 1));
        recent.keep(&SessionId::from("s_1"), 2, said(&"x".repeat(4_000)));
        assert!(!holds(&recent, "s_1", 2), "it is larger than all the room");
        assert!(holds(&recent, "s_4", 1));
        assert!(recent.lock().bytes <= recent.most);
    }
}
