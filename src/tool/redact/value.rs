//! The values of secrets, in the forms in which a program may write them ([`mod@written`]): as they are,
//! line by line, quoted, encoded. Each is also found where it was broken into lines.
//!
//! One automaton looks for all forms of all values at once. It grows with them and is bounded: a value
//! of up to [`FULL_BYTES`](written::FULL_BYTES) has some hundred forms, a longer one twenty, and no
//! form is longer than six times its value. One of letters and digits, as tokens are, has about
//! thirty, together thirty times as long.

pub(super) mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use sha2::{Digest as _, Sha256};

use self::written::written;
use super::Cover;
use crate::config::secret::{ExposeSecret as _, SecretString};

/// A shorter value is replaced only where it stands as a word, or nothing would be left of a text
/// whose secret is `no`; and only as it is.
const WORD_CHARS: usize = 8;

/// The values with their forms. It has no `Debug`.
pub(super) struct Values {
    forms: Vec<Form>,
    automaton: AhoCorasick,
}

struct Form {
    text: String,
    name: String,
    /// Whether it counts only as a word by itself.
    word: bool,
}

/// The values of the last call, by the digest of its secrets: they change seldom, and to make an
/// automaton takes some milliseconds.
static LAST: Mutex<Option<(Digest, Arc<Values>)>> = Mutex::new(None);

type Digest = sha2::digest::Output<Sha256>;

impl Values {
    /// Nothing when there is nothing to look for.
    pub(super) fn of<'a>(
        secrets: impl Iterator<Item = &'a (String, SecretString)>,
    ) -> Option<Arc<Self>> {
        let exposed = secrets.map(|(name, value)| (name.as_str(), value.expose_secret()));
        let secrets: BTreeSet<(&str, &str)> = exposed.collect();
        let mut digest = Sha256::new();
        for part in secrets.iter().flat_map(|(name, value)| [name, value]) {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let last = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = last().as_ref().filter(|(known, _)| *known == digest) {
            return Some(Arc::clone(known));
        }
        let values = Arc::new(Self::new(&secrets)?);
        *last() = Some((digest, Arc::clone(&values)));
        Some(values)
    }

    fn new(secrets: &BTreeSet<(&str, &str)>) -> Option<Self> {
        let mut forms: BTreeMap<String, (String, bool)> = BTreeMap::new();
        for (name, value) in secrets {
            let word = value.trim().chars().count() < WORD_CHARS;
            let written = if word {
                vec![value.trim().to_owned()]
            } else {
                written(value)
            };
            for form in written.into_iter().filter(|form| !form.is_empty()) {
                forms
                    .entry(form)
                    .or_insert_with(|| ((*name).to_owned(), word));
            }
        }
        let forms: Vec<Form> = forms
            .into_iter()
            .map(|(text, (name, word))| Form { text, name, word })
            .collect();
        if forms.is_empty() {
            return None;
        }
        let texts = forms.iter().map(|form| &form.text);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            // A table of all transitions would take hundreds of bytes for each byte of a form.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(texts)
            .ok()?;
        Some(Self { forms, automaton })
    }

    /// Every place where one stands.
    pub(super) fn find(&self, text: &str) -> Vec<Cover> {
        let cover = |form: &Form, range| Cover {
            range,
            instead: format!("[redacted {}]", form.name),
        };
        let mut covers = Vec::new();
        for (form, range) in self.matches(text) {
            if !form.word || stands_alone(text, range.start, range.end) {
                covers.push(cover(form, range));
            }
        }
        let joined = Joined::new(text);
        if joined.pieces.len() < 2 {
            return covers;
        }
        for (form, range) in self.matches(&joined.text) {
            let range = joined.before(range.start)..joined.after(range.end);
            // What lies on one line was found.
            if !form.word && range.len() > form.text.len() {
                covers.push(cover(form, range));
            }
        }
        covers
    }

    fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (&'a Form, Range<usize>)> {
        let found = self.automaton.find_overlapping_iter(text);
        found.filter_map(|found| {
            let form = self.forms.get(found.pattern().as_usize())?;
            Some((form, found.range()))
        })
    }

    /// Where at the end of a text one begins that does not end there.
    pub(super) fn open(&self, text: &str) -> Option<usize> {
        let joined = Joined::new(text);
        let broken = self.begun(&joined.text);
        let broken = broken.map(|length| joined.before(joined.text.len() - length));
        let whole = self.begun(text).map(|length| text.len() - length);
        whole.into_iter().chain(broken).min()
    }

    /// How much of the end of a text may be the beginning of a form.
    fn begun(&self, text: &str) -> Option<usize> {
        let begun = self.forms.iter().filter_map(|form| {
            let lengths = form.text.char_indices().map(|(at, _)| at).rev();
            let mut begun = lengths.filter_map(|length| form.text.get(..length));
            let begun = begun.find(|begun| !begun.is_empty() && text.ends_with(begun))?;
            Some(begun.len())
        });
        begun.max()
    }
}

/// A text whose lines were put together again: without the ends of lines, those in quotes (`\n`)
/// included, and without what the next line is indented by.
struct Joined {
    text: String,
    /// Where a piece of it begins, here and in the text that it was made of.
    pieces: Vec<(usize, usize)>,
}

impl Joined {
    fn new(text: &str) -> Self {
        let mut joined = Self {
            text: String::with_capacity(text.len()),
            pieces: Vec::new(),
        };
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, next) = rest.split_at(line_length(rest));
            let from = text.len() - rest.len();
            joined.pieces.push((joined.text.len(), from));
            joined.text.push_str(piece);
            rest = after_break(next);
        }
        joined
    }

    /// Where in the first text a place is, at the beginning of what follows.
    fn before(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|(here, _)| *here <= at);
        let piece = next.checked_sub(1).and_then(|last| self.pieces.get(last));
        piece.map_or(at, |(here, there)| there + (at - here))
    }

    /// The same, at the end of what stands before.
    fn after(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |last| self.before(last) + 1)
    }
}

/// How much of a text lies before the first end of a line.
fn line_length(text: &str) -> usize {
    let ends = text.match_indices(['\n', '\r', '\\']).map(|(at, _)| at);
    let mut ends = ends.filter(|at| {
        let rest = text.get(*at..).unwrap_or_default();
        after_break(rest).len() < rest.len()
    });
    ends.next().unwrap_or(text.len())
}

/// A text without the end of a line at its beginning, where there is one.
fn after_break(text: &str) -> &str {
    let breaks = ["\n", "\r\n", "\\\n", "\\r\\n", "\\n"];
    let rest = breaks.iter().find_map(|end| text.strip_prefix(end));
    rest.map_or(text, |rest| rest.trim_start_matches([' ', '\t']))
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !is_letter(before) && !is_letter(after)
}
