//! Which files a root has, their texts, and the revision they make.
//!
//! A root is a folder of folders, or flat with `__` for `/` (one ConfigMap); a mounted ConfigMap is
//! read through its `..data` link, resolved once, so that a swap in the middle cannot mix two
//! revisions.

use std::collections::BTreeMap;
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
    hash: BTreeMap<String, Vec<u8>>,
}

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
        Ok(root)
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
            .collect()
    }

    fn top_level(
        &mut self,
        name: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> Result<(), RootError> {
        if name == SETTINGS {
            if let Some(source) = self.file(SETTINGS, path, found)? {
                self.settings = Some(source);
            }
            return Ok(());
        }
        if name == ACKNOWLEDGEMENTS {
            self.acknowledgements = self.file(ACKNOWLEDGEMENTS, path, found)?;
            self.hash.remove(ACKNOWLEDGEMENTS);
            return Ok(());
        }
        if let Some((folder, file)) = name.split_once("__")
            && FOLDERS.iter().any(|(known, ..)| *known == folder)
        {
            return self.member(folder, file, name, path, found);
        }
        if FOLDERS.iter().any(|(known, ..)| *known == name) {
            if path.is_dir() {
                for (file, path) in entries(path)? {
                    self.member(name, &file, &format!("{name}/{file}"), &path, found)?;
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
            }
            return Ok(());
        }
        if let Some(near) = misspelt(name) {
            found.push(
                Diagnostic::warning(
                    "unexpected-file",
                    Place::file(name),
                    format!("`{name}` is not read"),
                )
                .help(format!("did you mean `{near}`?")),
            );
        }
        Ok(())
    }

    fn member(
        &mut self,
        folder: &str,
        file: &str,
        shown: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> Result<(), RootError> {
        let Some((index, (_, ending, kind))) = FOLDERS
            .iter()
            .enumerate()
            .find(|(_, (known, ..))| *known == folder)
        else {
            return Ok(());
        };
        let Some(stem) = file.strip_suffix(ending).filter(|stem| !stem.is_empty()) else {
            found.push(unread(shown, file, ending, kind));
            return Ok(());
        };
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        let shown = if self.hash.contains_key(&format!("{folder}/{file}")) {
            found.push(
                Diagnostic::error(
                    "file-twice",
                    Place::file(shown),
                    format!("`{folder}/{file}` is here a second time, in a folder and flat"),
                )
                .help("keep one of the two files"),
            );
            return Ok(());
        } else {
            shown
        };
        if kind != &"prompt" && !is_name(stem, if *kind == "tool" { b'_' } else { b'-' }) {
            found.push(bad_name(shown, stem, kind));
            self.hash.insert(format!("{folder}/{file}"), Vec::new());
            return Ok(());
        }
        let Some(source) = self.hashed(&format!("{folder}/{file}"), shown, path, found)? else {
            return Ok(());
        };
        match *kind {
            "tool" => self.tools.insert(stem.to_owned(), source),
            "policy" => self.policies.insert(stem.to_owned(), source),
            _ => self.prompts.insert(file.to_owned(), source),
        };
        Ok(())
    }

    fn file(
        &mut self,
        name: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> Result<Option<Source>, RootError> {
        self.hashed(name, name, path, found)
    }

    fn hashed(
        &mut self,
        key: &str,
        shown: &str,
        path: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> Result<Option<Source>, RootError> {
        let bytes = match text_file(shown, path)? {
            Ok(bytes) => bytes,
            Err(finding) => {
                found.push(finding);
                self.hash.insert(key.to_owned(), Vec::new());
                return Ok(None);
            }
        };
        self.hash.insert(key.to_owned(), bytes.clone());
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text
                    .strip_prefix('\u{feff}')
                    .map(str::to_owned)
                    .unwrap_or(text);
                Ok(Some(Source::new(shown, text)))
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let place = Source::new(shown, text).place(valid..valid);
                found.push(
                    Diagnostic::error("not-utf8", place, "this file is not UTF-8 text")
                        .help("save it as UTF-8; the first wrong byte stands here"),
                );
                Ok(None)
            }
        }
    }
}

/// Reads a text that the settings name, relative to the root.
pub(crate) fn read_beside(
    folder: &Path,
    name: &Path,
    shown: &str,
) -> Result<Source, Box<Diagnostic>> {
    let missing = |_| {
        Box::new(
            Diagnostic::error(
                "missing-file",
                Place::file(shown),
                format!("there is no file `{shown}`"),
            )
            .help("write its path relative to the configuration's folder"),
        )
    };
    let bytes = text_file(shown, &folder.join(name)).map_err(missing)?;
    let text = String::from_utf8(bytes.map_err(Box::new)?).map_err(|_| {
        Box::new(
            Diagnostic::error(
                "not-utf8",
                Place::file(shown),
                "this file is not UTF-8 text",
            )
            .help("save it as UTF-8"),
        )
    })?;
    Ok(Source::new(shown, text))
}

/// A file's bytes, never more than the limit; what is wrong with the file is a finding.
fn text_file(shown: &str, path: &Path) -> Result<Result<Vec<u8>, Diagnostic>, RootError> {
    let metadata = fs::metadata(path).map_err(|source| io_error(path, source))?;
    if !metadata.is_file() {
        return Ok(Err(Diagnostic::error(
            "not-a-file",
            Place::file(shown),
            format!("`{shown}` is not a file"),
        )
        .help(
            "a configuration holds files only; remove it, or give it another ending",
        )));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|source| io_error(path, source))?;
    if bytes.len() > MAX_FILE_BYTES {
        return Ok(Err(Diagnostic::error(
            "too-large",
            Place::file(shown),
            format!(
                "this file has {} bytes, and at most {MAX_FILE_BYTES} are read",
                metadata.len()
            ),
        )
        .help("a ConfigMap, the whole of it, holds no more than 1 MiB")));
    }
    Ok(Ok(bytes))
}

/// Sorted names and paths; hidden ones, the `..data` machinery of a ConfigMap included, are passed
/// over.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, RootError> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| io_error(folder, source))? {
        let entry = entry.map_err(|source| io_error(folder, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
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

fn bad_name(shown: &str, stem: &str, kind: &str) -> Diagnostic {
    let joiner = if kind == "tool" { '_' } else { '-' };
    let better: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { joiner })
        .collect();
    Diagnostic::error(
        "bad-name",
        Place::file(shown),
        format!("`{stem}` is no name for a {kind}"),
    )
    .help(format!(
        "start with a letter and use `a-z`, `0-9` and `{joiner}`, at most 64: `{better}`"
    ))
}

fn unread(shown: &str, file: &str, ending: &str, kind: &str) -> Diagnostic {
    let found = Diagnostic::error(
        "unexpected-file",
        Place::file(shown),
        format!("`{shown}` is not read: a {kind} is a file that ends in `{ending}`"),
    );
    let stem = file.split('.').next().unwrap_or(file);
    found.help(format!(
        "rename it to `{stem}{ending}`, or move it out of this folder"
    ))
}

fn misspelt(name: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 5] = [
        ("tolkien.yml", SETTINGS),
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
        .or_else(|| nearest(name, known.chain([SETTINGS])))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
