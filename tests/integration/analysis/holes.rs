//! Seeded holes, one at a time, in a configuration that is otherwise good: each is found by an
//! invariant or by the difference, with the line that gets through.

use std::fs;

use super::world::{Edit, load, proofs, proofs_of, told};

fn both(edits: &[Edit<'_>]) -> String {
    format!("{}{}", told(edits), proofs(edits))
}

#[test]
fn a_missing_deny() {
    let deny = "    deny:\n      - match: '** (?i:(.*,)?secrets?([./,].*)?) **'\n        because: secret values must never reach the model\n";
    let case = (
        "kubectl",
        "  - deny: get secrets -A\n",
        "  - deny: delete pods\n",
    );
    insta::assert_snapshot!(both(&[("kubectl", deny, ""), case]), @"
    + kubectl get secret --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.deny[0]`, gone here
    invariants.no-mutation: proved
    invariants.no-secrets: violated by kubectl get secret --request-timeout=50s
    invariants.no-target: proved
    ");
}

#[test]
fn anything_in_a_value() {
    insta::assert_snapshot!(both(&[("kubectl", "ns: {re: '[a-z0-9][-a-z0-9]*', max: 63}", "ns: '.*'")]), @"
    + kubectl get --namespace= --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`
    invariants.no-mutation: proved
    invariants.no-secrets: proved
    invariants.no-target: violated by kubectl get -n --context --request-timeout=50s
    ");
}

#[test]
fn an_alternative_too_many() {
    let tool = ("kubectl", "get|describe [", "get|describe|delete [");
    let policy = (
        "cluster",
        "get|describe|logs **",
        "get|describe|delete|logs **",
    );
    insta::assert_snapshot!(both(&[tool, policy]), @"
    + kubectl delete --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`, changed here; was denied by `kubectl.args.allow`
    invariants.no-mutation: violated by kubectl delete --request-timeout=50s
    invariants.no-secrets: proved
    invariants.no-target: proved
    ");
}

#[test]
fn an_allow_of_everything() {
    let tool = (
        "kubectl",
        "      - logs <name>",
        "      - '**'\n      - logs <name>",
    );
    insta::assert_snapshot!(both(&[tool]), @"
    + kubectl logs --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[1]`, written here; was denied by `kubectl.args.allow`
    invariants.no-mutation: proved
    invariants.no-secrets: proved
    invariants.no-target: violated by kubectl get --context --request-timeout=50s
    ");
}

#[test]
fn a_policy_that_stopped_applying() {
    let policy = (
        "cluster",
        "applies_to: {tools: [kubectl]}",
        "applies_to: {tools: [kubectl_*]}",
    );
    let files: Vec<Edit<'_>> = vec![policy];
    // A policy that selects nothing is an error of its own, so another tool is there to be selected.
    let other = super::world::with_a_writing_tool(&files);
    let before = super::world::with_a_writing_tool(&[]);
    let difference = super::world::difference(&before, &other);
    insta::assert_snapshot!(super::world::tell(&difference), @"
    + kubectl get --namespace=kube-system --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, gone here
    + kubectl get -n kube-system --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, gone here
    + kubectl get --namespace kube-system --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `cluster.no-system`, gone here
    ");
}

#[test]
fn a_lost_length() {
    insta::assert_snapshot!(told(&[("kubectl", "{re: '[a-z0-9][-a-z0-9]*', max: 63}", "'[a-z0-9][-a-z0-9]*'")]), @"+ kubectl get -n a{64} --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`");
}

#[test]
fn a_dash_at_the_start_of_a_value() {
    insta::assert_snapshot!(told(&[("kubectl", "'[a-z0-9][-a-z0-9]*'", "'[-a-z0-9]+'")]), @"
    + kubectl get --namespace=- --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`
    + kubectl get -n -n --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`
    ");
}

#[test]
fn a_misspelt_word_in_a_deny() {
    let case = (
        "kubectl",
        "  - deny: get secrets -A\n",
        "  - deny: delete pods\n",
    );
    insta::assert_snapshot!(both(&[("kubectl", "secrets?", "secerts?"), case]), @"
    + kubectl get secret --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.deny[0]`, changed here
    - kubectl get secert --request-timeout=50s (allow -> deny): denied by `kubectl.args.deny[0]`, changed here; was let through by `kubectl.args.allow[0]`
    invariants.no-mutation: proved
    invariants.no-secrets: violated by kubectl get secret --request-timeout=50s
    invariants.no-target: proved
    ");
}

#[test]
fn a_misspelt_word_in_the_shipped_deny() {
    let read = |path: &str| {
        let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(path).unwrap()
    };
    let cut = |text: &str, start: &str, end: &str| {
        let (before, rest) = text.split_once(start).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        format!("{before}{end}{after}")
    };
    // Without the cases, which notice it too, and without the second lock on the same door.
    let tool = read("tools.d/kubectl.yaml");
    let (rules, _) = tool.split_once("\ntests:\n").unwrap();
    let tool = format!("{rules}\ntests:\n  - allow: get pods -A\n  - deny: delete pods -A\n");
    let policy = read("policies/cluster-read-only.yaml");
    let (policy, _) = policy.split_once("\ntests:\n").unwrap();
    let policy = cut(policy, "  - id: no-secrets\n", "  - id: no-credentials\n");
    let told = |tool: &str| {
        let files = [
            ("tolkien.yaml", read("tolkien.yaml")),
            (
                "prompts/system.md",
                "You look after a cluster.\n".to_owned(),
            ),
            ("tools.d/kubectl.yaml", tool.to_owned()),
            ("policies/cluster-read-only.yaml", policy.clone()),
        ];
        proofs_of(&load(files.map(|(path, text)| (path.to_owned(), text))))
    };
    insta::assert_snapshot!(told(&tool), @"
    cluster-read-only.never-changes: proved
    cluster-read-only.never-secret: proved
    cluster-read-only.never-raw-path: proved
    cluster-read-only.never-other-target: proved
    cluster-read-only.never-local-file: proved
    cluster-read-only.never-endless: proved
    ");
    let misspelt = tool.replace(
        "(?i:([^=]*,)?secrets?([./,].*)?) **",
        "(?i:([^=]*,)?secretes?([./,].*)?) **",
    );
    assert_ne!(misspelt, tool);
    insta::assert_snapshot!(told(&misspelt), @"
    cluster-read-only.never-changes: proved
    cluster-read-only.never-secret: violated by kubectl get secret --request-timeout=50s
    cluster-read-only.never-raw-path: proved
    cluster-read-only.never-other-target: proved
    cluster-read-only.never-local-file: proved
    cluster-read-only.never-endless: proved
    ");
}

#[test]
fn the_separate_form_of_a_flag_that_is_denied_joined_only() {
    let tool = (
        "kubectl",
        "| -A",
        "| -A | --context <name> | --context=<name>",
    );
    let policy = (
        "cluster",
        "deny:\n",
        "deny:\n  - {id: no-context, match: 'kubectl ** --context=.* **'}\n",
    );
    insta::assert_snapshot!(both(&[tool, policy]), @"
    + kubectl get --context get --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`
    invariants.no-mutation: proved
    invariants.no-secrets: proved
    invariants.no-target: violated by kubectl get --context get --request-timeout=50s
    ");
}

#[test]
fn letters_of_every_script() {
    insta::assert_snapshot!(told(&[("kubectl", "'[A-Za-z0-9][A-Za-z0-9._:-]*'", r"'[\p{L}0-9][A-Za-z0-9._:-]*'")]), @"+ kubectl get 'ª' --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`");
}
