//! Following a turn to its end: its events as they come, and polling where they do not.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::{Client, Error};
use crate::api::{Event, Outcome, ToolCall, Turn, TurnStatus, What};
use crate::cli::render::Screen;
use crate::cli::render::progress::{Ended, Progress, seconds};

/// How long one question for a turn's state waits, where its events cannot be followed.
const POLL: Duration = Duration::from_secs(2);

/// A turn that is followed to its end, with stops on the way.
pub(crate) struct Following<'a> {
    client: &'a Client,
    watch: Watch,
}

impl<'a> Following<'a> {
    /// Begins to show what the turn does.
    pub(crate) fn new(client: &'a Client, screen: &Screen) -> Self {
        Self {
            client,
            watch: Watch::new(screen),
        }
    }

    /// Follows the turn until it is finished or `rests`, and shows its calls as they end.
    ///
    /// The events are read of a turn that is over already too: only they know what was said on the
    /// way and why a call was denied, and a short turn may be over before its first answer arrives.
    pub(crate) async fn on(
        &mut self,
        mut turn: Turn,
        rests: impl Fn(&Turn) -> bool,
    ) -> Result<Turn, Error> {
        let watch = &mut self.watch;
        while turn.status.is_finished() || !rests(&turn) {
            // Where the stream cannot be had, the poll below says what is wrong, and keeps trying.
            let read = watch.after;
            watch.events(self.client, &turn).await;
            if turn.status.is_finished() {
                break;
            }
            if turn.status == TurnStatus::AwaitingApproval && watch.after == read {
                // Such a turn is answered at once, however long the question would wait.
                tokio::time::sleep(POLL).await;
            }
            let client = self.client;
            turn = client.turn(&turn.session_id, &turn.turn_id, POLL).await?;
            // Until then its events say more than the turn, and are read first.
            if turn.status.is_finished() && watch.saw_the_end {
                break;
            }
        }
        watch.turn(&turn);
        Ok(turn)
    }

    /// Leaves the screen to a question.
    pub(crate) fn pause(&mut self) {
        self.watch.progress.hide();
    }

    /// Shows again what the turn does.
    pub(crate) fn go_on(&mut self) {
        self.watch.progress.show();
        self.watch.doing();
    }
}

/// What is shown of a turn that is followed.
struct Watch {
    progress: Progress,
    /// The calls that were asked for or decided, by id.
    calls: BTreeMap<String, Seen>,
    running: BTreeSet<String>,
    /// The calls whose line was shown.
    told: BTreeSet<String>,
    /// Why the model did not answer, as it was told.
    retried: BTreeSet<String>,
    /// The number of the last event that was read.
    after: u64,
    /// Whether the turn's last event was read.
    saw_the_end: bool,
}

/// What the events said about a call before it ended.
#[derive(Debug, Clone, Default)]
struct Seen {
    tool: String,
    command_line: Option<String>,
    rule: String,
    because: String,
}

impl Watch {
    fn new(screen: &Screen) -> Self {
        Self {
            progress: Progress::start(screen),
            calls: BTreeMap::new(),
            running: BTreeSet::new(),
            told: BTreeSet::new(),
            retried: BTreeSet::new(),
            after: 0,
            saw_the_end: false,
        }
    }

    /// Reads the turn's events, from where it stopped reading until they end, the link breaks, or
    /// a call waits for an approval.
    async fn events(&mut self, client: &Client, turn: &Turn) {
        let events = client.events(&turn.session_id, &turn.turn_id, self.after);
        let Ok(events) = events.await else {
            return;
        };
        let mut events = pin!(events);
        while let Some(event) = events.next().await {
            self.after = self.after.max(event.number);
            self.event(&event);
            if matches!(
                &event.what,
                What::CallDecided {
                    approval_id: Some(_),
                    ..
                }
            ) {
                return;
            }
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.what {
            What::ModelReplied { text, calls, .. } => {
                if !calls.is_empty() && !text.trim().is_empty() {
                    self.progress.aside(text);
                }
                for call in calls {
                    let seen = self.calls.entry(call.call_id.clone()).or_default();
                    seen.tool.clone_from(&call.tool);
                }
            }
            What::ModelRetried {
                attempt,
                detail,
                wait_ms,
                ..
            } => {
                let wait = seconds(Duration::from_millis(*wait_ms));
                let next = attempt.saturating_add(1);
                self.progress
                    .doing(&format!("{detail}; attempt {next} in {wait}"));
                // Each reason is told once: that it is tried again goes without saying.
                if self.retried.insert(detail.clone()) {
                    self.progress.aside(&format!("{detail}; trying again"));
                }
            }
            What::CallDecided {
                call_id,
                rule,
                because,
                command_line,
                ..
            } => {
                let seen = self.calls.entry(call_id.clone()).or_default();
                seen.command_line.clone_from(command_line);
                seen.rule.clone_from(rule);
                seen.because.clone_from(because);
            }
            What::ApprovalDecided {
                call_id,
                approved: false,
                by,
                reason,
            } => {
                let seen = self.calls.entry(call_id.clone()).or_default();
                seen.rule.clone_from(by);
                seen.because = reason.clone().unwrap_or_default();
            }
            What::CallStarted { call_id } => {
                self.running.insert(call_id.clone());
                self.doing();
            }
            What::CallEnded {
                call_id,
                outcome,
                exit_code,
                duration_ms,
                ..
            } => {
                let seen = self.calls.get(call_id).cloned().unwrap_or_default();
                self.ended(call_id, &seen, *outcome, *exit_code, *duration_ms);
            }
            What::CancelAsked => self.progress.doing("cancelling"),
            What::TurnEnded { .. } => self.saw_the_end = true,
            _ => {}
        }
    }

    /// Shows what the events left out.
    fn turn(&mut self, turn: &Turn) {
        for call in &turn.tool_calls {
            if matches!(call.outcome, Outcome::Pending | Outcome::Running) {
                continue;
            }
            let known = self.calls.get(&call.call_id).cloned();
            let seen = known.unwrap_or_else(|| Seen::from(call));
            self.ended(
                &call.call_id,
                &seen,
                call.outcome,
                call.exit_code,
                call.duration_ms,
            );
        }
    }

    fn ended(
        &mut self,
        call_id: &str,
        seen: &Seen,
        outcome: Outcome,
        exit_code: Option<i32>,
        duration_ms: Option<u64>,
    ) {
        self.running.remove(call_id);
        if self.told.insert(call_id.to_owned()) {
            self.progress.call(&Ended {
                tool: seen.tool.clone(),
                command_line: seen.command_line.clone(),
                good: outcome == Outcome::Exited && exit_code.is_none_or(|code| code == 0),
                ending: ending(seen, outcome, exit_code),
                took: duration_ms.map(Duration::from_millis),
            });
        }
        self.doing();
    }

    fn doing(&self) {
        let mut running = self.running.iter().filter_map(|id| self.calls.get(id));
        match (running.next(), running.count()) {
            (None, _) => self.progress.doing("thinking"),
            (Some(one), 0) => self.progress.doing(one.shown()),
            (Some(one), more) => self
                .progress
                .doing(&format!("{} and {more} more", one.shown())),
        }
    }
}

impl Seen {
    fn shown(&self) -> &str {
        self.command_line.as_deref().unwrap_or(&self.tool)
    }
}

impl From<&ToolCall> for Seen {
    fn from(call: &ToolCall) -> Self {
        Self {
            tool: call.tool.clone(),
            command_line: call.command_line.clone(),
            rule: call.rule.clone().unwrap_or_default(),
            because: String::new(),
        }
    }
}

/// How a call ended, where that is not simply "well".
fn ending(seen: &Seen, outcome: Outcome, exit_code: Option<i32>) -> Option<String> {
    match outcome {
        Outcome::Exited => match exit_code {
            None | Some(0) => None,
            Some(code) => Some(format!("exit {code}")),
        },
        Outcome::Denied if seen.because.is_empty() => Some(format!("denied by {}", seen.rule)),
        Outcome::Denied => Some(format!("denied by {}: {}", seen.rule, seen.because)),
        Outcome::TimedOut => Some("timed out".to_owned()),
        Outcome::NotStarted => Some("not started".to_owned()),
        Outcome::Expired => Some("nobody decided in time".to_owned()),
        Outcome::Interrupted => Some("interrupted; whether it had an effect is unknown".to_owned()),
        Outcome::Cancelled => Some("cancelled".to_owned()),
        Outcome::Pending | Outcome::Running => None,
    }
}
