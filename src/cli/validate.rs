//! `tolkien validate`: every check on a configuration, all findings at once.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::failure::{Failure, Result};
use super::output::{Format, Output, Proofs};
use super::render::repository::Repository;
use super::render::{Screen, counted, finding};
use super::{Exit, code, fix, root};
use crate::analysis::cache::Cache;
use crate::analysis::check::Thoroughness;
use crate::analysis::mutant;
use crate::config::host::Host;
use crate::config::{Loaded, Origin, Overrides};
use crate::diagnostic::{self, Severity};
use crate::tool::sandbox;

/// Check a configuration: every file, every rule, every case
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien validate\n  tolkien validate ./config --format json -o findings.json\n  \
                  tolkien validate --format github     annotations for GitHub and Gitea Actions\n  \
                  tolkien validate --mutants --fail-on warning   # takes minutes: every rule is broken once\n  tolkien validate --explain unknown-key",
    long_about = "Checks a configuration as a whole and tells every finding at once, each with its \
                  place and the way out. The result does not depend on this machine: no program, \
                  variable, network or cluster is needed, unless --host asks about them.\n\nExit \
                  codes: 0 no finding at or above --fail-on, 1 there is one, 2 wrong usage or no such \
                  folder."
)]
pub(crate) struct Validate {
    /// The configuration: a folder, or `ConfigMap` manifests (default: as for --config)
    dir: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    proofs: Proofs,
    /// The least severity that makes the check fail
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
    /// Write the fixes that cannot change what was meant, then check again
    #[arg(long)]
    fix: bool,
    /// Check this machine too: programs, environment, folders, secrets, sandbox
    #[arg(long)]
    host: bool,
    /// Weaken each rule in turn, and tell which ones no case notices, with the missing case
    #[arg(long)]
    mutants: bool,
    /// Explain a code with an example of wrong and of right, or list all codes
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["dir", "format", "file", "fix", "host", "mutants"])]
    explain: Option<String>,
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
        if let Some(code) = &self.explain {
            return explain(code, screen);
        }
        let root = root::choose(self.dir.as_deref().or(config));
        let cache = self.proofs.cache();
        let mut loaded = if self.fix {
            mended(&root, &cache, screen)?
        } else {
            let origin = Origin::at(&root);
            root::load(origin, Overrides::None, Thoroughness::Linted, &cache)?
        };
        self.proofs.tell(&cache, screen);
        if self.host
            && let Some(config) = &loaded.config
        {
            let host = Host::probe(config).confined(config, sandbox::probe(None));
            loaded.diagnostics.extend(host.findings());
        }
        if self.mutants
            && let Some(config) = &loaded.config
        {
            let report = mutant::test(config);
            screen.note(&mutants(&report));
            loaded.diagnostics.extend(report.findings);
            diagnostic::sort(&mut loaded.diagnostics);
        }
        let failed = loaded
            .worst()
            .is_some_and(|worst| worst >= self.fail_on.severity());
        let text = self.text(&loaded, &root, failed, screen)?;
        self.output.write(&text, screen)?;
        screen.summary(&loaded);
        Ok(if failed { Exit::Negative } else { Exit::Done })
    }

    fn text(&self, loaded: &Loaded, root: &Path, failed: bool, screen: &Screen) -> Result<String> {
        let repository = Repository::around(root);
        let text = match self.output.format {
            Format::Human => Ok(self.human(loaded, screen)),
            Format::Json => finding::json(loaded, !failed),
            Format::Sarif => finding::sarif(loaded, &repository),
            Format::Github => Ok(finding::github(loaded, &repository)),
            Format::Markdown => Ok(finding::markdown(loaded, &repository)),
        };
        Ok(text.context("cannot write the findings")?)
    }

    /// Every finding; of `--quiet` those that make the check fail.
    fn human(&self, loaded: &Loaded, screen: &Screen) -> String {
        let paint = self.output.paint(screen);
        if screen.is_quiet() {
            finding::human_from(loaded, self.fail_on.severity(), paint)
        } else {
            finding::human(loaded, paint)
        }
    }
}

/// What came of the mutants, in one line.
fn mutants(report: &mutant::Report) -> String {
    let mutant::Report {
        made,
        noticed,
        equal,
        ..
    } = report;
    let left = made.saturating_sub(noticed + equal);
    format!(
        "{}: {noticed} noticed by a case, {equal} changed nothing, {left} by none",
        counted(*made, "mutant", "mutants")
    )
}

/// Mends a folder, and says what was done.
fn mended(root: &Path, cache: &Cache, screen: &Screen) -> Result<Loaded> {
    if matches!(Origin::at(root), Origin::Manifest(_)) {
        let is = if root.is_dir() {
            "a folder of manifests, and `--fix` mends those of files"
        } else {
            "a file, and `--fix` mends folders"
        };
        return Err(Failure::usage(format!("`{}` is {is}", root.display()))
            .help("mend the folder that it is made from"));
    }
    let mended = fix::mend(root, || {
        root::load(root, Overrides::None, Thoroughness::Linted, cache)
    })?;
    let files: Vec<String> = mended
        .files
        .iter()
        .map(|file| format!("`{file}`"))
        .collect();
    screen.note(&match mended.fixed {
        0 => "nothing to fix".to_owned(),
        fixed => format!(
            "fixed {} in {}",
            counted(fixed, "finding", "findings"),
            files.join(", ")
        ),
    });
    for file in &mended.left_alone {
        screen.warn(&format!(
            "`{file}` is a link that leads out of the folder, so it was left alone"
        ));
    }
    Ok(mended.loaded)
}

/// Prints the page of a code, or for none every code with its sentence.
fn explain(code: &str, screen: &Screen) -> Result {
    if code.is_empty() {
        for page in code::pages() {
            let severity = page.severity().to_lowercase();
            screen.line(&format!(
                "{:<28} {severity}: {}",
                page.code(),
                page.summary()
            ))?;
        }
        return Ok(Exit::Done);
    }
    let Some(page) = code::page(code) else {
        let failure = Failure::usage(format!("there is no code `{code}`"));
        return Err(failure.help(code::way_out(code)));
    };
    screen.answer(Some(page.text()))?;
    Ok(Exit::Done)
}
