//! What this machine has of what a configuration names: environment values, programs, secrets.
//!
//! Deciding never looks here, so the answer to a call is the same on every machine. Running does:
//! a tool that lacks something is disabled on this host, and reported.

mod folder;

mod needs;

mod recorded;

mod sandbox;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, FsWord, access, statfs};

use super::Config;
use super::name::{EnvName, SecretName, ToolName};
use super::scenario::Recording;
use super::secret::{self, SecretString};
use super::settings::{SecretSource, Settings};
use crate::diagnostic::{self, Diagnostic, Place, listed};
pub use folder::{MissingFolder, missing};
use needs::Needs;

pub use sandbox::{Confinement, Level};

/// Where bare program names are looked up. Fixed, so that neither the engine's own environment nor
/// a tool's decides which program a reviewed word stands for; the order is that of Debian's default
/// for root.
pub const PROGRAM_PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Where private folders are made when the engine's environment has no `TMPDIR`; in memory, where
/// this cannot be written.
const SCRATCH: &str = "/tmp";

/// Where the private folders that no tool names are made when there is no `TMPDIR`: in memory,
/// since making and removing one on a disk (0.1 ms of CPU on ext4, and milliseconds of waiting while
/// others write) costs as much as the engine may add to a call.
const MEMORY: &str = "/dev/shm";

/// The kind of a file system in memory (`TMPFS_MAGIC` of `linux/magic.h`).
const TMPFS: FsWord = 0x0102_1994;

/// What the engine itself keeps secret; each may come as a file that `NAME_FILE` names.
const OWN_SECRETS: [&str; 3] = [
    "ANTHROPIC_API_KEY",
    "TELEGRAM_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET",
];

/// What this machine has.
#[derive(Debug, Clone, Default)]
pub struct Host {
    environment: BTreeMap<EnvName, String>,
    /// Names that are not set, and have the value that the settings give them.
    defaulted: BTreeSet<EnvName>,
    secrets: BTreeMap<SecretName, SecretSource>,
    programs: BTreeMap<String, PathBuf>,
    disabled: BTreeMap<ToolName, Vec<String>>,
    findings: Vec<Diagnostic>,
    scratch: Option<PathBuf>,
    memory: Option<PathBuf>,
    confinement: Confinement,
    /// Names of the engine's own secrets, where it may have some.
    own_secrets: &'static [&'static str],
    recordings: Arc<[Recording]>,
}

impl Host {
    /// Looks for everything that a configuration names.
    pub fn probe(config: &Config) -> Self {
        let mut host = Self::probe_with(config, &secret::variable);
        host.own_secrets = &OWN_SECRETS;
        host
    }

    /// Looks for everything but the environment, in whose place the settings' defaults stand: for a
    /// demonstration, which must not read what the operator's shell happens to point at.
    pub fn probe_with_defaults(config: &Config) -> Self {
        Self::probe_with(config, &|_| None)
    }

    fn probe_with(config: &Config, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut host = Self::look(
            config.settings(),
            config
                .tools()
                .values()
                .map(|tool| (tool.name.clone(), Needs::of(tool))),
            variable,
        );
        for tool in config.tools().values() {
            let missing = host.missing_folders(tool);
            let findings = missing.iter().map(|folder| folder.finding(tool));
            host.findings.extend(findings);
        }
        diagnostic::sort(&mut host.findings);
        host.scratch = secret::variable("TMPDIR")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        if host.scratch.is_none() {
            host.memory = Some(PathBuf::from(MEMORY)).filter(|path| is_writable_memory(path));
            // The root of a pod may be read-only.
            host.scratch = (!is_writable(Path::new(SCRATCH)))
                .then(|| host.memory.clone())
                .flatten();
        }
        host
    }

    /// A machine with exactly these values and programs, on which every tool is ready.
    pub fn new(
        environment: BTreeMap<EnvName, String>,
        secrets: BTreeMap<SecretName, SecretSource>,
        programs: BTreeMap<String, PathBuf>,
    ) -> Self {
        Self {
            environment,
            secrets,
            programs,
            ..Self::default()
        }
    }

    fn look<'a>(
        settings: &Settings,
        tools: impl Iterator<Item = (ToolName, Needs<'a>)>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let mut host = Self {
            secrets: settings.secrets.clone(),
            ..Self::default()
        };
        for (name, default) in &settings.environment {
            let set = variable(name.as_str());
            if set.is_none() && default.is_some() {
                host.defaulted.insert(name.clone());
            }
            if let Some(value) = set.or_else(|| default.clone()) {
                host.environment.insert(name.clone(), value);
            }
        }
        for (tool, needs) in tools {
            let lacking = host.meet(&needs);
            let findings = lacking.iter().map(|lack| lack.finding(&tool));
            host.findings.extend(findings);
            if !lacking.is_empty() {
                let lacking = lacking.into_iter().map(|lack| lack.text).collect();
                host.disabled.insert(tool, lacking);
            }
        }
        host
    }

    /// Finds what one tool needs, and says in plain words what is not here.
    fn meet<'a>(&mut self, needs: &Needs<'a>) -> Vec<Lack<'a>> {
        let mut lacking = Vec::new();
        for (program, place) in &needs.programs {
            if let Some(path) = find_program(program) {
                self.programs.insert((*program).to_owned(), path);
                continue;
            }
            let text = not_found(program);
            let help = format!(
                "install it in one of {}, which are the engine's own PATH",
                listed(PROGRAM_PATH, "and")
            );
            lacking.push(Lack::new("host-program", place, text, help));
        }
        for (name, place) in &needs.environment {
            if !self.environment.contains_key(*name) {
                let text = format!("environment name `{name}` is not set and has no default");
                let help = "set it where the engine runs, or give it a default in `tolkien.yaml`";
                lacking.push(Lack::new("host-environment", place, text, help));
            }
        }
        for (name, place) in &needs.secrets {
            if let Err(error) = self.secret(name) {
                let text = format!("secret `{name}` is not available: {error}");
                let help = "mount its file or set its variable where the engine runs";
                lacking.push(Lack::new("host-secret", place, text, help));
            }
        }
        lacking
    }

    /// What this machine lacks, each at the place that needs it: nothing that a configuration could
    /// be blamed for.
    pub fn findings(&self) -> Vec<Diagnostic> {
        self.findings.clone()
    }

    /// The value of a name of the environment, or its default; absent when it has neither.
    pub fn env(&self, name: &EnvName) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// Whether a name of the environment is not set, so that its value is the settings' default.
    pub fn is_default(&self, name: &EnvName) -> bool {
        self.defaulted.contains(name)
    }

    /// The value of a declared secret, read now.
    pub fn secret(&self, name: &SecretName) -> Result<SecretString, secret::Error> {
        match self.secrets.get(name) {
            Some(source) => secret::read(source),
            None => Err(secret::Error::Unset(name.to_string())),
        }
    }

    /// Every secret that can be read now with its name: the declared ones and the engine's own. One
    /// that cannot be read has no value that could be shown.
    pub(crate) fn secret_values(&self) -> Vec<(String, SecretString)> {
        let declared = self.secrets.iter().filter_map(|(name, source)| {
            let value = secret::read(source).ok()?;
            Some((name.to_string(), value))
        });
        let own = self.own_secrets.iter().filter_map(|name| {
            let value = secret::from_environment(name).ok()??;
            Some(((*name).to_owned(), value))
        });
        declared.chain(own).collect()
    }

    /// Where a program of a command was found.
    pub fn program(&self, name: &str) -> Option<&Path> {
        self.programs.get(name).map(PathBuf::as_path)
    }

    /// What a tool lacks on this machine; empty when it is ready.
    pub fn lacks(&self, tool: &ToolName) -> &[String] {
        self.disabled.get(tool).map_or(&[], Vec::as_slice)
    }

    /// The same, with its private folders made elsewhere.
    #[cfg(test)]
    pub(crate) fn with_scratch(mut self, scratch: &Path) -> Self {
        self.scratch = Some(scratch.to_owned());
        self
    }

    /// Where the private folders are made that a tool names as `workspace`, to fill them.
    pub fn scratch(&self) -> &Path {
        self.scratch.as_deref().unwrap_or(Path::new(SCRATCH))
    }

    /// Where the private folders are made that are nothing but a place to run in.
    pub fn light_scratch(&self) -> &Path {
        self.memory.as_deref().unwrap_or(self.scratch())
    }
}

/// Something that one tool needs and this machine has not.
struct Lack<'a> {
    code: &'static str,
    place: &'a Place,
    text: String,
    help: String,
}

impl<'a> Lack<'a> {
    fn new(code: &'static str, place: &'a Place, text: String, help: impl Into<String>) -> Self {
        let help = help.into();
        Self {
            code,
            place,
            text,
            help,
        }
    }

    /// A warning: on another machine it does not hold.
    fn finding(&self, tool: &ToolName) -> Diagnostic {
        let message = format!("{}, so `{tool}` is disabled here", self.text);
        Diagnostic::warning(self.code, self.place.clone(), message).help(&self.help)
    }
}

/// Programs that tools use often, with the Debian package that brings them.
const PACKAGES: [(&str, &str); 4] = [
    ("rg", "ripgrep"),
    ("git", "git"),
    ("jq", "jq"),
    ("curl", "curl"),
];

/// Says that a program is not here, and which package brings it where that is known.
fn not_found(program: &str) -> String {
    if program.starts_with('/') {
        return format!("`{program}` is not a program on this host");
    }
    let missing = format!("`{program}` is not on the engine's PATH");
    match PACKAGES.iter().find(|(name, _)| *name == program) {
        Some((_, package)) => format!("{missing} (`apt install {package}` brings it)"),
        None => missing,
    }
}

/// The file that a command's first word stands for: an absolute path itself, a bare name on the
/// engine's own [`PROGRAM_PATH`]; nothing for a relative path, which would depend on the folder.
pub fn find_program(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        let path = PathBuf::from(name);
        return is_program(&path).then_some(path);
    }
    if name.is_empty() || name.contains('/') {
        return None;
    }
    PROGRAM_PATH
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| is_program(path))
}

fn is_writable_memory(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| system.f_type == TMPFS) && is_writable(path)
}

fn is_writable(path: &Path) -> bool {
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests;
