//! `tolkien diff`: what a change of the configuration newly permits.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::failure::{Failure, Result};
use super::output::{Format, Output, Proofs};
use super::render::repository::Repository;
use super::render::{Screen, difference, finding};
use super::{Exit, root};
use crate::analysis::cache::Cache;
use crate::analysis::check::{self, Thoroughness};
use crate::analysis::compare::languages;
use crate::analysis::diff::{Change, Difference, compare};
use crate::config::{Config, Loaded, Origin, Overrides, RootError};
use crate::diagnostic::Severity;

/// Tell what a change newly permits, and what else it touches
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien diff main\n  tolkien diff origin/main --format markdown -o comment.md\n  \
                  tolkien diff HEAD~1 HEAD --format github\n  tolkien diff ../before ./after",
    long_about = "Compares two configurations: for each tool the command lines that pass now and did \
                  not, with what lets them through, and everything beside them: what is started, its \
                  environment, its sandbox, who may use it, which outputs are redacted. What permits \
                  more must be accepted in `permissions.ack.yaml`, by the fingerprint that is printed \
                  here.\n\nA name that is both a file or folder and a revision is refused: `./main` is the folder, \
                  `refs/heads/main` the branch.\n\nExit codes: 0 nothing is permitted that was not, or it is accepted; 1 a \
                  widening that nobody accepted, or a tool that could not be compared; 2 wrong usage, \
                  a missing folder, or an invalid configuration on either side; 4 there is no such \
                  revision."
)]
pub(crate) struct Diff {
    /// The configuration before the change: a git revision, a folder, or a file of ConfigMap manifests
    base: PathBuf,
    /// The configuration after the change (default: the working folder, as for --config)
    head: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    proofs: Proofs,
    /// What makes the comparison fail
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
}

/// What makes a comparison fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FailOn {
    /// A widening that nobody accepted, or a tool that could not be compared
    #[default]
    Error,
    /// Any widening, accepted or not
    Warning,
    /// Any difference
    Info,
}

impl FailOn {
    fn fails(self, difference: &Difference) -> bool {
        let differs = || {
            let same = |change| change == Change::Same;
            !difference.other.is_empty() || !difference.tools.iter().all(|tool| same(tool.change))
        };
        match self {
            Self::Error => !difference.passes(),
            Self::Warning => difference.widened || !difference.passes(),
            Self::Info => differs(),
        }
    }
}

impl Diff {
    /// Compares and tells.
    pub(crate) fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let here = root::choose(config);
        let cache = self.proofs.cache();
        let base = before(&origin(&self.base, &here)?, &self.base, &cache, screen)?;
        let name = self.head.as_deref().unwrap_or(&here);
        let head = match &self.head {
            Some(head) => origin(head, &here)?,
            None => Origin::at(&here),
        };
        let folder = head.folder().unwrap_or(&here).to_owned();
        let (head, loaded) = valid(name, load(&head, name, &cache)?, "after", screen)?;
        self.proofs.tell(&cache, screen);
        let difference = compare(base.as_deref(), Some(&head), &languages);
        let text = self.text(&difference, loaded, &folder, screen)?;
        self.output.write(&text, screen)?;
        for unused in &difference.unused {
            screen.note(&format!(
                "{} acknowledges nothing that differs here",
                unused.place
            ));
        }
        screen.note(&difference::summary(&difference));
        Ok(if self.fail_on.fails(&difference) {
            Exit::Negative
        } else {
            Exit::Done
        })
    }

    fn text(
        &self,
        difference: &Difference,
        after: Loaded,
        folder: &Path,
        screen: &Screen,
    ) -> Result<String> {
        let repository = Repository::around(folder);
        let found = Loaded {
            diagnostics: difference.findings(),
            ..after
        };
        let text = match self.output.format {
            Format::Human => Ok(difference::human(difference, self.output.paint(screen))),
            Format::Json => difference::json(difference),
            Format::Sarif => finding::sarif(&found, &repository),
            Format::Github => Ok(finding::github(&found, &repository)),
            Format::Markdown => Ok(difference::markdown(difference)),
        };
        Ok(text.context("cannot write the difference")?)
    }
}

/// What a side names: a folder or a file of manifests where there is one of this name, else a git
/// revision of the working folder. A name of both is refused: whoever writes a change can add a folder
/// that is called like the base, and must not choose what their change is compared with.
fn origin(name: &Path, here: &Path) -> Result<Origin> {
    let revision = Origin::Revision {
        folder: here.to_owned(),
        revision: name.to_string_lossy().into_owned(),
    };
    if is_path(name) {
        return Ok(Origin::at(name));
    }
    if !name.exists() {
        return Ok(revision);
    }
    if revision.is_known_revision() {
        let name = name.display();
        let told =
            format!("`{name}` is a git revision, and there is a file or folder of this name");
        let help = format!(
            "write `./{name}` for the one, and `refs/heads/{name}`, `refs/remotes/{name}` or its hash for \
             the other"
        );
        return Err(Failure::usage(told).help(help));
    }
    Ok(Origin::at(name))
}

/// Whether a name can only be that of a file or folder.
fn is_path(name: &Path) -> bool {
    let starts = matches!(
        name.components().next(),
        Some(Component::CurDir | Component::ParentDir | Component::RootDir)
    );
    starts || name.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// The side before the change; one without any configuration is empty.
fn before(
    origin: &Origin,
    name: &Path,
    cache: &Cache,
    screen: &Screen,
) -> Result<Option<Arc<Config>>> {
    let loaded = load(origin, name, cache)?;
    if loaded.empty {
        screen.note(&format!(
            "there is no configuration in `{}`: everything is new",
            name.display()
        ));
        return Ok(None);
    }
    valid(name, loaded, "before", screen).map(|(config, _)| Some(config))
}

fn load(origin: &Origin, name: &Path, cache: &Cache) -> Result<Loaded> {
    check::load(origin, Overrides::None, Thoroughness::Valid, cache).map_err(|error| {
        let help = way_out(&error, &name.to_string_lossy());
        let failure = root::failure(error);
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    })
}

/// What to write in place of a name that leads to no configuration, where there is more to say than
/// for any other command.
fn way_out(error: &RootError, name: &str) -> Option<String> {
    match error {
        error if root::is_nowhere(error) => Some(
            "name the working folder with `--config DIR` or TOLKIEN_CONFIG_DIR, or two folders: \
             `tolkien diff BEFORE AFTER`"
                .to_owned(),
        ),
        RootError::Revision { near: None, .. } => Some(range(name).unwrap_or_else(|| {
            format!(
                "`{name}` is neither a folder nor a revision of the repository around the configuration; \
                 fetch it, or name two folders: `tolkien diff BEFORE AFTER`"
            )
        })),
        RootError::NoRepository(_) => Some(format!(
            "`{name}` is neither a folder nor a revision: name the configuration's folder in a repository \
             with `--config DIR`, or two folders: `tolkien diff BEFORE AFTER`"
        )),
        RootError::Missing(_) => Some(
            "name a folder that is there, or a git revision: `tolkien diff main`; `--config DIR` is the \
             working folder"
                .to_owned(),
        ),
        RootError::Revision { .. } | RootError::Io { .. } | RootError::Repository { .. } => None,
    }
}

/// The two sides of a range as `git diff` takes it.
fn range(name: &str) -> Option<String> {
    let or_head = |side: &str| if side.is_empty() { "HEAD" } else { side }.to_owned();
    let (base, head, from_fork) = match (name.split_once("..."), name.split_once("..")) {
        (Some((base, head)), _) => (or_head(base), or_head(head), true),
        (None, Some((base, head))) => (or_head(base), or_head(head), false),
        (None, None) => return None,
    };
    let is_path = base.ends_with('/') || head.starts_with('/');
    (!is_path).then(|| {
        if from_fork {
            format!("name two sides: `tolkien diff $(git merge-base {base} {head}) {head}`")
        } else {
            format!("name two sides: `tolkien diff {base} {head}`")
        }
    })
}

/// Both sides are told by the same names of files, so that it must be said which one is meant.
fn valid(
    folder: &Path,
    loaded: Loaded,
    when: &str,
    screen: &Screen,
) -> Result<(Arc<Config>, Loaded)> {
    let failed = loaded.worst() == Some(Severity::Error);
    match &loaded.config {
        Some(config) if !failed => Ok((Arc::clone(config), loaded)),
        _ => {
            let folder = folder.display();
            let way_out = match when {
                "before" => "; where the change repairs it, compare with the last valid revision",
                _ => "",
            };
            screen.warn(&format!(
                "the configuration {when} the change, `{folder}`, is invalid{way_out}"
            ));
            Err(Failure::Invalid(Box::new(loaded)))
        }
    }
}
