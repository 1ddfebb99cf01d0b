//! A configuration with something of everything, and edits of it.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use super::super::{Difference, Languages, Other, Side, compare};
use crate::config::{self, Config, Overrides};

/// File by file.
const FILES: [(&str, &str); 10] = [
    (
        "tolkien.yaml",
        r#"
environment: {KUBECONFIG: null, DOCS_DIR: /srv/docs}
secrets: {TOKEN: {file: /run/secrets/token}, OTHER: {env: OTHER}}
roles:
  operator: {tools: ["*"], approve: true}
  admin: {tools: ["*"], approve: true}
  viewer: {tools: ["docs*"], effects: [read]}
callers:
  - {name: joao, role: operator, token_sha256: ["1111111111111111111111111111111111111111111111111111111111111111"]}
mcp_servers: {wiki: {command: [wiki-server], env: {KEY: mellon}}}
sandbox: {read: ["@system", /srv], require: full}
facts: {cluster: valinor}
"#,
    ),
    (
        "tools.d/kubectl.yaml",
        r#"
description: Looks at the cluster.
effect: write
input:
  type: object
  properties:
    args: {type: array, items: {type: string}, maxItems: 9, description: Words.}
    manifest: {type: string, maxLength: 100}
run:
  command: [kubectl, "{{ args }}", --request-timeout=50s]
  env: {KUBECONFIG: "{{ env.KUBECONFIG }}"}
  stdin: "{{ manifest }}"
  ok: [0]
timeout: 30s
let: {name: '[a-z]+'}
arguments:
  args: {allow: ['get <name>'], deny: ['secrets']}
  manifest: {allow: ['<name>'], max: 50}
"#,
    ),
    (
        "tools.d/docs.yaml",
        r#"
description: Reads a page.
effect: read
input: {type: object, properties: {path: {type: string}}}
run:
  command: [cat, --, "{{ path }}"]
  cwd: "{{ env.DOCS_DIR }}"
output: {limit: 9000, keep: head}
sandbox: {read: ["@system", /srv/docs], connect: []}
arguments:
  path: {within: "{{ env.DOCS_DIR }}", max: 80}
"#,
    ),
    (
        "tools.d/code.yaml",
        r#"
description: Writes code.
effect: write
input: {type: object, required: [task], properties: {task: {type: string}}}
run:
  workspace: true
  steps:
    - {id: clone, command: [git, clone, 'https://gitea.example/code'], timeout: 1m}
    - id: think
      command: [claude, --print]
      stdin: '{{ prompt("code.md", task=task) }}'
      env: {TOKEN: "{{ secret.TOKEN }}"}
      require: {match: 'done.*', not_empty: true, because: it must be done}
    - {command: [git, push], ok: [0]}
  result: "{{ steps.think.stdout }}"
"#,
    ),
    (
        "tools.d/web.yaml",
        r#"
description: Reads a page of the web.
effect: write
input: {type: object, required: [page], properties: {page: {type: string}, note: {type: string}}}
run:
  http:
    method: POST
    url: "https://kubernetes.io/{{ page }}"
    hosts: [kubernetes.io, '*.k8s.io']
    headers: {X-Mode: safe}
    body: "{{ note }}"
arguments:
  page: {allow: ['[a-z]+']}
"#,
    ),
    (
        "tools.d/wiki.yaml",
        "
description: Asks the wiki.
effect: read
input: {type: object, properties: {query: {type: string, maxLength: 10}}}
run: {mcp: {server: wiki, tool: search}}
",
    ),
    (
        "policies/cluster.yaml",
        "
description: Nothing here reveals a secret.
applies_to: {tools: [kubectl]}
let: {kind: 'nodes?'}
deny: [{id: no-secrets, match: 'kubectl ** secrets **', because: they are secret}]
ask: [{id: node-level, match: 'kubectl ** <kind> **', approvers: [admin]}]
redact: [{match: 'bearer [a-z]+', replace: 'bearer [redacted]'}]
never: [{id: no-mutation, match: 'kubectl delete **'}]
",
    ),
    (
        "policies/viewers.yaml",
        "
applies_to: {tools: [docs], roles: [viewer]}
ask: [{id: ask-first, match: '**'}]
effect: {read: ask}
",
    ),
    ("prompts/system.md", "You are careful.\n\nBe brief.\n"),
    ("prompts/code.md", "Do {{ task }}.\n"),
];

/// An edit: a file, what stands there, and what stands there instead. Of an absent file the whole text
/// is given; an empty text takes a file away.
pub(super) type Edit<'a> = (&'a str, &'a str, &'a str);

/// The configuration after some edits.
pub(super) fn config(edits: &[Edit<'_>]) -> Arc<Config> {
    let root = tempfile::tempdir().unwrap();
    for folder in ["tools.d", "policies", "prompts"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    for (file, text) in FILES {
        fs::write(root.path().join(file), text).unwrap();
    }
    for (file, from, to) in edits {
        let path = root.path().join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(from), "{file} does not hold {from}");
        let edited = if from.is_empty() {
            (*to).to_owned()
        } else {
            text.replacen(from, to, 1)
        };
        if edited.is_empty() {
            fs::remove_file(path).unwrap();
        } else {
            fs::write(path, edited).unwrap();
        }
    }
    let loaded = config::load(&root.path().into(), Overrides::None).unwrap();
    let config = loaded.config;
    config.unwrap_or_else(|| panic!("{edits:?}: {:#?}", loaded.diagnostics))
}

/// A comparison that has proved every tool equal.
pub(super) fn equal(_: Option<Side<'_>>, _: Option<Side<'_>>) -> Languages {
    Languages {
        equal: true,
        ..Languages::default()
    }
}

/// What some edits change, where no command line does.
pub(super) fn difference(edits: &[Edit<'_>]) -> Difference {
    compare(Some(&config(&[])), Some(&config(edits)), &equal)
}

/// What differs, a line each; `!` stands before what widens.
pub(super) fn told(difference: &Difference) -> String {
    let mut text = String::new();
    for tool in &difference.tools {
        for other in &tool.other {
            writeln!(text, "{}", line(&tool.tool, other)).unwrap();
        }
    }
    for other in &difference.other {
        writeln!(text, "{}", line("settings", other)).unwrap();
    }
    text
}

fn line(of: &str, other: &Other) -> String {
    let mark = if other.widens { '!' } else { ' ' };
    let value = |value: &Option<String>| match value {
        None => "-".to_owned(),
        Some(text) => text.replace('\n', " / "),
    };
    let (before, after) = (value(&other.before), value(&other.after));
    format!("{mark} {of} {}: {before} → {after}", other.what)
}

/// A table of edits, each with what it changes.
pub(super) fn table(edits: &[Edit<'_>]) -> String {
    let told = edits.iter().map(|edit| told(&difference(&[*edit])));
    let rows = told.map(|told| match told.as_str() {
        "" => "  nothing\n".to_owned(),
        _ => told,
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// The text of a file before any edit.
pub(super) fn file(name: &str) -> &'static str {
    let found = FILES.iter().find(|(file, _)| *file == name);
    found.unwrap().1
}
