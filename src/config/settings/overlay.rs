//! Settings that come from the environment where something is served or run: `TOLKIEN_SECTION__KEY`
//! stands over what `tolkien.yaml` says. Checking a configuration never looks here, so that its
//! answer is the same on every machine.

use std::collections::BTreeMap;

use super::read::read;
use crate::config::secret::{ExposeSecret as _, from_environment, variable, variable_names};
use crate::config::yaml::{Entry, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, Source, listed, nearest};

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

/// What the environment says, read once: names with values, or why one cannot be read.
#[derive(Debug, Default)]
struct Said {
    values: BTreeMap<String, String>,
    store: Option<Result<String, String>>,
}

impl Said {
    fn read() -> Self {
        let values = variable_names()
            .into_iter()
            .filter(|name| name.starts_with(PREFIX))
            .filter(|name| name.contains(JOINER) || lacks_joiner(name))
            .filter_map(|name| Some((variable(&name)?, name)))
            .map(|(value, name)| (name, value))
            .collect();
        let store = match from_environment("TOLKIEN_STORE") {
            Ok(url) => url.map(|url| Ok(url.expose_secret().to_owned())),
            Err(error) => Some(Err(error.to_string())),
        };
        Self { values, store }
    }
}

const PREFIX: &str = "TOLKIEN_";

/// Stands between section and key; names without it are not settings.
const JOINER: &str = "__";

/// Whether a name is that of a setting but for an underscore.
fn lacks_joiner(name: &str) -> bool {
    let mut known = KEYS.into_iter().flat_map(|(section, keys)| {
        keys.iter()
            .map(move |key| format!("{PREFIX}{section}_{key}"))
    });
    known.any(|known| known.eq_ignore_ascii_case(name))
}

/// Puts what the environment says over a settings tree.
pub(crate) fn overlay(node: Node, found: &mut Vec<Diagnostic>) -> Node {
    laid_over(node, &Said::read(), found)
}

fn laid_over(mut node: Node, said: &Said, found: &mut Vec<Diagnostic>) -> Node {
    let known: Vec<(String, [&str; 2])> = KEYS
        .into_iter()
        .flat_map(|(section, keys)| keys.iter().map(move |key| [section, *key]))
        .map(|path| (path.join(JOINER).to_uppercase(), path))
        .map(|(name, path)| (format!("{PREFIX}{name}"), path))
        .collect();
    for (name, value) in &said.values {
        let Some((_, path)) = known.iter().find(|(known, _)| known == name) else {
            let names = known.iter().map(|(name, _)| name.as_str());
            found.push(
                Diagnostic::error(
                    "bad-environment",
                    Place::file(name.as_str()),
                    format!("`{name}` is no setting that the environment can give"),
                )
                .help(match nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => keys_of(name).unwrap_or_else(|| format!(
                        "its section is one of {}; everything else is written in `tolkien.yaml`",
                        listed(KEYS.map(|(section, _)| section), "and")
                    )),
                }),
            );
            continue;
        };
        if let Some(value) = checked(name, path, value, found) {
            node = with(node, path, value);
        }
    }
    match &said.store {
        Some(Ok(url)) => {
            if let Some(value) = checked("TOLKIEN_STORE", &["store"], url, found) {
                node = with(node, &["store"], value);
            }
        }
        Some(Err(error)) => {
            let place = Place::file("TOLKIEN_STORE_FILE");
            found.push(
                Diagnostic::error("bad-environment", place, error)
                    .help("name a readable file, or unset the variable"),
            );
        }
        None => {}
    }
    node
}

/// The names of a section, where that of a misspelt name is known.
fn keys_of(name: &str) -> Option<String> {
    let (wanted, _) = name.strip_prefix(PREFIX)?.split_once(JOINER)?;
    let (section, keys) = KEYS
        .iter()
        .find(|(section, _)| section.eq_ignore_ascii_case(wanted))?;
    let names: Vec<String> = keys
        .iter()
        .map(|key| format!("{PREFIX}{section}{JOINER}{key}").to_uppercase())
        .collect();
    let names = names.iter().map(String::as_str);
    Some(format!("of `{section}` there are {}", listed(names, "and")))
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
        // Two keys are read together only.
        problems.retain(|problem| !["missing-key", "unknown-key"].contains(&problem.code.0));
        if problems.is_empty() {
            return Some(node);
        }
        // A text that looks like a number is judged as the text that it is.
        let is_mistaken = |problem: &Diagnostic| problem.code.0 == "unquoted-scalar";
        if plain || reported.iter().any(is_mistaken) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Model, Settings, StoreLocation};

    /// The settings that a file and an environment make, with what is wrong.
    fn settings(file: &str, said: &[(&str, &str)], store: Option<&str>) -> (Settings, Vec<String>) {
        let said = Said {
            values: said
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            store: store.map(|url| Ok(url.to_owned())),
        };
        let source = Source::new("tolkien.yaml", file);
        let mut found = Vec::new();
        let node = crate::config::yaml::parse_optional(&source, &mut found).unwrap();
        let node = laid_over(node, &said, &mut found);
        let settings = read(&mut Reader::new(&source, &mut found), &node);
        let found = found
            .iter()
            .map(|found| format!("{} [{}] {}", found.place, found.code, found.message))
            .collect();
        (settings, found)
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let file = "limits: {rounds: 5, parallel_calls: 2}\naudit: {stdout: true}";
        let said = [
            ("TOLKIEN_LIMITS__ROUNDS", "7"),
            ("TOLKIEN_MODEL__NAME", "2026"),
            ("TOLKIEN_AUDIT__STDOUT", "false"),
            ("TOLKIEN_SERVER__SHUTDOWN_GRACE", "5s"),
        ];
        let (settings, found) = settings(file, &said, Some("postgres://u:p@db/tolkien"));
        assert_eq!(found, [""; 0]);
        assert_eq!(settings.limits.rounds, 7);
        assert_eq!(settings.limits.parallel_calls, 2);
        assert!(matches!(settings.model, Model::Claude(claude) if claude.name == "2026"));
        assert!(!settings.audit.stdout);
        assert_eq!(settings.server.shutdown_grace.as_secs(), 5);
        let url = "postgres://u:p@db/tolkien".to_owned();
        assert_eq!(settings.store, StoreLocation::Postgres(url));
    }

    #[test]
    fn what_the_environment_says_wrongly_is_told_under_its_own_name() {
        let said = [
            ("TOLKIEN_LIMITS__RONDS", "7"),
            ("TOLKIEN_SERVER_LISTEN", "127.0.0.1:7332"),
            ("TOLKIEN_LIMITS__ROUNDS", "many"),
            ("TOLKIEN_SERVER__SHUTDOWN_GRACE", "5"),
            ("TOLKIEN_FACTS__CLUSTER", "valinor"),
            ("TOLKIEN_SERVER__LISTEN", "7331"),
        ];
        let (settings, found) = settings("limits: {rounds: 5}", &said, None);
        assert_eq!(settings.limits.rounds, 5);
        assert_eq!(
            found,
            [
                "TOLKIEN_FACTS__CLUSTER:1:1 [bad-environment] `TOLKIEN_FACTS__CLUSTER` is no setting that the environment can give",
                "TOLKIEN_LIMITS__RONDS:1:1 [bad-environment] `TOLKIEN_LIMITS__RONDS` is no setting that the environment can give",
                "TOLKIEN_LIMITS__ROUNDS:1:1 [wrong-type] `TOLKIEN_LIMITS__ROUNDS`: `rounds` must be a whole number, not the text `many`",
                "TOLKIEN_SERVER_LISTEN:1:1 [bad-environment] `TOLKIEN_SERVER_LISTEN` is no setting that the environment can give",
                "TOLKIEN_SERVER__LISTEN:1:1 [bad-address] `TOLKIEN_SERVER__LISTEN`: `7331` is no address to listen on",
                "TOLKIEN_SERVER__SHUTDOWN_GRACE:1:1 [bad-duration] `TOLKIEN_SERVER__SHUTDOWN_GRACE`: `5` is no length of time for `shutdown_grace`",
            ]
        );
    }

    #[test]
    fn the_scripted_model_can_come_from_the_environment() {
        let said = [
            ("TOLKIEN_MODEL__PROVIDER", "script"),
            ("TOLKIEN_MODEL__SCRIPT", "demo.yaml"),
        ];
        let (settings, found) = settings("", &said, None);
        assert_eq!(found, [""; 0]);
        let Model::Script { script, .. } = settings.model else {
            panic!("another model")
        };
        assert_eq!(script, std::path::Path::new("demo.yaml"));
    }
}
