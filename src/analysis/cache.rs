//! What was found out about a tool, kept by content: a tool that did not change is not looked at again.
//!
//! The content is what an answer can depend on, places included: the texts of all files but those of
//! other tools and prompts, the prompts that it renders, the settings in force, and the build of this program. An
//! entry that cannot be read is made again. Who may write into the folder can write a proof into it, so
//! it must be as well kept as the gate that reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::diff::rendered_prompts;
use crate::config::name::ToolName;
use crate::config::tool::Tool;
use crate::config::{Config, hex};
use crate::diagnostic::Source;

/// The sources that this program was built from, hashed.
const BUILD: &str = env!("TOLKIEN_SOURCES");

/// An entry has at most this many bytes.
const LONGEST_ENTRY: u64 = 64 << 20;

/// How long an entry stays in a folder that nobody else looks after.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Answers by content, within one run and, in a folder, from one run to the next.
#[derive(Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Answers as JSON, by file name.
    known: BTreeMap<String, String>,
    /// The names that were asked for since the last time something was forgotten.
    asked: BTreeSet<String>,
    used: Used,
    failure: Option<String>,
}

/// How much of what was asked was known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// So many answers were known.
    pub known: usize,
    /// So many were found out anew.
    pub made: usize,
}

/// Everything that the answers about one tool depend on, as the name of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content(String);

impl Content {
    /// The content of each tool of a configuration that was read from these sources.
    pub(super) fn of_all(config: &Config, sources: &[Source]) -> BTreeMap<ToolName, Self> {
        let single = single(config);
        let mut shared = Hash(Sha256::new());
        shared.text(BUILD);
        // The environment has a say in them, which is in no source.
        shared.text(&format!("{:?}", config.settings()));
        let mut own: BTreeMap<&str, &str> = BTreeMap::new();
        for source in sources {
            let name: &str = source.name();
            if single.contains(name) {
                own.insert(name, source.text());
            } else if !is_needless(name) {
                shared.text(name);
                shared.text(source.text());
            }
        }
        let content = |tool: &Tool| {
            let mut hash = shared.clone();
            hash.text(tool.name.as_str());
            let file = &*tool.places.file.file;
            if let Some(text) = own.get(file) {
                hash.text(file);
                hash.text(text);
            }
            for (name, prompt) in rendered_prompts((config, tool)) {
                hash.text(&name);
                hash.text(&prompt);
            }
            Self(hex(&hash.0.finalize()))
        };
        let tools = config.tools().values();
        tools
            .map(|tool| (tool.name.clone(), content(tool)))
            .collect()
    }
}

/// A hash in which no two different lists of texts are the same.
#[derive(Clone)]
struct Hash(Sha256);

impl Hash {
    fn text(&mut self, text: &str) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(text);
    }
}

/// Files that are one tool and no more, by the names of a root: a manifest may hold anything.
fn single(config: &Config) -> BTreeSet<&str> {
    let tools = config.tools().values();
    let files = tools.map(|tool| &*tool.places.file.file);
    let mut files: BTreeSet<&str> = files.filter(|name| is_below(name, "tools.d")).collect();
    for policy in config.policies().values() {
        files.remove(&*policy.place.file);
    }
    files
}

/// Files that say nothing about any tool: prompts, which count where a tool renders them, and what
/// somebody acknowledged.
fn is_needless(name: &str) -> bool {
    let is_markdown = Path::new(name).extension().is_some_and(|end| end == "md");
    is_below(name, "prompts") && is_markdown || name == "permissions.ack.yaml"
}

/// Whether a file lies in a folder of a root, also in a flat one.
fn is_below(name: &str, folder: &str) -> bool {
    let rest = name.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/') || rest.starts_with("__"))
}

impl Cache {
    /// Keeps answers for this run and, where there is a folder, for the next ones.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            state: Mutex::default(),
        }
    }

    /// The same in a folder of its own, where entries that nobody made anew for 30 days are removed.
    pub fn own(folder: PathBuf) -> Self {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| is_old(entry).unwrap_or(false)) {
            // What cannot be removed is in nobody's way.
            fs::remove_file(entry.path()).ok();
        }
        Self::new(Some(folder))
    }

    /// How much was known so far.
    pub fn used(&self) -> Used {
        self.state().used
    }

    /// Why the folder could not be used, where it could not.
    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Forgets what nothing asked for since the last time, so that a process which checks one version
    /// after the other keeps no more than the last one. A check that asked nothing forgets nothing.
    pub fn forget_unused(&self) {
        let mut state = self.state();
        let asked = std::mem::take(&mut state.asked);
        if !asked.is_empty() {
            state.known.retain(|name, _| asked.contains(name));
        }
    }

    /// The answer to a question about a content, found out where it is not known.
    pub(super) fn answer<T: Serialize + DeserializeOwned, E>(
        &self,
        question: &str,
        content: &Content,
        find: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let name = format!("{question}-{}.json", content.0);
        self.state().asked.insert(name.clone());
        if let Some(known) = self
            .known(&name)
            .and_then(|text| serde_json::from_str(&text).ok())
        {
            self.state().used.known += 1;
            return Ok(known);
        }
        let answer = find()?;
        self.state().used.made += 1;
        if let Ok(text) = serde_json::to_string(&answer) {
            self.keep(name, text);
        }
        Ok(answer)
    }

    fn known(&self, name: &str) -> Option<String> {
        if let Some(known) = self.state().known.get(name) {
            return Some(known.clone());
        }
        let path = self.folder.as_ref()?.join(name);
        let entry = fs::metadata(&path).ok()?;
        // Neither a pipe nor a device is waited for.
        (entry.is_file() && entry.len() <= LONGEST_ENTRY)
            .then(|| fs::read_to_string(path).ok())
            .flatten()
    }

    fn keep(&self, name: String, text: String) {
        let failed = self.folder.as_ref().and_then(|folder| {
            let failed = write(folder, &name, &text).err()?;
            Some(format!("cannot write to `{}`: {failed}", folder.display()))
        });
        let mut state = self.state();
        if state.failure.is_none() {
            state.failure = failed;
        }
        state.known.insert(name, text);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_old(entry: &DirEntry) -> io::Result<bool> {
    let age = entry.metadata()?.modified()?.elapsed();
    Ok(age.is_ok_and(|age| age > KEPT))
}

/// Writes an entry whole or not at all, also where several runs share the folder: in containers they
/// may all be the same process. Whatever lies in the folder, nothing outside of it is written.
fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let begun = folder.join(format!("{name}.{}", Uuid::new_v4().simple()));
    let mut file = File::options().write(true).create_new(true).open(&begun)?;
    let written = file.write_all(text.as_bytes());
    let written = written.and_then(|()| fs::rename(&begun, folder.join(name)));
    if written.is_err() {
        // What was begun is of no use to anybody, and the first failure is the one to tell.
        fs::remove_file(&begun).ok();
    }
    written
}
