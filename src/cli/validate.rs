//! `tolkien validate`: every check on a configuration, all findings at once.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::failure::Result;
use super::render::paint::Paint;
use super::render::{Screen, finding};
use super::{Exit, root};
use crate::config::Overrides;
use crate::diagnostic::Severity;

/// Check a configuration: every file, every rule, every case
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien validate\n  tolkien validate ./config --format json -o findings.json\n  \
                  tolkien validate --fail-on warning",
    long_about = "Checks a configuration as a whole and tells every finding at once, each with its \
                  place and the way out. The result does not depend on this machine: no program, \
                  variable, network or cluster is needed.\n\nExit codes: 0 no finding at or above \
                  --fail-on, 1 there is one, 2 wrong usage or no such folder."
)]
pub(crate) struct Validate {
    /// The configuration folder (default: as for --config)
    dir: Option<PathBuf>,
    /// How the findings are written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Write the findings to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The least severity that makes the check fail
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON object
    Json,
}

/// The least severity that makes a check fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FailOn {
    #[default]
    Error,
    Warning,
    Info,
}

impl FailOn {
    fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
        }
    }
}

impl Validate {
    /// Checks and tells.
    pub(crate) fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let root = root::choose(self.dir.as_deref().or(config));
        let loaded = root::load(&root, Overrides::None)?;
        let failed = loaded
            .worst()
            .is_some_and(|worst| worst >= self.fail_on.severity());
        let paint = match self.output {
            Some(_) => Paint::plain(),
            None => screen.paint(),
        };
        let text = match self.format {
            Format::Human => finding::human(&loaded, paint),
            Format::Json => finding::json(&loaded, !failed).context("cannot write the findings")?,
        };
        match &self.output {
            Some(file) => std::fs::write(file, text)
                .with_context(|| format!("cannot write `{}`", file.display()))?,
            None => screen.data(&text)?,
        }
        screen.summary(&loaded);
        Ok(if failed { Exit::Negative } else { Exit::Done })
    }
}
