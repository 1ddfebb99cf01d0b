//! What a root held at one moment, to be compared with another.

use sha2::{Digest, Sha256};

use super::{Origin, Root, absorb};
use crate::config::name::Revision;

/// What a root held at one moment; two are equal when loading would give the same, with the same
/// findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    revision: Option<Revision>,
    hash: [u8; 32],
}

impl Snapshot {
    /// Reads every file of the root. What cannot be read is a content too: a root that vanished is
    /// not what it was.
    pub fn of(origin: &Origin) -> Self {
        let mut found = Vec::new();
        let mut hash = Sha256::new();
        let revision = match Root::read(origin, &mut found) {
            Ok(root) => {
                let revision = root.revision();
                absorb(&mut hash, revision.as_str().as_bytes());
                // They are no part of the revision, but may be wrong like all others.
                if let Some(acknowledgements) = &root.acknowledgements {
                    absorb(&mut hash, acknowledgements.text().as_bytes());
                }
                Some(revision).filter(|_| !root.is_empty())
            }
            Err(error) => {
                absorb(&mut hash, error.to_string().as_bytes());
                None
            }
        };
        for found in found {
            absorb(&mut hash, found.place.to_string().as_bytes());
            absorb(&mut hash, found.message.as_bytes());
        }
        Self {
            revision,
            hash: hash.finalize().into(),
        }
    }

    /// The revision of what was there; absent when there was nothing.
    pub fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn whatever_loading_could_notice_makes_another_snapshot() {
        let around = tempfile::tempdir().unwrap();
        let root = around.path().join("root");
        let origin = Origin::from(&root);
        let mut seen = BTreeSet::new();
        let mut is_new = |what: &str| {
            let snapshot = Snapshot::of(&origin);
            assert_eq!(snapshot, Snapshot::of(&origin), "{what}");
            assert!(seen.insert(snapshot.hash), "{what}");
            snapshot.revision().is_some()
        };
        assert!(!is_new("there is nothing"));
        fs::create_dir(&root).unwrap();
        assert!(!is_new("an empty folder"));
        fs::write(root.join("tolkien.yaml"), "facts: {a: b}\n").unwrap();
        assert!(is_new("settings"));
        fs::write(root.join("permissions.ack.yaml"), "[]\n").unwrap();
        assert!(is_new("acknowledgements"));
        fs::create_dir(root.join("tools.d")).unwrap();
        fs::write(root.join("tools.d/a.yaml"), "").unwrap();
        assert!(is_new("an empty file"));
        fs::remove_file(root.join("tools.d/a.yaml")).unwrap();
        symlink("nowhere", root.join("tools.d/a.yaml")).unwrap();
        assert!(is_new("a link that leads nowhere"));
        fs::rename(root.join("tools.d"), root.join("policies")).unwrap();
        assert!(is_new("another folder"));
    }
}
