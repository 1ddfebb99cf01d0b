//! The private working folder of a call, and paths that must stay beneath a folder.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::tasks;

/// Only the engine's own user may look into a private folder.
const PRIVATE: u32 = 0o700;

/// How often an opening or removal that raced with a writer is tried.
const ATTEMPTS: usize = 4;

/// A fresh empty folder that goes away with this value, whatever the way.
#[derive(Debug)]
pub(super) struct Private {
    path: Option<PathBuf>,
}

impl Private {
    /// Makes one within `scratch`, under a name that nobody can guess or has taken.
    pub(super) fn create(scratch: &Path) -> io::Result<Self> {
        let path = scratch.join(format!("tolkien-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(PRIVATE).create(&path)?;
        Ok(Self { path: Some(path) })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("/"))
    }

    /// Removes it with everything in it, off the async threads when there is something in it.
    pub(super) async fn remove(mut self) {
        let Some(path) = self.path.take() else { return };
        if std::fs::remove_dir(&path).is_err() {
            let removal = tasks::blocking(move || remove_tree(&path));
            if let Err(error) = removal.await {
                tracing::warn!(%error, "the removal of a private folder was cut off");
            }
        }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            remove_tree(&path);
        }
    }
}

fn remove_tree(path: &Path) {
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS {
        outcome = std::fs::remove_dir_all(path);
        match &outcome {
            Ok(()) => return,
            // Some programs (Go's module cache) leave folders that their owner may not write.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open_up(path),
            // A process that was just ended may have written on its last instruction.
            Err(_) => {}
        }
    }
    if let Err(error) = outcome {
        tracing::warn!(path = %path.display(), %error, "cannot remove a private folder");
    }
}

/// Lets the owner into every folder of a tree, links not followed; what fails shows in the removal.
fn open_up(folder: &Path) {
    let _ = std::fs::set_permissions(folder, Permissions::from_mode(PRIVATE));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Why a path may not be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Strays {
    /// The folder cannot be opened.
    #[error("its folder cannot be opened: {0}")]
    Folder(io::ErrorKind),
    /// It is absolute, has too many `..`, or goes through a link that leads out.
    #[error("it leads out of its folder, through a symbolic link or `..`")]
    Outside,
    /// A link that leads to itself, or one of the kernel's own in `/proc`.
    #[error("it goes through a symbolic link that cannot be followed")]
    Link,
    /// Something renames folders all the time.
    #[error("its folder is being changed, try again")]
    Moving,
    /// It cannot be told.
    #[error("it cannot be opened: {0}")]
    Unclear(io::ErrorKind),
    /// The kernel is older than Linux 5.6, or `openat2` is filtered.
    #[error("this host's kernel cannot open a path beneath a folder (`openat2`)")]
    Kernel,
}

/// Opens a path beneath a folder without leaving it through links or `..`, to find out whether that
/// can be done. A path that does not exist (or may not be opened) strays nowhere: the program will
/// say so in its own words.
pub(super) fn stays_beneath(folder: &str, path: &str) -> Result<(), Strays> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags | OFlags::DIRECTORY, Mode::empty())
        .map_err(|error| Strays::Folder(error.kind()))?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS {
        return match openat2(&folder, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => continue,
            Err(Errno::XDEV) => Err(Strays::Outside),
            Err(Errno::LOOP) => Err(Strays::Link),
            Err(Errno::NOSYS | Errno::PERM) => Err(Strays::Kernel),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::NAMETOOLONG) => {
                Ok(())
            }
            Err(other) => Err(Strays::Unclear(other.kind())),
        };
    }
    Err(Strays::Moving)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn a_private_folder_is_the_users_alone_and_goes_away_with_its_content() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Private::create(scratch.path()).unwrap();
        let mode = folder.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);

        let closed = folder.path().join("a/b");
        std::fs::create_dir_all(&closed).unwrap();
        std::fs::write(closed.join("c"), "text").unwrap();
        symlink("/", closed.join("root")).unwrap();
        std::fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
        folder.remove().await;
        assert_eq!(scratch.path().read_dir().unwrap().count(), 0);

        let folder = Private::create(scratch.path()).unwrap();
        std::fs::write(folder.path().join("c"), "text").unwrap();
        drop(folder);
        assert_eq!(scratch.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_path_stays_beneath_its_folder_whatever_links_say() {
        let root = tempfile::tempdir().unwrap();
        let inside = root.path().join("docs");
        std::fs::create_dir_all(inside.join("a/b")).unwrap();
        std::fs::write(inside.join("a/page.md"), "text").unwrap();
        std::fs::write(root.path().join("secret"), "text").unwrap();
        for (name, target) in [
            ("near", "a/page.md"),
            ("a/b/up", "../page.md"),
            ("out", "../secret"),
            ("far", "/etc/passwd"),
            ("nowhere", "/nonexistent/file"),
            ("gone", "a/missing"),
            ("round", "round"),
            ("self", "/proc/self/root"),
        ] {
            symlink(target, inside.join(name)).unwrap();
        }
        for (path, expected) in [
            ("a/page.md", Ok(())),
            (".", Ok(())),
            ("", Ok(())),
            ("near", Ok(())),
            ("a/b/up", Ok(())),
            ("a/../a/page.md", Ok(())),
            ("missing/page.md", Ok(())),
            ("gone", Ok(())),
            ("out", Err(Strays::Outside)),
            ("far", Err(Strays::Outside)),
            ("nowhere", Err(Strays::Outside)),
            ("self", Err(Strays::Outside)),
            ("../secret", Err(Strays::Outside)),
            ("a/../../secret", Err(Strays::Outside)),
            ("/etc/passwd", Err(Strays::Outside)),
            ("round", Err(Strays::Link)),
        ] {
            assert_eq!(
                stays_beneath(inside.to_str().unwrap(), path),
                expected,
                "{path}"
            );
        }
        assert_eq!(
            stays_beneath(inside.join("missing").to_str().unwrap(), "a"),
            Err(Strays::Folder(io::ErrorKind::NotFound))
        );
    }
}
