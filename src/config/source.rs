//! Which files a root has, their texts, and the revision they make, wherever they come from.
//!
//! A root is a folder of folders, or flat with `__` for `/` (one ConfigMap). What it is read from — a
//! folder, memory, manifests, a git revision — is a [`tree::Tree`]; sorting its files by kind, and
//! what is wrong with their names, is the same for all of them.

mod folder;

mod manifest;

mod memory;

mod naming;

mod revision;

mod snapshot;

mod sorting;

mod tree;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::RootError;
use super::name::Revision;
use crate::diagnostic::{Diagnostic, Place, Source};
use folder::Folder;
use manifest::Manifests;
use memory::Memory;
use revision::Commit;
use tree::{Shelf, Tree};

pub use memory::File;
pub(crate) use naming::{POLICIES, PROMPTS, TOOLS, folders_below};
pub use snapshot::Snapshot;

/// Where a configuration comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A folder: of folders, flat, or a mounted ConfigMap.
    Folder(PathBuf),
    /// A YAML or JSON file with `ConfigMap` manifests whose data keys are flat names, or a folder of
    /// such files. All places are in these files.
    Manifest(PathBuf),
    /// A revision of the git repository that a folder lies in, read from its objects.
    Revision {
        /// The configuration's folder as it is, or would be, in the work tree.
        folder: PathBuf,
        /// `main`, `HEAD~1`, `origin/main`, a tag, a hash that may be shortened.
        revision: String,
    },
    /// Files in memory; of two with the same path the last counts.
    Files(Vec<File>),
}

impl Origin {
    /// What a path that was typed stands for: manifests where it is a file, or a folder that holds
    /// manifests and no configuration by itself, and a folder otherwise.
    pub fn at(path: &Path) -> Self {
        if path.is_file() || manifest::are_in(path) {
            Self::Manifest(path.to_owned())
        } else {
            Self::Folder(path.to_owned())
        }
    }

    /// Whether it is a revision that the repository around its folder has.
    pub fn is_known_revision(&self) -> bool {
        match self {
            Self::Revision { folder, revision } => Commit::open(folder, revision).is_ok(),
            Self::Folder(_) | Self::Manifest(_) | Self::Files(_) => false,
        }
    }

    /// The folder that the files of findings are below; absent where they lie in none.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Manifest(path) if !path.is_dir() => path.parent().map(|folder| {
                if folder.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    folder
                }
            }),
            Self::Folder(path) | Self::Manifest(path) => Some(path),
            Self::Revision { folder, .. } => Some(folder),
            Self::Files(_) => None,
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Origin {
    fn from(folder: &P) -> Self {
        Self::Folder(folder.as_ref().to_owned())
    }
}

impl From<&Origin> for Origin {
    fn from(origin: &Origin) -> Self {
        origin.clone()
    }
}

/// The files of a root, by kind, each under its stem.
#[derive(Debug)]
pub(crate) struct Root {
    /// `tolkien.yaml`.
    pub(crate) settings: Option<Source>,
    /// There is one, but it could not be read.
    pub(crate) settings_unread: bool,
    /// `tools.d/*.yaml`.
    pub(crate) tools: BTreeMap<String, Source>,
    /// `policies/*.yaml`.
    pub(crate) policies: BTreeMap<String, Source>,
    /// `prompts/*.md`, by file name.
    pub(crate) prompts: BTreeMap<String, Source>,
    /// `permissions.ack.yaml`: no part of the revision, since it changes nothing that runs.
    pub(crate) acknowledgements: Option<Source>,
    /// How many files of each kind there are, unreadable ones included.
    pub(crate) counts: [usize; 3],
    /// What files of each kind that could not be read were probably meant to be, by the names that
    /// others refer to: they exist, so that nothing else complains that they do not.
    pub(crate) unread: [BTreeSet<String>; 3],
    hash: BTreeMap<String, Vec<u8>>,
    /// What can be shown of files that are no text.
    broken: Vec<Source>,
    /// What it was read from.
    shelf: Rc<dyn Shelf>,
}

/// Stands in `unread` for a folder that could not be read as a whole.
pub(crate) const EVERYTHING: &str = "*";

impl Root {
    /// Reads a root; what is wrong with single files is reported, a missing folder is an error.
    pub(crate) fn read(origin: &Origin, found: &mut Vec<Diagnostic>) -> Result<Self, RootError> {
        match origin {
            Origin::Folder(folder) => Self::sort(Folder::open(folder)?, found),
            Origin::Manifest(path) => {
                let manifests = Manifests::read(path, found)?;
                Self::sort(manifests, found)
            }
            Origin::Revision { folder, revision } => {
                let commit = Commit::open(folder, revision)?;
                Self::sort(commit, found)
            }
            Origin::Files(files) => Self::sort(Memory::new(files), found),
        }
    }

    fn sort<T: Tree + 'static>(tree: T, found: &mut Vec<Diagnostic>) -> Result<Self, RootError> {
        let tree = Rc::new(tree);
        let root = Self {
            settings: None,
            settings_unread: false,
            tools: BTreeMap::new(),
            policies: BTreeMap::new(),
            prompts: BTreeMap::new(),
            acknowledgements: None,
            counts: [0; 3],
            unread: Default::default(),
            hash: BTreeMap::new(),
            broken: Vec::new(),
            shelf: Rc::<T>::clone(&tree),
        };
        sorting::sort(tree.as_ref(), root, found)
    }

    /// Whether there is no file of a configuration here at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.hash.is_empty() && self.counts == [0; 3]
    }

    /// The finding on a root that is empty.
    pub(crate) fn nothing(&self) -> Diagnostic {
        self.shelf.nothing()
    }

    /// SHA-256 over the sorted names and contents, each behind its length as eight bytes, the
    /// highest first.
    pub(crate) fn revision(&self) -> Revision {
        let mut hash = Sha256::new();
        for (name, content) in &self.hash {
            absorb(&mut hash, name.as_bytes());
            absorb(&mut hash, content);
        }
        Revision::new(hex(&hash.finalize()))
    }

    /// Reads a text that the settings name, relative to the root; `named` is where they name it.
    pub(crate) fn read_beside(
        &self,
        name: &Path,
        named: Option<&Place>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Source> {
        self.shelf.read(name, named, found)
    }

    /// Moves findings on files that are written inside another one, and on what is missing there,
    /// into that one.
    pub(crate) fn settle(&self, found: &mut [Diagnostic]) {
        let Some(home) = self.shelf.home() else {
            return;
        };
        let outer = self.shelf.outer();
        let settle = |place: &mut Place| {
            if !outer.iter().any(|source| *source.name() == place.file) {
                *place = home.clone();
            }
        };
        for found in found {
            settle(&mut found.place);
            found.labels.iter_mut().for_each(|(place, _)| settle(place));
        }
    }

    /// The texts that findings point into.
    pub(crate) fn into_sources(self) -> Vec<Source> {
        if !self.shelf.outer().is_empty() {
            return self.shelf.outer().to_vec();
        }
        self.settings
            .into_iter()
            .chain(self.tools.into_values())
            .chain(self.policies.into_values())
            .chain(self.prompts.into_values())
            .chain(self.acknowledgements)
            .chain(self.broken)
            .collect()
    }
}

/// Takes a text into a hash behind its length, so that no two lists of texts are the same.
fn absorb(hash: &mut Sha256, text: &[u8]) {
    hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(text);
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
        text
    })
}
