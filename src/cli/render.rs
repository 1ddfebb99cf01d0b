//! The one place that prints: data on standard output, everything else on standard error, colour
//! only where somebody sees it, and no complaint when the reader of a pipe has left.

mod annotation;

mod comment;

pub(crate) mod decision;

pub(crate) mod difference;

pub(crate) mod finding;

pub(crate) mod markdown;

pub(crate) mod paint;

pub(crate) mod progress;

pub(crate) mod repository;

pub(crate) mod table;

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::ValueEnum;
use indicatif::ProgressBar;

use super::failure::{Failure, Result};
use crate::api::{Stop, Turn, TurnStatus};
use crate::config::secret::variable;
use crate::config::{Checked, Loaded};
use crate::diagnostic::Severity;
use crate::policy::Verdict;
use paint::{Paint, Tone, harmless};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much is told on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volume {
    /// Failures only.
    Quiet,
    /// What one wants to know.
    Normal,
}

/// Standard output and standard error; cheap to clone, every clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    out: Paint,
    err: Paint,
    volume: Volume,
    lively: bool,
    /// The spinner that moves now: whatever is written steps around it.
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Screen {
    /// Looks at where the two streams go.
    pub(crate) fn new(color: Color, volume: Volume) -> Self {
        let terminal = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
            || variable("TERM").is_some_and(|term| term == "dumb");
        let paint = |is_terminal: bool| match color {
            Color::Always => Paint::coloured(),
            Color::Auto if is_terminal && !plain => Paint::coloured(),
            Color::Auto | Color::Never => Paint::plain(),
        };
        Self {
            out: paint(terminal.0),
            err: paint(terminal.1),
            volume,
            lively: terminal.1 && !plain && volume == Volume::Normal,
            bar: Arc::default(),
        }
    }

    /// How standard output is painted.
    pub(crate) fn paint(&self) -> Paint {
        self.out
    }

    /// Whether a spinner may move on standard error.
    pub(crate) fn is_lively(&self) -> bool {
        self.lively
    }

    /// Whether nothing but failures is told.
    pub(crate) fn is_quiet(&self) -> bool {
        self.volume == Volume::Quiet
    }

    /// Data: what the command was asked for.
    pub(crate) fn data(&self, text: &str) -> Result<()> {
        self.beside_the_bar(|| write(&mut io::stdout().lock(), text))
            .context("cannot write to standard output")?;
        Ok(())
    }

    /// Data and a line end.
    pub(crate) fn line(&self, text: &str) -> Result<()> {
        self.data(&format!("{text}\n"))
    }

    /// A model's answer: laid out where somebody sees it, as it came where a program reads it.
    pub(crate) fn answer(&self, text: Option<&str>) -> Result<()> {
        match text.map(str::trim_end).filter(|text| !text.is_empty()) {
            Some(text) if self.out.is_coloured() => self.data(&markdown::render(text, self.out)),
            Some(text) => self.line(&harmless(text)),
            None => Ok(()),
        }
    }

    /// Why a turn has no full answer.
    pub(crate) fn stopped(&self, turn: &Turn) {
        let word = match turn.status {
            TurnStatus::Cancelled => self.err.tone(Tone::Warning, "cancelled"),
            _ => self.err.tone(Tone::Error, "failed"),
        };
        let text = match &turn.stop {
            Some(Stop {
                reason,
                detail: Some(detail),
            }) => format!("{word}: {} ({reason})", harmless(detail)),
            Some(Stop { reason, .. }) if reason != "cancelled" => format!("{word}: {reason}"),
            _ => word,
        };
        self.tell(&format!("{text}\n"));
    }

    /// Something worth knowing beside the data; not told with `-q`.
    pub(crate) fn note(&self, text: &str) {
        if self.volume > Volume::Quiet {
            self.tell(&format!("{text}\n"));
        }
    }

    /// Something that is asked, with what there is to know about it; told in any case.
    pub(crate) fn question(&self, head: &str, rest: &str) {
        let head = self.err.tone(Tone::Warning, &harmless(head));
        let rest = harmless(rest);
        let end = if rest.is_empty() { "" } else { "\n" };
        self.tell(&format!("{head}\n{rest}{end}"));
    }

    /// Something to be careful about.
    pub(crate) fn warn(&self, text: &str) {
        let head = self.err.tone(Tone::Warning, "warning");
        self.note(&format!("{head}: {text}"));
    }

    /// Something to be careful about, with the way out.
    pub(crate) fn advise(&self, warning: &str, way_out: &str) {
        if self.volume > Volume::Quiet {
            self.warn(warning);
            self.help(way_out);
        }
    }

    /// The way out of what was told before.
    pub(crate) fn help(&self, text: &str) {
        let head = self.err.tone(Tone::Help, "help");
        self.tell(&format!("{head}: {text}\n"));
    }

    /// Why a command could not do what it was asked.
    pub(crate) fn failure(&self, failure: &Failure) {
        match failure {
            Failure::Told { error, help, .. } => {
                let head = self.err.tone(Tone::Error, "error");
                self.tell(&format!("{head}: {error:#}\n"));
                if let Some(help) = help {
                    self.help(help);
                }
            }
            Failure::Invalid(loaded) => {
                self.tell(&if self.is_quiet() {
                    finding::human_from(loaded, Severity::Error, self.err)
                } else {
                    finding::human(loaded, self.err)
                });
                self.note(&finding::summary(loaded));
                self.note("the configuration is invalid, so nothing was done with it");
            }
            Failure::Scenarios(scenarios) => {
                let (found, sources) = (&scenarios.diagnostics, &scenarios.sources);
                self.tell(&finding::excerpts(found, sources, self.err));
                self.note("a scenario is invalid, so none was played");
                self.help("`tolkien eval --help` says what is played: name scenario files, or folders of them");
            }
            Failure::NotEnforced(loaded) => {
                self.tell(&finding::human(loaded, self.err));
                let head = self.err.tone(Tone::Error, "error");
                let text = "this build would run without what is named above, so it refuses to run";
                self.tell(&format!("{head}: {text}\n"));
            }
        }
    }

    /// A verdict that keeps a command from its data.
    pub(crate) fn verdict(&self, verdict: &Verdict) {
        self.tell(&decision::human(verdict, &[], self.err));
    }

    /// The last line of a check.
    pub(crate) fn summary(&self, loaded: &Loaded) {
        self.note(&finding::summary(loaded));
    }

    /// A closed standard error leaves nobody to tell about it.
    fn tell(&self, text: &str) {
        drop(self.beside_the_bar(|| write(&mut io::stderr().lock(), text)));
    }

    fn beside_the_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Shows a spinner, or takes it away.
    fn set_bar(&self, new: Option<ProgressBar>) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *bar, new) {
            old.finish_and_clear();
        }
    }

    /// Says something beside the spinner until it has [`passed`](Self::passed); whether there is one.
    pub(crate) fn passing(&self, text: &str) -> bool {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &*bar {
            bar.set_prefix(format!("{} · ", harmless(text)));
        }
        bar.is_some()
    }

    /// What was said beside the spinner is over.
    pub(crate) fn passed(&self) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &*bar {
            bar.set_prefix("");
        }
    }

    /// What the argument parser has to say: help on standard output, errors on standard error.
    pub(crate) fn usage(&self, error: &clap::Error) {
        let text = error.render();
        let paint = if error.use_stderr() {
            self.err
        } else {
            self.out
        };
        let text = if paint.is_coloured() {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        let text = text.trim_end().to_owned() + "\n";
        if error.use_stderr() {
            self.tell(&text);
        } else {
            // A reader that left a help text has read enough of it.
            drop(self.data(&text));
        }
    }
}

/// Whether somebody sits at the keyboard and sees the answers.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Whether somebody sits at the keyboard and sees what is asked, wherever the answer goes.
pub(crate) fn is_at_the_keyboard() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Where a server writes its copy of the audit trail.
pub(crate) fn trail() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
}

/// Where log lines go.
pub(crate) fn log() -> io::Stderr {
    io::stderr()
}

/// A reader that has left (`| head`) is not an error.
fn write(stream: &mut impl Write, text: &str) -> io::Result<()> {
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// How many things, in words: `1 tool`, `3 policies`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What a check looked at, in words.
pub(crate) fn checked(checked: &Checked) -> String {
    format!(
        "{}, {}, {}, {} and {}",
        counted(checked.tools, "tool", "tools"),
        counted(checked.policies, "policy", "policies"),
        counted(checked.prompts, "prompt", "prompts"),
        counted(checked.cases, "case", "cases"),
        counted(checked.invariants, "invariant", "invariants"),
    )
}

/// A text that others wrote as a part of one line, so that nothing in it passes for a line of ours.
pub(crate) fn on_one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r")
}
