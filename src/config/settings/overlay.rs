//! Settings that come from the environment where something is served or run: `TOLKIEN_SECTION__KEY`
//! stands over what `tolkien.yaml` says. Checking a configuration never looks here, so that its
//! answer is the same on every machine.

use super::read::read;
use crate::config::secret::{ExposeSecret as _, from_environment, variable};
use crate::config::yaml::{Entry, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, Source};

/// The sections and keys that the environment may set.
const KEYS: [(&str, &[&str]); 5] = [
    (
        "model",
        &[
            "provider",
            "script",
            "name",
            "max_tokens",
            "base_url",
            "effort",
        ],
    ),
    (
        "limits",
        &[
            "rounds",
            "parallel_calls",
            "history_turns",
            "session_idle",
            "call_timeout",
            "message_chars",
            "sessions_per_caller",
            "approval_timeout",
        ],
    ),
    ("server", &["listen", "shutdown_grace", "state_dir"]),
    ("audit", &["file", "stdout"]),
    ("telemetry", &["otlp", "log"]),
];

/// Puts what the environment says over a settings tree.
pub(crate) fn overlay(mut node: Node, found: &mut Vec<Diagnostic>) -> Node {
    for (section, keys) in KEYS {
        for key in keys {
            let name = format!("TOLKIEN_{}__{}", section.to_uppercase(), key.to_uppercase());
            if let Some(value) = variable(&name)
                && let Some(value) = checked(&name, &[section, key], &value, found)
            {
                node = with(node, &[section, key], value);
            }
        }
    }
    match from_environment("TOLKIEN_STORE") {
        Ok(Some(url)) => {
            let url = url.expose_secret();
            if let Some(value) = checked("TOLKIEN_STORE", &["store"], url, found) {
                node = with(node, &["store"], value);
            }
        }
        Ok(None) => {}
        Err(error) => {
            let place = Place::file("TOLKIEN_STORE_FILE");
            found.push(
                Diagnostic::error("bad-environment", place, error.to_string())
                    .help("name a readable file, or unset the variable"),
            );
        }
    }
    node
}

/// The value as a node, when the settings can read it: as a number or boolean, else as a text.
fn checked(name: &str, path: &[&str], value: &str, found: &mut Vec<Diagnostic>) -> Option<Node> {
    let source = Source::new(name, value);
    let mut reported = Vec::new();
    for plain in [true, false] {
        let node = Node {
            span: 0..value.len(),
            kind: Kind::Scalar {
                text: value.to_owned(),
                plain,
            },
        };
        let mut problems = Vec::new();
        let alone = with(empty(), path, node.clone());
        read(&mut Reader::new(&source, &mut problems), &alone);
        // Two keys are read together only, and a password belongs into this variable.
        problems.retain(|problem| {
            !["missing-key", "unknown-key", "secret-in-file"].contains(&problem.code.0)
        });
        if problems.is_empty() {
            return Some(node);
        }
        if plain {
            reported = problems;
        }
    }
    found.extend(reported.into_iter().map(|problem| Diagnostic {
        message: format!("`{name}`: {}", problem.message),
        fix: None,
        ..problem
    }));
    None
}

fn empty() -> Node {
    Node {
        span: 0..0,
        kind: Kind::Map(Vec::new()),
    }
}

/// The tree with a value at a path, made where it is missing.
fn with(node: Node, path: &[&str], value: Node) -> Node {
    let Some((key, rest)) = path.split_first() else {
        return value;
    };
    let mut entries = match node.kind {
        Kind::Map(entries) => entries,
        _ => Vec::new(),
    };
    let at = entries.iter().position(|entry| entry.key == *key);
    let old = at.map_or_else(empty, |at| entries.remove(at).value);
    entries.push(Entry {
        key: (*key).to_owned(),
        key_span: 0..0,
        value: with(old, rest, value),
    });
    Node {
        span: node.span,
        kind: Kind::Map(entries),
    }
}
