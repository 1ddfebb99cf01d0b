//! Every mistake that an editor of a configuration makes, with the message that it gets.
//!
//! Each mistake has a folder below `tests/fixtures/diagnostics/`, holding only what is wrong: it is
//! laid over `tests/fixtures/diagnostics/good/`, which is without findings.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tolkien::config::Overrides;
use tolkien::diagnostic::Diagnostic;
use tolkien::policy;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diagnostics")
}

/// Copies the good root and the fixture's files over it.
pub(crate) fn laid_over_good(fixture: &Path) -> tempfile::TempDir {
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
pub(crate) fn findings(root: &Path) -> String {
    let loaded = policy::load(root, Overrides::None).unwrap();
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
