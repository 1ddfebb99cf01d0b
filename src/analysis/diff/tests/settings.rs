//! What differs in the settings and the prompts.

use super::super::compare;
use super::world::{Edit, config, equal, table, told};

const FILE: &str = "tolkien.yaml";

/// A section that the file does not have yet.
fn section(text: &str) -> String {
    format!("{text}\nfacts:")
}

fn sections(all: &[&str]) -> String {
    let texts: Vec<String> = all.iter().map(|text| section(text)).collect();
    let edits: Vec<Edit<'_>> = texts
        .iter()
        .map(|to| (FILE, "facts:", to.as_str()))
        .collect();
    table(&edits)
}

#[test]
fn another_address_widens_and_another_bound_does_not() {
    insta::assert_snapshot!(sections(&[
        "model: {base_url: https://models.example}",
        "model: {name: claude-haiku, max_tokens: 100, effort: high}",
        "limits: {rounds: 50, call_timeout: 90s, approval_timeout: 1h}",
        "server: {listen: 0.0.0.0:80}",
        "server: {listen: 127.0.0.1:80, state_dir: /data}",
        "store: sqlite:/data/tolkien.db",
        "store: 'sqlite::memory:'",
        "store: postgres://db/tolkien",
        "audit: {file: /var/log/tolkien, stdout: false}",
        "telemetry: {otlp: https://traces.example, log: text}",
    ]), @"
    ! settings model.base_url: https://api.anthropic.com → https://models.example

      settings model.name: claude-opus-5-5 → claude-haiku
      settings model.max_tokens: 16000 → 100
      settings model.effort: - → high

      settings limits.rounds: 40 → 50
      settings limits.call_timeout: 1m → 90s
      settings limits.approval_timeout: 10m → 1h

    ! settings server.listen: 127.0.0.1:7331 → 0.0.0.0:80

      settings server.listen: 127.0.0.1:7331 → 127.0.0.1:80
      settings server.state_dir: - → /data

      settings store: sqlite → sqlite:/data/tolkien.db

    ! settings store: sqlite → sqlite::memory:

    ! settings store: sqlite → postgres://db/tolkien

      settings audit.file: - → /var/log/tolkien
      settings audit.stdout: true → false

    ! settings telemetry.otlp: - → https://traces.example
      settings telemetry.log: json → text
    ");
}

#[test]
fn every_new_way_in_widens() {
    let two = "2222222222222222222222222222222222222222222222222222222222222222";
    let added = format!("]}}\n  - {{name: ana, role: viewer, token_sha256: [\"{two}\"]}}\nmcp");
    let rotated = format!("1\", \"{two}\"]}}\nmcp");
    insta::assert_snapshot!(table(&[
        (FILE, "DOCS_DIR: /srv/docs", "DOCS_DIR: /srv, HOME: null"),
        (FILE, "KUBECONFIG: null", "KUBECONFIG: /etc/kubeconfig"),
        (FILE, "/srv/docs}", "null}"),
        (FILE, "OTHER: {env: OTHER}", "OTHER: {file: /run/other}, THIRD: {env: THIRD}"),
        (FILE, ", OTHER: {env: OTHER}", ""),
        (FILE, r#"{tools: ["docs*"], effects: [read]}"#, r#"{tools: ["docs*"], approve: true}"#),
        (FILE, r#"["docs*"]"#, r#"["docs*", kubectl, web]"#),
        (FILE, r#"["docs*"]"#, r#"["*"]"#),
        (FILE, r#"["docs*"]"#, r#"["docs"]"#),
        (FILE, "  viewer:", "  guest: {tools: [docs]}\n  viewer:"),
        (FILE, r#"  admin: {tools: ["*"], approve: true}"#, r#"  admin: {tools: ["*"], approve: true, effects: [read]}"#),
        (FILE, "joao, role: operator", "joao, role: admin"),
        (FILE, "joao, role", "frodo, role"),
        (FILE, "]}\nmcp", &added),
        (FILE, "1\"]}\nmcp", &rotated),
        (FILE, "token_sha256: [", "telegram: {user_ids: [7]}, token_sha256: ["),
        (FILE, "callers:\n  - {name: joao, role: operator, token_sha256: [\"1111111111111111111111111111111111111111111111111111111111111111\"]}\n", ""),
        (FILE, "KEY: mellon", "KEY: friend"),
        (FILE, "{wiki: {command: [wiki-server], env: {KEY: mellon}}}", "{wiki: {url: 'https://wiki.example'}, more: {url: 'https://a:b@more.example'}}"),
    ]), @r#"
    ! settings environment.DOCS_DIR: default "/srv/docs" → default "/srv"
    ! settings environment.HOME: - → no default

    ! settings environment.KUBECONFIG: no default → default "/etc/kubeconfig"

      settings environment.DOCS_DIR: default "/srv/docs" → no default

    ! settings secrets.OTHER: env OTHER → file /run/other
    ! settings secrets.THIRD: - → env THIRD

    ! settings secrets.OTHER: env OTHER → -

    ! settings roles.viewer.effects: read → read and write
    ! settings roles.viewer.approve: false → true

    ! settings roles.viewer.tools: docs* → docs*, kubectl, web

    ! settings roles.viewer.tools: docs* → *
    ! settings roles.viewer newly uses: - → wiki

      settings roles.viewer.tools: docs* → docs

    ! settings roles.guest: - → tools docs; read and write

      settings roles.admin.effects: read and write → read

    ! settings callers.joao.role: operator → admin

    ! settings callers.frodo: - → role operator
    ! settings callers.frodo.token: - → 1111111111111111111111111111111111111111111111111111111111111111
      settings callers.joao: role operator → -

    ! settings callers.ana: - → role viewer
    ! settings callers.ana.token: - → 2222222222222222222222222222222222222222222222222222222222222222

    ! settings callers.joao.token: - → 2222222222222222222222222222222222222222222222222222222222222222

    ! settings callers.joao.telegram: - → 7

    ! settings callers: listed → the local one
      settings callers.joao: role operator → -

    ! settings mcp_servers.wiki: KEY=sha256:83006a438f94… wiki-server → KEY=sha256:cde48537ca2c… wiki-server

    ! settings mcp_servers.more: - → https://sha256:6783a31eabf6…@more.example
    ! settings mcp_servers.wiki: KEY=sha256:83006a438f94… wiki-server → https://wiki.example
    "#);
}

#[test]
fn the_default_sandbox_is_told_once_and_words_for_the_model_permit_nothing() {
    insta::assert_snapshot!(table(&[
        (FILE, r#"{read: ["@system", /srv], require: full}"#, r#"{read: ["@system", /], require: best-effort}"#),
        (FILE, r#"{read: ["@system", /srv], require: full}"#, r#"{read: ["@system", /srv], write: [], require: full}"#),
        (FILE, "cluster: valinor", "cluster: aman, moon: true"),
        ("prompts/system.md", "Be brief.", "Be brief.\nAnd kind."),
    ]), @r#"
    ! settings sandbox.read: /srv, @system → /, @system
    ! settings sandbox.require: full → best-effort

      settings sandbox.write: unrestricted → nothing

      settings facts.cluster: "valinor" → "aman"
      settings facts.moon: - → true

      settings prompts/system.md: (nothing there) → And kind.
    "#);
}

#[test]
fn a_role_gains_a_tool_whose_effect_it_covers_now() {
    let viewer = (FILE, r#"["docs*"]"#, r#"["docs*", kubectl]"#);
    let reads = ("tools.d/kubectl.yaml", "effect: write", "effect: read");
    let (base, head) = (config(&[viewer]), config(&[viewer, reads]));
    insta::assert_snapshot!(told(&compare(Some(&base), Some(&head), &equal)), @"
    ! kubectl effect: write → read
    ! settings roles.viewer newly uses: - → kubectl
    ");
}
