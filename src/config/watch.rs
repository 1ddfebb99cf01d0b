//! Noticing that a root may have changed.
//!
//! It decides nothing: it says when to look again, and looking twice at the same content costs
//! nothing but the look. Folders are watched and never files, since editors, git and the kubelet put
//! new files in the place of old ones: the root with the folders in it, and the folder around it,
//! where the root itself may be replaced. Of a mounted ConfigMap only the mount folder, in which
//! `..data` is renamed and nothing else ever changes. What is not noticed (a file system that tells
//! nothing, a link to a file elsewhere) is found at the next regular look.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::source::folders_below;
use crate::tasks;

/// How soon a change is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// So long nothing more happens before a change counts as whole.
    pub quiet: Duration,
    /// So long after its beginning it is looked at all the same.
    pub longest: Duration,
    /// So often it is looked without any sign.
    pub regular: Duration,
}

impl Default for Pace {
    /// A save of many files or a checkout has pauses of a few milliseconds, and a person does not
    /// feel a quarter of a second; 30 seconds are half of what a kubelet takes to bring a change.
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(250),
            longest: Duration::from_secs(2),
            regular: Duration::from_secs(30),
        }
    }
}

/// Watches one root.
#[derive(Debug)]
pub(crate) struct Watch {
    root: PathBuf,
    pace: Pace,
    signs: Arc<Signs>,
    armed: Option<Armed>,
    failure: Option<String>,
}

impl Watch {
    /// Watches from now on.
    pub(crate) async fn new(root: &Path, pace: Pace) -> Self {
        // What is told of a folder has the path under which it is watched.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let mut watch = Self {
            root,
            pace,
            signs: Arc::default(),
            armed: None,
            failure: None,
        };
        watch.arm().await;
        watch
    }

    /// Waits until it is time to look again. What changes from then on is another sign.
    pub(crate) async fn next(&mut self) {
        let sign = timeout(self.pace.regular, self.signs.some.notified()).await;
        if sign.is_ok() {
            settle(&self.signs.some, self.pace).await;
        }
        self.arm().await;
    }

    /// Watches the folders that are there now.
    async fn arm(&mut self) {
        let (root, signs, armed) = (
            self.root.clone(),
            Arc::clone(&self.signs),
            self.armed.take(),
        );
        let armed = tasks::blocking(move || Armed::renew(armed, &root, &signs)).await;
        self.armed = armed.ok();
        let failure = self.armed.as_ref().and_then(|armed| armed.failure.clone());
        if let Some(failure) = failure.as_ref().filter(|_| failure != self.failure) {
            let every_s = self.pace.regular.as_secs();
            tracing::warn!(failure, every_s, "the configuration cannot be watched");
        }
        self.failure = failure;
    }
}

/// Waits until nothing more happens, but not for ever.
async fn settle(some: &Notify, pace: Pace) {
    let latest = Instant::now() + pace.longest;
    loop {
        let quiet = (Instant::now() + pace.quiet).min(latest);
        if timeout_at(quiet, some.notified()).await.is_err() || Instant::now() >= latest {
            return;
        }
    }
}

/// That something happened.
#[derive(Debug, Default)]
struct Signs {
    some: Notify,
    /// A folder came, went or was replaced, perhaps by another with the same number.
    moved: AtomicBool,
}

/// What is watched now.
#[derive(Debug)]
struct Armed {
    folders: BTreeSet<Folder>,
    /// Dropping it ends every watch of it.
    _watcher: Option<RecommendedWatcher>,
    failure: Option<String>,
}

/// A folder, and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    path: PathBuf,
    device: u64,
    number: u64,
}

impl Armed {
    /// The same where the same folders are there, and otherwise a new one: a watcher whose folder was
    /// replaced hears nothing any more.
    fn renew(before: Option<Self>, root: &Path, signs: &Arc<Signs>) -> Self {
        let moved = signs.moved.swap(false, Ordering::AcqRel);
        let folders = folders(root);
        match before {
            Some(same) if !moved && same.folders == folders && same.failure.is_none() => same,
            before => {
                drop(before);
                Self::new(folders, root, signs)
            }
        }
    }

    fn new(folders: BTreeSet<Folder>, root: &Path, signs: &Arc<Signs>) -> Self {
        let mut failure = None;
        let mut watcher = match watcher(root, signs) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                failure = Some(error.to_string());
                None
            }
        };
        for folder in &folders {
            let Some(watcher) = &mut watcher else { break };
            let added = watcher.watch(&folder.path, RecursiveMode::NonRecursive);
            // The folder around the root need not be readable.
            if let Err(error) = added
                && folder.path.starts_with(root)
            {
                failure = Some(error.to_string());
            }
        }
        Self {
            folders,
            _watcher: watcher,
            failure,
        }
    }
}

/// Gives a sign of what happens to the root.
fn watcher(root: &Path, signs: &Arc<Signs>) -> notify::Result<RecommendedWatcher> {
    let (root, signs) = (root.to_owned(), Arc::clone(signs));
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // After an error anything may have happened.
        let Some(moved) = sign(&event.unwrap_or_default(), &root) else {
            return;
        };
        if moved {
            signs.moved.store(true, Ordering::Release);
        }
        signs.some.notify_one();
    })
}

/// Whether something happened to the root, and if so, whether to one of its folders as a whole. That
/// somebody reads it is nothing: whoever looks again does.
fn sign(event: &notify::Event, root: &Path) -> Option<bool> {
    if event.kind.is_access() {
        return None;
    }
    if event.paths.is_empty() {
        // The system lost count.
        return Some(true);
    }
    let moved = |path: &PathBuf| known(root).any(|known| known == *path);
    let touched = event.paths.iter().any(|path| path.starts_with(root));
    touched.then(|| event.paths.iter().any(moved))
}

/// The folders of a root, the root first.
fn known(root: &Path) -> impl Iterator<Item = PathBuf> {
    let below = folders_below(root);
    std::iter::once(root.to_owned()).chain(below)
}

/// The folders to watch that are there.
fn folders(root: &Path) -> BTreeSet<Folder> {
    let is_mounted = root.join("..data").symlink_metadata().is_ok();
    let all: Vec<PathBuf> = if is_mounted {
        vec![root.to_owned()]
    } else {
        let around = root.parent().map(Path::to_owned);
        known(root).chain(around).collect()
    };
    let there = all.into_iter().filter_map(|path| {
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_dir)?;
        Some(Folder {
            path,
            device: metadata.dev(),
            number: metadata.ino(),
        })
    });
    there.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        quiet: Duration::from_millis(250),
        longest: Duration::from_secs(2),
        regular: Duration::from_secs(30),
    };

    /// How long it takes to settle, with a sign so long after each other.
    async fn settled(every: Duration, signs: u32) -> Duration {
        let some = Arc::new(Notify::new());
        let sender = Arc::clone(&some);
        let sending = async move {
            for _ in 0..signs {
                tokio::time::sleep(every).await;
                sender.notify_one();
            }
            std::future::pending::<()>().await;
        };
        let start = Instant::now();
        tokio::select! {
            () = settle(&some, PACE) => {}
            () = sending => {}
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_over_a_quarter_of_a_second_after_its_last_sign() {
        assert_eq!(settled(Duration::ZERO, 0).await, PACE.quiet);
        let three = settled(Duration::from_millis(100), 3).await;
        assert_eq!(three, Duration::from_millis(300) + PACE.quiet);
    }

    #[tokio::test(start_paused = true)]
    async fn signs_without_end_are_looked_at_after_two_seconds() {
        let endless = settled(Duration::from_millis(100), 1000).await;
        assert_eq!(endless, PACE.longest);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_sign_it_is_time_to_look_every_half_minute() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(root.path(), PACE).await;
        let start = Instant::now();
        watch.next().await;
        assert_eq!(start.elapsed(), PACE.regular);
    }

    #[test]
    fn reading_is_no_sign_and_a_folder_that_comes_or_goes_is_one_of_its_own() {
        use notify::event::{AccessKind, CreateKind, DataChange, ModifyKind, RenameMode};
        use notify::{Event, EventKind};

        let read = EventKind::Access(AccessKind::Any);
        let made = EventKind::Create(CreateKind::Any);
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        for (kind, path, expected) in [
            (read, "/etc/tolkien/tools.d/a.yaml", None),
            (read, "/etc/tolkien", None),
            (written, "/etc/tolkien/tools.d/a.yaml", Some(false)),
            (renamed, "/etc/tolkien/..data", Some(false)),
            (made, "/etc/tolkien/tools.d", Some(true)),
            (renamed, "/etc/tolkien", Some(true)),
            (made, "/etc/passwd", None),
            (written, "/etc/tolkien-2/a", None),
        ] {
            let event = Event::new(kind).add_path(PathBuf::from(path));
            assert_eq!(sign(&event, Path::new("/etc/tolkien")), expected, "{path}");
        }
        assert_eq!(
            sign(&Event::default(), Path::new("/etc/tolkien")),
            Some(true)
        );
    }

    #[test]
    fn of_a_mounted_configmap_only_the_mount_folder_is_watched() {
        let around = tempfile::tempdir().unwrap();
        let root = around.path().join("root");
        let watched = || {
            let folders = folders(&root).into_iter();
            let paths = folders.map(|it| it.path.strip_prefix(around.path()).unwrap().to_owned());
            paths.map(|it| it.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(watched(), [""], "it may come");
        fs::create_dir_all(root.join("tools.d")).unwrap();
        fs::write(root.join("prompts"), "a file").unwrap();
        assert_eq!(watched(), ["", "root", "root/tools.d"]);
        fs::create_dir(root.join("..2026")).unwrap();
        std::os::unix::fs::symlink("..2026", root.join("..data")).unwrap();
        assert_eq!(watched(), ["root"]);
    }
}
