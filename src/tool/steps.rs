//! Running several programs, one after the other, in one private folder.
//!
//! A step that fails, or whose output is not what it must be, ends the call, and the model is told
//! which: nothing after it runs. The folder is removed on every way out, a dropped future included.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::capture::Capture;
use super::clean::{clean, told};
use super::command::{Over, Run, execute};
use super::ending::Ending;
use super::folder::Private;
use super::output::Output;
use super::prepared::{Given, StepOutput, fill_in};
use super::redact::Redactor;
use super::{Finished, Outcome};
use crate::call::{Rendered, Start};
use crate::config::tool::Requirement;

/// Characters of a line that are told when it is not what it must be.
const TOLD: usize = 200;

/// The exit code of a call one of whose later steps cannot be started, as a shell has it.
const NOT_STARTED: i32 = 126;

/// What a call of several steps runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct All<'a> {
    /// Whether they share a private folder.
    pub(super) workspace: bool,
    /// In order.
    pub(super) starts: &'a [Start],
    /// What the model gets; absent means the last step's output.
    pub(super) result: Option<&'a Rendered>,
}

/// Runs all of them, or those up to the first that ends the call.
pub(super) async fn run_all(all: All<'_>, run: &Run<'_>) -> Finished {
    let began = Instant::now();
    let folder = all
        .workspace
        .then(|| Private::create(run.host.scratch()))
        .transpose();
    let folder = match folder {
        Ok(folder) => folder,
        Err(error) => {
            let because = format!("its private folder cannot be made: {error}");
            return Finished::not_started(&because, began.elapsed(), run.redactor);
        }
    };
    let mut row = Row {
        all,
        run,
        began,
        steps: BTreeMap::new(),
        bytes: 0,
    };
    let mut finished = row.run(folder.as_ref()).await;
    if let Some(folder) = folder {
        folder.remove().await;
    }
    finished.duration = began.elapsed();
    finished.bytes = row.bytes;
    finished
}

/// The steps as they are run. It has no `Debug`: it knows what is secret.
struct Row<'a> {
    all: All<'a>,
    run: &'a Run<'a>,
    began: Instant,
    steps: BTreeMap<String, StepOutput>,
    bytes: u64,
}

impl Row<'_> {
    async fn run(&mut self, folder: Option<&Private>) -> Finished {
        let workspace = folder.map(Private::path);
        let mut last = None;
        for (start, number) in self.all.starts.iter().zip(1_usize..) {
            if self.run.cancel.is_cancelled() {
                return match last {
                    None => Finished::cancelled_before(self.began.elapsed()),
                    Some(_) => self.stopped(number, "it was cancelled before", Outcome::Cancelled),
                };
            }
            let left = self.run.timeout.saturating_sub(self.began.elapsed());
            if left.is_zero() {
                return self.stopped(number, "the call's time was over before", Outcome::TimedOut);
            }
            let run = Run {
                timeout: left,
                ..*self.run
            };
            let given = Given {
                workspace,
                steps: Some(&self.steps),
            };
            let mut over = match execute(start, &run, &given).await {
                Ok(over) => over,
                Err(because) => return self.not_started(number, &because),
            };
            let is_calls = start.timeout.is_none_or(|own| own > left);
            if over.ended.ending == Ending::TimedOut && is_calls {
                over.ended.deadline = self.run.timeout;
            }
            self.bytes = self
                .bytes
                .saturating_add(over.stdout.total() + over.stderr.total());
            if over.ended.is_error(&start.ok) {
                return self.failed(number, start, over, None);
            }
            let stdout = Written::of(&over.stdout, self.run.redactor);
            if let Some(require) = &start.require
                && let Err(why) = require.check(stdout.as_ref())
            {
                return self.failed(number, start, over, Some(&why));
            }
            if let Some(id) = &start.id {
                let stderr = Written::of(&over.stderr, self.run.redactor);
                let gave = StepOutput {
                    stdout: stdout.map(Written::open),
                    stderr: stderr.map(Written::open),
                    code: over.ended.code(),
                };
                self.steps.insert(id.clone(), gave);
            }
            last = Some((start, over));
        }
        match (self.all.result, last) {
            (Some(result), _) => self.result(result, workspace),
            (None, Some((start, over))) => over.finished(&start.ok, self.run, Duration::ZERO),
            (None, None) => {
                Finished::not_started("it has no steps", Duration::ZERO, self.run.redactor)
            }
        }
    }

    /// What the template of the result gives, as if a program had written it.
    fn result(&self, result: &Rendered, workspace: Option<&std::path::Path>) -> Finished {
        let given = Given {
            workspace,
            steps: Some(&self.steps),
        };
        let text = match fill_in(result, self.run.host, &given) {
            Ok(text) => text,
            Err(why) => {
                let why = format!("all steps ran, but their result cannot be shown: {why}");
                return self.over(Outcome::Exited { code: 0 }, &why);
            }
        };
        let limits = self.run.output;
        let capture = |text: &str| {
            let mut capture = Capture::new(limits.keep_bytes, limits.keep);
            capture.push(text.as_bytes());
            capture
        };
        let streams = (capture(text.trim_end()), capture(""));
        let output = Output::new(streams, true, limits, self.run.redactor);
        let shown = output.shown(self.run.call_id, limits);
        Finished {
            outcome: Outcome::Exited { code: 0 },
            is_error: false,
            shown: shown.text,
            stored: output.stored,
            truncated: shown.truncated,
            duration: Duration::ZERO,
            bytes: 0,
            ended_by: None,
        }
    }

    /// A step that ended the call.
    fn failed(&self, number: usize, start: &Start, over: Over, why: Option<&str>) -> Finished {
        let (label, rest) = (self.label(number), self.rest(number));
        let told = |why: &str| format!("{label} ended the call{why}{rest}");
        let own = why.map(|why| format!(": {why}")).unwrap_or_default();
        let whole = why.map_or_else(|| format!(": {}", over.ended.why()), |_| own.clone());
        let mut finished = over.finished(&start.ok, self.run, Duration::ZERO);
        finished.is_error = true;
        // How the program ended stands above its output already.
        finished.shown = format!("[{}]\n{}", told(&own), finished.shown);
        finished.ended_by = Some(told(&whole));
        finished
    }

    /// The call ended before a step began.
    fn stopped(&self, number: usize, why: &str, outcome: Outcome) -> Finished {
        let label = self.label(number);
        self.over(outcome, &format!("{why} {label}, which did not run"))
    }

    fn over(&self, outcome: Outcome, why: &str) -> Finished {
        let why = self.run.redactor.text(why);
        Finished {
            outcome,
            is_error: true,
            shown: format!("[{why}]"),
            stored: String::new(),
            truncated: false,
            duration: Duration::ZERO,
            bytes: 0,
            ended_by: Some(why),
        }
    }

    /// A step that could not be started; only where it is the first was nothing started.
    fn not_started(&self, number: usize, because: &str) -> Finished {
        let because = format!("{}: {because}", self.label(number));
        if number == 1 {
            return Finished::not_started(&because, Duration::ZERO, self.run.redactor);
        }
        let outcome = Outcome::Exited { code: NOT_STARTED };
        let why = format!("not started: {because}; the steps before it ran");
        self.over(outcome, &why)
    }

    fn label(&self, number: usize) -> String {
        let count = self.all.starts.len();
        let start = self.all.starts.get(number.saturating_sub(1));
        let program = start.and_then(|start| start.words.first());
        if let Some(id) = start.and_then(|start| start.id.as_deref()) {
            return format!("step `{id}` ({number} of {count})");
        }
        let program = program.map(Rendered::visible).unwrap_or_default();
        format!("step {number} of {count} (`{program}`)")
    }

    fn rest(&self, number: usize) -> &'static str {
        if number < self.all.starts.len() {
            "; nothing after it ran"
        } else {
            ""
        }
    }
}

/// What a step wrote to one of its outputs. It has no `Debug`, since it may hold a secret.
struct Written {
    /// As it was written, for judging only.
    raw: String,
    /// Without its secrets, where it has any.
    redacted: Option<String>,
}

impl Written {
    /// Absent when more was written than is kept.
    fn of(capture: &Capture, redactor: &Redactor<'_>) -> Option<Self> {
        let bytes = capture.whole()?;
        let raw = String::from_utf8_lossy(&bytes).into_owned();
        // An escape sequence within a secret hides it from its rule, and not from a reader.
        let cleaned = clean(bytes);
        let matcher = redactor.matcher();
        let (of_raw, of_cleaned) = (matcher.whole(&raw), matcher.whole(&cleaned));
        let redacted = if of_cleaned != cleaned {
            Some(of_cleaned)
        } else if of_raw != raw {
            Some(of_raw)
        } else {
            None
        };
        Some(Self { raw, redacted })
    }

    /// What anything but the engine may see, another program included.
    fn open(self) -> String {
        self.redacted.unwrap_or(self.raw)
    }

    /// A part of it for the model: the beginning, fit to be shown within a line. Where there is a
    /// secret anywhere nothing is shown, since no rule need know a part of one by itself.
    fn told(&self, part: &str) -> String {
        if self.redacted.is_some() {
            return "(not shown: there is a secret in its output)".to_owned();
        }
        format!("`{}`", told(part, TOLD))
    }
}

impl Requirement {
    /// Whether a step's standard output is what it must be; line breaks at its end do not count, as
    /// in a shell's `$(…)`. What was not kept whole cannot be judged, so it is not.
    fn check(&self, stdout: Option<&Written>) -> Result<(), String> {
        let because = |what: String| match &self.because {
            Some(because) => format!("{because} ({what})"),
            None => what,
        };
        let Some(stdout) = stdout else {
            let what = "it wrote more than `output.keep_bytes`, so it cannot be checked";
            return Err(because(what.to_owned()));
        };
        let text = stdout.raw.trim_end_matches('\n');
        if self.not_empty && text.trim().is_empty() {
            return Err(because("it wrote nothing".to_owned()));
        }
        if self
            .expression
            .as_ref()
            .is_some_and(|whole| !whole.is_match(text))
        {
            return Err(because(format!("it wrote {}", stdout.told(text))));
        }
        let wrong = self.each_line.as_ref().and_then(|each| {
            let mut lines = text.split('\n').filter(|_| !text.is_empty());
            lines.find(|line| !each.is_match(line))
        });
        match wrong {
            Some(line) => Err(because(format!("it wrote the line {}", stdout.told(line)))),
            None => Ok(()),
        }
    }
}
