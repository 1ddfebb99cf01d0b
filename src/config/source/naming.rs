//! Which names the files of a root may have, and what a name that is wrong was probably meant to be.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place, nearest};

/// Positions in [`FOLDERS`].
pub(crate) const TOOLS: usize = 0;

/// See [`TOOLS`].
pub(crate) const POLICIES: usize = 1;

/// See [`TOOLS`].
pub(crate) const PROMPTS: usize = 2;

/// The three folders, their files' ending, and what one is called in findings.
pub(super) const FOLDERS: [(&str, &str, &str); 3] = [
    ("tools.d", ".yaml", "tool"),
    ("policies", ".yaml", "policy"),
    ("prompts", ".md", "prompt"),
];

/// The folders of a root in a folder, whether they are there or not.
pub(crate) fn folders_below(root: &Path) -> impl Iterator<Item = PathBuf> {
    FOLDERS.iter().map(|(folder, ..)| root.join(folder))
}

/// The settings.
pub(super) const SETTINGS: &str = "tolkien.yaml";

/// The acknowledged widenings.
pub(super) const ACKNOWLEDGEMENTS: &str = "permissions.ack.yaml";

/// Whether a name at the top of a root, or a flat one, is read as a part of it.
pub(super) fn is_read(name: &str) -> bool {
    let folder = name.split_once("__").map_or(name, |(folder, _)| folder);
    [SETTINGS, ACKNOWLEDGEMENTS].contains(&name)
        || FOLDERS.iter().any(|(known, ..)| *known == folder)
}

pub(super) fn is_name(stem: &str, joiner: u8) -> bool {
    stem.len() <= 64
        && stem.starts_with(|first: char| first.is_ascii_lowercase())
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == joiner)
}

/// The character that joins the words of a name.
pub(super) fn joiner(kind: &str) -> u8 {
    if kind == "tool" { b'_' } else { b'-' }
}

pub(super) fn better_name(stem: &str, kind: &str) -> String {
    let better: String = stem
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c
            } else {
                char::from(joiner(kind))
            }
        })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(64)
        .collect();
    if better.is_empty() {
        kind.to_owned()
    } else {
        better
    }
}

pub(super) fn bad_name(place: Place, stem: &str, kind: &str) -> Diagnostic {
    let (joiner, better) = (char::from(joiner(kind)), better_name(stem, kind));
    Diagnostic::error(
        "bad-name",
        place,
        format!("`{stem}` is no name for a {kind}"),
    )
    .help(format!(
        "start with a letter and use `a-z`, `0-9` and `{joiner}`, at most 64: `{better}`"
    ))
}

/// The finding on a file, by its name from the root and in its folder, that has another ending.
pub(super) fn unexpected(
    place: Place,
    (shown, file): (&str, &str),
    ending: &str,
    kind: &str,
) -> Diagnostic {
    const OTHERS: [&str; 7] = ["yml", "json", "YAML", "YML", "markdown", "txt", "j2"];
    let (stem, other) = file.split_once('.').unwrap_or((file, ""));
    let help = if OTHERS.contains(&other) {
        // Only names of prompts have capitals.
        let stem = match ending {
            ".yaml" => stem.to_lowercase(),
            _ => stem.to_owned(),
        };
        format!("rename it to `{stem}{ending}`, or move it out of this folder")
    } else {
        "move it out of this folder".to_owned()
    };
    Diagnostic::error(
        "unexpected-file",
        place,
        format!("`{shown}` is not read: a {kind} is a file that ends in `{ending}`"),
    )
    .help(help)
}

pub(super) fn misspelt(name: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 6] = [
        ("tolkien.yml", SETTINGS),
        ("permissions.ack.yml", ACKNOWLEDGEMENTS),
        ("tools", "tools.d"),
        ("policy", "policies"),
        ("prompt", "prompts"),
        ("settings.yaml", SETTINGS),
    ];
    let known = FOLDERS.iter().map(|(folder, ..)| *folder);
    OTHERS
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, known)| *known)
        .or_else(|| nearest(name, known.chain([SETTINGS, ACKNOWLEDGEMENTS])))
}
