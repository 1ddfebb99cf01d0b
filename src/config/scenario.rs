//! What `tolkien eval` plays: a question, the world it is asked in, and what must come of it.
//!
//! A scenario is a YAML file; what several of them share, their `world.yaml`, lies beside them. The
//! world is values of environment names and recorded answers of tools: a tool with a recording runs
//! no program, every other one runs as it always does.

mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde_json::Value;

use super::Config;
use super::name::{EnvName, RoleName, ToolName};
use super::tool::Expect;
use crate::diagnostic::{self, Diagnostic, Severity, Source};
use crate::pattern::Pattern;
use read::World;

/// The file that the scenarios of a folder share.
const WORLD: &str = "world.yaml";

/// Some calls: those of a tool, and of a pattern on one of their lines. A call that is refused before
/// it can be rendered has one line: the tool's name, and the texts of its input.
#[derive(Debug, Clone)]
pub struct Calls {
    /// Whose; absent for every tool.
    pub tool: Option<ToolName>,
    /// How one of their lines reads; absent for every one.
    pub pattern: Option<Arc<Pattern>>,
}

impl Calls {
    /// Whether a call is one of them, by its tool and the words of each line that it starts.
    pub fn take(&self, tool: &str, lines: &[Vec<String>]) -> bool {
        let of_tool = self.tool.as_ref().is_none_or(|own| own.as_str() == tool);
        let reads = |pattern: &Arc<Pattern>| lines.iter().any(|line| pattern.matches(line));
        of_tool && self.pattern.as_ref().is_none_or(reads)
    }

    /// As a person would say it.
    pub fn said(&self) -> String {
        match (&self.tool, &self.pattern) {
            (_, Some(pattern)) => format!("`{}`", pattern.text()),
            (Some(tool), None) => format!("any call of `{tool}`"),
            (None, None) => "any call".to_owned(),
        }
    }
}

/// What calls answered when it was written down.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Which calls.
    pub calls: Calls,
    /// What they wrote to standard output.
    pub output: String,
    /// What they exited with.
    pub exit_code: u8,
}

/// What is answered to calls that wait for an approval.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Which calls.
    pub calls: Calls,
    /// Whether they may run.
    pub is_approved: bool,
}

/// A call that must have been made.
#[derive(Debug, Clone)]
pub struct ExpectedCall {
    /// Which.
    pub calls: Calls,
    /// How it must have been decided.
    pub verdict: Expect,
    /// What the model must have seen of its output.
    pub shown: Vec<String>,
    /// Whether only the scripted model must make it: a call that a good model does not try.
    pub is_scripted: bool,
}

/// What the answer must say, when it is not a script's own.
#[derive(Debug, Clone, Default)]
pub struct ExpectedAnswer {
    /// Texts that must be in it, whatever their case.
    pub contains: Vec<String>,
    /// Texts that must not.
    pub lacks: Vec<String>,
}

/// One question and what must come of it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// What the operator asks.
    pub question: String,
    /// As what they ask; the local caller's own role where it is absent.
    pub role: Option<RoleName>,
    /// Values of environment names, in place of this machine's.
    pub environment: BTreeMap<EnvName, String>,
    /// Answers of tools, the scenario's own first.
    pub recordings: Arc<[Recording]>,
    /// Answers to calls that wait for an approval; where none fits, it is refused.
    pub approvals: Vec<Answered>,
    /// Calls that must have been made, in any order.
    pub calls: Vec<ExpectedCall>,
    /// Calls that must not have run.
    pub forbidden: Vec<Calls>,
    /// What the answer must say.
    pub answer: ExpectedAnswer,
    /// The replies of the scripted model: `[{text?, calls?: [{tool, input}]}]`.
    pub script: Value,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Scenarios {
    /// The scenarios, by their files' names.
    pub list: Vec<Scenario>,
    /// What is wrong with their files.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the findings' places point into.
    pub sources: Vec<Source>,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {source}", path.display())]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

impl Scenarios {
    /// Reads files, and every scenario of folders.
    pub fn load(paths: &[PathBuf], config: &Config) -> Result<Self, Unreadable> {
        let mut scenarios = Self::default();
        let mut worlds = BTreeMap::new();
        for path in paths {
            for file in files(path)? {
                let world = scenarios.world(&file, config, &mut worlds)?;
                let source = text(&file)?;
                let found = &mut scenarios.diagnostics;
                let scenario = read::scenario(&source, world, config, found);
                scenarios.list.extend(scenario);
                scenarios.sources.push(source);
            }
        }
        diagnostic::sort(&mut scenarios.diagnostics);
        Ok(scenarios)
    }

    /// Whether nothing is wrong with any of them.
    pub fn are_valid(&self) -> bool {
        let error = |found: &Diagnostic| found.severity == Severity::Error;
        !self.diagnostics.iter().any(error)
    }

    /// The world of a scenario, read once for all that share it.
    fn world(
        &mut self,
        scenario: &Path,
        config: &Config,
        known: &mut BTreeMap<PathBuf, World>,
    ) -> Result<World, Unreadable> {
        let path = scenario.with_file_name(WORLD);
        if let Some(world) = known.get(&path) {
            return Ok(world.clone());
        }
        let mut world = World::default();
        if path.is_file() {
            let source = text(&path)?;
            world = read::world(&source, config, &mut self.diagnostics);
            self.sources.push(source);
        }
        known.insert(path, world.clone());
        Ok(world)
    }
}

/// The scenarios that a path stands for: the file, or those of the folder in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |source| Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_yaml = file.extension().is_some_and(|ending| ending == "yaml");
        if is_yaml && !file.ends_with(WORLD) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<Source, Unreadable> {
    let text = fs::read_to_string(path).map_err(|source| Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(Source::new(path.display().to_string(), text))
}
