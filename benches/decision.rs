//! One decision: 8 words against 40 rules, beside the least that any decision can cost.
//!
//! `one_pass_over_100_bytes` is the bare limit: a compiled automaton over 100 bytes, with nothing
//! decided. `cargo bench --bench decision` prints both in one run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that cannot start stops at once"
)]

use std::collections::BTreeMap;
use std::hint::black_box;

use divan::Bencher;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::dense::DFA;
use regex_automata::{Anchored, Input};
use tolkien::pattern::{Lengths, Names, Pattern, RuleSet};

fn main() {
    divan::main();
}

const LETS: [(&str, &str, Option<u32>); 8] = [
    ("ns", "[a-z0-9][-a-z0-9]*", Some(63)),
    ("name", "[A-Za-z0-9][A-Za-z0-9._:/-]*", Some(253)),
    (
        "format",
        "wide|json|yaml|name|custom-columns=[A-Za-z0-9:.,_-]+",
        None,
    ),
    ("selector", r"[A-Za-z0-9][A-Za-z0-9._/,=!() -]*", Some(512)),
    ("column", r"\.?[A-Za-z][A-Za-z0-9.\[\]{}]*", Some(128)),
    ("tail", "[0-9]+", Some(6)),
    ("kind", "[a-z]+(\\.[a-z0-9.-]+)?", Some(253)),
    ("secret", "(?i:(.*,)?secrets?([./,].*)?)", None),
];

const PARTS: [(&str, &str); 2] = [
    (
        "flag",
        "-n|--namespace <ns> | --namespace=<ns> | -A|--all-namespaces | -o|--output <format> \
         | --output=<format> | -l|--selector <selector> | --selector=<selector> \
         | --field-selector <selector> | --field-selector=<selector> | --sort-by=<column> \
         | --sort-by <column> | --show-labels | --no-headers | -w=false",
    ),
    (
        "log",
        "-c|--container <ns> | --container=<ns> | --tail <tail> | --tail=<tail> | --since=<duration> \
         | --since <duration> | -p|--previous | --timestamps | --all-containers",
    ),
];

/// What a read-only kubectl tool allows,
const ALLOW: [&str; 16] = [
    "get|describe <name> [ <name> | <flag> ]...",
    "top pod|pods|node|nodes [ <name> | <flag> | --containers ]...",
    "logs <name> [ <flag> | <log> ]...",
    "logs [ <flag> | <log> ]... <name>",
    "auth can-i <name> <name> [ <flag> ]...",
    "explain <kind> [ --recursive | --api-version=<name> ]...",
    "api-resources [ --namespaced=true|--namespaced=false | --verbs=<name> | <flag> ]...",
    "api-versions",
    "version [ --client | -o json|yaml ]...",
    "cluster-info",
    "events [ <flag> | --for=<name> | --types=Normal|--types=Warning ]...",
    "rollout status|history <name> [ <flag> | --revision=<int> | --watch=false ]...",
    "config current-context",
    "diff -f <name> [ <flag> ]...",
    "wait <name> --for=condition=[A-Za-z]+ --timeout=<duration> [ <flag> ]...",
    "get --raw /healthz|/readyz|/version",
];

/// and what it, and the policies on its whole command line, deny.
const DENY: [&str; 24] = [
    "** <secret> **",
    "** -s|--server(=.*)? **",
    "** --token(=.*)? **",
    "** --kubeconfig(=.*)? **",
    "** --context(=.*)? **",
    "** --as(-group|-uid)?(=.*)? **",
    "** --insecure-skip-tls-verify(=.*)? **",
    "** -w|--watch|--watch-only(=.*)? **",
    "** -f|--filename(=.*)? **",
    "** -v(=?[6-9]|=?10) **",
    "get * ** -o|--output (?i)(go-template|jsonpath)(-file)?=.* **",
    "create|delete|apply|patch|edit|exec|port-forward|proxy|replace|scale|drain|cordon **",
    "annotate|label|taint|attach|cp|debug|run|expose|autoscale|set **",
    "config view|set-.*|use-context **",
    "** (?i)serviceaccounts?/token **",
    "** .*\\$\\(.* **",
    "** nodes?/.*/proxy.* **",
    "get|describe (?i)cm|configmaps? .*(token|password|credential).* **",
    "logs ** -n|--namespace kube-system|vault **",
    "logs ** --namespace=(kube-system|vault) **",
    "certificate approve|deny **",
    "** --cache-dir(=.*)? **",
    "** --profile(-output)?(=.*)? **",
    "plugin|kustomize|alpha **",
];

const WORDS: [&str; 8] = [
    "get",
    "pods",
    "--namespace",
    "kube-system",
    "-l",
    "app.kubernetes.io/name=immich",
    "--sort-by=.metadata.creationTimestamp",
    "--output=wide",
];

fn patterns() -> Vec<Pattern> {
    let (names, problems) = Names::new(LETS, PARTS, &BTreeMap::new());
    assert_eq!(problems, []);
    let parse = |(text, lengths)| match Pattern::parse(text, &names, lengths) {
        Ok((pattern, _)) => pattern,
        Err(problems) => panic!("{text}: {problems:#?}"),
    };
    let deny = DENY.into_iter().map(|text| (text, Lengths::Ignored));
    let allow = ALLOW.into_iter().map(|text| (text, Lengths::Enforced));
    deny.chain(allow).map(parse).collect()
}

#[divan::bench]
fn eight_words_forty_rules(bencher: Bencher<'_, '_>) {
    let patterns = patterns();
    assert_eq!(patterns.len(), 40);
    let rules = RuleSet::new(&patterns);
    assert_eq!(rules.matching(&WORDS).collect::<Vec<_>>(), [24]);
    bencher.bench(|| rules.matching(black_box(&WORDS)).first());
}

#[divan::bench]
fn one_pass_over_100_bytes(bencher: Bencher<'_, '_>) {
    let dfa = DFA::new("[a-z]+( [a-z=./-]+)*").unwrap();
    let text = WORDS.join(" ").replace(['0', '1', 'T', 'k'], "x") + "  ";
    let text = format!("{text:x<100}");
    let bytes = &text.as_bytes()[..100];
    let start = dfa
        .start_state_forward(&Input::new(bytes).anchored(Anchored::Yes))
        .unwrap();
    bencher.bench(|| {
        black_box(bytes)
            .iter()
            .fold(start, |state, byte| dfa.next_state(state, *byte))
    });
}

#[divan::bench]
fn plainly_one_by_one(bencher: Bencher<'_, '_>) {
    let patterns = patterns();
    bencher.bench(|| {
        patterns
            .iter()
            .filter(|rule| rule.matches(black_box(&WORDS)))
            .count()
    });
}

#[divan::bench]
fn compile_forty_rules(bencher: Bencher<'_, '_>) {
    let patterns = patterns();
    bencher.bench(|| RuleSet::new(black_box(&patterns)));
}

#[divan::bench]
fn parse_forty_rules(bencher: Bencher<'_, '_>) {
    bencher.bench(patterns);
}
