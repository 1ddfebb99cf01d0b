//! What differs in a tool beside its command lines.

use super::super::compare;
use super::world::{config, equal, table, told};

#[test]
fn what_a_command_is_given_is_compared_word_by_word() {
    let kubectl = "tools.d/kubectl.yaml";
    insta::assert_snapshot!(table(&[
        (kubectl, "effect: write", "effect: read"),
        (kubectl, "[kubectl,", "[/opt/kubectl,"),
        (kubectl, "--request-timeout=50s", "--request-timeout=0"),
        (kubectl, ", --request-timeout=50s]", "]"),
        (kubectl, r#""{{ args }}", --request-timeout=50s"#, r#"--request-timeout=50s, "{{ args }}""#),
        (kubectl, r#"KUBECONFIG: "{{ env.KUBECONFIG }}""#, r#"KUBECONFIG: "{{ env.DOCS_DIR }}""#),
        (kubectl, r#"{KUBECONFIG: "{{ env.KUBECONFIG }}"}"#, "{}"),
        (kubectl, r#"env.KUBECONFIG }}"}"#, r#"env.KUBECONFIG }}", A: "{{ secret.OTHER }}"}"#),
        (kubectl, r#"stdin: "{{ manifest }}""#, r#"stdin: "x{{ manifest }}""#),
        (kubectl, "ok: [0]", "ok: [0, 1]"),
        (kubectl, "ok: [0]", "cwd: /tmp"),
        ("tools.d/docs.yaml", r#"  cwd: "{{ env.DOCS_DIR }}""#, ""),
        (kubectl, "timeout: 30s", "timeout: 5m"),
        (kubectl, "timeout: 30s", ""),
        ("tools.d/docs.yaml", "limit: 9000, keep: head", "keep_bytes: 2048, keep: tail"),
        (kubectl, "Looks at", "Stares at"),
    ]), @"
    ! kubectl effect: write → read

    ! kubectl program: kubectl → /opt/kubectl

    ! kubectl forced arguments: {{ args }} --request-timeout=50s → {{ args }} --request-timeout=0

    ! kubectl forced arguments: {{ args }} --request-timeout=50s → {{ args }}

    ! kubectl forced arguments: {{ args }} --request-timeout=50s → --request-timeout=50s {{ args }}

    ! kubectl environment KUBECONFIG: {{ env.KUBECONFIG }} → {{ env.DOCS_DIR }}
    ! kubectl reads: - → env.DOCS_DIR
      kubectl reads: env.KUBECONFIG → -

    ! kubectl environment KUBECONFIG: {{ env.KUBECONFIG }} → -
      kubectl reads: env.KUBECONFIG → -

    ! kubectl environment A: - → {{ secret.OTHER }}
    ! kubectl reads: - → secret.OTHER

    ! kubectl stdin: {{ manifest }} → x{{ manifest }}

      kubectl ok: 0 → 0, 1

    ! kubectl cwd: - → /tmp

      docs cwd: {{ env.DOCS_DIR }} → -

      kubectl timeout: 30s → 5m

      kubectl timeout: 30s → 1m

      docs output limit: 9000 → 12000
      docs output keep: head → tail
      docs output keep_bytes: 1048576 → 2048

      kubectl description: Looks at the cluster. → Stares at the cluster.
    ");
}

#[test]
fn what_no_command_line_shows_widens_unless_it_plainly_narrows() {
    let kubectl = "tools.d/kubectl.yaml";
    insta::assert_snapshot!(table(&[
        (kubectl, "maxItems: 9", "maxItems: 10"),
        (kubectl, "maxLength: 100", "maxLength: 200"),
        (kubectl, "description: Words.", "description: More words."),
        (kubectl, "manifest: {type", "extra: {type: string}\n    manifest: {type"),
        (kubectl, "type: object\n", "type: object\n  required: [args, manifest]\n"),
        (kubectl, "max: 50", "max: 60, multiline: true, dash: true"),
        (kubectl, "allow: ['<name>']", "allow: ['<name>.*']"),
        (kubectl, "name: '[a-z]+'", "name: '[a-z0-9]+'"),
        (kubectl, "allow: ['get <name>']", "allow: ['get <name> <name>']"),
        ("tools.d/docs.yaml", r#"within: "{{ env.DOCS_DIR }}", "#, ""),
        ("tools.d/docs.yaml", r#"within: "{{ env.DOCS_DIR }}""#, "within: /srv"),
        ("tools.d/docs.yaml", "max: 80", "max: 90"),
        ("tools.d/wiki.yaml", "maxLength: 10", "maxLength: 20"),
        ("tools.d/wiki.yaml", "tool: search", "tool: edit"),
        ("tools.d/wiki.yaml", "run: {mcp: {server: wiki, tool: search}}", "run: {command: [wiki]}"),
    ]), @r#"
      kubectl input args: {"items":{"type":"string"},"maxItems":9,"type":"array"} → {"items":{"type":"string"},"maxItems":10,"type":"array"}

    ! kubectl input manifest: {"maxLength":100,"type":"string"} → {"maxLength":200,"type":"string"}

      kubectl input args description: "Words." → "More words."

      kubectl input extra: - → {"type":"string"}

      kubectl input args required: false → true
      kubectl input manifest required: false → true

      kubectl manifest.dash: false → true
    ! kubectl manifest.multiline: false → true
    ! kubectl manifest.max: 50 → 60

    ! kubectl manifest.rules: allow ["<name>"]; let {"name":"[a-z]+"} → allow ["<name>.*"]; let {"name":"[a-z]+"}

    ! kubectl manifest.rules: allow ["<name>"]; let {"name":"[a-z]+"} → allow ["<name>"]; let {"name":"[a-z0-9]+"}

      nothing

    ! docs path.within: {{ env.DOCS_DIR }} → -

    ! docs path.within: {{ env.DOCS_DIR }} → /srv

      docs path.max: 80 → 90

    ! wiki input query: {"maxLength":10,"type":"string"} → {"maxLength":20,"type":"string"}

    ! wiki runs: mcp wiki search → mcp wiki edit

    ! wiki runs: mcp wiki search → wiki
    "#);
}

#[test]
fn steps_are_compared_one_by_one_and_in_their_order() {
    let code = "tools.d/code.yaml";
    insta::assert_snapshot!(table(&[
        (code, "https://gitea.example/code", "https://other.example/code"),
        (code, "timeout: 1m", "timeout: 2m, idle_timeout: 10s"),
        (code, "[git, push], ok: [0]", "[git, push], ok: [0, 1]"),
        (code, "{match: 'done.*', not_empty: true, because: it must be done}", "{match: 'done.*'}"),
        (code, "match: 'done.*'", "match: '.*'"),
        (code, "because: it must be done", "because: else not"),
        (code, "      require: {match", "      sandbox: {write: [/tmp]}\n      require: {match"),
        (code, "    - {command: [git, push]", "    - {id: log, command: [git, log]}\n    - {command: [git, push]"),
        (code, "    - {command: [git, push], ok: [0]}\n", ""),
        (code, "workspace: true", "workspace: false"),
        (code, "steps.think.stdout", "steps.clone.stdout"),
        ("prompts/code.md", "Do {{ task }}.", "Do {{ task }} at once."),
    ]), @"
    ! code step clone: forced arguments: clone https://gitea.example/code → clone https://other.example/code

      code step clone: timeout: 1m → 2m
      code step clone: idle_timeout: - → 10s

    ! code step 3: ok: 0 → 0, 1

    ! code step think: require: match done.*, not_empty → match done.*

    ! code step think: require: match done.*, not_empty → match .*, not_empty

      nothing

      code step think: sandbox write: unrestricted → /tmp

    ! code steps: step clone, step think, step 3 → step clone, step think, step log, step 4
    ! code step log: - → git log
    ! code step 4: - → git push

    ! code steps: step clone, step think, step 3 → step clone, step think

      code workspace: true → false

      code result: {{ steps.think.stdout }} → {{ steps.clone.stdout }}

    ! code prompt code.md: Do {{ task }}. → Do {{ task }} at once.
      settings prompts/code.md: Do {{ task }}. → Do {{ task }} at once.
    ");
}

#[test]
fn requests_are_compared_by_host_method_and_headers() {
    let web = "tools.d/web.yaml";
    insta::assert_snapshot!(table(&[
        (web, "[kubernetes.io, '*.k8s.io']", "[kubernetes.io, '*.k8s.io', docs.k8s.io, '*.api.k8s.io']"),
        (web, "'*.k8s.io'", "'*.k8s.io', '*.kubernetes.io', github.com"),
        (web, ", '*.k8s.io'", ""),
        (web, "method: POST", "method: PUT"),
        (web, "kubernetes.io/{{", "kubernetes.io/docs/{{"),
        (web, "{X-Mode: safe}", "{}"),
        (web, "{X-Mode: safe}", "{X-Mode: safe, Authorization: '{{ secret.TOKEN }}'}"),
        (web, r#"body: "{{ note }}""#, r#"body: "{{ page }}: {{ note }}""#),
        (web, "    headers", "    accept: [text/html]\n    headers"),
        (web, "note: {type: string}", "note: {type: string, maxLength: 3}"),
    ]), @r#"
      web host: - → docs.k8s.io
      web host: - → *.api.k8s.io

    ! web host: - → *.kubernetes.io
    ! web host: - → github.com

      web host: *.k8s.io → -

    ! web method: POST → PUT

    ! web url: https://kubernetes.io/{{ page }} → https://kubernetes.io/docs/{{ page }}

    ! web header X-Mode: safe → -

    ! web header Authorization: - → {{ secret.TOKEN }}
    ! web reads: - → secret.TOKEN

    ! web body: {{ note }} → {{ page }}: {{ note }}

      web accept: - → text/html

    ! web input note: {"type":"string"} → {"maxLength":3,"type":"string"}
    "#);
}

#[test]
fn a_sandbox_is_weaker_by_each_list_and_by_what_it_requires() {
    let docs = "tools.d/docs.yaml";
    let own = r#"{read: ["@system", /srv/docs], connect: []}"#;
    insta::assert_snapshot!(table(&[
        (docs, own, r#"{read: ["@system", /srv/docs/homelab], connect: []}"#),
        (docs, own, r#"{read: ["@system", /srv/docs, /etc], connect: [443]}"#),
        (docs, own, r#"{read: ["@system", /srv/docs], connect: [], write: []}"#),
        (docs, own, r#"{read: ["@system", /srv/docs]}"#),
        (docs, &format!("sandbox: {own}\n"), ""),
        (docs, own, r#"{read: ["@system", /srv/docs], connect: [], require: best-effort}"#),
        (docs, own, r#"{read: ["@system", /srv/docs], connect: [], require: full}"#),
    ]), @"
      docs sandbox read: /srv/docs, @system → /srv/docs/homelab, @system

    ! docs sandbox read: /srv/docs, @system → /etc, /srv/docs, @system
    ! docs sandbox connect: nothing → 443

      docs sandbox write: unrestricted → nothing

    ! docs sandbox connect: nothing → unrestricted

    ! docs sandbox read: /srv/docs, @system → /srv, @system
    ! docs sandbox connect: nothing → unrestricted

    ! docs sandbox require: full → best-effort

      nothing
    ");
}

#[test]
fn of_policies_counts_what_no_command_line_shows() {
    let (cluster, viewers) = ("policies/cluster.yaml", "policies/viewers.yaml");
    insta::assert_snapshot!(table(&[
        (cluster, "tools: [kubectl]", "tools: [web]"),
        (cluster, "replace: 'bearer [redacted]'", "replace: '$0'"),
        (cluster, "redact: [", "redact: [{match: 'token [a-z]+', replace: x}, "),
        (cluster, "bearer [a-z]+", "basic [a-z]+"),
        (cluster, "approvers: [admin]", "approvers: [admin, operator]"),
        (cluster, ", approvers: [admin]", ""),
        (cluster, "kind: 'nodes?'", "kind: 'nodes'"),
        (cluster, "ask: [", "ask: [{id: b, match: 'kubectl **', approvers: [operator]}, "),
        (cluster, "never: [{id: no-mutation, match: 'kubectl delete **'}]", ""),
        (cluster, "deny:", "effect: {write: allow}\ndeny:"),
        (cluster, "deny:", "effect: {write: deny}\ndeny:"),
        (viewers, "effect: {read: ask}", "effect: {read: allow}"),
        (viewers, "effect: {read: ask}", ""),
        (viewers, "ask: [{id: ask-first, match: '**'}]", ""),
        (viewers, "roles: [viewer]", "roles: [viewer], channels: [api]"),
        (viewers, ", roles: [viewer]", ""),
        (viewers, "tools: [docs], roles", "tools: [docs, kubectl], roles"),
    ]), @"
      kubectl policy cluster: 1 deny, 1 ask, 1 redact, 1 never → -
    ! kubectl redact: (?:(?:bearer )[a-z]+) → `bearer [redacted]` → -
    ! kubectl ask `kubectl ** <kind> **`: `admin` → -
      kubectl never: kubectl delete ** → -
      web policy cluster: - → 1 deny, 1 ask, 1 redact, 1 never
      web redact: - → (?:(?:bearer )[a-z]+)
      web ask `kubectl ** <kind> **`: - → `admin`
      web never: - → kubectl delete **

    ! kubectl redact: (?:(?:bearer )[a-z]+) → `bearer [redacted]` → (?:(?:bearer )[a-z]+) → `$0`

      kubectl redact: - → (?:(?:token )[a-z]+)

    ! kubectl redact: (?:(?:bearer )[a-z]+) → `bearer [redacted]` → -
      kubectl redact: - → (?:(?:basic )[a-z]+)

    ! kubectl ask `kubectl ** <kind> **`: `admin` → `admin` or `operator`

    ! kubectl ask `kubectl ** <kind> **`: `admin` → every role that may approve

    ! kubectl ask `kubectl ** <kind> **`: `admin` → -
      kubectl ask `kubectl ** <kind> **`: - → `admin`

      kubectl ask `kubectl **`: - → `operator`

      kubectl never: kubectl delete ** → -

    ! kubectl answer to the effect: ask → allow

      kubectl answer to the effect: ask → deny

    ! docs answer to the effect (for `viewer`): ask → allow

    ! docs answer to the effect (for `viewer`): ask → -

    ! docs ask `**` (for `viewer`): every role that may approve → -

    ! docs ask `**` (for `viewer`): every role that may approve → -
      docs ask `**` (for `viewer` through `api`): - → every role that may approve
    ! docs answer to the effect (for `viewer`): ask → -
      docs answer to the effect (for `viewer` through `api`): - → ask

      docs answer to the effect: allow → ask

      kubectl policy viewers: - → 1 ask, effect, for `viewer`
      kubectl ask `**` (for `viewer`): - → every role that may approve
    ");
}

#[test]
fn a_tool_that_comes_or_goes_is_told_as_a_whole() {
    let text = "description: Lists.\neffect: read\ninput: {type: object}\nrun: {command: [ls, '{{ env.DOCS_DIR }}']}\n";
    insta::assert_snapshot!(table(&[("tools.d/list.yaml", "", text)]), @"
    ! list effect: - → read
    ! list runs: - → ls {{ env.DOCS_DIR }}
    ! list reads: - → env.DOCS_DIR
    ");
}

#[test]
fn a_word_from_the_environment_is_a_forced_one() {
    let with = |name: &str| {
        let word = format!("'--kubeconfig={{{{ env.{name} }}}}'");
        config(&[("tools.d/kubectl.yaml", "--request-timeout=50s", &word)])
    };
    let (base, head) = (with("KUBECONFIG"), with("DOCS_DIR"));
    let difference = compare(Some(&base), Some(&head), &equal);
    assert_eq!(
        told(&difference),
        "! kubectl forced arguments: {{ args }} --kubeconfig={{ env.KUBECONFIG }} → {{ args }} --kubeconfig={{ env.DOCS_DIR }}\n\
         ! kubectl reads: - → env.DOCS_DIR\n"
    );
}
