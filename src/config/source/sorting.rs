//! Sorting the entries of a tree into the files of a root, and reporting what has no place in one.

use std::collections::BTreeSet;

use super::naming::{
    ACKNOWLEDGEMENTS, FOLDERS, POLICIES, PROMPTS, SETTINGS, TOOLS, bad_name, better_name, is_name,
    joiner, misspelt, unexpected,
};
use super::tree::{Tree, decode, not_utf8};
use super::{EVERYTHING, Root};
use crate::config::RootError;
use crate::diagnostic::{Diagnostic, Place, Source};

/// More files than any folder of a configuration has: beyond them something else was meant, and
/// checking them all would take minutes.
const MOST_FILES: usize = 10_000;

/// Fills a root with the files of a tree.
pub(super) fn sort<T: Tree>(
    tree: &T,
    root: Root,
    found: &mut Vec<Diagnostic>,
) -> Result<Root, RootError> {
    let mut sorting = Sorting {
        tree,
        root,
        found,
        near_misses: Vec::new(),
        too_many: BTreeSet::new(),
    };
    let top = tree.top()?;
    for (index, (folder, ..)) in FOLDERS.iter().enumerate() {
        let flat = |name: &str| {
            name.split_once("__")
                .is_some_and(|(start, _)| start == *folder)
        };
        let files = top.iter().filter(|(name, _)| flat(name)).count();
        sorting.refuse_too_many(index, folder, files);
    }
    for (name, at) in &top {
        sorting.top_level(name, at)?;
    }
    sorting.report_near_misses();
    Ok(sorting.root)
}

struct Sorting<'a, T> {
    tree: &'a T,
    root: Root,
    found: &'a mut Vec<Diagnostic>,
    /// Names at the top that look like one that is read, with that one.
    near_misses: Vec<(String, Place, &'static str)>,
    /// The folders of which no file is read.
    too_many: BTreeSet<usize>,
}

/// One file of one of the three folders, on its way into the root.
struct Member<'m, At> {
    /// Its folder's position in [`FOLDERS`].
    index: usize,
    /// Its name without the folder.
    file: &'m str,
    /// Its name as the operator would type it from the root.
    shown: &'m str,
    at: &'m At,
}

impl<T: Tree> Sorting<'_, T> {
    fn top_level(&mut self, name: &str, at: &T::At) -> Result<(), RootError> {
        if name == SETTINGS {
            let source = self.hashed(SETTINGS, SETTINGS, at);
            self.root.settings_unread = source.is_none();
            self.root.settings = source;
            return Ok(());
        }
        if name == ACKNOWLEDGEMENTS {
            self.root.acknowledgements = self.hashed(ACKNOWLEDGEMENTS, ACKNOWLEDGEMENTS, at);
            self.root.hash.remove(ACKNOWLEDGEMENTS);
            return Ok(());
        }
        if let Some((folder, file)) = name.split_once("__")
            && let Some(index) = position(folder)
        {
            self.member(&Member {
                index,
                file,
                shown: name,
                at,
            });
            return Ok(());
        }
        if let Some(index) = position(name) {
            return self.folder(index, name, at);
        }
        let start = name.split_once("__").map_or(name, |(folder, _)| folder);
        if let Some(near) = misspelt(start) {
            let place = self.tree.place(at, name);
            self.near_misses.push((name.to_owned(), place, near));
        }
        Ok(())
    }

    fn folder(&mut self, index: usize, name: &str, at: &T::At) -> Result<(), RootError> {
        if let Some(files) = self.tree.below(at)? {
            self.refuse_too_many(index, name, files.len());
            for (file, at) in &files {
                let shown = &format!("{name}/{file}");
                self.member(&Member {
                    index,
                    file,
                    shown,
                    at,
                });
            }
            return Ok(());
        }
        self.found.push(
            Diagnostic::error(
                "not-a-folder",
                self.tree.place(at, name),
                format!("`{name}` is a file, and must be a folder"),
            )
            .help("move its content into files below a folder of this name"),
        );
        self.forget(index);
        Ok(())
    }

    /// Reports a folder of more files than are read; none of them is.
    fn refuse_too_many(&mut self, index: usize, folder: &str, files: usize) {
        if files <= MOST_FILES {
            return;
        }
        self.found.push(
            Diagnostic::error(
                "too-many-files",
                Place::file(folder),
                format!("`{folder}` has {files} files, and at most {MOST_FILES} are read"),
            )
            .help("look at what wrote them; a configuration of many agents is many folders"),
        );
        self.too_many.insert(index);
        self.forget(index);
    }

    /// Nothing is known of the files of a folder.
    fn forget(&mut self, index: usize) {
        if let Some(unread) = self.root.unread.get_mut(index) {
            unread.insert(EVERYTHING.to_owned());
        }
    }

    /// A misspelt folder of policies must not mean that there are none. Where the folder that was
    /// meant exists as well, the other is somebody else's.
    fn report_near_misses(&mut self) {
        for (name, place, near) in std::mem::take(&mut self.near_misses) {
            let below = format!("{near}/");
            let mut keys = self.root.hash.keys();
            let exists = keys.any(|key| key == near || key.starts_with(&below));
            let message = format!("`{name}` is not read");
            let finding = if exists {
                Diagnostic::warning("unexpected-file", place, message)
            } else {
                Diagnostic::error("unexpected-file", place, message)
            };
            let meant = name
                .split_once("__")
                .map_or_else(|| near.to_owned(), |(_, rest)| format!("{near}__{rest}"));
            self.found
                .push(finding.help(format!("did you mean `{meant}`?")));
        }
    }

    fn member(&mut self, member: &Member<'_, T::At>) {
        let Member {
            index,
            file,
            shown,
            at,
        } = *member;
        let Some((folder, ending, kind)) = FOLDERS.get(index).copied() else {
            return;
        };
        if self.too_many.contains(&index) {
            self.count(index);
            return;
        }
        let key = format!("{folder}/{file}");
        let place = || self.tree.place(at, shown);
        let Some(stem) = file.strip_suffix(ending).filter(|stem| !stem.is_empty()) else {
            self.found
                .push(unexpected(place(), (shown, file), ending, kind));
            self.root.hash.insert(key, Vec::new());
            self.set_unread(index, file.split('.').next().unwrap_or(file));
            return;
        };
        self.count(index);
        if self.root.hash.contains_key(&key) {
            self.found.push(
                Diagnostic::error(
                    "file-twice",
                    place(),
                    format!("`{key}` is here a second time, in a folder and flat"),
                )
                .help("keep one of the two files"),
            );
            return;
        }
        if index != PROMPTS && !is_name(stem, joiner(kind)) {
            self.found.push(bad_name(place(), stem, kind));
            self.root.hash.insert(key, Vec::new());
            self.set_unread(index, stem);
            self.set_unread(index, &better_name(stem, kind));
            return;
        }
        let Some(source) = self.hashed(&key, shown, at) else {
            self.set_unread(index, stem);
            return;
        };
        match index {
            TOOLS => self.root.tools.insert(stem.to_owned(), source),
            POLICIES => self.root.policies.insert(stem.to_owned(), source),
            _ => self.root.prompts.insert(file.to_owned(), source),
        };
    }

    fn count(&mut self, index: usize) {
        if let Some(count) = self.root.counts.get_mut(index) {
            *count += 1;
        }
    }

    fn set_unread(&mut self, index: usize, stem: &str) {
        let name = if index == PROMPTS {
            format!("{stem}.md")
        } else {
            stem.to_owned()
        };
        if let Some(unread) = self.root.unread.get_mut(index) {
            unread.insert(name);
        }
    }

    fn hashed(&mut self, key: &str, shown: &str, at: &T::At) -> Option<Source> {
        let bytes = match self.tree.file(at) {
            Ok(bytes) => bytes,
            Err(why) => {
                let place = self.tree.place(at, shown);
                self.found.extend(why.finding(shown, place));
                self.root.hash.insert(key.to_owned(), Vec::new());
                return None;
            }
        };
        self.root.hash.insert(key.to_owned(), bytes.clone());
        let (text, wrong) = decode(shown, bytes);
        let text = self.tree.placed(at, text);
        let Some(byte) = wrong else {
            return Some(text);
        };
        self.found.push(not_utf8(&text, byte));
        self.root.broken.push(text);
        None
    }
}

/// A folder's position in [`FOLDERS`].
fn position(folder: &str) -> Option<usize> {
    FOLDERS.iter().position(|(known, ..)| *known == folder)
}
