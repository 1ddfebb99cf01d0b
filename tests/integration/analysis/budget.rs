//! Counts, lengths, and what is too large to be decided.

use super::world::{config, difference, proofs, tell, told};

#[test]
fn a_length_that_grows_by_one_is_found() {
    insta::assert_snapshot!(told(&[("kubectl", "max: 63", "max: 64")]), @"+ kubectl get -n a{64} --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`");
}

#[test]
fn nested_counts_are_decided() {
    let written = "name: {re: '[A-Za-z0-9][A-Za-z0-9._:-]*', max: 253}";
    let cases = ("kubectl", "  - allow: get pods -A\n", "  - allow: get -A\n");
    let nested = |inner: u32| {
        let name = format!("name: '(([a-z]{{1,8}}-){{0,8}}[a-z]{{1,{inner}}}[.]){{0,8}}[a-z]'");
        config(&[("kubectl", written, &name), cases])
    };
    let [old, new] = [7, 8].map(nested);
    insta::assert_snapshot!(tell(&difference(&old, &new)), @"+ kubectl get aaaaaaaa.a --request-timeout=50s (deny -> allow): let through by `kubectl.args.allow[0]`; was denied by `kubectl.args.allow`");
}

#[test]
fn an_expression_that_takes_too_many_states_is_undecided_and_named() {
    let hard = (
        "kubectl",
        "'[A-Za-z0-9][A-Za-z0-9._:-]*'",
        "'[ab]*a[ab]{8}[ab]{8}'",
    );
    let cases = ("kubectl", "  - allow: get pods -A\n", "  - allow: get -A\n");
    insta::assert_snapshot!(told(&[hard, cases]), @"undecided: `kubectl.args.allow[0]`, at tools.d/kubectl.yaml:19:9 needs more states than are looked at; bound it, or write it in fewer alternatives");
    insta::assert_snapshot!(proofs(&[hard, cases]), @"
    invariants.no-mutation: undecided: `kubectl.args.allow[0]`, at tools.d/kubectl.yaml:19:9 needs more states than are looked at
    invariants.no-secrets: undecided: `kubectl.args.allow[0]`, at tools.d/kubectl.yaml:19:9 needs more states than are looked at
    invariants.no-target: undecided: `kubectl.args.allow[0]`, at tools.d/kubectl.yaml:19:9 needs more states than are looked at
    ");
}
