//! Values that must never be shown, and where they are read from.

use std::path::Path;

pub use secrecy::{ExposeSecret, SecretString};

use super::settings::SecretSource;

/// Why a secret could not be read; never its value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its variable is not set.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
}

/// Reads a secret now: files change under a running server when a token is rotated.
pub fn read(source: &SecretSource) -> Result<SecretString, Error> {
    match source {
        SecretSource::File(path) => read_file(path),
        SecretSource::Env(name) => variable(name)
            .map(SecretString::from)
            .ok_or_else(|| Error::Unset(name.clone())),
    }
}

/// Reads a secret that comes as `NAME` or as the file that `NAME_FILE` names; absent when neither
/// is set.
pub fn from_environment(name: &str) -> Result<Option<SecretString>, Error> {
    if let Some(path) = variable(&format!("{name}_FILE")) {
        return read_file(Path::new(&path)).map(Some);
    }
    Ok(variable(name)
        .filter(|value| !value.is_empty())
        .map(SecretString::from))
}

fn read_file(path: &Path) -> Result<SecretString, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.display().to_string(),
        source,
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(SecretString::from(
        text.strip_suffix('\r').unwrap_or(text).to_owned(),
    ))
}

/// A variable of the environment, when it is set and is text.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all variables that are text.
pub(crate) fn variable_names() -> Vec<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .collect()
}
