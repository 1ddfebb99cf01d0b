//! What patterns accept, refuse and print.

mod refusals;

use std::collections::BTreeMap;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::token::{Kind, tokens};
use super::*;

/// The names that these tests refer to.
fn names() -> Names {
    let lets = [
        ("ns", "[a-z0-9][-a-z0-9]*", Some(63)),
        ("name", "[A-Za-z0-9][A-Za-z0-9._:/-]*", Some(253)),
        ("format", "wide|json|yaml|name", None),
        ("kind", "pod|deploy", None),
        ("short", "[a-z]+", Some(3)),
        ("loud", "(?i)loud", None),
        ("ref", "<kind>/<short>", None),
        ("mixed", "<short>|x<ns>", None),
    ];
    let parts = [
        (
            "flag",
            "-n|--namespace <ns> | --namespace=<ns> | -A|--all-namespaces | -o|--output <format>",
        ),
        ("pods", "pod <ns> | <flag>"),
    ];
    let (names, problems) = Names::new(lets, parts, &BTreeMap::new());
    assert_eq!(problems, []);
    names
}

fn pattern(text: &str) -> Pattern {
    match Pattern::parse(text, &names(), Lengths::Enforced) {
        Ok((pattern, _)) => pattern,
        Err(problems) => panic!("{text}: {problems:#?}"),
    }
}

fn matches(text: &str, words: &[&str]) -> bool {
    pattern(text).matches(words)
}

/// Each token on a line: its kind, and its text.
fn cut(text: &str) -> String {
    let line = |token: token::Token<'_>| {
        let kind = match token.kind {
            Kind::Word(_) => "word",
            Kind::Name(_) => "name",
            _ => "mark",
        };
        let glue = if token.repeated { " repeated" } else { "" };
        format!("{kind} `{}`{glue}", &text[token.span])
    };
    tokens(text)
        .into_iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn tokens_end_where_the_contract_says() {
    assert_snapshot!(cut("get|describe|top [ <name> | <flag> ]..."), @"
    word `get|describe|top`
    mark `[`
    name `<name>`
    mark `|`
    name `<flag>`
    mark `]...` repeated
    ");
    assert_snapshot!(cut(r"logs <name> [ <flag> | --tail=[0-9]+ ]... ** *"), @"
    word `logs`
    name `<name>`
    mark `[`
    name `<flag>`
    mark `|`
    word `--tail=[0-9]+`
    mark `]...` repeated
    mark `**`
    mark `*`
    ");
    assert_snapshot!(cut(r"a\ b [c d]e (f g)h ( i\ ) ...  <x>... x... *..."), @r"
    word `a\ b`
    word `[c d]e`
    word `(f g)h`
    mark `(`
    word `i\ )`
    mark `...`
    name `<x>...` repeated
    word `x...`
    word `*...`
    ");
    assert_snapshot!(cut("[-A] [ -A ] ([a b] c) [] ] [^] x]y [a[ ]b] [\n<p.x> <P Q> (?<n>a)"), @r"
    word `[-A]`
    mark `[`
    word `-A`
    mark `]`
    word `([a b] c)`
    word `[] ]`
    word `[^] x]y`
    word `[a[ ]b]`
    mark `[`
    name `<p.x>`
    word `<P`
    word `Q>`
    word `(?<n>a)`
    ");
}

#[test]
fn a_pattern_matches_the_whole_list_of_words() {
    let usage = "get|describe|top [ <name> | <flag> ]...";
    assert!(matches(usage, &["get"]));
    assert!(matches(usage, &["get", "pods", "-A", "-o", "wide"]));
    assert!(matches(usage, &["describe", "--namespace=media", "x"]));
    assert!(!matches(usage, &[]));
    assert!(!matches(usage, &["get", "pods", "-o"]));
    assert!(!matches(
        usage,
        &["get", "pods", "--server=https://attacker.example"]
    ));
    assert!(!matches(usage, &["forget", "pods"]));
    assert!(!matches(usage, &["get2"]));
}

#[test]
fn brackets_bars_and_repeats_mean_what_a_man_page_means() {
    assert!(matches("a | b c", &["a"]) && matches("a | b c", &["b", "c"]));
    assert!(!matches("a | b c", &["a", "c"]));
    assert!(matches("a ( b | c ) d", &["a", "c", "d"]) && !matches("a ( b | c ) d", &["a", "d"]));
    assert!(matches("a [ b ] c", &["a", "c"]) && matches("a [ b ] c", &["a", "b", "c"]));
    assert!(matches("a ...", &["a", "a", "a"]) && !matches("a ...", &[]));
    assert!(matches("[ a ]...", &[]) && matches("[ a b ]...", &["a", "b", "a", "b"]));
    assert!(matches("** x **", &["x"]) && matches("** x **", &["1", "x", "2", "3"]));
    assert!(
        matches("*", &["anything at all\n"]) && !matches("*", &[]) && !matches("*", &["a", "b"])
    );
    assert!(matches("**", &[]) && matches("** ...", &["a", "b"]));
    assert!(matches("( [ a ] b ... )... c", &["b", "b", "a", "b", "c"]));
    assert!(matches("<pods>", &["pod", "media"]) && matches("<pods>", &["-n", "media"]));
}

#[test]
fn a_rule_set_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<RuleSet>();
    shared::<Pattern>();
}

#[test]
fn a_rule_set_names_every_pattern_that_matches_in_order() {
    let patterns = [
        "** secrets? **",
        "get <name>...",
        "**",
        "[ get ]",
        "get <short>",
    ]
    .map(pattern);
    let set = RuleSet::new(&patterns);
    let matching = |words: &[&str]| set.matching(words).collect::<Vec<_>>();
    assert_eq!(matching(&["get", "secret"]), [0, 1, 2]);
    assert_eq!(matching(&["get", "pod"]), [1, 2, 4]);
    assert_eq!(matching(&["get", "pods"]), [1, 2]);
    assert_eq!(matching(&["get"]), [2, 3]);
    assert_eq!(matching(&[]), [2, 3]);
    assert_eq!(set.matching(&["get", "secret"]).first(), Some(0));
    assert_eq!(RuleSet::default().matching(&["get"]).first(), None);
}
