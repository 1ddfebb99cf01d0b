//! What an acknowledgement holds on to: a hash of exactly one change.
//!
//! Of a tool it covers, on both sides, what its file says, the policies that select it (those of
//! single roles and channels too), the names that these import from others, the prompts that its
//! templates render and the sandbox that is in force. Of a setting it covers its path and both values,
//! whole, however short they are shown. Comments, spaces, descriptions, reasons, cases and the order
//! of files and keys are in none of them, so that tidying up leaves an acknowledgement standing, and
//! any other change voids it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Side, prompt, sandbox};
use crate::config::content::Content;
use crate::config::{Config, hex};

/// What is hashed, by name.
type Parts = BTreeMap<String, String>;

/// The fingerprint of a tool's change.
pub(super) fn of_tool(old: Option<Side<'_>>, new: Option<Side<'_>>) -> String {
    let name = new.or(old).map_or("", |(_, tool)| tool.name.as_str());
    let mut hash = Hash::new("tool");
    hash.text(name);
    for side in [old, new] {
        hash.parts(side.map(|side| {
            let mut parts = parts(side);
            parts.insert("sandbox in force".to_owned(), sandbox::in_force(side));
            parts
        }));
    }
    hash.finish()
}

/// The fingerprint of a setting's change.
pub(super) fn of_setting(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let mut hash = Hash::new("setting");
    hash.text(path);
    for value in [before, after] {
        hash.parts(value.map(|value| Parts::from([(String::new(), value.to_owned())])));
    }
    hash.finish()
}

/// Whether both sides say the same, so that they decide the same.
pub(super) fn same(old: Option<Side<'_>>, new: Option<Side<'_>>) -> bool {
    old.map(parts) == new.map(parts)
}

/// Everything that decides about a tool's calls.
fn parts((config, tool): Side<'_>) -> Parts {
    let mut parts = Parts::new();
    add(&mut parts, "tool", &tool.content);
    let selection = config.selection(&tool.name);
    for policy in selection.into_iter().flat_map(|all| &all.policies) {
        add(
            &mut parts,
            &format!("policy {}", policy.name),
            &policy.content,
        );
        names(config, &policy.content, &mut parts);
    }
    for (name, text) in prompt::of_tool((config, tool)) {
        parts.insert(format!("prompt {name}"), text);
    }
    parts
}

/// The names that a policy sees: its own and those of the policies that it imports from.
pub(super) fn names(config: &Config, content: &Content, parts: &mut Parts) {
    for name in &content.imports {
        let key = format!("names {name} let");
        let Some(other) = config.policies().get(name.as_str()) else {
            continue;
        };
        if parts.contains_key(&key) {
            continue;
        }
        parts.insert(key, other.content.section("let").to_owned());
        let key = format!("names {name} parts");
        parts.insert(key, other.content.section("parts").to_owned());
        names(config, &other.content, parts);
    }
}

fn add(parts: &mut Parts, prefix: &str, content: &Content) {
    for (path, text) in &content.sections {
        parts.insert(format!("{prefix} {path}"), text.clone());
    }
}

/// A hash in which no two different lists of texts are the same.
struct Hash(Sha256);

impl Hash {
    /// Changes with the meaning of what is hashed, so that no old acknowledgement fits by chance.
    const VERSION: &'static str = "tolkien difference 1";

    fn new(kind: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(Self::VERSION);
        hash.text(kind);
        hash
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text);
    }

    /// An absent side is no side without parts.
    fn parts(&mut self, parts: Option<Parts>) {
        self.number(parts.as_ref().map_or(0, |parts| parts.len() + 1));
        for (name, text) in parts.into_iter().flatten() {
            self.text(&name);
            self.text(&text);
        }
    }

    fn number(&mut self, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.0.update(number.to_be_bytes());
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}
