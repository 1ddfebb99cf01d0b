//! One regular expression by itself, by the same rules as in a pattern.

use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;

use super::name::Names;
use super::printed::printed;
use super::problem::Problem;
use super::refusal;
use super::translate::{self, Purpose, Translator};
use super::word::{self, Lengths, anchored, condense, fits};

/// An automaton may take this many bytes.
const LARGEST_BYTES: usize = 1 << 20;

/// One expression, matched against a whole text.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    branches: Vec<(meta::Regex, Option<u32>)>,
}

impl Expression {
    /// Reads an expression that is matched whole; also answers with hints.
    pub fn whole(text: &str, names: &Names) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let reading = word::read(text, names, Lengths::Enforced)?;
        let config = meta::Config::new()
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(LARGEST_BYTES));
        let branches = condense(reading.pieces)
            .into_iter()
            .map(|piece| {
                let builder = &mut meta::Regex::builder();
                let regex = builder
                    .configure(config.clone())
                    .build_from_hir(&anchored(&piece.hir));
                Some((regex.ok()?, piece.length.limit()))
            })
            .collect::<Option<_>>();
        match branches {
            Some(branches) => Ok((
                Self {
                    text: text.to_owned(),
                    branches,
                },
                reading.hints,
            )),
            None => Err(vec![refusal::too_large(0..text.len(), "this expression")]),
        }
    }

    /// Reads an expression that is searched in a text: counts above 8 and captures are free there.
    pub fn searched(text: &str, names: &Names) -> Result<regex::Regex, Vec<Problem>> {
        let ast = translate::parse(text).map_err(|problem| vec![problem])?;
        let mut translator = Translator::new(text, names, Purpose::Searched);
        let hir = translator.hir(&ast);
        if translator.broken || !translator.problems.is_empty() {
            return Err(translator.problems);
        }
        regex::RegexBuilder::new(&printed(&hir))
            .size_limit(LARGEST_BYTES * 4)
            .build()
            .map_err(|_| vec![refusal::too_large(0..text.len(), "this expression")])
    }

    /// Whether it matches the whole of a text.
    pub fn is_match(&self, text: &str) -> bool {
        self.branches
            .iter()
            .any(|(regex, limit)| fits(text, *limit) && regex.is_match(text))
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }
}
