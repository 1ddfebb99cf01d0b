//! The values of secrets, in the forms in which a program may write them: as they are, line by line,
//! inside JSON, in an address, in Base64.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::Cover;
use crate::config::secret::{ExposeSecret as _, SecretString};
use crate::tool::clean::clean;

/// A shorter value is replaced only where it stands as a word, or nothing would be left of a text
/// whose secret is `no`; and only as it is.
const WORD_CHARS: usize = 8;

/// Lines of a value that count by themselves, in characters: a key is often written indented.
const LINE_CHARS: usize = 16;

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

impl Values {
    /// Nothing when there is nothing to look for.
    pub(super) fn new<'a>(
        secrets: impl Iterator<Item = &'a (String, SecretString)>,
    ) -> Option<Self> {
        let mut forms: BTreeMap<String, (String, bool)> = BTreeMap::new();
        for (name, value) in secrets {
            let value = value.expose_secret();
            let word = value.trim().chars().count() < WORD_CHARS;
            let written = if word {
                vec![value.trim().to_owned()]
            } else {
                written(value)
            };
            for form in written.into_iter().filter(|form| !form.is_empty()) {
                forms.entry(form).or_insert_with(|| (name.clone(), word));
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
            .build(texts)
            .ok()?;
        Some(Self { forms, automaton })
    }

    /// Every place where one stands.
    pub(super) fn find(&self, text: &str) -> impl Iterator<Item = Cover> {
        let found = self.automaton.find_overlapping_iter(text);
        found.filter_map(|found| {
            let form = self.forms.get(found.pattern().as_usize())?;
            if form.word && !stands_alone(text, found.start(), found.end()) {
                return None;
            }
            Some(Cover {
                range: found.range(),
                instead: format!("[redacted {}]", form.name),
            })
        })
    }

    /// Where at the end of a text one begins that does not end there.
    pub(super) fn open(&self, text: &str) -> Option<usize> {
        let begun = self.forms.iter().filter_map(|form| {
            let lengths = form.text.char_indices().map(|(at, _)| at).rev();
            let mut begun = lengths.filter_map(|length| form.text.get(..length));
            let begun = begun.find(|begun| !begun.is_empty() && text.ends_with(begun))?;
            Some(text.len() - begun.len())
        });
        begun.min()
    }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !is_letter(before) && !is_letter(after)
}

/// The forms of a value that is long enough to be looked for anywhere.
fn written(value: &str) -> Vec<String> {
    let trimmed = value.trim();
    let cleaned = clean(trimmed.as_bytes().to_vec());
    let mut forms = vec![json(trimmed), json(&cleaned)];
    for safe in ["-._~", "-._~/", "-._*"] {
        forms.extend([true, false].map(|upper| percent(trimmed, safe, upper)));
    }
    for value in [value, trimmed] {
        forms.extend(base64(value));
    }
    let lines = cleaned.lines().map(str::trim);
    let lines = lines.filter(|line| line.chars().count() >= LINE_CHARS);
    forms.extend(lines.map(str::to_owned));
    forms.push(cleaned);
    forms
}

/// As it stands between the quotes of a JSON string.
fn json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    let inner = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(&quoted).to_owned()
}

/// As it stands in an address (RFC 3986) or, where a space is a plus sign, in a form.
fn percent(value: &str, safe: &str, upper: bool) -> String {
    let form = safe.contains('*');
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || safe.as_bytes().contains(&byte) {
            text.push(char::from(byte));
        } else if form && byte == b' ' {
            text.push('+');
        } else if upper {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        } else {
            let _ = write!(text, "%{byte:02x}");
        }
        text
    })
}

/// The characters of Base64 that depend on nothing but the value, for each place where it can begin
/// in a longer text (`user:TOKEN`), in both alphabets.
fn base64(value: &str) -> impl Iterator<Item = String> {
    (0..3_usize).flat_map(move |before| {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value.as_bytes());
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ]
        .map(|text| text.get(first..last).unwrap_or_default().to_owned())
    })
}
