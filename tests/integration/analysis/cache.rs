//! What is proved once is not proved again, and nothing else is taken for it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tolkien::analysis::cache::{Cache, Used};
use tolkien::analysis::check::{self, Thoroughness};
use tolkien::config::{File, Origin, Overrides};

use super::world::files;

/// A tool of its own, which the policies of the small configuration do not select.
const NOTE: &str = r"description: Reads a note.
effect: read
input: {type: object, required: [name], properties: {name: {type: string}}}
run: {command: [cat, '{{ name }}']}
arguments: {name: {allow: ['[a-z]+']}}
tests: [{allow: {name: a}}, {deny: {name: /etc/passwd}}]
";

/// The small configuration with that tool, and a word in one of its files replaced by another.
fn checked(cache: &Cache, (stem, from, to): (&str, &str, &str)) -> (Vec<String>, Used) {
    let mut all = files();
    all.push(("tools.d/note.yaml".to_owned(), NOTE.to_owned()));
    let files = all.into_iter().map(|(path, text)| {
        let text = if path.contains(stem) {
            assert!(text.contains(from), "{path}");
            text.replace(from, to)
        } else {
            text
        };
        File::new(path, text)
    });
    let origin = Origin::Files(files.collect());
    let before = cache.used();
    let loaded = check::load(origin, Overrides::None, Thoroughness::Linted, cache).unwrap();
    let found = loaded.diagnostics.iter();
    let found = found.map(|found| format!("{} {}", found.place, found.message));
    let used = Used {
        known: cache.used().known - before.known,
        made: cache.used().made - before.made,
    };
    (found.collect(), used)
}

const AS_IT_IS: (&str, &str, &str) = ("nowhere", "", "");

fn used(known: usize, made: usize) -> Used {
    Used { known, made }
}

#[test]
fn what_nobody_made_anew_for_a_month_leaves_a_folder_of_its_own() {
    let folder = TempDir::new().unwrap();
    let now = SystemTime::now();
    for (name, days) in [("new.json", 29), ("old.json", 31)] {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(now - Duration::from_hours(24 * days))
            .unwrap();
    }
    Cache::new(Some(folder.path().to_owned()));
    assert!(folder.path().join("old.json").exists());
    Cache::own(folder.path().to_owned());
    assert!(folder.path().join("new.json").exists());
    assert!(!folder.path().join("old.json").exists());
}

#[test]
fn what_did_not_change_is_known_in_the_same_run_and_in_the_next() {
    let folder = TempDir::new().unwrap();
    let inside = folder.path().join("made/for/it");
    let first = Cache::new(Some(inside.clone()));
    let (found, made) = checked(&first, AS_IT_IS);
    assert_eq!(made, used(0, 4));
    assert_eq!(checked(&first, AS_IT_IS), (found.clone(), used(4, 0)));
    let next = Cache::new(Some(inside));
    assert_eq!(checked(&next, AS_IT_IS), (found.clone(), used(4, 0)));
    assert_eq!(checked(&Cache::default(), AS_IT_IS), (found, used(0, 4)));
}

#[test]
fn a_changed_tool_is_looked_at_again_and_no_other() {
    let cache = Cache::default();
    checked(&cache, AS_IT_IS);
    let (found, looked) = checked(
        &cache,
        ("kubectl.yaml", "shape: -o", "shape: --token=a | -o"),
    );
    assert_eq!(looked, used(2, 2));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("is let through"), "{found:?}");
    // A comment moves the places that findings point to.
    let (_, looked) = checked(
        &cache,
        ("kubectl.yaml", "effect: read", "# Reads.\neffect: read"),
    );
    assert_eq!(looked, used(2, 2));
    let (_, looked) = checked(&cache, ("system.md", "cluster", "house"));
    assert_eq!(looked, used(4, 0));
}

#[test]
fn a_process_keeps_no_more_than_what_its_last_check_asked_for() {
    let cache = Cache::default();
    let other = ("cluster.yaml", "no-system", "no-control-plane");
    checked(&cache, AS_IT_IS);
    cache.forget_unused();
    assert_eq!(checked(&cache, AS_IT_IS).1, used(4, 0));
    assert_eq!(checked(&cache, other).1, used(0, 4));
    cache.forget_unused();
    // Both were asked for before it.
    assert_eq!(checked(&cache, AS_IT_IS).1, used(4, 0));
    cache.forget_unused();
    // A check that came to nothing before it asked is no reason to forget the last one.
    cache.forget_unused();
    assert_eq!(checked(&cache, AS_IT_IS).1, used(4, 0));
    assert_eq!(checked(&cache, other).1, used(0, 4));
}

#[test]
fn a_changed_policy_makes_every_tool_be_looked_at_again() {
    let cache = Cache::default();
    checked(&cache, AS_IT_IS);
    let (_, looked) = checked(&cache, ("cluster.yaml", "no-system", "no-control-plane"));
    assert_eq!(looked, used(0, 4));
}

#[test]
fn an_entry_that_is_broken_or_of_something_else_is_made_again() {
    let folder = TempDir::new().unwrap();
    let (found, _) = checked(&Cache::new(Some(folder.path().to_owned())), AS_IT_IS);
    for text in [
        "",
        "{",
        "null",
        "[[\"somebody.else\",\"Proved\",{\"word_states\":0,\"kinds\":0,\"line_states\":0}]]",
    ] {
        for entry in entries(folder.path()) {
            fs::write(&entry, text).unwrap();
        }
        let cache = Cache::new(Some(folder.path().to_owned()));
        assert_eq!(checked(&cache, AS_IT_IS).0, found, "{text}");
        assert_eq!(cache.failure(), None);
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 4);
    entries
}

#[test]
fn whatever_lies_in_the_folder_nothing_outside_of_it_is_written() {
    let first = TempDir::new().unwrap();
    checked(&Cache::new(Some(first.path().to_owned())), AS_IT_IS);
    let elsewhere = TempDir::new().unwrap();
    let outside = elsewhere.path().join("outside");
    fs::write(&outside, "kept").unwrap();
    let folder = TempDir::new().unwrap();
    let entries = entries(first.path());
    let names: Vec<&OsStr> = entries.iter().filter_map(|path| path.file_name()).collect();
    for name in &names {
        let mut begun = name.to_os_string();
        begun.push(format!(".{}", std::process::id()));
        for link in [name, &*begun] {
            symlink(&outside, folder.path().join(link)).unwrap();
        }
    }
    let cache = Cache::new(Some(folder.path().to_owned()));
    let (_, made) = checked(&cache, AS_IT_IS);
    assert_eq!((made, cache.failure()), (used(0, 4), None));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "kept");
    // Each entry is a file now, beside the links that nobody followed.
    let is_file = |name: &&OsStr| {
        let entry = fs::symlink_metadata(folder.path().join(name));
        entry.unwrap().is_file()
    };
    let all = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((names.iter().all(is_file), all), (true, names.len() * 2));
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_next_run_only() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let cache = Cache::new(Some(file.clone()));
    let (found, looked) = checked(&cache, AS_IT_IS);
    assert_eq!((found, looked), checked(&Cache::default(), AS_IT_IS));
    let failure = cache.failure().unwrap();
    assert!(
        failure.starts_with(&format!("cannot write to `{}`: ", file.display())),
        "{failure}"
    );
    assert_eq!(checked(&cache, AS_IT_IS).1, used(4, 0));
}
