//! A root in the data of Kubernetes `ConfigMap` manifests, before a cluster mounts it as a flat folder.
//!
//! Of all documents (and the items of a `List`) those ConfigMaps count whose keys look like a
//! configuration; together they are one root. What else a manifest says is not ours to judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::folder::{bytes, entries, io_error};
use super::memory::shown;
use super::naming::{is_read, misspelt};
use super::tree::{Names, Tree, Unread, decode, not_utf8};
use crate::config::RootError;
use crate::config::yaml::{self, Entry, Kind, MAX_FILE_BYTES, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, Source};

/// The largest file of manifests that is read, in bytes: one ConfigMap holds 1 MiB, and a release of
/// some charts a few of them.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What a cluster takes in the values of one ConfigMap, in bytes.
const MOST_DATA: usize = 1024 * 1024;

/// Endings of files that hold manifests.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The data of all ConfigMaps by key.
#[derive(Debug)]
pub(super) struct Manifests {
    files: Vec<Source>,
    data: BTreeMap<String, Datum>,
    home: Place,
}

/// One file of the root.
#[derive(Debug)]
struct Datum {
    /// Absent when what is wrong with them was reported.
    bytes: Option<Vec<u8>>,
    /// Of the manifest's file, in `files`.
    file: usize,
    /// Where its key stands.
    key: std::ops::Range<usize>,
    /// Where its value starts.
    value: usize,
}

/// Whether a folder holds manifests of a configuration, and no configuration by itself.
pub(super) fn are_in(folder: &Path) -> bool {
    let Ok(names) = entries(folder) else {
        return false;
    };
    let itself = |(name, _): &(String, PathBuf)| is_read(name);
    if names.iter().any(itself) || folder.join("..data").is_dir() {
        return false;
    }
    names.iter().any(|(name, path)| {
        let text = || String::from_utf8(bytes(path, MOST_BYTES).ok()?).ok();
        is_manifest(name) && text().is_some_and(|text| mentions_config_map(&text))
    })
}

fn is_manifest(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Whether a text may hold a ConfigMap: others in the folder need not even be YAML.
fn mentions_config_map(text: &str) -> bool {
    text.contains("ConfigMap")
}

impl Manifests {
    /// Reads a file, or every file of a folder that mentions a ConfigMap.
    pub(super) fn read(path: &Path, found: &mut Vec<Diagnostic>) -> Result<Self, RootError> {
        let mut manifests = Self {
            files: Vec::new(),
            data: BTreeMap::new(),
            home: Place::file(shown(&path.display().to_string())),
        };
        if !path.is_dir() {
            let name = path.file_name().unwrap_or(path.as_os_str());
            let name = shown(&name.to_string_lossy());
            manifests.home = Place::file(name.as_str());
            let text = bytes(path, MOST_BYTES).map_err(|why| unreadable(path, why))?;
            manifests.add(&name, text, found);
            return Ok(manifests);
        }
        for (name, path) in entries(path)? {
            if !is_manifest(&name) || path.is_dir() {
                continue;
            }
            match bytes(&path, MOST_BYTES) {
                Ok(text) if mentions_config_map(&String::from_utf8_lossy(&text)) => {
                    manifests.add(&name, text, found);
                }
                Ok(_) => {}
                Err(why) => found.extend(why.finding(&name, Place::file(name.as_str()))),
            }
        }
        if let [only] = manifests.files.as_slice() {
            manifests.home = Place::file(only.name().as_ref());
        }
        Ok(manifests)
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>, found: &mut Vec<Diagnostic>) {
        let (text, wrong) = decode(name, bytes);
        self.files.push(text.clone());
        if let Some(byte) = wrong {
            found.push(not_utf8(&text, byte));
            return;
        }
        let mut said = Vec::new();
        let Some(documents) = yaml::parse_documents(&text, &mut said) else {
            found.extend(said.pop());
            return;
        };
        for document in &documents {
            for map in config_maps(document) {
                self.config_map(&text, map, &said, found);
            }
        }
    }

    /// Takes the data of one ConfigMap; `said` is what the strict dialect of our own files has to say
    /// on the whole file, and concerns us in the data alone.
    fn config_map(
        &mut self,
        text: &Source,
        map: &Node,
        said: &[Diagnostic],
        found: &mut Vec<Diagnostic>,
    ) {
        let part = |key| map.member(key).filter(|node| !node.is_null());
        let parts = [(part("data"), false), (part("binaryData"), true)];
        let looks = |(node, _): &(Option<&Node>, bool)| {
            let members = node.map(Node::members).unwrap_or_default();
            members.iter().any(|entry| looks_like_ours(&entry.key))
        };
        for (node, _) in parts {
            if let Some(node) = node
                && matches!(node.kind, Kind::Refused)
            {
                found.push(alias(text, node));
            }
        }
        if !parts.iter().any(looks) {
            return;
        }
        let mut total = 0;
        for (node, binary) in parts {
            let Some(node) = node else { continue };
            let here = text.place(node.span.clone());
            let inside = |found: &&Diagnostic| {
                (here.bytes.start..=here.bytes.end).contains(&found.place.bytes.start)
            };
            found.extend(said.iter().filter(inside).cloned());
            for entry in node.members() {
                let mut reader = Reader::new(text, found);
                let bytes = value(&mut reader, entry, binary);
                total += bytes.as_ref().map_or(0, Vec::len);
                self.datum(text, entry, bytes, found);
            }
        }
        if total > MOST_DATA {
            found.push(refused(text, map, total));
        }
    }

    fn datum(
        &mut self,
        text: &Source,
        entry: &Entry,
        bytes: Option<Vec<u8>>,
        found: &mut Vec<Diagnostic>,
    ) {
        let place = text.place(entry.key_span.clone());
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !entry.key.chars().all(fine) {
            let finding = Diagnostic::error(
                "bad-name",
                place.clone(),
                format!(
                    "`{}` is no key that a ConfigMap can have",
                    shown(&entry.key)
                ),
            );
            found.push(finding.help(
                "use letters, digits, `-`, `_` and `.`, and `__` for `/`: `tools.d__kubectl.yaml`",
            ));
        }
        let key = entry.key.replacen('/', "__", 1);
        if let Some(first) = self.data.get(&key) {
            let finding = Diagnostic::error(
                "file-twice",
                place,
                format!("`{}` stands here a second time", shown(&key)),
            );
            let first = self.place_of(first);
            found.push(
                finding
                    .label(first, "first here")
                    .help("keep one of the two"),
            );
            return;
        }
        let datum = Datum {
            bytes,
            file: self.files.len().saturating_sub(1),
            key: entry.key_span.clone(),
            value: entry.value.span.start,
        };
        self.data.insert(key, datum);
    }

    /// Where a key stands.
    fn place_of(&self, datum: &Datum) -> Place {
        let file = self.files.get(datum.file);
        file.map_or_else(|| self.home.clone(), |file| file.place(datum.key.clone()))
    }
}

impl Tree for Manifests {
    type At = String;

    fn top(&self) -> Result<Names<String>, RootError> {
        let names = self.data.keys().map(|key| (shown(key), key.clone()));
        Ok(names.filter(|(name, _)| !name.starts_with('.')).collect())
    }

    fn below(&self, _at: &String) -> Result<Option<Names<String>>, RootError> {
        Ok(None)
    }

    fn file(&self, at: &String) -> Result<Vec<u8>, Unread> {
        let datum = self.data.get(at).ok_or(Unread::NotAFile)?;
        let bytes = datum.bytes.clone().ok_or(Unread::Told)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Unread::TooLarge {
                bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                most: MAX_FILE_BYTES,
            });
        }
        Ok(bytes)
    }

    fn find(&self, name: &Path) -> Option<String> {
        let path = name.to_str()?;
        let key = path.strip_prefix("./").unwrap_or(path).replace('/', "__");
        self.data.contains_key(&key).then_some(key)
    }

    fn place(&self, at: &String, _shown: &str) -> Place {
        let datum = self.data.get(at);
        datum.map_or_else(|| self.home.clone(), |datum| self.place_of(datum))
    }

    fn placed(&self, at: &String, text: Source) -> Source {
        let Some(datum) = self.data.get(at) else {
            return text;
        };
        match self.files.get(datum.file) {
            Some(file) => text.inside(file, &datum.key, datum.value),
            None => text,
        }
    }

    fn outer(&self) -> &[Source] {
        &self.files
    }

    fn home(&self) -> Option<Place> {
        Some(self.home.clone())
    }

    fn nothing(&self) -> Diagnostic {
        Diagnostic::error(
            "nothing-to-check",
            self.home.clone(),
            "there is no ConfigMap of a configuration here",
        )
        .help(
            "its `data` has keys such as `tools.d__kubectl.yaml`; to check a folder, name the one \
             that holds `tools.d`",
        )
    }
}

/// The ConfigMaps of a document: itself, or the items of a list.
fn config_maps(document: &Node) -> Vec<&Node> {
    let kind = document.member("kind").and_then(Node::as_text);
    match kind {
        Some("ConfigMap") => vec![document],
        Some("List" | "ConfigMapList") => {
            let items = document.member("items").map(Node::items);
            items
                .unwrap_or_default()
                .iter()
                .filter(|item| {
                    let own = item.member("kind").and_then(Node::as_text);
                    own == Some("ConfigMap") || (own.is_none() && kind == Some("ConfigMapList"))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a key is read as a part of a configuration, or was probably meant to be.
fn looks_like_ours(key: &str) -> bool {
    let key = key.replacen('/', "__", 1);
    let misspelt_folder = || {
        key.split_once("__")
            .and_then(|(folder, _)| misspelt(folder))
    };
    is_read(&key) || misspelt_folder().is_some()
}

/// The bytes of one value of `data`, or of `binaryData`.
fn value(reader: &mut Reader<'_>, entry: &Entry, binary: bool) -> Option<Vec<u8>> {
    let what = format!("the value of `{}`", shown(&entry.key));
    let text = reader.text(&entry.value, &what)?;
    if !binary {
        return Some(text.as_bytes().to_vec());
    }
    // As a cluster reads it: line ends do not count.
    let digits: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = STANDARD.decode(digits);
    if bytes.is_err() {
        reader.error(
            "bad-base64",
            &entry.value,
            format!("{what} is not base64"),
            "encode it (`base64 -w0 FILE`), or write it as text under `data`",
        );
    }
    bytes.ok()
}

/// The finding on data that is not written where it counts.
fn alias(text: &Source, node: &Node) -> Diagnostic {
    let message = "the data of this ConfigMap is an alias or has a tag, and is not read";
    Diagnostic::error("yaml-alias", text.place(node.span.clone()), message)
        .help("write the data out: a reviewer reads it where it counts")
}

/// The finding on a ConfigMap that no cluster would take.
fn refused(text: &Source, map: &Node, total: usize) -> Diagnostic {
    let name = map.member("metadata").and_then(|meta| meta.member("name"));
    let place = text.place(name.unwrap_or(map).span.clone());
    let message = format!(
        "the data of this ConfigMap has {total} bytes, and a cluster takes at most {MOST_DATA}"
    );
    Diagnostic::error("too-large", place, message)
        .help("move some of its keys into a second ConfigMap, and mount both as one volume")
}

/// A single file of manifests that cannot be read is no root at all.
fn unreadable(path: &Path, why: Unread) -> RootError {
    let source = match why {
        Unread::Refused(why) => std::io::Error::other(why),
        Unread::NotAFile | Unread::Told => std::io::Error::other("it is no file"),
        Unread::TooLarge { bytes, most } => {
            std::io::Error::other(format!("it has {bytes} bytes, and at most {most} are read"))
        }
    };
    io_error(path, source)
}
