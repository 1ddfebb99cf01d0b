//! Running a permitted call and returning its outcome.
//!
//! [`run`] takes a [`Permit`] and nothing else, so no process starts that [`crate::policy`] did not
//! let through. A program runs in a private folder (`prepared`, `command`), in a [`sandbox`] under a
//! supervisor, or directly as one process group (`process`) where that is not wanted; several share
//! one folder and follow each other (`steps`); a request goes out from this process, to public
//! addresses alone (`http`). What is written or answered is kept within bounds (`capture`), freed of
//! what a terminal would obey (`clean`) and of secrets (`redact`), and cut to what the model sees
//! (`output`); the rest is paged by [`read_output`].

mod capture;

mod clean;

mod command;

mod ending;

mod folder;

mod http;

mod output;

mod pipes;

mod prepared;

mod process;

pub mod read_output;

mod recorded;

pub(crate) mod redact;

mod running;

pub mod sandbox;

mod steps;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::call::Plan;
use crate::config::host::{Host, Level};
use crate::config::settings::Settings;
use crate::config::tool::{Enforcement, Tool};
use crate::policy::Permit;
use redact::Redactor;

pub use command::Bounds;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The program ended by itself or by a signal of somebody else, or the request was answered.
    Exited {
        /// Its exit code; 128 and the signal's number when a signal ended it. Of a request 0, the
        /// status of an answer that is no success, or 1 when there is none to show.
        code: i32,
    },
    /// Its deadline ended it.
    TimedOut,
    /// Whoever asked for it ended it.
    Cancelled,
    /// No process was started, no request sent.
    NotStarted {
        /// Why, in words for the model.
        because: String,
    },
}

/// A call that is over: nothing that it started runs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the model is told that it failed: it did not exit, or not with a code of `ok`.
    pub is_error: bool,
    /// What the model sees, cut to `output.limit` characters and a line that says how much was
    /// left out.
    pub shown: String,
    /// The whole output for [`read_output`], up to `output.keep_bytes`.
    pub stored: String,
    /// Whether `shown` is not the whole output.
    pub truncated: bool,
    /// From before the start to after the end.
    pub duration: Duration,
    /// What the program wrote to both of its outputs, kept or not, or what was read of an answer.
    pub bytes: u64,
    /// Why it failed where the outcome does not say: which of several steps ended it early, or what
    /// became of a request.
    pub ended_by: Option<String>,
}

/// On which terms a call runs, beside those of its tool.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// What fills in the names.
    pub host: &'a Host,
    /// Where the tool says nothing.
    pub settings: &'a Settings,
    /// What holds for every program.
    pub bounds: Bounds,
}

impl<'a> Terms<'a> {
    /// The usual bounds.
    pub fn new(host: &'a Host, settings: &'a Settings) -> Self {
        Self {
            host,
            settings,
            bounds: Bounds::default(),
        }
    }

    /// How far the sandbox holds what a tool starts: of several programs, the one it holds least.
    pub fn level(&self, tool: &Tool) -> Level {
        let here = &self.host.confinement().level;
        let sandboxes = tool.sandboxes_under(&self.settings.sandbox);
        if (sandboxes.iter()).any(|sandbox| sandbox.enforcement() == Enforcement::Off) {
            let because = "its sandbox is off".to_owned();
            return Level::Off { because };
        }
        here.clone()
    }
}

impl Finished {
    fn cancelled_before(duration: Duration) -> Self {
        Self {
            outcome: Outcome::Cancelled,
            is_error: true,
            shown: "[cancelled before it started]".to_owned(),
            stored: String::new(),
            truncated: false,
            duration,
            bytes: 0,
            ended_by: None,
        }
    }

    fn not_started(because: &str, duration: Duration, redactor: &Redactor<'_>) -> Self {
        let because = redactor.text(because);
        Self {
            shown: format!("not started: {because}"),
            outcome: Outcome::NotStarted { because },
            is_error: true,
            stored: String::new(),
            truncated: false,
            duration,
            bytes: 0,
            ended_by: None,
        }
    }
}

/// Runs what a permit permits, to its end: at the latest at the tool's deadline (the settings' where
/// it names none) and a short grace, also when `cancel` fires.
///
/// Dropping the future ends the program at once and removes its private folder. `call_id` is
/// the name under which `read_output` finds the whole output.
pub async fn run(
    permit: Permit,
    call_id: &str,
    terms: Terms<'_>,
    cancel: CancellationToken,
) -> Finished {
    let Terms {
        host,
        settings,
        bounds,
    } = terms;
    let call = permit.call();
    let tool = call.tool();
    let redactor = Redactor::new(permit.redactions(), host);
    let sandbox = settings.sandbox.under(tool.sandbox.as_ref());
    let run = command::Run {
        call_id,
        host,
        output: tool.output,
        sandbox: &sandbox,
        timeout: tool.timeout.unwrap_or(settings.limits.call_timeout),
        bounds,
        redactor: &redactor,
        cancel: &cancel,
    };
    if host.is_recorded(&tool.name) {
        return recorded::play(call, &run);
    }
    match call.plan() {
        Plan::Command(start) => command::run_start(start, &run).await,
        Plan::Steps {
            workspace,
            starts,
            result,
        } => {
            let all = steps::All {
                workspace: *workspace,
                starts,
                result: result.as_ref(),
            };
            steps::run_all(all, &run).await
        }
        Plan::Http(request) => http::send(request, &run, &http::Reach::default()).await,
        Plan::Mcp { .. } => {
            let because =
                "this version of the engine does not run tools of other servers (`mcp`) yet";
            Finished::not_started(because, Duration::ZERO, &redactor)
        }
    }
}
