//! A root in a folder of this machine.
//!
//! A mounted ConfigMap is read through its `..data` link, resolved once, so that a swap in the middle
//! cannot mix two revisions.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::tree::{Names, Tree, Unread};
use crate::config::RootError;
use crate::config::yaml::MAX_FILE_BYTES;

/// A folder, `..data` resolved.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(folder: &Path) -> Result<Self, RootError> {
        if !folder.is_dir() {
            return Err(RootError::Missing(folder.display().to_string()));
        }
        let data = folder.join("..data");
        if data.is_dir() {
            let resolved = fs::canonicalize(&data).map_err(|source| io_error(&data, source))?;
            return Ok(Self(resolved));
        }
        Ok(Self(folder.to_owned()))
    }
}

impl Tree for Folder {
    type At = PathBuf;

    fn top(&self) -> Result<Names<PathBuf>, RootError> {
        entries(&self.0)
    }

    fn below(&self, at: &PathBuf) -> Result<Option<Names<PathBuf>>, RootError> {
        at.is_dir().then(|| entries(at)).transpose()
    }

    fn file(&self, at: &PathBuf) -> Result<Vec<u8>, Unread> {
        bytes(at, MAX_FILE_BYTES)
    }

    fn find(&self, name: &Path) -> Option<PathBuf> {
        Some(self.0.join(name)).filter(|path| path.exists())
    }
}

/// A file's bytes, never more than a limit.
pub(super) fn bytes(path: &Path, limit: usize) -> Result<Vec<u8>, Unread> {
    let refused = |source: std::io::Error| Unread::Refused(source.to_string());
    let metadata = fs::metadata(path).map_err(refused)?;
    if !metadata.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    fs::File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(refused)?;
    if bytes.len() > limit {
        return Err(Unread::TooLarge {
            bytes: metadata.len(),
            most: limit,
        });
    }
    Ok(bytes)
}

/// Sorted names and paths; hidden ones, the `..data` machinery of a ConfigMap included, are passed
/// over.
pub(super) fn entries(folder: &Path) -> Result<Names<PathBuf>, RootError> {
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

pub(super) fn io_error(path: &Path, source: std::io::Error) -> RootError {
    RootError::Io {
        path: path.display().to_string(),
        source,
    }
}
