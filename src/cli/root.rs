//! Which folder holds the configuration, and loading it for a command that needs a valid one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::{Failure, Result};
use super::{compose, connect};
use crate::analysis::cache::Cache;
use crate::analysis::check::{self, Thoroughness};
use crate::config::settings::{Model, Settings};
use crate::config::{Config, Loaded, Origin, Overrides, RootError, load_settings};
use crate::diagnostic::{self, Diagnostic, Place};
use crate::model::script::Script;

/// Where a configuration lies when nothing says otherwise: the mount point of the container image.
const SYSTEM: &str = "/etc/tolkien";

/// The folder that a command works on: the one given, else the current folder when it holds tools,
/// else the system's.
pub(crate) fn choose(given: Option<&Path>) -> PathBuf {
    match given.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => path.to_owned(),
        None if holds_tools(Path::new(".")) => PathBuf::from("."),
        None => PathBuf::from(SYSTEM),
    }
}

/// Whether a folder has `tools.d/`, or the flat form of a mounted `ConfigMap`.
fn holds_tools(folder: &Path) -> bool {
    folder.join("tools.d").is_dir()
        || std::fs::read_dir(folder).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with("tools.d__"))
        })
}

/// Loads a configuration, findings and all.
pub(crate) fn load(
    origin: impl Into<Origin>,
    overrides: Overrides,
    thoroughness: Thoroughness,
    cache: &Cache,
) -> Result<Loaded> {
    let mut loaded = check::load(origin, overrides, thoroughness, cache).map_err(failure)?;
    let script = loaded.config.as_deref().and_then(misplayed);
    loaded.diagnostics.extend(script);
    diagnostic::sort(&mut loaded.diagnostics);
    Ok(loaded)
}

/// What is wrong with the script of the scripted model.
fn misplayed(config: &Config) -> Option<Diagnostic> {
    let Model::Script { script, .. } = &config.settings().model else {
        return None;
    };
    let error = Script::parse(config.script()?.clone()).err()?;
    let place = Place::file(script.to_string_lossy());
    let help = "a script is `{question?, turns}`, a turn `{when?, replies}`, and a reply `{text?, \
                calls?: [{tool, input?}]}`";
    Some(Diagnostic::error("bad-script", place, error).help(help))
}

/// Whether no folder was named, and there is none where one is looked for.
pub(crate) fn is_nowhere(error: &RootError) -> bool {
    let (RootError::Missing(folder) | RootError::NoRepository(folder)) = error else {
        return false;
    };
    folder == SYSTEM && !Path::new(SYSTEM).exists() && !holds_tools(Path::new("."))
}

/// Why a configuration cannot be read, with the way out.
pub(crate) fn failure(error: RootError) -> Failure {
    if is_nowhere(&error) {
        // Nobody named it: what was looked for comes first.
        return Failure::usage(format!(
            "there is no configuration here: the current folder has no `tools.d/`, and there is no \
             `{SYSTEM}`"
        ))
        .help(
            "`tolkien init` makes a small one here; `--config DIR` or TOLKIEN_CONFIG_DIR names another",
        );
    }
    match error {
        RootError::Missing(_) => Failure::usage(error).help(
            "name the folder with `--config DIR` or TOLKIEN_CONFIG_DIR, or make one with \
             `tolkien init`",
        ),
        RootError::Revision {
            near: Some(ref near),
            ..
        } => {
            let help = format!("did you mean `{near}`?");
            Failure::environment(error).help(help)
        }
        RootError::Revision { near: None, .. } => Failure::environment(error).help(
            "name a branch, a tag or a commit that this clone has; `git fetch` brings what it lacks",
        ),
        RootError::Io { .. } | RootError::NoRepository(_) | RootError::Repository { .. } => {
            Failure::environment(error)
        }
    }
}

/// The settings of a folder whatever is wrong with the rest of it, and what is.
pub(crate) fn settings(root: &Path, overrides: Overrides) -> Result<(Settings, Loaded)> {
    load_settings(&Origin::from(root), overrides).map_err(failure)
}

/// Loads a folder that must be valid.
pub(crate) fn valid(root: &Path, overrides: Overrides) -> Result<(Arc<Config>, Loaded)> {
    let loaded = load(root, overrides, Thoroughness::Valid, &kept(root, overrides))?;
    match loaded.valid().cloned() {
        Some(config) => Ok((config, loaded)),
        None => Err(Failure::Invalid(Box::new(loaded))),
    }
}

/// Loads a folder that must be valid, and whose every word this build enforces: for what serves or
/// runs something.
pub(crate) fn enforced(root: &Path, overrides: Overrides) -> Result<Arc<Config>> {
    Ok(proved(root, overrides)?.0)
}

/// The same without a look at what was proved before, and without keeping it.
pub(crate) fn enforced_anew(root: &Path, overrides: Overrides) -> Result<Arc<Config>> {
    let loaded = load(root, overrides, Thoroughness::Valid, &Cache::default())?;
    Ok(loaded.enforced()?)
}

/// The same with what was proved of it, for whoever will load it again.
pub(crate) fn proved(root: &Path, overrides: Overrides) -> Result<(Arc<Config>, Cache)> {
    let cache = kept(root, overrides);
    let loaded = load(root, overrides, Thoroughness::Valid, &cache)?;
    Ok((loaded.enforced()?, cache))
}

/// What was proved before, in the state folder: who may write there has the store and the token too.
/// Where there is none, everything is proved anew.
fn kept(root: &Path, overrides: Overrides) -> Cache {
    let folder = settings(root, overrides).and_then(|(settings, _)| {
        let folder = connect::state_dir(settings.server.state_dir.as_deref())?;
        Ok(folder.join("proofs"))
    });
    match folder {
        Ok(folder) if compose::private_folder(&folder).is_ok() => Cache::own(folder),
        _ => Cache::default(),
    }
}
