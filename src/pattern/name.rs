//! Named expressions (`let`) and fragments (`parts`) that patterns may refer to, checked.
//!
//! Names are resolved in the order of their dependencies, so that each is read once, with everything
//! that it refers to at hand; what is left over refers to itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use super::length::{Length, Piece};
use super::notation::Alternatives;
use super::parse;
use super::problem::Problem;
use super::reference::{is_name, references};
use super::refusal;
use super::token;
use super::translate;
use super::word::{self, Lengths, Word};

/// The names that every pattern knows: RFC 1123 for those of the DNS, Go's durations.
const BUILT_IN: [(&str, &str, Option<u32>); 6] = [
    ("any", ".*", None),
    ("word", "[^-].*", None),
    ("int", "[0-9]+", Some(9)),
    ("duration", "[0-9]+(ms|s|m|h|d)", Some(12)),
    ("dns_label", "[a-z0-9]([-a-z0-9]*[a-z0-9])?", Some(63)),
    (
        "dns_name",
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        Some(253),
    ),
];

/// How deep brackets and fragments may nest in each other.
const DEEPEST_FRAGMENT: usize = 128;

/// That many names of circles are told; the rest would say the same.
const MOST_CIRCLES: usize = 100;

static BUILTIN: LazyLock<Own> = LazyLock::new(|| {
    let mut names = Names::default();
    for (name, text, max) in BUILT_IN {
        let named = read_let(text, max, &names)
            .ok()
            .map(|(named, _)| Arc::new(named));
        Arc::make_mut(&mut names.own)
            .lets
            .insert(name.to_owned(), named);
    }
    Own::clone(&names.own)
});

/// The names in force for a pattern.
#[derive(Debug, Clone, Default)]
pub struct Names {
    own: Arc<Own>,
    imported: BTreeMap<String, Arc<Own>>,
}

/// The names of one file; `None` stands for one that could not be read, and was reported.
#[derive(Debug, Clone, Default)]
struct Own {
    lets: BTreeMap<String, Option<Arc<Named>>>,
    parts: BTreeMap<String, Option<Arc<Fragment>>>,
    /// The file could not be read at all: whatever it names was reported.
    unread: bool,
}

/// A named expression.
#[derive(Debug)]
pub(crate) struct Named {
    /// One for each different limit.
    pub(super) pieces: Vec<Piece>,
    /// Compiled, for standing alone.
    pub(super) word: Arc<Word>,
    /// Nodes of the expression.
    pub(super) size: usize,
}

/// A named fragment of several words.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) body: Alternatives,
    pub(super) depth: usize,
}

/// What a name stands for.
pub(super) enum Referent<'a> {
    Expression(&'a Arc<Named>),
    Fragment(&'a Arc<Fragment>),
    /// It is known, and was reported where it is written.
    Broken,
    Unknown,
}

/// A problem in one of the names that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameProblem {
    /// Under which name.
    pub name: String,
    /// In `parts`, not in `let`.
    pub part: bool,
    /// What is wrong, with its place in the name's text.
    pub problem: Problem,
}

impl Named {
    pub(super) fn is_limited(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| piece.length.limit().is_some())
    }
}

impl Names {
    /// Only the names that are built in.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The names of a file that could not be read, and was reported: who refers to one of them is
    /// not told that it does not exist.
    pub fn unread() -> Self {
        Self {
            own: Arc::new(Own {
                unread: true,
                ..Own::default()
            }),
            imported: BTreeMap::new(),
        }
    }

    /// Reads what one file names: `let`s (name, expression, `max`) and `parts` (name, pattern).
    ///
    /// `imported` holds the names of policies, which are referred to as `<policy-name.name>`; a
    /// caller whose files refer to each other finds the order with [`policies_in`](Self::policies_in).
    pub fn new<'a>(
        lets: impl IntoIterator<Item = (&'a str, &'a str, Option<u32>)>,
        parts: impl IntoIterator<Item = (&'a str, &'a str)>,
        imported: &BTreeMap<String, Names>,
    ) -> (Self, Vec<NameProblem>) {
        let imported = imported
            .iter()
            .map(|(policy, names)| (policy.clone(), names.own.clone()))
            .collect();
        let mut reader = Reader {
            names: Self {
                own: Arc::default(),
                imported,
            },
            problems: Vec::new(),
        };
        let lets: BTreeMap<&str, (&str, Option<u32>)> = lets
            .into_iter()
            .map(|(name, text, max)| (name, (text, max)))
            .collect();
        let parts: BTreeMap<&str, &str> = parts.into_iter().collect();
        reader.declare(&lets, &parts);
        reader.read_lets(&lets);
        reader.read_parts(&parts);
        (reader.names, reader.problems)
    }

    /// The names of policies that a text refers to (`<policy-name.name>`).
    pub fn policies_in(text: &str) -> impl Iterator<Item = &str> {
        text.split('<').skip(1).filter_map(|rest| {
            let (policy, name) = rest.split_once('>')?.0.split_once('.')?;
            (is_name(policy) && is_name(name)).then_some(policy)
        })
    }

    pub(super) fn referent(&self, name: &str) -> Referent<'_> {
        match name.split_once('.') {
            Some((policy, name)) => self
                .imported
                .get(policy)
                .map_or(Referent::Unknown, |own| own.referent(name)),
            None => match self.own.referent(name) {
                Referent::Unknown => BUILTIN.referent(name),
                known => known,
            },
        }
    }

    /// A name that nobody has given.
    pub(super) fn unknown(&self, name: &str, span: Range<usize>) -> Problem {
        let problem = Problem::new(
            span,
            "pattern-unknown-name",
            format!("`<{name}>` is not a known name"),
        );
        let known = self.known();
        let near = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(name, known), known))
            .filter(|(distance, known)| *distance <= known.chars().count().max(3) / 3)
            .min_by_key(|(distance, _)| *distance);
        match near {
            Some((_, near)) => problem
                .help(format!("did you mean `<{near}>`?"))
                .proposal(format!("<{near}>")),
            None => problem
                .help("names are given under `let` and `parts`; for the character write `[<]`"),
        }
    }

    /// A fragment of several words inside one.
    pub(super) fn inside_word(name: &str, span: Range<usize>) -> Problem {
        let message = format!("`<{name}>` is a fragment of several words, and stands alone");
        Problem::new(span, "pattern-part-in-word", message)
            .help("put spaces around it, or name an expression for one word with `let`")
    }

    fn known(&self) -> Vec<String> {
        let qualified = self.imported.iter().flat_map(|(policy, own)| {
            own.lets
                .keys()
                .chain(own.parts.keys())
                .map(move |name| format!("{policy}.{name}"))
        });
        let own = self.own.lets.keys().chain(self.own.parts.keys()).cloned();
        own.chain(BUILT_IN.iter().map(|(name, ..)| (*name).to_owned()))
            .chain(qualified)
            .collect()
    }
}

impl Own {
    fn referent(&self, name: &str) -> Referent<'_> {
        match (self.lets.get(name), self.parts.get(name)) {
            (Some(Some(named)), _) => Referent::Expression(named),
            (None, Some(Some(fragment))) => Referent::Fragment(fragment),
            (None, None) if !self.unread => Referent::Unknown,
            (Some(None), _) | (None, None | Some(None)) => Referent::Broken,
        }
    }
}

/// Reads one named expression.
fn read_let(
    text: &str,
    max: Option<u32>,
    names: &Names,
) -> Result<(Named, Vec<Problem>), Vec<Problem>> {
    let mut reading = word::read(text, names, Lengths::Enforced)?;
    if let Some(max) = max {
        for piece in &mut reading.pieces {
            let limit = piece.length.limit().map_or(max, |inner| inner.min(max));
            piece.length = Length::Limited(limit);
        }
    }
    let Some(word) = Word::new(&reading.pieces) else {
        return Err(vec![refusal::too_large(0..text.len(), "this expression")]);
    };
    let pieces = word::condense(reading.pieces);
    let size = pieces.iter().map(|piece| word::size(&piece.hir)).sum();
    Ok((
        Named {
            pieces,
            word: Arc::new(word),
            size,
        },
        reading.hints,
    ))
}

/// Reads the names of one file.
struct Reader {
    names: Names,
    problems: Vec<NameProblem>,
}

impl Reader {
    fn report(&mut self, name: &str, part: bool, problems: Vec<Problem>) {
        let named = |problem| NameProblem {
            name: name.to_owned(),
            part,
            problem,
        };
        self.problems.extend(problems.into_iter().map(named));
    }

    /// Makes every name known, as one that is not read yet.
    fn declare(
        &mut self,
        lets: &BTreeMap<&str, (&str, Option<u32>)>,
        parts: &BTreeMap<&str, &str>,
    ) {
        for (name, part) in lets
            .keys()
            .map(|name| (*name, false))
            .chain(parts.keys().map(|name| (*name, true)))
        {
            let own = Arc::make_mut(&mut self.names.own);
            if part {
                own.parts.insert(name.to_owned(), None);
            } else {
                own.lets.insert(name.to_owned(), None);
            }
            let taken = |message: String| {
                Problem::new(0..0, "pattern-name-taken", message).help("choose another name")
            };
            if !is_name(name) {
                let message = format!("`{name}` cannot be a name");
                let problem = Problem::new(0..0, "pattern-bad-name", message)
                    .help("a name is a letter, then letters, digits, `_` and `-`");
                self.report(name, part, vec![problem]);
            } else if BUILT_IN.iter().any(|(known, ..)| *known == name) {
                self.report(name, part, vec![taken(format!("`<{name}>` is built in"))]);
            } else if part && lets.contains_key(name) {
                let message =
                    format!("`<{name}>` is both an expression (`let`) and a fragment (`parts`)");
                self.report(name, part, vec![taken(message)]);
            }
        }
    }

    fn read_lets(&mut self, lets: &BTreeMap<&str, (&str, Option<u32>)>) {
        let references_of = |text: &str| {
            let mut found = Vec::new();
            if let Ok(ast) = translate::parse(text) {
                references(text, &ast, &mut found);
            }
            found
        };
        let graph = lets
            .iter()
            .map(|(name, (text, _))| (*name, references_of(text)))
            .collect();
        for name in self.in_order(&graph, false) {
            let Some(&(text, max)) = lets.get(name) else {
                continue;
            };
            match read_let(text, max, &self.names) {
                Ok((named, hints)) => {
                    let own = Arc::make_mut(&mut self.names.own);
                    own.lets.insert(name.to_owned(), Some(Arc::new(named)));
                    self.report(name, false, hints);
                }
                Err(problems) => self.report(name, false, problems),
            }
        }
    }

    fn read_parts(&mut self, parts: &BTreeMap<&str, &str>) {
        let references_of = |text: &str| {
            let name = |token: token::Token<'_>| match token.kind {
                token::Kind::Name(name) => Some((name.to_owned(), token.span)),
                _ => None,
            };
            token::tokens(text).into_iter().filter_map(name).collect()
        };
        let graph = parts
            .iter()
            .map(|(name, text)| (*name, references_of(text)))
            .collect();
        for name in self.in_order(&graph, true) {
            let Some(&text) = parts.get(name) else {
                continue;
            };
            let (body, mut problems) = parse::parse(text, &self.names, Lengths::Enforced);
            let depth = body.as_ref().map_or(0, Alternatives::depth);
            if depth > DEEPEST_FRAGMENT {
                problems.push(refusal::too_large(0..text.len(), "this fragment"));
            } else if let Some(body) = body {
                let own = Arc::make_mut(&mut self.names.own);
                own.parts
                    .insert(name.to_owned(), Some(Arc::new(Fragment { body, depth })));
            }
            self.report(name, true, problems);
        }
    }

    /// The names so that each comes after those that it refers to; circles are reported, and left
    /// out with all that leads into them.
    fn in_order<'a>(&mut self, graph: &Graph<'a>, part: bool) -> Vec<&'a str> {
        let mut users: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
        let mut waiting: BTreeMap<&'a str, usize> = BTreeMap::new();
        for (name, references) in graph {
            let own = references
                .iter()
                .filter(|(to, _)| graph.contains_key(to.as_str()));
            let mut count = 0;
            for (to, _) in own {
                users.entry(to).or_default().push(name);
                count += 1;
            }
            waiting.insert(name, count);
        }
        let mut order: Vec<&'a str> = waiting
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(name, _)| *name)
            .collect();
        let mut at = 0;
        while let Some(name) = order.get(at).copied() {
            at += 1;
            for user in users.get(name).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(user) {
                    *count -= 1;
                    if *count == 0 {
                        order.push(user);
                    }
                }
            }
        }
        waiting.retain(|_, count| *count > 0);
        self.report_circles(graph, &waiting.into_keys().collect(), part);
        order
    }

    fn report_circles(&mut self, graph: &Graph<'_>, left: &BTreeSet<&str>, part: bool) {
        for name in left.iter().take(MOST_CIRCLES) {
            let back = graph
                .get(name)
                .into_iter()
                .flatten()
                .find(|(to, _)| left.contains(to.as_str()) && leads(graph, left, to, name));
            let Some((through, span)) = back else {
                continue;
            };
            let message = if through == name {
                format!("`<{name}>` refers to itself")
            } else {
                format!("`<{name}>` refers to itself through `<{through}>`")
            };
            let problem = Problem::new(span.clone(), "pattern-name-cycle", message).help(
                "write out what is meant to repeat: `(…)*` in an expression, `...` after an item",
            );
            self.report(name, part, vec![problem]);
        }
    }
}

/// Names and what they refer to.
type Graph<'a> = BTreeMap<&'a str, Vec<(String, Range<usize>)>>;

/// Whether references lead from one name to another within `left`.
fn leads(graph: &Graph<'_>, left: &BTreeSet<&str>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        for (name, _) in graph.get(name).into_iter().flatten() {
            if left.contains(name.as_str()) && seen.insert(name) {
                next.push(name);
            }
        }
    }
    false
}
