//! Every mistake that an editor of a configuration makes, with the message that it gets.
//!
//! Each mistake has a folder below `tests/fixtures/diagnostics/`, holding only what is wrong: it is
//! laid over `tests/fixtures/diagnostics/good/`, which is without findings.

mod analysis;

mod lint;

mod manifest;

mod many;

mod memory;

mod pattern;

mod policy;

pub(crate) mod revision;

mod root;

mod setting;

mod syntax;

mod tool;

mod value;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tolkien::analysis::cache::Cache;
use tolkien::analysis::check::{self, Thoroughness};
use tolkien::config::{Origin, Overrides};
use tolkien::diagnostic::Diagnostic;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diagnostics")
}

/// Copies the good root and the fixture's files over it.
fn laid_over_good(fixture: &Path) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    copy(&fixtures().join("good"), root.path());
    copy(fixture, root.path());
    root
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A root's findings, one a paragraph: place, severity, code, message, help and labels.
fn findings(origin: impl Into<Origin>) -> String {
    let loaded = check::load(
        origin,
        Overrides::None,
        Thoroughness::Linted,
        &Cache::default(),
    )
    .unwrap();
    loaded.diagnostics.iter().map(written).collect()
}

fn written(found: &Diagnostic) -> String {
    let mut text = String::new();
    let place = &found.place;
    write!(text, "{place}-{}:{} ", place.end.line, place.end.column).unwrap();
    writeln!(text, "{}[{}] {}", found.severity, found.code, found.message).unwrap();
    for (place, label) in &found.labels {
        writeln!(text, "  {place} {label}").unwrap();
    }
    if let Some(help) = &found.help {
        writeln!(text, "  help: {help}").unwrap();
    }
    if let Some(fix) = &found.fix {
        writeln!(text, "  fix: {} -> {}", fix.place, fix.replacement).unwrap();
    }
    text
}

/// The folders of all fixtures, each laid over the good root.
fn every_root() -> impl Iterator<Item = (String, tempfile::TempDir)> {
    fs::read_dir(fixtures()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, laid_over_good(&entry.path()))
    })
}

/// Every file of a folder: its path below the folder and its bytes, sorted by path.
fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = files_below(&path).into_iter();
            all.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            all.push((name, fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

/// The findings of one fixture.
fn of(fixture: &str) -> String {
    findings(laid_over_good(&fixtures().join(fixture)).path())
}

#[test]
fn the_good_root_has_no_findings() {
    assert_eq!(findings(&fixtures().join("good")), "");
}

#[test]
fn the_shipped_configuration_has_no_findings() {
    assert_eq!(findings(Path::new(env!("CARGO_MANIFEST_DIR"))), "");
}

/// Codes whose mistake cannot be a folder of fixtures: a test makes it.
const MADE: [&str; 13] = [
    "bad-base64",
    "bad-environment",
    "bad-script",
    "file-twice",
    "missing-prompt",
    "not-a-file",
    "not-a-folder",
    "not-utf8",
    "nothing-to-check",
    "too-large",
    "too-deep",
    "too-many-files",
    "too-many-names",
];

/// A code stands in quotes behind the call that makes a finding, or behind `code:`.
#[test]
fn every_code_of_the_loader_has_a_fixture() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut codes = BTreeSet::new();
    for folder in ["analysis/lint", "config", "policy"] {
        collect_codes(&source.join(folder), &mut codes);
    }
    // What a machine lacks is no mistake of an editor.
    codes.retain(|code| !code.starts_with("host-"));
    let folders: BTreeSet<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .chain(MADE.map(str::to_owned))
        .chain(["unreadable-file".to_owned()])
        .collect();
    let without: Vec<&String> = codes.difference(&folders).collect();
    assert!(codes.len() > 60, "{codes:?}");
    assert_eq!(without, [""; 0]);
}

fn collect_codes(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_codes(&path, codes);
            continue;
        }
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for call in ["error(", "warning(", "info(", "wrong(", "code: "] {
            for (_, rest) in text
                .match_indices(call)
                .map(|(at, _)| text.split_at(at + call.len()))
            {
                if let Some(rest) = rest.trim_start().strip_prefix('"')
                    && let Some((code, _)) = rest.split_once('"')
                    && code
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                    && code.contains('-')
                {
                    codes.insert(code.to_owned());
                }
            }
        }
    }
}
