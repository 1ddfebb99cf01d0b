//! What happened around a turn, as its events.

use super::Entry;
use crate::agent::answer;
use crate::agent::event::{Ended, Event, Outcome};
use crate::agent::id::CallId;
use crate::agent::pause::Pause;
use crate::model::{self, Attempt};
use crate::tool::{self, Finished};

/// An attempt to reach the model that failed.
pub(super) fn retried(attempt: Attempt) -> Event {
    Event::ModelRetried {
        attempt: attempt.number,
        error_code: attempt.error_code,
        detail: attempt.detail,
        wait_ms: millis(attempt.wait),
    }
}

/// The model could not be asked.
pub(super) fn failed(error: &model::Error) -> Event {
    let help = error.help().map(|help| format!("; {help}"));
    let invalid_thinking = match error {
        model::Error::Rejected {
            invalid_thinking, ..
        } => *invalid_thinking,
        _ => None,
    };
    Event::ModelFailed {
        code: error.code().to_owned(),
        detail: format!("{error}{}", help.unwrap_or_default()),
        invalid_thinking,
    }
}

/// A call's end, with its whole output beside it; while all tools are stopped, that is why it was
/// ended.
pub(super) fn over(
    call_id: CallId,
    tool: &str,
    finished: Finished,
    pause: Option<&Pause>,
) -> Entry {
    let (outcome, exit_code) = match finished.outcome {
        tool::Outcome::Exited { code } => (Outcome::Exited, Some(code)),
        tool::Outcome::TimedOut => (Outcome::TimedOut, None),
        tool::Outcome::Cancelled => (Outcome::Cancelled, None),
        tool::Outcome::NotStarted { .. } => (Outcome::NotStarted, None),
    };
    let mut shown = match outcome {
        Outcome::NotStarted => finished.shown,
        _ => answer::untrusted(&call_id, tool, &finished.shown),
    };
    if let (Outcome::Cancelled, Some(pause)) = (outcome, pause) {
        shown.push_str(&answer::ended_by(pause));
    }
    let ended = Ended {
        call_id,
        outcome,
        exit_code,
        duration_ms: Some(millis(finished.duration)),
        truncated: finished.truncated,
        is_error: finished.is_error,
        shown,
    };
    Entry {
        event: Event::CallEnded(ended),
        output: Some(finished.stored).filter(|whole| !whole.is_empty()),
        record: None,
        approvals: Vec::new(),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
