//! Changes of the text that change nothing of what is permitted: each is proved.

use super::world::{Edit, config, difference, load, tell};

fn changes_nothing(edits: &[Edit<'_>]) {
    let answer = tell(&difference(&config(&[]), &config(edits)));
    assert_eq!(answer, "proved equal\n");
}

#[test]
fn alternatives_in_another_order() {
    changes_nothing(&[(
        "kubectl",
        "get|describe [ <name> | <scope> | <shape> ]...",
        "describe|get [ <shape> | <name> | <scope> ]...",
    )]);
}

#[test]
fn one_rule_split_in_two() {
    changes_nothing(&[(
        "kubectl",
        "      - get|describe [ <name> | <scope> | <shape> ]...\n",
        "      - get [ <name> | <scope> | <shape> ]...\n      - describe [ <name> | <scope> | <shape> ]...\n",
    )]);
}

#[test]
fn two_rules_merged_into_one() {
    changes_nothing(&[(
        "kubectl",
        "      - get|describe [ <name> | <scope> | <shape> ]...\n      - logs <name> [ <scope> | --tail=[0-9]+ ]...\n",
        "      - get|describe [ <name> | <scope> | <shape> ]... | logs <name> [ <scope> | --tail=[0-9]+ ]...\n",
    )]);
}

#[test]
fn a_name_introduced() {
    changes_nothing(&[
        ("kubectl", "let:\n", "let:\n  format: wide|json|yaml\n"),
        (
            "kubectl",
            "-o|--output wide|json|yaml | --output=(wide|json|yaml)",
            "-o|--output <format> | --output=<format>",
        ),
    ]);
}

#[test]
fn a_fragment_written_out() {
    changes_nothing(&[
        (
            "kubectl",
            "<name> | <scope> | <shape> ]...",
            "<name> | <scope> | -o|--output wide|json|yaml | --output=(wide|json|yaml) ]...",
        ),
        (
            "kubectl",
            "  shape: -o|--output wide|json|yaml | --output=(wide|json|yaml)\n",
            "",
        ),
    ]);
}

#[test]
fn rules_in_another_order() {
    changes_nothing(&[(
        "kubectl",
        "      - get|describe [ <name> | <scope> | <shape> ]...\n      - logs <name> [ <scope> | --tail=[0-9]+ ]...\n",
        "      - logs <name> [ <scope> | --tail=[0-9]+ ]...\n      - get|describe [ <name> | <scope> | <shape> ]...\n",
    )]);
}

#[test]
fn an_expression_written_otherwise() {
    changes_nothing(&[
        (
            "kubectl",
            "(?i:(.*,)?secrets?([./,].*)?)",
            "(?i:(.*,)?(secret|secrets)|(.*,)?secrets?[,./].*)",
        ),
        ("kubectl", "'[a-z0-9][-a-z0-9]*'", "'[0-9a-z]([a-z0-9]|-)*'"),
    ]);
}

#[test]
fn repeats_nested_otherwise() {
    changes_nothing(&[(
        "kubectl",
        "logs <name> [ <scope> | --tail=[0-9]+ ]...",
        "logs <name> [ [ <scope> ]... [ --tail=[0-9]+ ... ] ]...",
    )]);
}

#[test]
fn a_deny_that_another_covers() {
    changes_nothing(&[(
        "kubectl",
        "    deny:\n",
        "    deny:\n      - match: 'get secrets **'\n",
    )]);
}

#[test]
fn a_rule_moved_from_the_tool_to_a_policy() {
    changes_nothing(&[
        (
            "kubectl",
            "    deny:\n      - match: '** (?i:(.*,)?secrets?([./,].*)?) **'\n        because: secret values must never reach the model\n",
            "",
        ),
        (
            "cluster",
            "deny:\n",
            "deny:\n  - {id: no-secrets, match: 'kubectl ** (?i:(.*,)?secrets?([./,].*)?) **', because: secret values must never reach the model}\n",
        ),
    ]);
}

#[test]
fn a_policy_moved_to_another_file() {
    let files = super::world::files()
        .into_iter()
        .map(|(path, text)| (path.replace("policies/cluster.", "policies/reading."), text));
    let moved = load(files);
    assert_eq!(tell(&difference(&config(&[]), &moved)), "proved equal\n");
}
