//! Names of files that hold secrets: what the policy denies by name, no search of a folder shows.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind};
use tolkien::config::Overrides;
use tolkien::config::policy::Channel;
use tolkien::policy::{self, Decision, Request, decide};

use super::*;
use crate::decision::caller;

/// Files that say what a secret is for, or that only sound like one.
const ORDINARY: [&str; 12] = [
    "apps/immich/values.yaml",
    "apps/immich/vault-secret.yaml",
    "ansible/stacks/.env.example",
    "ansible/ca.pem",
    "ansible/id_ed25519.pub",
    "ansible/keys.md",
    "ansible/monkeys.txt",
    "docs/kubeconfig.md",
    "docs/credentials.md",
    "docs/vault-token.md",
    "terraform/minio.tfvars.example",
    "config.json",
];

/// What an expression matches: each of its alternatives, each optional part with and without.
fn samples(expression: &Hir) -> BTreeSet<String> {
    match expression.kind() {
        HirKind::Empty => [String::new()].into(),
        HirKind::Literal(literal) => [String::from_utf8(literal.0.to_vec()).unwrap()].into(),
        HirKind::Class(Class::Unicode(class)) => {
            let all = class
                .iter()
                .flat_map(|range| range.start()..=range.end().min('~'));
            let small: BTreeSet<char> = all.map(|c| c.to_ascii_lowercase()).collect();
            match small.len() {
                ..4 => small.into_iter().map(String::from).collect(),
                // One stands for all.
                _ if small.contains(&'x') => ["x".to_owned()].into(),
                _ => small.into_iter().take(1).map(String::from).collect(),
            }
        }
        HirKind::Repetition(repetition) => {
            let mut some = samples(&repetition.sub);
            if repetition.min == 0 {
                some.insert(String::new());
            }
            some
        }
        HirKind::Capture(capture) => samples(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(samples).fold(
            [String::new()].into(),
            |begun: BTreeSet<String>, next| {
                let each = begun.iter();
                each.flat_map(|a| next.iter().map(move |b| format!("{a}{b}")))
                    .collect()
            },
        ),
        HirKind::Alternation(parts) => parts.iter().flat_map(samples).collect(),
        other => panic!("{other:?}"),
    }
}

/// Names of files that the expressions of `secrets-never` match, and the same in capitals.
fn denied_names() -> BTreeSet<String> {
    let text = fs::read_to_string(shipped().join("policies/secrets-never.yaml")).unwrap();
    let (_, text) = text.split_once("\nlet:\n").unwrap();
    let (text, _) = text.split_once("\n\n").unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_suffix('\'')?.split_once(": '"));
    let expressions: Vec<&str> = lines.map(|(_, expression)| expression).collect();
    assert_eq!(expressions.len(), 7);
    let names = expressions.iter().flat_map(|expression| {
        let expression = regex_syntax::parse(expression).unwrap();
        samples(&expression)
    });
    let names = names.filter(|name| !name.starts_with('/') && !name.ends_with('/'));
    let names = names.flat_map(|name| [name.to_uppercase(), name]);
    let names: BTreeSet<String> = names.collect();
    // A folder is there by the files in it.
    let is_folder = |name: &str| {
        let below = format!("{name}/");
        names.iter().any(|other| other.starts_with(&below))
    };
    let files = names.iter().filter(|name| !is_folder(name));
    files.cloned().collect()
}

/// The files that a search of the whole folder shows.
async fn shown(tool: &str, folder: &Path) -> BTreeSet<String> {
    let output = tolkien(shipped())
        .env("DOCS_DIR", folder)
        .env("REPO_DIR", folder)
        .args(["call", tool, r#"{"query": "a text"}"#])
        .output()
        .await
        .unwrap();
    succeeded(&output);
    let found = stdout(&output);
    let lines = found.lines().map(|line| {
        let (file, rest) = line.split_once(':').unwrap();
        assert_eq!(rest, "1:a text", "{found}");
        file.trim_start_matches("./").to_owned()
    });
    lines.collect()
}

#[tokio::test]
async fn a_search_of_a_folder_shows_no_file_that_is_denied_by_name() {
    let names = denied_names();
    assert!(names.len() > 500, "{names:?}");
    let folder = tempfile::tempdir().unwrap();
    let ordinary = ORDINARY.map(str::to_owned);
    for name in names.iter().chain(&ordinary) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "a text\n").unwrap();
    }
    let config = policy::load(shipped(), Overrides::None).unwrap();
    let config = config.config.unwrap();
    let caller = caller("operator", Channel::Local);
    let decision = |tool: &str, input: &Value| {
        let request = Request { tool, input };
        decide(&config, request, &caller).decision()
    };
    for name in &names {
        for (tool, input) in [
            ("docs_read", json!({"path": name})),
            ("repo_read", json!({"path": name})),
            ("docs_search", json!({"query": "a", "path": name})),
            ("repo_search", json!({"query": "a", "path": name})),
        ] {
            assert_eq!(decision(tool, &input), Decision::Deny, "{tool} {name}");
        }
    }
    let ordinary = BTreeSet::from(ordinary);
    for name in &ordinary {
        let input = json!({"path": name});
        assert_eq!(decision("repo_read", &input), Decision::Allow, "{name}");
    }
    assert_eq!(shown("repo_search", folder.path()).await, ordinary);
    // This one leaves hidden files out altogether.
    let mut ordinary = ordinary;
    ordinary.retain(|name| !name.contains("/."));
    assert_eq!(shown("docs_search", folder.path()).await, ordinary);
}
