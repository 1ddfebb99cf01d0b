//! A root in a revision of a git repository, read from its objects: nothing is checked out, and no
//! `git` is started.
//!
//! Only the repository's own configuration is read, not the user's or the system's, so that the
//! answer is the same on every machine that has the same objects.

use std::path::{Component, Path, PathBuf};

use gix::objs::tree::EntryKind;
use gix::revision::spec::parse;
use gix::{ObjectId, Repository};

use super::memory::shown;
use super::tree::{Names, Tree, Unread};
use crate::config::RootError;
use crate::config::yaml::MAX_FILE_BYTES;
use crate::diagnostic::nearest;

/// More links on the way to one file than the system would follow, too.
const MOST_LINKS: usize = 40;

/// The longest path that the system would follow, in bytes.
const LONGEST_LINK: usize = 4096;

/// The files of a commit.
#[derive(Debug)]
pub(super) struct Commit {
    repository: Repository,
    /// The tree of the whole repository.
    tree: ObjectId,
    /// The configuration's folder from the top of the repository, name by name.
    folder: Vec<Vec<u8>>,
}

/// A file, folder or link of a commit.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its path from the top of the repository, name by name.
    path: Vec<Vec<u8>>,
    kind: EntryKind,
    id: ObjectId,
}

impl Commit {
    /// Finds the repository that a folder lies in, and a revision there.
    pub(super) fn open(folder: &Path, revision: &str) -> Result<Self, RootError> {
        let (existing, rest) = existing(folder);
        let repository = discover(&existing, folder)?;
        let top = repository.workdir().unwrap_or(repository.git_dir());
        let top = std::fs::canonicalize(top).unwrap_or_else(|_| top.to_owned());
        // The folder of the repository itself is in no work tree of it.
        let folder = existing
            .strip_prefix(&top)
            .ok()
            .and_then(|within| names(&within.join(rest)))
            .ok_or_else(|| RootError::NoRepository(folder.display().to_string()))?;
        let tree = tree(&repository, revision)?;
        Ok(Self {
            repository,
            tree,
            folder,
        })
    }

    /// What a path from the top leads to, links followed; absent when there is nothing.
    fn walk(&self, path: &[Vec<u8>]) -> Result<Option<Entry>, Unread> {
        let mut ahead: Vec<Vec<u8>> = path.iter().rev().cloned().collect();
        let mut here = Entry {
            path: Vec::new(),
            kind: EntryKind::Tree,
            id: self.tree,
        };
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            if name == b".." {
                here.path.pop().ok_or_else(leads_out)?;
                let above = std::mem::take(&mut here.path);
                ahead.extend(above.into_iter().rev());
                here = Entry {
                    path: Vec::new(),
                    kind: EntryKind::Tree,
                    id: self.tree,
                };
                continue;
            }
            let Some(next) = self.child(&here, &name)? else {
                return Ok(None);
            };
            if next.kind != EntryKind::Link {
                here = next;
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Unread::Refused("its links lead in a circle".to_owned()));
            }
            ahead.extend(self.target(&next)?.into_iter().rev());
        }
        Ok(Some(here))
    }

    /// An entry of a folder, links not followed.
    fn child(&self, folder: &Entry, name: &[u8]) -> Result<Option<Entry>, Unread> {
        if folder.kind != EntryKind::Tree {
            return Ok(None);
        }
        let tree = self.repository.find_tree(folder.id)?;
        for entry in tree.iter() {
            let entry = entry?;
            if entry.filename() == name {
                let mut path = folder.path.clone();
                path.push(name.to_vec());
                return Ok(Some(Entry {
                    path,
                    kind: entry.kind(),
                    id: entry.object_id(),
                }));
            }
        }
        Ok(None)
    }

    /// The names of the path that a link holds.
    fn target(&self, link: &Entry) -> Result<Vec<Vec<u8>>, Unread> {
        let bytes = self.bytes(link.id)?;
        if bytes.len() > LONGEST_LINK {
            return Err(Unread::Refused("its link is too long".to_owned()));
        }
        if bytes.starts_with(b"/") {
            return Err(leads_out());
        }
        let names = bytes.split(|byte| *byte == b'/');
        let names = names.filter(|name| !name.is_empty() && *name != b".");
        Ok(names.map(<[u8]>::to_vec).collect())
    }

    fn bytes(&self, id: ObjectId) -> Result<Vec<u8>, Unread> {
        let size = self.repository.find_header(id)?.size();
        if size > u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX) {
            return Err(Unread::TooLarge {
                bytes: size,
                most: MAX_FILE_BYTES,
            });
        }
        let mut object = self.repository.find_object(id)?;
        Ok(std::mem::take(&mut object.data))
    }

    /// What an entry is when it is no link.
    fn followed(&self, entry: &Entry) -> Result<Entry, Unread> {
        if entry.kind != EntryKind::Link {
            return Ok(entry.clone());
        }
        let nowhere = || Unread::Refused("it is a link, and leads nowhere".to_owned());
        self.walk(&entry.path)?.ok_or_else(nowhere)
    }

    fn broken(&self, why: String) -> RootError {
        let path = self.repository.git_dir().display().to_string();
        RootError::Repository { path, why }
    }

    /// What is in a folder.
    fn names(&self, folder: &Entry) -> Result<Names<Entry>, RootError> {
        let broken = |error: gix::Error| self.broken(in_one_line(&error));
        let tree = self.repository.find_tree(folder.id).map_err(broken)?;
        let mut all = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(broken)?;
            let name = shown(&String::from_utf8_lossy(entry.filename()));
            if name.starts_with('.') {
                continue;
            }
            let mut path = folder.path.clone();
            path.push(entry.filename().to_vec());
            let (kind, id) = (entry.kind(), entry.object_id());
            all.push((name, Entry { path, kind, id }));
        }
        // A tree sorts its folders as if their names ended in a slash.
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }
}

impl Tree for Commit {
    type At = Entry;

    fn top(&self) -> Result<Names<Entry>, RootError> {
        match self.walk(&self.folder) {
            Ok(Some(folder)) if folder.kind == EntryKind::Tree => self.names(&folder),
            Ok(_) => Ok(Vec::new()),
            Err(Unread::Refused(why)) => Err(self.broken(why)),
            Err(_) => Err(self.broken("a link in it is none".to_owned())),
        }
    }

    fn below(&self, at: &Entry) -> Result<Option<Names<Entry>>, RootError> {
        match self.followed(at) {
            Ok(folder) if folder.kind == EntryKind::Tree => self.names(&folder).map(Some),
            _ => Ok(None),
        }
    }

    fn file(&self, at: &Entry) -> Result<Vec<u8>, Unread> {
        let file = self.followed(at)?;
        match file.kind {
            EntryKind::Blob | EntryKind::BlobExecutable => self.bytes(file.id),
            EntryKind::Tree | EntryKind::Link | EntryKind::Commit => Err(Unread::NotAFile),
        }
    }

    fn find(&self, name: &Path) -> Option<Entry> {
        let mut path = self.folder.clone();
        path.extend(names(name)?);
        self.walk(&path).ok()?
    }
}

/// The part of a path that is there, resolved, and the rest: a folder of an earlier revision may be
/// gone by now.
fn existing(folder: &Path) -> (PathBuf, PathBuf) {
    for above in folder.ancestors() {
        let start = if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        };
        if start.is_dir()
            && let Ok(resolved) = std::fs::canonicalize(start)
            && let Ok(rest) = folder.strip_prefix(above)
        {
            return (resolved, rest.to_owned());
        }
    }
    (folder.to_owned(), PathBuf::new())
}

/// The repository that a folder lies in, whoever owns it: nothing of it is run. The folder is told as
/// it was given.
fn discover(folder: &Path, given: &Path) -> Result<Repository, RootError> {
    if gix::discover::upwards(folder).is_err() {
        return Err(RootError::NoRepository(given.display().to_string()));
    }
    let options = || gix::open::Options::isolated();
    let mapping = gix::sec::trust::Mapping {
        full: options(),
        reduced: options(),
    };
    gix::ThreadSafeRepository::discover_opts(
        folder,
        gix::discover::upwards::Options::default(),
        mapping,
    )
    .map(Into::into)
    .map_err(|error| RootError::Repository {
        path: given.display().to_string(),
        why: in_one_line(error.probable_cause()),
    })
}

/// The tree of the commit that a revision names.
fn tree(repository: &Repository, revision: &str) -> Result<ObjectId, RootError> {
    let unknown = |why| RootError::Revision {
        revision: shown(revision),
        why,
        near: None,
    };
    let spec = repository.rev_parse(revision).map_err(|error| {
        if error.iter_errors().any(is_ambiguous) {
            return unknown("it is the beginning of several hashes");
        }
        let names = references(repository);
        RootError::Revision {
            revision: shown(revision),
            why: if repository.is_shallow().unwrap_or(false) {
                "this clone is shallow, and does not have it"
            } else if names.is_empty() {
                "this repository has no commit yet"
            } else {
                "this repository does not have it"
            },
            near: near(revision, &names),
        }
    })?;
    let id = spec.single().ok_or(unknown("it names no commit"))?;
    let commit = id.object().and_then(gix::Object::peel_to_commit);
    let commit = commit.map_err(|_| unknown("it names no commit"))?;
    let tree = commit.tree_id().map_err(|error| RootError::Repository {
        path: repository.git_dir().display().to_string(),
        why: in_one_line(&error),
    })?;
    Ok(tree.detach())
}

/// The short names of all branches and tags.
fn references(repository: &Repository) -> Vec<String> {
    let Ok(platform) = repository.references() else {
        return Vec::new();
    };
    let all = platform.all().into_iter().flatten().flatten();
    all.map(|reference| shown(&reference.name().shorten().to_string()))
        .collect()
}

/// The branch that is only on a remote, or else the one that is spelt alike.
fn near(revision: &str, names: &[String]) -> Option<String> {
    let on_a_remote = |name: &&String| {
        let parts = name.split_once('/');
        parts.is_some_and(|(_, branch)| branch == revision)
    };
    let remote = names.iter().find(on_a_remote).map(String::as_str);
    let near = remote.or_else(|| nearest(revision, names.iter().map(String::as_str)));
    near.map(str::to_owned)
}

fn is_ambiguous(error: &(dyn std::error::Error + 'static)) -> bool {
    use parse::Error::{AmbiguousPrefix, AmbiguousRefAndObject};
    matches!(
        error.downcast_ref(),
        Some(AmbiguousPrefix { .. } | AmbiguousRefAndObject { .. })
    )
}

/// The names of a relative path; absent when it is none.
fn names(path: &Path) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => all.push(name.as_encoded_bytes().to_vec()),
            Component::ParentDir => all.push(b"..".to_vec()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(all)
}

fn leads_out() -> Unread {
    Unread::Refused("its link leads out of the repository".to_owned())
}

impl From<gix::Error> for Unread {
    fn from(error: gix::Error) -> Self {
        Self::Refused(in_one_line(&error))
    }
}

/// What the library says, as a part of a sentence.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    shown(line.trim_end_matches('.'))
}
