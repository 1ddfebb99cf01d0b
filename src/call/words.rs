//! A line of text as the words of a call, for `tolkien check` and for `tests:`.
//!
//! Quoting is POSIX's: single quotes keep everything, double quotes keep everything but `\` before
//! `$`, `` ` ``, `"`, `\` and a newline, a bare `\` keeps the next character. Nothing is expanded
//! and nothing is a comment: no shell ever sees the words, so `#`, `$`, `*` and `~` are ordinary.

use serde_json::{Map, Value};

use crate::config::tool::Tool;

/// Why a line cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A quote is never closed; the character it opens at counts from 1.
    #[error("the quote `{quote}` at character {at} is never closed")]
    Unclosed {
        /// Which quote.
        quote: char,
        /// The character it stands at, from 1.
        at: usize,
    },
    /// Nothing follows the last backslash.
    #[error("the line ends in a bare `\\`")]
    Backslash,
}

/// Splits a line into words.
pub fn split(line: &str) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().enumerate();
    while let Some((at, character)) = rest.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single(word.get_or_insert_default(), &mut rest, at + 1)?,
            '"' => double(word.get_or_insert_default(), &mut rest, at + 1)?,
            '\\' => match rest.next() {
                Some((_, '\n')) => {}
                Some((_, next)) => word.get_or_insert_default().push(next),
                None => return Err(SplitError::Backslash),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single(
    word: &mut String,
    rest: &mut impl Iterator<Item = (usize, char)>,
    at: usize,
) -> Result<(), SplitError> {
    for (_, character) in rest {
        if character == '\'' {
            return Ok(());
        }
        word.push(character);
    }
    Err(SplitError::Unclosed { quote: '\'', at })
}

fn double(
    word: &mut String,
    rest: &mut impl Iterator<Item = (usize, char)>,
    at: usize,
) -> Result<(), SplitError> {
    while let Some((_, character)) = rest.next() {
        match character {
            '"' => return Ok(()),
            '\\' => match rest.next() {
                Some((_, '\n')) => {}
                Some((_, next @ ('$' | '`' | '"' | '\\'))) => word.push(next),
                Some((_, next)) => word.extend(['\\', next]),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err(SplitError::Unclosed { quote: '"', at })
}

/// The input of a tool whose only array parameter has these words; absent when it has no such
/// parameter.
pub fn input(tool: &Tool, words: Vec<String>) -> Option<Value> {
    let name = tool.input.only_words()?;
    Some(Value::Object(Map::from_iter([(
        name.to_owned(),
        words.into(),
    )])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_by_posix_quoting_and_nothing_is_expanded() {
        for (line, words) in [
            ("get pods -A", vec!["get", "pods", "-A"]),
            ("  get\t pods\n", vec!["get", "pods"]),
            ("", vec![]),
            ("''", vec![""]),
            ("a'b c'\"d e\"f", vec!["ab cd ef"]),
            (r"a\ b \#c", vec!["a b", "#c"]),
            (r#""a\$b\n\"c\\""#, vec![r#"a$b\n"c\"#]),
            (r"'a\b'", vec![r"a\b"]),
            (
                "# $HOME * ~ | ; & `x`",
                vec!["#", "$HOME", "*", "~", "|", ";", "&", "`x`"],
            ),
            ("a\\\nb", vec!["ab"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line:?}");
        }
    }

    #[test]
    fn an_unbalanced_line_is_an_error_that_says_where() {
        for (line, message) in [
            ("get 'pods", "the quote `'` at character 5 is never closed"),
            ("é \"a", "the quote `\"` at character 3 is never closed"),
            ("\"a\\", "the quote `\"` at character 1 is never closed"),
            ("a\\", "the line ends in a bare `\\`"),
        ] {
            assert_eq!(split(line).unwrap_err().to_string(), message, "{line:?}");
        }
    }
}
