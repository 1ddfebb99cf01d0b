//! Invariants that hold, that are broken, and that say nothing.

use super::world::proofs;

#[test]
fn what_holds_is_proved() {
    insta::assert_snapshot!(proofs(&[]), @"
    invariants.no-mutation: proved
    invariants.no-secrets: proved
    invariants.no-target: proved
    ");
}

#[test]
fn an_invariant_that_a_forced_word_makes_impossible_says_nothing() {
    let forced = (
        "kubectl",
        "[kubectl, \"{{ args }}\"",
        "[kubectl, --as=reader, \"{{ args }}\"",
    );
    let allow = (
        "cluster",
        "'kubectl get|describe|logs **'",
        "'kubectl --as=reader get|describe|logs **'",
    );
    insta::assert_snapshot!(proofs(&[forced, allow]), @"
    invariants.no-mutation: says nothing
    invariants.no-secrets: says nothing
    invariants.no-target: proved
    ");
}

#[test]
fn the_shortest_line_that_breaks_an_invariant_is_shown() {
    let more = (
        "kubectl",
        "      - logs <name>",
        "      - exec <name> [ -- * ]...\n      - logs <name>",
    );
    let policy = ("cluster", "get|describe|logs", "get|describe|logs|exec");
    insta::assert_snapshot!(proofs(&[more, policy]), @"
    invariants.no-mutation: violated by kubectl exec get --request-timeout=50s
    invariants.no-secrets: proved
    invariants.no-target: violated by kubectl exec get -- --context --request-timeout=50s
    ");
}
