//! A file of manifests, through the loader: it never panics, never hangs, and every place lies
//! within the file.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tolkien::config::{Origin, Overrides};
use tolkien::policy;

/// In memory where the machine has such a folder.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
});

fuzz_target!(|data: &[u8]| {
    let path: PathBuf = FOLDER.path().join("manifest.yaml");
    std::fs::write(&path, data).unwrap();
    let loaded = policy::load(Origin::Manifest(path), Overrides::None).unwrap();
    tolkien_fuzz::check(&loaded);
});
