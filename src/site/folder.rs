//! Putting a site into a folder: all of it or nothing, and never over what somebody else wrote.
//!
//! A marker in the folder names the files of the site. Without it the folder must be empty; with it only
//! those files are replaced, and removed where the new site has no such page. Everything is written
//! beside the old site before the first of its files is replaced.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::Page;

/// Names the files of the site, one a line.
const MARKER: &str = ".tolkien-site";

/// Where a site is until it is whole.
const STAGE: &str = ".tolkien-site.new";

/// Why a site is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folder holds what is no part of a site.
    #[error("`{folder}` holds `{file}`, which `tolkien docs` did not write")]
    Occupied {
        /// The folder.
        folder: String,
        /// Something in it.
        file: String,
    },
    /// The system refused.
    #[error("cannot write `{path}`")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes a site into a folder, which is made where there is none.
pub(crate) fn write(folder: &Path, pages: &[Page]) -> Result<(), Error> {
    done(folder, fs::create_dir_all(folder))?;
    let before = written_before(folder)?;
    refuse_others(folder, before.as_ref(), pages)?;
    let stage = folder.join(STAGE);
    match fs::remove_dir_all(&stage) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => done(&stage, removed)?,
    }
    done(&stage, fs::create_dir(&stage))?;
    for page in pages {
        let path = stage.join(&page.file);
        done(&path, fs::write(&path, &page.text))?;
    }
    let new: BTreeSet<String> = pages.iter().map(|page| page.file.clone()).collect();
    let old = before.unwrap_or_default();
    // Whatever happens from here on, the marker names every file that may be there.
    mark(folder, old.union(&new))?;
    for file in &new {
        let path = folder.join(file);
        done(&path, fs::rename(stage.join(file), &path))?;
    }
    for file in old.difference(&new) {
        let path = folder.join(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => done(&path, removed)?,
        }
    }
    mark(folder, &new)?;
    done(&stage, fs::remove_dir(&stage))
}

/// The files of the site that is there; absent where there is none.
fn written_before(folder: &Path) -> Result<Option<BTreeSet<String>>, Error> {
    let path = folder.join(MARKER);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => done(&path, read)?,
    };
    // A name that leads elsewhere is no file of a site, whoever wrote it there.
    let is_file = |name: &&str| Path::new(name).file_name() == Some(name.as_ref());
    Ok(Some(
        text.lines().filter(is_file).map(str::to_owned).collect(),
    ))
}

/// Refuses a folder in which something of somebody else is, or would be written over.
fn refuse_others(
    folder: &Path,
    before: Option<&BTreeSet<String>>,
    pages: &[Page],
) -> Result<(), Error> {
    let mut others = BTreeSet::new();
    for entry in done(folder, fs::read_dir(folder))? {
        let name = done(folder, entry)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if ![MARKER, STAGE].contains(&name.as_str()) {
            others.insert(name);
        }
    }
    let other = match before {
        None => others.first(),
        Some(before) => {
            let new = pages.iter().map(|page| &page.file);
            new.filter(|file| !before.contains(*file))
                .find(|file| others.contains(*file))
        }
    };
    match other {
        None => Ok(()),
        Some(file) => Err(Error::Occupied {
            folder: folder.display().to_string(),
            file: file.clone(),
        }),
    }
}

fn mark<'a>(folder: &Path, files: impl IntoIterator<Item = &'a String>) -> Result<(), Error> {
    let path = folder.join(MARKER);
    let lines: Vec<&str> = files.into_iter().map(String::as_str).collect();
    done(&path, fs::write(&path, lines.join("\n") + "\n"))
}

fn done<T>(path: &Path, result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::Io {
        path: path.display().to_string(),
        source,
    })
}
