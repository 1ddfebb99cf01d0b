//! Patterns over some names: what parses prints, and parses again to an equal pattern that matches
//! the same; a rule set answers what every pattern by itself answers; places lie within the text.
//!
//! The input is text, line by line: `let NAME MAX EXPRESSION` (`-` for no max), `part NAME PATTERN`,
//! `words` and the words, each behind a tab, with `\n` for a line end; every other line is a
//! pattern, with `\n` for a line end too.

#![no_main]

use std::collections::BTreeMap;
use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use tolkien::pattern::{Expression, Lengths, Names, Pattern, Problem, RuleSet, usage};

#[derive(Default)]
struct Input<'a> {
    lets: Vec<(&'a str, &'a str, Option<u32>)>,
    parts: Vec<(&'a str, &'a str)>,
    words: Vec<Vec<String>>,
    patterns: Vec<String>,
}

impl<'a> Input<'a> {
    fn read(text: &'a str) -> Self {
        let mut input = Self::default();
        for line in text.lines().take(24) {
            let mut fields = line.splitn(4, ' ');
            match (fields.next(), fields.next(), fields.next(), fields.next()) {
                (Some("let"), Some(name), Some(max), Some(text)) => {
                    input.lets.push((name, text, max.parse().ok()));
                }
                (Some("part"), Some(name), ..) => {
                    let text = line.splitn(3, ' ').nth(2).unwrap_or_default();
                    input.parts.push((name, text));
                }
                _ => match line.strip_prefix("words") {
                    Some(words) => {
                        let words = words.split('\t').skip(1).take(12);
                        input.words.push(words.map(unescape).collect());
                    }
                    None => input.patterns.push(unescape(line)),
                },
            }
        }
        input
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let input = Input::read(text);
    let (names, problems) = Names::new(
        input.lets.iter().copied(),
        input.parts.iter().copied(),
        &BTreeMap::new(),
    );
    for found in &problems {
        let (lets, parts) = (input.lets.iter(), input.parts.iter());
        let own = |name: &str| name == found.name;
        let is_within = if found.part {
            parts
                .filter(|(name, _)| own(name))
                .any(|(_, text)| is_within(&found.problem, text))
        } else {
            lets.filter(|(name, ..)| own(name))
                .any(|(_, text, _)| is_within(&found.problem, text))
        };
        assert!(is_within, "{found:#?}");
    }
    let mut all = Vec::new();
    for text in &input.patterns {
        for lengths in [Lengths::Enforced, Lengths::Ignored] {
            all.extend(parse(text, &names, lengths));
        }
        let problems = match Expression::whole(text, &names) {
            Ok((_, problems)) | Err(problems) => problems,
        };
        assert!(
            problems.iter().all(|found| is_within(found, text)),
            "{problems:#?}"
        );
    }
    // Each list twice: what was learned from the first walk answers the second.
    let set = RuleSet::new(&all);
    for words in input.words.iter().chain(&input.words) {
        let plainly: Vec<usize> = all
            .iter()
            .enumerate()
            .filter_map(|(at, pattern)| matches(pattern, words).then_some(at))
            .collect();
        assert_eq!(
            set.matching(words).collect::<Vec<_>>(),
            plainly,
            "{words:?}"
        );
    }
    assert_eq!(usage(&all).is_empty(), all.is_empty());
});

fn parse(text: &str, names: &Names, lengths: Lengths) -> Option<Pattern> {
    let (pattern, problems) = match Pattern::parse(text, names, lengths) {
        Ok((pattern, problems)) => (Some(pattern), problems),
        Err(problems) => (None, problems),
    };
    assert!(
        problems.iter().all(|found| is_within(found, text)),
        "{problems:#?}"
    );
    let pattern = pattern?;
    assert!(problems.iter().all(|found| found.hint), "{problems:#?}");
    assert_eq!(pattern.text(), text);
    for place in pattern.loose_dash_words() {
        assert!(is_range_of(&place, text), "{place:?}");
    }
    let printed = pattern.to_string();
    match Pattern::parse(&printed, names, lengths) {
        Ok((again, _)) => {
            assert_eq!(again, pattern);
            assert_eq!(again.to_string(), printed);
        }
        Err(problems) => panic!("{text:?} prints {printed:?}, which is refused: {problems:#?}"),
    }
    Some(pattern)
}

fn matches(pattern: &Pattern, words: &[String]) -> bool {
    let matches = pattern.matches(words);
    assert!(!matches || !pattern.is_single_word() || words.len() == 1);
    for word in words {
        let flag = pattern.matches_written_flag(word);
        // One word that matches alone, and is written as a flag, is what a flag is.
        assert!(
            !flag || !pattern.is_single_word() || pattern.matches(&[word]),
            "{word:?}"
        );
    }
    matches
}

fn is_within(problem: &Problem, text: &str) -> bool {
    is_range_of(&problem.span, text)
}

fn is_range_of(range: &Range<usize>, text: &str) -> bool {
    text.get(range.clone()).is_some()
}
