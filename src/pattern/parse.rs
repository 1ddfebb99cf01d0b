//! From tokens to a tree, collecting every problem on the way.
//!
//! After a problem the parser goes on with its best guess, so that one mistake is told once and the
//! next one is still found.

use std::ops::Range;
use std::sync::Arc;

use super::name::{Names, Referent};
use super::notation::{Alternatives, Item, Kind};
use super::problem::Problem;
use super::reference::is_reference;
use super::refusal;
use super::token::{self, Token, class_end};
use super::word::{self, Lengths, Word};

/// How deep brackets may nest.
const DEEPEST_BRACKETS: usize = 64;

/// Reads a whole pattern. There is no tree when a problem is more than a hint, or when a name that
/// it refers to could not be read; the latter has been reported where the name is written.
pub(super) fn parse(
    text: &str,
    names: &Names,
    lengths: Lengths,
) -> (Option<Alternatives>, Vec<Problem>) {
    let (tokens, problems) = unglue(text, token::tokens(text));
    let mut parser = Parser {
        text,
        names,
        lengths,
        tokens: tokens.into_iter(),
        depth: 0,
        broken: false,
        problems,
    };
    let (body, _) = parser.alternatives(None);
    parser
        .problems
        .sort_by_key(|problem| (problem.span.start, problem.span.end));
    let sound = !parser.broken && parser.problems.iter().all(|problem| problem.hint);
    (sound.then_some(body), parser.problems)
}

/// Cuts a closing bracket off the word it is glued to, where its opening one is never closed.
fn unglue<'a>(text: &'a str, tokens: Vec<Token<'a>>) -> (Vec<Token<'a>>, Vec<Problem>) {
    let mut open: Vec<(char, Option<usize>)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            token::Kind::Open(bracket) => open.push((bracket, None)),
            token::Kind::Close(_) => {
                open.pop();
            }
            token::Kind::Word(word) => {
                if let Some((bracket, glued)) = open.last_mut()
                    && glued_closer(word, *bracket).is_some()
                {
                    *glued = Some(at);
                }
            }
            _ => {}
        }
    }
    let glued: Vec<(char, usize)> = open
        .into_iter()
        .filter_map(|(bracket, at)| Some((bracket, at?)))
        .collect();
    let mut problems = Vec::new();
    let mut separate = Vec::with_capacity(tokens.len() + glued.len());
    for (at, token) in tokens.into_iter().enumerate() {
        let bracket = glued
            .iter()
            .find(|(_, word)| *word == at)
            .map(|(bracket, _)| *bracket);
        let (Some(bracket), token::Kind::Word(word)) = (bracket, token.kind) else {
            separate.push(token);
            continue;
        };
        let cut = token.span.start + glued_closer(word, bracket).unwrap_or(word.len());
        let closer = refusal::slice(text, &(cut..token.span.end));
        problems.push(
            Problem::new(
                cut..token.span.end,
                "pattern-glued-bracket",
                format!("`{closer}` is a part of the word `{word}`, so the `{bracket}` before it stays open"),
            )
            .help("a closing bracket around words is a token of its own: put a space before it")
            .fix(format!(" {closer}")),
        );
        let stem = refusal::slice(text, &(token.span.start..cut));
        let span = token.span.start..cut;
        separate.push(Token {
            kind: token::Kind::Word(stem),
            repeated: false,
            span,
        });
        let kind = token::Kind::Close(closer_of(bracket));
        separate.push(Token {
            kind,
            repeated: closer.ends_with("..."),
            span: cut..token.span.end,
        });
    }
    (separate, problems)
}

/// Where in a word a closing bracket begins that closes nothing inside the word.
fn glued_closer(word: &str, bracket: char) -> Option<usize> {
    let stem = word.strip_suffix("...").unwrap_or(word);
    let inner = stem.strip_suffix(closer_of(bracket))?;
    let paired = inner.contains(bracket) || inner.ends_with('\\') || inner.is_empty();
    (!paired).then_some(inner.len())
}

fn closer_of(bracket: char) -> char {
    if bracket == '[' { ']' } else { ')' }
}

struct Parser<'a> {
    text: &'a str,
    names: &'a Names,
    lengths: Lengths,
    tokens: std::vec::IntoIter<Token<'a>>,
    depth: usize,
    broken: bool,
    problems: Vec<Problem>,
}

impl<'a> Parser<'a> {
    /// Alternatives up to the closing bracket of `open`, or to the end of the text.
    fn alternatives(&mut self, open: Option<&Token<'a>>) -> (Alternatives, Option<Token<'a>>) {
        let mut sequences: Vec<Vec<Item>> = Vec::new();
        let mut sequence: Vec<Item> = Vec::new();
        let mut bar = None;
        let closer = loop {
            let Some(token) = self.tokens.next() else {
                break None;
            };
            match token.kind {
                token::Kind::Or => {
                    if sequence.is_empty() {
                        self.empty_alternative(token.span.clone());
                    }
                    sequences.push(std::mem::take(&mut sequence));
                    bar = Some(token.span);
                }
                token::Kind::Close(_) if open.is_some() => break Some(token),
                token::Kind::Close(bracket) => self.unopened(bracket, token.span),
                token::Kind::Repeat => self.repeat(sequence.last_mut(), token.span),
                token::Kind::Open(bracket) => sequence.push(self.bracket(bracket, &token)),
                token::Kind::Any => sequence.push(Item::new(Kind::Any, &token)),
                token::Kind::Rest => sequence.push(Item::new(Kind::Rest, &token)),
                token::Kind::Name(name) => sequence.push(self.name(name, &token)),
                token::Kind::Word(word) => sequence.push(self.word(word, &token)),
            }
        };
        if sequence.is_empty() {
            match bar {
                None => self.nothing(open, closer.as_ref()),
                Some(bar) if sequences.last().is_some_and(|last| !last.is_empty()) => {
                    self.empty_alternative(bar);
                }
                Some(_) => {}
            }
        }
        sequences.push(sequence);
        (Alternatives(sequences), closer)
    }

    fn bracket(&mut self, bracket: char, open: &Token<'a>) -> Item {
        if self.depth >= DEEPEST_BRACKETS {
            if !self.tokens.as_slice().is_empty() {
                self.tokens = Vec::new().into_iter();
                let message = format!("brackets nest deeper than {DEEPEST_BRACKETS} levels");
                self.problems.push(
                    Problem::new(open.span.clone(), "pattern-too-large", message)
                        .help("give parts of the pattern a name with `parts`"),
                );
            }
            return Item::new(Kind::Any, open);
        }
        self.depth += 1;
        let (body, closer) = self.alternatives(Some(open));
        self.depth -= 1;
        let kind = if bracket == '[' {
            Kind::Optional(body)
        } else {
            Kind::Group(body)
        };
        let Some(closer) = closer else {
            if self
                .problems
                .iter()
                .all(|problem| problem.code != "pattern-too-large")
            {
                self.unclosed(bracket, open.span.clone());
            }
            return Item::new(kind, open);
        };
        if closer.kind != token::Kind::Close(closer_of(bracket)) {
            let written = refusal::slice(self.text, &closer.span);
            let message = format!("`{written}` closes a `{bracket}`");
            let mut problem =
                Problem::new(closer.span.clone(), "pattern-unclosed-bracket", message);
            problem = problem.fix(written.replacen([']', ')'], &closer_of(bracket).to_string(), 1));
            self.problems.push(problem);
        }
        Item {
            kind,
            repeated: closer.repeated,
            span: open.span.start..closer.span.end,
        }
    }

    fn name(&mut self, name: &str, token: &Token<'a>) -> Item {
        let kind = match self.names.referent(name) {
            Referent::Expression(named) => Kind::Name(name.to_owned(), named.word.clone()),
            Referent::Fragment(fragment) => Kind::Part(name.to_owned(), fragment.clone()),
            Referent::Broken => {
                self.broken = true;
                Kind::Any
            }
            Referent::Unknown => {
                let end = token.span.end - if token.repeated { 3 } else { 0 };
                self.problems
                    .push(self.names.unknown(name, token.span.start..end));
                Kind::Any
            }
        };
        Item::new(kind, token)
    }

    fn word(&mut self, word: &str, token: &Token<'a>) -> Item {
        let stem = match word.strip_suffix("...") {
            Some(stem) if !stem.is_empty() && trailing_escapes(stem).is_multiple_of(2) => stem,
            _ => word,
        };
        if !self.check_class(word, stem, &token.span) {
            return Item::new(Kind::Any, token);
        }
        if stem.len() < word.len() {
            let message = format!("`...` is a part of the word `{word}`, and repeats nothing");
            self.problems.push(
                Problem::new(token.span.clone(), "pattern-glued-repeat", message)
                    .help("put a space before it; for any three characters write `.{3}`")
                    .fix(format!("{stem} ...")),
            );
        }
        if matches!(stem, "*" | "**") {
            return Item::new(Kind::Any, token);
        }
        let offset = token.span.start;
        let problems = match word::read(stem, self.names, self.lengths) {
            Ok(reading) => {
                let shifted = reading
                    .hints
                    .into_iter()
                    .map(|problem| problem.shift(offset));
                self.problems.extend(shifted);
                if let Some(compiled) = Word::new(&reading.pieces) {
                    return Item::new(Kind::Word(word.to_owned(), Arc::new(compiled)), token);
                }
                vec![refusal::too_large(0..stem.len(), "this expression")]
            }
            Err(problems) => problems,
        };
        self.broken = true;
        self.problems
            .extend(problems.into_iter().map(|problem| problem.shift(offset)));
        Item::new(Kind::Any, token)
    }

    /// A word that is only a class is often an optional part without its spaces.
    fn check_class(&mut self, word: &str, stem: &str, span: &Range<usize>) -> bool {
        if !stem.starts_with('[') || class_end(stem, 0) != Some(stem.len()) {
            return true;
        }
        let inner = refusal::slice(stem, &(1..stem.len() - 1));
        let flag = inner.starts_with('-');
        let name = holds_name(inner);
        if !flag && !name && !inner.contains([' ', '|']) {
            return true;
        }
        let glue = word.get(stem.len()..).unwrap_or_default();
        let message = format!("`{stem}` is one single character out of a class");
        let problem = Problem::new(span.clone(), "pattern-class-word", message)
            .help("an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last")
            .fix(format!("[ {} ]{glue}", inner.trim()));
        let refused = flag || name;
        self.problems
            .push(if refused { problem } else { problem.hint() });
        !refused
    }

    fn repeat(&mut self, last: Option<&mut Item>, span: Range<usize>) {
        match last {
            Some(item) if !item.repeated => {
                item.repeated = true;
                item.span.end = span.end;
            }
            Some(_) => self.problems.push(
                Problem::new(
                    span,
                    "pattern-nothing-to-repeat",
                    "the item before this `...` is repeated already",
                )
                .fix(""),
            ),
            None => self.problems.push(
                Problem::new(
                    span,
                    "pattern-nothing-to-repeat",
                    "`...` has nothing before it to repeat",
                )
                .help(
                    "it repeats the item before it one or more times: `<name>...`, `[ <flag> ]...`",
                ),
            ),
        }
    }

    fn empty_alternative(&mut self, bar: Range<usize>) {
        self.problems.push(
            Problem::new(bar, "pattern-empty-alternative", "this `|` has nothing on one side")
                .help("what may be left out is written `[ … ]`; alternatives of one word are written without spaces: `get|describe`")
                .fix(""),
        );
    }

    fn nothing(&mut self, open: Option<&Token<'a>>, closer: Option<&Token<'a>>) {
        match (open, closer) {
            (Some(open), Some(closer)) => self.problems.push(
                Problem::new(
                    open.span.start..closer.span.end,
                    "pattern-empty-alternative",
                    "there is nothing between these brackets",
                )
                .fix(""),
            ),
            (Some(_), None) => {}
            (None, _) if self.problems.iter().any(|problem| !problem.hint) => {}
            (None, _) => self.problems.push(
                Problem::new(0..self.text.len(), "pattern-empty", "the pattern is empty")
                    .help("`**` matches any words, and `*` any one word"),
            ),
        }
    }

    fn unclosed(&mut self, bracket: char, span: Range<usize>) {
        let closer = closer_of(bracket);
        let message = format!("this `{bracket}` is never closed");
        let help = format!("it is closed by a ` {closer}` with a space before it");
        self.problems
            .push(Problem::new(span, "pattern-unclosed-bracket", message).help(help));
    }

    fn unopened(&mut self, bracket: char, span: Range<usize>) {
        let message = format!("this `{bracket}` closes nothing");
        self.problems.push(
            Problem::new(span, "pattern-unopened-bracket", message)
                .help(format!("an opening bracket around words is followed by a space; for the character write `\\{bracket}`")),
        );
    }
}

impl Item {
    fn new(kind: Kind, token: &Token<'_>) -> Self {
        Self {
            kind,
            repeated: token.repeated,
            span: token.span.clone(),
        }
    }
}

/// How many backslashes a text ends in.
fn trailing_escapes(text: &str) -> usize {
    text.len() - text.trim_end_matches('\\').len()
}

fn holds_name(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| {
        rest.split_once('>')
            .is_some_and(|(name, _)| is_reference(name))
    })
}
