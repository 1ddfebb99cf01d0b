//! Which files a root has, their texts, and the revision they make.
//!
//! A root is a folder of folders, or flat with `__` for `/` (one ConfigMap); a mounted ConfigMap is
//! read through its `..data` link, resolved once, so that a swap in the middle cannot mix two
//! revisions.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::RootError;
use super::name::Revision;
use super::yaml::MAX_FILE_BYTES;
use crate::diagnostic::{Diagnostic, Place, Source, nearest};

/// The files of a root, by kind, each under its stem.
#[derive(Debug, Default)]
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
    /// Other files that the settings name, such as a script, are read from here.
    pub(crate) folder: PathBuf,
    /// How many files of each kind there are, unreadable ones included.
    pub(crate) counts: [usize; 3],
    /// What files of each kind that could not be read were probably meant to be, by the names that
    /// others refer to: they exist, so that nothing else complains that they do not.
    pub(crate) unread: [BTreeSet<String>; 3],
    hash: BTreeMap<String, Vec<u8>>,
    /// What can be shown of files that are no text.
    broken: Vec<Source>,
    /// Names at the top that look like one that is read, with that one.
    near_misses: Vec<(String, &'static str)>,
}

/// Stands in `unread` for a folder that could not be read as a whole.
pub(crate) const EVERYTHING: &str = "*";

/// Positions in [`FOLDERS`].
pub(crate) const TOOLS: usize = 0;

/// See [`TOOLS`].
pub(crate) const POLICIES: usize = 1;

/// See [`TOOLS`].
pub(crate) const PROMPTS: usize = 2;

/// The three folders, their files' ending, and what one is called in findings.
const FOLDERS: [(&str, &str, &str); 3] = [
    ("tools.d", ".yaml", "tool"),
    ("policies", ".yaml", "policy"),
    ("prompts", ".md", "prompt"),
];

const SETTINGS: &str = "tolkien.yaml";

const ACKNOWLEDGEMENTS: &str = "permissions.ack.yaml";

impl Root {
    /// Reads a root; what is wrong with single files is reported, a missing folder is an error.
    pub(crate) fn read(folder: &Path, found: &mut Vec<Diagnostic>) -> Result<Self, RootError> {
        if !folder.is_dir() {
            return Err(RootError::Missing(folder.display().to_string()));
        }
        let data = folder.join("..data");
        let folder = if data.is_dir() {
            fs::canonicalize(&data).map_err(|source| io_error(&data, source))?
        } else {
            folder.to_owned()
        };
        let mut root = Self {
            folder: folder.clone(),
            ..Self::default()
        };
        for (name, path) in entries(&folder)? {
            root.top_level(&name, &path, found)?;
        }
        root.report_near_misses(found);
        Ok(root)
    }

    /// Whether there is no file of a configuration here at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.hash.is_empty() && self.counts == [0; 3]
    }

    /// SHA-256 over the sorted names and contents, each behind its length as eight bytes, the
    /// highest first.
    pub(crate) fn revision(&self) -> Revision {
        let mut hash = Sha256::new();
        for (name, content) in &self.hash {
            for part in [name.as_bytes(), content.as_slice()] {
                hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(part);
            }
        }
        Revision::new(hex(&hash.finalize()))
    }

    /// The texts that findings point into.
    pub(crate) fn into_sources(self) -> Vec<Source> {
        self.settings
            .into_iter()
            .chain(self.tools.into_values())
            .chain(self.policies.into_values())
            .chain(self.prompts.into_values())
            .chain(self.acknowledgements)
            .chain(self.broken)
            .collect()
    }

    fn top_level(
        &mut self,
        name: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> Result<(), RootError> {
        if name == SETTINGS {
            let source = self.hashed(SETTINGS, SETTINGS, path, found);
            self.settings_unread = source.is_none();
            self.settings = source;
            return Ok(());
        }
        if name == ACKNOWLEDGEMENTS {
            self.acknowledgements = self.hashed(ACKNOWLEDGEMENTS, ACKNOWLEDGEMENTS, path, found);
            self.hash.remove(ACKNOWLEDGEMENTS);
            return Ok(());
        }
        if let Some((folder, file)) = name.split_once("__")
            && FOLDERS.iter().any(|(known, ..)| *known == folder)
        {
            self.member(folder, file, name, path, found);
            return Ok(());
        }
        if FOLDERS.iter().any(|(known, ..)| *known == name) {
            if path.is_dir() {
                for (file, path) in entries(path)? {
                    self.member(name, &file, &format!("{name}/{file}"), &path, found);
                }
            } else {
                found.push(
                    Diagnostic::error(
                        "not-a-folder",
                        Place::file(name),
                        format!("`{name}` is a file, and must be a folder"),
                    )
                    .help("move its content into files below a folder of this name"),
                );
                let index = FOLDERS.iter().position(|(known, ..)| *known == name);
                if let Some(unread) = index.and_then(|index| self.unread.get_mut(index)) {
                    unread.insert(EVERYTHING.to_owned());
                }
            }
            return Ok(());
        }
        let start = name.split_once("__").map_or(name, |(folder, _)| folder);
        if let Some(near) = misspelt(start) {
            self.near_misses.push((name.to_owned(), near));
        }
        Ok(())
    }

    /// A misspelt folder of policies must not mean that there are none. Where the folder that was
    /// meant exists as well, the other is somebody else's.
    fn report_near_misses(&self, found: &mut Vec<Diagnostic>) {
        for (name, near) in &self.near_misses {
            let exists = self
                .hash
                .keys()
                .any(|key| key == near || key.starts_with(&format!("{near}/")));
            let place = Place::file(name.as_str());
            let message = format!("`{name}` is not read");
            let finding = if exists {
                Diagnostic::warning("unexpected-file", place, message)
            } else {
                Diagnostic::error("unexpected-file", place, message)
            };
            let meant = name
                .split_once("__")
                .map_or_else(|| (*near).to_owned(), |(_, rest)| format!("{near}__{rest}"));
            found.push(finding.help(format!("did you mean `{meant}`?")));
        }
    }

    fn member(
        &mut self,
        folder: &str,
        file: &str,
        shown: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) {
        let position = FOLDERS.iter().position(|(known, ..)| *known == folder);
        let Some((index, (_, ending, kind))) =
            position.and_then(|at| FOLDERS.get(at).map(|folder| (at, folder)))
        else {
            return;
        };
        let key = format!("{folder}/{file}");
        let Some(stem) = file.strip_suffix(ending).filter(|stem| !stem.is_empty()) else {
            found.push(unexpected(shown, file, ending, kind));
            self.hash.insert(key, Vec::new());
            self.set_unread(index, file.split('.').next().unwrap_or(file));
            return;
        };
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        if self.hash.contains_key(&key) {
            found.push(
                Diagnostic::error(
                    "file-twice",
                    Place::file(shown),
                    format!("`{key}` is here a second time, in a folder and flat"),
                )
                .help("keep one of the two files"),
            );
            return;
        }
        if index != PROMPTS && !is_name(stem, joiner(kind)) {
            found.push(bad_name(shown, stem, kind));
            self.hash.insert(key, Vec::new());
            self.set_unread(index, stem);
            self.set_unread(index, &better_name(stem, kind));
            return;
        }
        let Some(source) = self.hashed(&key, shown, path, found) else {
            self.set_unread(index, stem);
            return;
        };
        match index {
            TOOLS => self.tools.insert(stem.to_owned(), source),
            POLICIES => self.policies.insert(stem.to_owned(), source),
            _ => self.prompts.insert(file.to_owned(), source),
        };
    }

    fn set_unread(&mut self, index: usize, stem: &str) {
        let name = if index == PROMPTS {
            format!("{stem}.md")
        } else {
            stem.to_owned()
        };
        if let Some(unread) = self.unread.get_mut(index) {
            unread.insert(name);
        }
    }

    fn hashed(
        &mut self,
        key: &str,
        shown: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Source> {
        let bytes = match text_file(shown, path) {
            Ok(bytes) => bytes,
            Err(finding) => {
                found.push(*finding);
                self.hash.insert(key.to_owned(), Vec::new());
                return None;
            }
        };
        self.hash.insert(key.to_owned(), bytes.clone());
        match decode(shown, bytes) {
            Ok(source) => Some(source),
            Err(broken) => {
                let (finding, source) = *broken;
                found.push(finding);
                self.broken.push(source);
                None
            }
        }
    }
}

/// A file's text, without the mark that some editors put first; of a file that is none, what is wrong
/// and what can be shown of it.
fn decode(shown: &str, bytes: Vec<u8>) -> Result<Source, Box<(Diagnostic, Source)>> {
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            Ok(Source::new(shown, text))
        }
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = Source::new(shown, text);
            let place = source.place(valid..valid);
            let finding = Diagnostic::error("not-utf8", place, "this file is not UTF-8 text")
                .help("save it as UTF-8; the first wrong byte stands here");
            Err(Box::new((finding, source)))
        }
    }
}

/// Reads a text that the settings name, relative to the root; `place` is where they name it.
pub(crate) fn read_beside(
    folder: &Path,
    name: &Path,
    place: Option<&Place>,
) -> Result<Source, Box<Diagnostic>> {
    let shown = name.display().to_string();
    let path = folder.join(name);
    if !path.exists() {
        let place = place
            .cloned()
            .unwrap_or_else(|| Place::file(shown.as_str()));
        let finding =
            Diagnostic::error("missing-file", place, format!("there is no file `{shown}`"))
                .help("write its path relative to the configuration's folder");
        return Err(Box::new(finding));
    }
    decode(&shown, text_file(&shown, &path)?).map_err(|broken| Box::new(broken.0))
}

/// A file's bytes, never more than the limit.
fn text_file(shown: &str, path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let wrong = |code, message: String, help: &str| {
        Box::new(Diagnostic::error(code, Place::file(shown), message).help(help))
    };
    let unreadable = |source: std::io::Error| {
        wrong(
            "unreadable-file",
            format!("`{shown}` cannot be read: {source}"),
            "look at its permissions, and where it leads if it is a link",
        )
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(wrong(
            "not-a-file",
            format!("`{shown}` is not a file"),
            "a configuration holds files only; remove it, or give it another ending",
        ));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(wrong(
            "too-large",
            format!(
                "this file has {} bytes, and at most {MAX_FILE_BYTES} are read",
                metadata.len()
            ),
            "a ConfigMap, the whole of it, holds no more than 1 MiB",
        ));
    }
    Ok(bytes)
}

/// Sorted names and paths; hidden ones, the `..data` machinery of a ConfigMap included, are passed
/// over.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, RootError> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| io_error(folder, source))? {
        let entry = entry.map_err(|source| io_error(folder, source))?;
        // A name goes into findings, and may not speak to the terminal that shows them.
        let name = entry
            .file_name()
            .to_string_lossy()
            .replace(char::is_control, "\u{fffd}");
        if !name.starts_with('.') {
            all.push((name, entry.path()));
        }
    }
    all.sort();
    Ok(all)
}

fn io_error(path: &Path, source: std::io::Error) -> RootError {
    RootError::Io {
        path: path.display().to_string(),
        source,
    }
}

fn is_name(stem: &str, joiner: u8) -> bool {
    stem.len() <= 64
        && stem.starts_with(|first: char| first.is_ascii_lowercase())
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == joiner)
}

/// The character that joins the words of a name.
fn joiner(kind: &str) -> u8 {
    if kind == "tool" { b'_' } else { b'-' }
}

fn better_name(stem: &str, kind: &str) -> String {
    let better: String = stem
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c
            } else {
                char::from(joiner(kind))
            }
        })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(64)
        .collect();
    if better.is_empty() {
        kind.to_owned()
    } else {
        better
    }
}

fn bad_name(shown: &str, stem: &str, kind: &str) -> Diagnostic {
    let (joiner, better) = (char::from(joiner(kind)), better_name(stem, kind));
    Diagnostic::error(
        "bad-name",
        Place::file(shown),
        format!("`{stem}` is no name for a {kind}"),
    )
    .help(format!(
        "start with a letter and use `a-z`, `0-9` and `{joiner}`, at most 64: `{better}`"
    ))
}

fn unexpected(shown: &str, file: &str, ending: &str, kind: &str) -> Diagnostic {
    const OTHERS: [&str; 7] = ["yml", "json", "YAML", "YML", "markdown", "txt", "j2"];
    let (stem, other) = file.split_once('.').unwrap_or((file, ""));
    let help = if OTHERS.contains(&other) {
        format!("rename it to `{stem}{ending}`, or move it out of this folder")
    } else {
        "move it out of this folder".to_owned()
    };
    Diagnostic::error(
        "unexpected-file",
        Place::file(shown),
        format!("`{shown}` is not read: a {kind} is a file that ends in `{ending}`"),
    )
    .help(help)
}

fn misspelt(name: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 6] = [
        ("tolkien.yml", SETTINGS),
        ("permissions.ack.yml", ACKNOWLEDGEMENTS),
        ("tools", "tools.d"),
        ("policy", "policies"),
        ("prompt", "prompts"),
        ("settings.yaml", SETTINGS),
    ];
    let known = FOLDERS.iter().map(|(folder, ..)| *folder);
    OTHERS
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, known)| *known)
        .or_else(|| nearest(name, known.chain([SETTINGS, ACKNOWLEDGEMENTS])))
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
