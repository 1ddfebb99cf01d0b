//! What patterns accept, refuse and print.

mod agreement;

mod naming;

mod refusals;

use std::collections::BTreeMap;

use insta::assert_snapshot;

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
        ("umlauts", "[äöüa]+", Some(3)),
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

/// By the plain walk, and by a rule set that has other lengths in it too.
fn matches(text: &str, words: &[&str]) -> bool {
    let pattern = pattern(text);
    let others = ["<short>", "<ns>", "<int>"].map(self::pattern);
    let set = RuleSet::new(others.iter().chain([&pattern]));
    let matches = pattern.matches(words);
    assert_eq!(
        set.matching(words).any(|at| at == 3),
        matches,
        "{text} {words:?}"
    );
    matches
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
        format!("{kind} `{}`{glue}", text.get(token.span).unwrap())
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
fn a_rule_set_answers_many_threads_at_once() {
    let patterns: Vec<Pattern> = (0..6).map(|at| pattern(&format!("** w{at} **"))).collect();
    let set = RuleSet::new(&patterns);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let set = &set;
            scope.spawn(move || {
                for number in 0..64 {
                    let bits = number ^ (thread * 21);
                    let expected: Vec<usize> = (0..6).filter(|at| bits >> at & 1 == 1).collect();
                    let words: Vec<String> = expected.iter().map(|at| format!("w{at}")).collect();
                    assert_eq!(set.matching(&words).collect::<Vec<_>>(), expected);
                }
            });
        }
    });
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

#[test]
fn max_is_a_length_in_characters_beside_the_expression() {
    let ns = "n".repeat(63);
    assert!(matches("--namespace=<ns>", &[&format!("--namespace={ns}")]));
    assert!(!matches(
        "--namespace=<ns>",
        &[&format!("--namespace={ns}n")]
    ));
    // Literals and maxes together: the second name may be longer when the first is shorter.
    assert!(matches("<short>/<short>", &["a/bcdef"]) && !matches("<short>/<short>", &["abc/defg"]));
    // Each alternative has its own; a name without one adds what its expression can be.
    assert!(matches("<short>|pods", &["pods"]) && !matches("<short>|pods", &["pod2"]));
    assert!(
        matches("<kind>/<short>", &["deploy/abc"]) && !matches("<kind>/<short>", &["deploy/abcd"])
    );
    assert!(matches("<ref>", &["pod/abcdef"]) && !matches("<ref>", &["pod/abcdefg"]));
    // The alternatives of one name keep theirs, beside others too.
    assert!(matches("<mixed>", &["abc"]) && !matches("<mixed>", &["abcd"]));
    assert!(matches("-<mixed>", &[&format!("-x{ns}")]) && !matches("-<mixed>", &["-abcd"]));
    // Something without a bound leaves the alternative without one.
    assert!(matches("<any><short>", &["0123456789abcdef"]));
    // Characters, not bytes.
    assert!(matches("<umlauts>", &["äöü"]) && !matches("<umlauts>", &["äöüa"]));
    let (pattern, _) = Pattern::parse("<short>", &names(), Lengths::Ignored).unwrap();
    assert!(pattern.matches(&["abcdefgh"]));
}

#[test]
fn the_built_in_names_mean_what_the_contract_says() {
    assert!(matches("<any>", &["\n-"]) && matches("<any>", &[""]));
    assert!(
        matches("<word>", &["a\n"]) && !matches("<word>", &["-a"]) && !matches("<word>", &[""])
    );
    assert!(matches("<int>", &["123456789"]) && !matches("<int>", &["1234567890"]));
    assert!(!matches("<int>", &["٣"]));
    assert!(matches("<duration>", &["90s"]) && matches("<duration>", &["250ms"]));
    assert!(!matches("<duration>", &["1h30m"]) && !matches("<duration>", &["1234567890123s"]));
    assert!(matches("<dns_label>", &["a-1"]) && !matches("<dns_label>", &["a-"]));
    assert!(!matches("<dns_label>", &["a.b"]) && !matches("<dns_label>", &[&"a".repeat(64)]));
    assert!(matches("<dns_name>", &["a.b-c.d"]) && !matches("<dns_name>", &["a..b"]));
    assert!(
        matches("<dns_name>", &[&"a".repeat(253)]) && !matches("<dns_name>", &[&"a".repeat(254)])
    );
}

#[test]
fn folding_knows_all_characters_and_the_short_classes_only_ascii() {
    assert!(matches("(?i)secret", &["ſecRET"]) && matches("(?i)k", &["\u{212A}"]));
    assert!(!matches(r"(?i)\w", &["ſ"]) && !matches(r"(?i)[\w-]", &["ſ"]));
    assert!(matches(r"(?iu)\w", &["ſ"]) && matches(r"(?i)[\ws]", &["ſ"]));
    assert!(!matches(r"\d", &["٣"]) && matches(r"(?u:\d)", &["٣"]));
    assert!(matches(r".*\bä.*", &["aä"]) && !matches(r"(?u).*\bä.*", &["aä"]));
    // A name has its own flags, and gives none away.
    assert!(!matches("(?i)<kind>", &["POD"]) && !matches("<loud>er", &["LOUDER"]));
}

#[test]
fn a_name_is_only_found_among_literals() {
    assert!(matches("[<kind>]+x", &["<dnik>x"]));
    assert!(matches("(?<kind>a)b", &["ab"]));
    assert!(matches("[<]kind>", &["<kind>"]) && matches("a<b", &["a<b"]));
    assert!(matches(r"(x<kind>)*y", &["xpodxdeployy"]) && matches("x<kind>?", &["x"]));
}

#[test]
fn a_flag_must_be_written_as_one() {
    let flags = pattern("get <name> [ -n|--namespace <ns> | x|-y | <flag> | <any> ]...");
    for flag in ["-n", "--namespace", "-y", "-A", "--namespace=media"] {
        assert!(flags.matches_written_flag(flag), "{flag}");
    }
    for value in [
        "-x",
        "x",
        "media",
        "-",
        "--server=x",
        "--namespace=-x",
        "--namespace=Media",
    ] {
        assert!(!flags.matches_written_flag(value), "{value}");
    }
    let loose = |text: &str| {
        let places = pattern(text).loose_dash_words();
        places
            .into_iter()
            .map(|place| text.get(place).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        loose("get <name> [ <flag> ]... <any> [a-z]*-x .?y * ** <word> -.* a"),
        ["<any>", "[a-z]*-x", ".?y"]
    );
    assert_eq!(
        loose("(-a|b) [+-].* (a?)*\\b-"),
        ["(-a|b)", "[+-].*", "(a?)*\\b-"]
    );
}

#[test]
fn one_word_patterns_are_told_apart() {
    for text in ["<name>", "a|b", "a | b", "( <ns> | * )"] {
        assert!(pattern(text).is_single_word(), "{text}");
    }
    for text in ["a b", "[ a ]", "a ...", "**", "a | b c", "<flag>"] {
        assert!(!pattern(text).is_single_word(), "{text}");
    }
}

#[test]
fn another_policys_names_are_qualified() {
    let texts = "get <other-policy.ns> <other-policy.flag> x<other-policy.kind> <ns> <a.b c>";
    assert_eq!(
        Names::policies_in(texts).collect::<Vec<_>>(),
        ["other-policy"; 3]
    );
    let imported = BTreeMap::from([("other-policy".to_owned(), names())]);
    let (names, problems) = Names::new([("mine", "<other-policy.kind>!", None)], [], &imported);
    assert_eq!(problems, []);
    let text = "<mine> [ <other-policy.flag> ]";
    let (pattern, _) = Pattern::parse(text, &names, Lengths::Enforced).unwrap();
    assert!(pattern.matches(&["pod!", "-n", "media"]));
    assert!(Pattern::parse("<other-policy.any>", &names, Lengths::Enforced).is_err());
}

#[test]
fn what_a_rule_set_has_no_room_to_learn_it_still_answers() {
    const RULES: usize = 10;
    let patterns: Vec<Pattern> = (0..RULES)
        .map(|at| pattern(&format!("** w{at} **")))
        .collect();
    let set = RuleSet::with_room(&patterns, 5_000);
    // Every set of words leads to a set of positions of its own.
    for words in (0..1 << RULES).chain([0, 1, 77]) {
        let expected: Vec<usize> = (0..RULES).filter(|at| words >> at & 1 == 1).collect();
        let words: Vec<String> = expected.iter().map(|at| format!("w{at}")).collect();
        assert_eq!(set.matching(&words).collect::<Vec<_>>(), expected);
    }
    assert!(set.is_full());
}

#[test]
fn a_repeated_group_that_may_be_left_out_is_no_lazy_one() {
    for (lazy, optional, word) in [
        ("x(?:ab)+?", "x(?:(?:ab)+)?", "x"),
        ("x[0-9]+?", "x(?:[0-9]+)?", "x"),
        ("x(?:ab){2}?", "x(?:(?:ab){2})?", "x"),
        ("x[0-9]{1,3}?y", "x(?:[0-9]{1,3})?y", "xy"),
    ] {
        let [lazy, optional] = [lazy, optional].map(pattern);
        for (patterns, expected) in [([&lazy, &optional], 1), ([&optional, &lazy], 0)] {
            let matching: Vec<usize> = RuleSet::new(patterns).matching(&[word]).collect();
            assert_eq!(matching, [expected], "{}", patterns[expected].text());
        }
    }
}
