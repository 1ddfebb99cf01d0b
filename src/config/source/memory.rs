//! A root whose files are given in memory: what a test, a mutant or another program has in its hands.

use std::collections::BTreeMap;
use std::path::Path;

use super::tree::{Names, Tree, Unread};
use crate::config::RootError;
use crate::config::yaml::MAX_FILE_BYTES;

/// One file of a root that is given in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the root (`tools.d/kubectl.yaml`), or its flat name (`tools.d__kubectl.yaml`).
    pub path: String,
    /// Its bytes, or in a few words why they cannot be read.
    pub content: Result<Vec<u8>, String>,
}

impl File {
    /// A file that can be read.
    pub fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            content: Ok(content.into()),
        }
    }
}

/// The files by path.
#[derive(Debug)]
pub(super) struct Memory(BTreeMap<String, Result<Vec<u8>, String>>);

impl Memory {
    /// Of two files with the same path the last counts, so that a change can be laid over a root.
    pub(super) fn new(files: &[File]) -> Self {
        let by_path = files
            .iter()
            .map(|file| (file.path.clone(), file.content.clone()));
        Self(by_path.collect())
    }

    /// The names directly below a path, which is empty or ends in a slash.
    fn names(&self, above: &str) -> Names<String> {
        let mut all: Names<String> = self
            .0
            .range(above.to_owned()..)
            .map_while(|(path, _)| path.strip_prefix(above))
            .map(|rest| rest.split('/').next().unwrap_or(rest))
            .filter(|name| !name.starts_with('.') && !name.is_empty())
            .map(|name| (shown(name), format!("{above}{name}")))
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// A name goes into findings, and may not speak to the terminal that shows them.
pub(super) fn shown(name: &str) -> String {
    name.replace(char::is_control, "\u{fffd}")
}

impl Tree for Memory {
    type At = String;

    fn top(&self) -> Result<Names<String>, RootError> {
        Ok(self.names(""))
    }

    fn below(&self, at: &String) -> Result<Option<Names<String>>, RootError> {
        let names = self.names(&format!("{at}/"));
        Ok((!self.0.contains_key(at) && !names.is_empty()).then_some(names))
    }

    fn file(&self, at: &String) -> Result<Vec<u8>, Unread> {
        match self.0.get(at) {
            None => Err(Unread::NotAFile),
            Some(Err(why)) => Err(Unread::Refused(shown(why))),
            Some(Ok(bytes)) if bytes.len() > MAX_FILE_BYTES => Err(Unread::TooLarge {
                bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                most: MAX_FILE_BYTES,
            }),
            Some(Ok(bytes)) => Ok(bytes.clone()),
        }
    }

    fn find(&self, name: &Path) -> Option<String> {
        let path = name.to_str()?;
        let path = path.strip_prefix("./").unwrap_or(path);
        [path.to_owned(), path.replace('/', "__")]
            .into_iter()
            .find(|path| self.0.contains_key(path))
    }
}
