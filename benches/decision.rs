//! One decision: 8 words against 40 rules, beside the least that any decision can cost.
//!
//! `eight_words_forty_rules` is the rules alone; `whole_decision` is `policy::decide`: the role, the
//! schema, the characters, the rules on the parameter, the command line rendered, and the rules of a
//! policy on it. `one_pass_over_100_bytes` is the bare limit: a compiled automaton over 100 bytes,
//! with nothing decided. `cargo bench --bench decision` prints them in one run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that cannot start stops at once"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::dense::DFA;
use regex_automata::{Anchored, Input};
use serde_json::{Value, json};
use tolkien::call::Caller;
use tolkien::config::policy::Channel;
use tolkien::config::{Config, File, Origin, Overrides};
use tolkien::pattern::{Lengths, Names, Pattern, RuleSet};
use tolkien::policy::{self, Decision, Request, decide};

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

/// The same rules as a configuration: half of what is denied stands in the tool, half in a policy on
/// its whole command line.
fn config() -> Arc<Config> {
    let (own, others) = DENY.split_at(DENY.len() / 2);
    let lets = LETS.map(|(name, re, max)| match max {
        Some(max) => (name.to_owned(), json!({"re": re, "max": max})),
        None => (name.to_owned(), json!(re)),
    });
    let parts = PARTS.map(|(name, text)| (name.to_owned(), json!(text)));
    let tool = json!({
        "description": "Read-only queries against the cluster.",
        "effect": "read",
        "input": {
            "type": "object",
            "required": ["args"],
            "properties": {"args": {
                "type": "array",
                "items": {"type": "string", "maxLength": 1000},
                "minItems": 1,
                "maxItems": 40,
            }},
        },
        "run": {"command": ["kubectl", "{{ args }}", "--request-timeout=50s"]},
        "let": Value::Object(lets.into_iter().collect()),
        "parts": Value::Object(parts.into_iter().collect()),
        "arguments": {"args": {"allow": ALLOW, "deny": own}},
        "tests": [{"allow": {"args": WORDS}}, {"deny": "get secrets"}],
    });
    let deny = others.iter().enumerate();
    let deny: Value = deny
        .map(|(at, rule)| json!({"id": format!("r{at}"), "match": format!("kubectl {rule}")}))
        .collect();
    let policy = json!({"applies_to": {"tools": ["kubectl"]}, "deny": deny});
    let files = vec![
        File::new("prompts/system.md", "You are the agent.\n"),
        File::new("tools.d/kubectl.yaml", tool.to_string()),
        File::new("policies/read-only.yaml", policy.to_string()),
    ];
    let loaded = policy::load(Origin::Files(files), Overrides::None).unwrap();
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

#[divan::bench]
fn whole_decision(bencher: Bencher<'_, '_>) {
    let config = config();
    let caller = Caller {
        name: serde_json::from_value(json!("joao")).unwrap(),
        role: serde_json::from_value(json!("operator")).unwrap(),
        channel: Channel::Api,
    };
    let input = json!({"args": WORDS});
    let decision = || {
        let request = Request {
            tool: "kubectl",
            input: black_box(&input),
        };
        decide(&config, request, &caller)
    };
    assert_eq!(decision().decision(), Decision::Allow);
    bencher.bench(decision);
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
