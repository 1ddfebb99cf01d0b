//! Which word a pattern may end with, for whoever puts something behind what it matched.

use super::Pattern;
use super::sequence::Symbol;

impl Pattern {
    /// Whether a list that it matches may end with this very word.
    pub fn may_end_with(&self, word: &str) -> bool {
        self.sequence.last().iter().any(|at| {
            self.sequence
                .symbols()
                .get(*at)
                .is_some_and(|symbol| match symbol {
                    Symbol::Any => true,
                    Symbol::Word(expression) => expression.matches(word, self.lengths),
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Lengths, Names, Pattern};

    #[test]
    fn the_last_word_is_the_one_that_counts() {
        for (text, expected) in [
            ("get **", true),
            ("get *", true),
            ("get <any>", true),
            ("get [ -- <word> ]", false),
            ("get [ -- ]", true),
            ("exec <word> -- <any>...", true),
            ("get <word>", false),
            ("-- get", false),
            ("( get | -- )", true),
        ] {
            let (pattern, _) = Pattern::parse(text, &Names::builtin(), Lengths::Enforced).unwrap();
            assert_eq!(pattern.may_end_with("--"), expected, "{text}");
        }
    }
}
