//! What became of the changes of a root, for whoever asks.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::config::name::Revision;
use crate::config::{Loaded, Refused};
use crate::diagnostic::{Diagnostic, Severity};

/// Findings of a rejection that are kept; how many there are is told with them.
const MOST_FINDINGS: usize = 100;

/// Findings that the log shows of a rejection.
const LOGGED_FINDINGS: usize = 3;

/// A changed root that was not taken over.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// When.
    pub at: Timestamp,
    /// What was rejected; absent when there was nothing to read.
    pub revision: Option<Revision>,
    /// Why, in a sentence about the configuration.
    pub detail: String,
    /// What was wrong in it, sorted by place; the first hundred.
    pub diagnostics: Vec<Diagnostic>,
}

impl Rejection {
    pub(super) fn new(detail: impl Into<String>) -> Self {
        Self {
            at: Timestamp::now(),
            revision: None,
            detail: detail.into(),
            diagnostics: Vec::new(),
        }
    }

    pub(super) fn of(refused: Refused) -> Self {
        let (loaded, what) = match refused {
            Refused::Invalid(loaded) => (loaded, "it has"),
            Refused::NotEnforced(loaded) => (loaded, "this build does not enforce what it says:"),
        };
        let Loaded { diagnostics, .. } = *loaded;
        let worst = diagnostics.iter().map(|found| found.severity).max();
        let mut wrong = diagnostics;
        wrong.retain(|found| Some(found.severity) == worst);
        let count = wrong.len();
        let noun = match (worst, count) {
            (Some(Severity::Error), 1) => "error",
            (Some(Severity::Error), _) => "errors",
            (_, 1) => "finding",
            _ => "findings",
        };
        wrong.truncate(MOST_FINDINGS);
        Self {
            diagnostics: wrong,
            ..Self::new(format!("{what} {count} {noun}"))
        }
    }

    pub(super) fn of_revision(self, revision: Option<Revision>) -> Self {
        Self { revision, ..self }
    }

    /// The first findings in a line.
    pub(super) fn first(&self) -> String {
        let first = self.diagnostics.iter().take(LOGGED_FINDINGS);
        let lines = first.map(|found| format!("{}: {}", found.place, found.message));
        lines.collect::<Vec<_>>().join("; ")
    }
}

/// What became of the changes; cheap to clone, every clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Reloads(Arc<ArcSwap<Record>>);

#[derive(Debug, Clone, Default)]
struct Record {
    rejection: Option<Arc<Rejection>>,
    at_restart: Vec<&'static str>,
}

impl Reloads {
    /// The last changed root that was not taken over, until one is.
    pub fn last_rejection(&self) -> Option<Arc<Rejection>> {
        self.0.load().rejection.clone()
    }

    /// The settings that were changed and hold from the next start on.
    pub fn at_restart(&self) -> Vec<&'static str> {
        self.0.load().at_restart.clone()
    }

    pub(super) fn tell_taken_over(&self, at_restart: Vec<&'static str>) {
        self.0.store(Arc::new(Record {
            rejection: None,
            at_restart,
        }));
    }

    pub(super) fn tell_rejected(&self, rejection: Rejection) {
        let at_restart = self.at_restart();
        self.0.store(Arc::new(Record {
            rejection: Some(Arc::new(rejection)),
            at_restart,
        }));
    }
}
