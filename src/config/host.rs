//! What this machine has of what a configuration names: environment values, programs, secrets.
//!
//! Deciding never looks here, so the answer to a call is the same on every machine. Running does:
//! a tool that lacks something is disabled on this host, and reported.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Config;
use super::name::{EnvName, SecretName, ToolName};
use super::secret::{self, SecretString};
use super::settings::SecretSource;

/// What this machine has.
#[derive(Debug, Clone, Default)]
pub struct Host {
    environment: BTreeMap<EnvName, String>,
    secrets: BTreeMap<SecretName, SecretSource>,
    programs: BTreeMap<String, PathBuf>,
    disabled: BTreeMap<ToolName, Vec<String>>,
}

impl Host {
    /// Looks for everything that a configuration names.
    pub fn probe(config: &Config) -> Self {
        let _ = config;
        Self::default()
    }

    /// The value of a name of the environment, or its default; absent when it has neither.
    pub fn env(&self, name: &EnvName) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// The value of a declared secret, read now.
    pub fn secret(&self, name: &SecretName) -> Result<SecretString, secret::Error> {
        match self.secrets.get(name) {
            Some(source) => secret::read(source),
            None => Err(secret::Error::Unset(name.to_string())),
        }
    }

    /// Where a program of a command was found.
    pub fn program(&self, name: &str) -> Option<&Path> {
        self.programs.get(name).map(PathBuf::as_path)
    }

    /// What a tool lacks on this machine; empty when it is ready.
    pub fn lacks(&self, tool: &ToolName) -> &[String] {
        self.disabled.get(tool).map_or(&[], Vec::as_slice)
    }
}
