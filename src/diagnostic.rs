//! One thing wrong in a file: code, severity, place, message, help, fix.
//!
//! Everything that reads the operator's files answers with a list of these, never with the first
//! problem only, and never by printing: [`crate::cli`] renders them. A [`Place`] is made from byte
//! offsets by the [`Source`] that holds the text, so that no two modules count lines their own way.

mod embedded;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use embedded::Embedded;

/// How bad a finding is; ordered, so that `--fail-on` is a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; never fails a check by itself.
    Info,
    /// Probably not what was meant.
    Warning,
    /// The configuration cannot be used like this.
    Error,
}

impl Severity {
    /// The word that all output formats use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of a finding, kebab-case and stable: `unknown-key`, `bad-regex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A position in a text: line and column count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters (not bytes), from 1.
    pub column: u32,
}

/// A stretch of a file that a finding, a rule or a tool points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the operator would type it from the root.
    pub file: Arc<str>,
    /// Where it starts.
    pub start: Position,
    /// Where it ends, exclusive.
    pub end: Position,
    /// The same stretch in bytes of the file's text.
    pub bytes: Range<usize>,
    /// How the text that it is a stretch of is written in the file.
    pub written: Written,
}

/// How a text is written in the file that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is the file.
    AsItIs,
    /// Its lines stand in the file behind this many spaces each.
    Indented(u16),
    /// In another notation: the place is where it starts, and nothing in it can be replaced.
    Otherwise,
}

impl Place {
    /// The place of a whole file (or folder), when nothing inside it can be named.
    pub fn file(name: impl Into<Arc<str>>) -> Self {
        let first = Position { line: 1, column: 1 };
        Self {
            file: name.into(),
            start: first,
            end: first,
            bytes: 0..0,
            written: Written::AsItIs,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.start.line, self.start.column)
    }
}

/// A replacement that mends the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub place: Place,
    /// What stands there afterwards.
    pub replacement: String,
    /// Whether it cannot change what was meant, so that a machine may apply it. Otherwise it is shown,
    /// and a person decides: it may permit more, or it guesses which of the operator's own names was
    /// meant.
    pub safe: bool,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// One sentence, lower case, no full stop; what the operator wrote stands in backticks.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// Other places that explain it, each with a few words.
    pub labels: Vec<(Place, String)>,
    /// A replacement that mends it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            code: Code(code),
            severity: Severity::Error,
            place,
            message: visible(message.into()),
            help: None,
            labels: Vec::new(),
            fix: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, place, message)
        }
    }

    /// Something worth knowing at a place.
    pub fn info(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::error(code, place, message)
        }
    }

    /// The same with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(visible(help.into()));
        self
    }

    /// The same with a way out, when there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.map(visible).or(self.help);
        self
    }

    /// The same with another place that explains it.
    #[must_use]
    pub fn label(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push((place, visible(text.into())));
        self
    }

    /// The same with a replacement that a machine may apply; without one where the file writes the
    /// text in a way that a replacement cannot be put into.
    #[must_use]
    pub fn fix(mut self, place: Place, replacement: impl Into<String>) -> Self {
        self.fix = fix(place, replacement.into(), true);
        self
    }

    /// The same with a replacement for a person to look at first.
    #[must_use]
    pub fn proposal(mut self, place: Place, replacement: impl Into<String>) -> Self {
        self.fix = fix(place, replacement.into(), false);
        self
    }

    /// Whether a machine may mend it.
    pub fn is_fixable(&self) -> bool {
        self.fix.as_ref().is_some_and(|fix| fix.safe)
    }
}

/// Text that may quote a file, or what a library says of one, without characters that drive a
/// terminal: they show as a sign that something stands there.
fn visible(text: String) -> String {
    let steers = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if text.contains(steers) {
        return text.replace(steers, "\u{fffd}");
    }
    text
}

/// A replacement as the file writes the text that it goes into; absent where it cannot.
fn fix(place: Place, replacement: String, safe: bool) -> Option<Fix> {
    let replacement = match place.written {
        Written::AsItIs => replacement,
        Written::Indented(spaces) => {
            replacement.replace('\n', &format!("\n{}", " ".repeat(spaces.into())))
        }
        Written::Otherwise => return None,
    };
    Some(Fix {
        place,
        replacement,
        safe,
    })
}

/// Sorts findings by place, then code: the order in which every format shows them.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| by_place(a, b).then_with(|| a.message.cmp(&b.message)));
    diagnostics.dedup();
}

fn by_place(a: &Diagnostic, b: &Diagnostic) -> Ordering {
    a.place
        .file
        .cmp(&b.place.file)
        .then_with(|| a.place.start.cmp(&b.place.start))
        .then_with(|| a.code.cmp(&b.code))
}

/// The characters of a long line are counted from the last of these many bytes on: a file may be one
/// line, with a finding at every other byte.
const STRIDE: usize = 1024;

/// The text of one file, and the only counter of its lines.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    lines: Arc<[usize]>,
    /// How many characters begin before every [`STRIDE`] bytes.
    characters: Arc<[usize]>,
    embedded: Option<Arc<Embedded>>,
}

impl Source {
    /// Takes a text under the name that findings show.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let mut before = 0;
        let characters = text
            .as_bytes()
            .chunks(STRIDE)
            .map(|chunk| {
                let here = before;
                before += begun(chunk);
                here
            })
            .collect();
        Self {
            name: name.into(),
            text,
            lines,
            characters,
            embedded: None,
        }
    }

    /// The same text as it is written inside another one, where its places are from now on: as the
    /// value of `key`, at `value`.
    #[must_use]
    pub(crate) fn inside(mut self, outer: &Self, key: &Range<usize>, value: usize) -> Self {
        let embedded = Embedded::find(&self.text, outer, key, value);
        self.embedded = Some(Arc::new(embedded));
        self
    }

    /// The text of the file that its places are in: itself, or the one that it is written inside.
    pub(crate) fn outermost(&self) -> &Self {
        match &self.embedded {
            Some(embedded) => embedded.outer.outermost(),
            None => self,
        }
    }

    /// Whether a place lies in this text.
    pub(crate) fn holds(&self, place: &Place) -> bool {
        match &self.embedded {
            Some(embedded) => embedded.holds(place),
            None => place.file == self.name,
        }
    }

    /// The name that findings show.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The place of a byte range; a range beyond the end is cut to it.
    pub fn place(&self, bytes: Range<usize>) -> Place {
        let start = self.on_boundary(bytes.start);
        let end = self.on_boundary(bytes.end.max(start));
        if let Some(embedded) = &self.embedded {
            return embedded.place(self, start..end);
        }
        Place {
            file: Arc::clone(&self.name),
            start: self.position(start),
            end: self.position(end),
            bytes: start..end,
            written: Written::AsItIs,
        }
    }

    fn on_boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// The line that a byte is on, from 0.
    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1) - 1
    }

    fn position(&self, at: usize) -> Position {
        let line = self.line_of(at);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let column = self.characters_before(at) - self.characters_before(start);
        Position {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    /// How many characters begin before a byte of the text.
    fn characters_before(&self, at: usize) -> usize {
        let stride = (at / STRIDE).min(self.characters.len().saturating_sub(1));
        let counted = self.characters.get(stride).copied().unwrap_or(0);
        let rest = self.text.as_bytes().get(stride * STRIDE..at);
        counted + rest.map_or(0, begun)
    }
}

/// How many characters begin in a stretch of UTF-8.
fn begun(bytes: &[u8]) -> usize {
    let continues = |byte: &&u8| matches!(byte, 0x80..=0xbf);
    bytes.len() - bytes.iter().filter(continues).count()
}

/// The known name that `word` was probably meant to be, for "did you mean".
///
/// Two edits are forgiven in a long word and one in a short one; a swap of neighbours counts as one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if word.chars().count() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| {
            *distance <= allowed || (word.len() >= 3 && name.eq_ignore_ascii_case(word))
        })
        .min()
        .map(|(_, name)| name)
}

/// A help that lists more names than this is not read to its end.
const MOST_LISTED: usize = 20;

/// The way out for a name that is not known: the nearest known one, or behind `are` all of them.
pub fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    are: &str,
) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    let others = names.len().saturating_sub(MOST_LISTED);
    names.truncate(MOST_LISTED);
    match others {
        0 => format!("{are} {}", listed(names, "and")),
        1 => format!("{are} {}, and one other", listed(names, "and")),
        _ => format!("{are} {}, and {others} others", listed(names, "and")),
    }
}

/// Names as prose: `a`, `b` or `c`, each in backticks.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>, joiner: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {joiner} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let source = Source::new("a.yaml", "é: 1\nkey: válue\n");
        let at = source.text().find("lue").unwrap();
        let place = source.place(at..at + 3);
        assert_eq!(place.to_string(), "a.yaml:2:8");
        assert_eq!(
            place.end,
            Position {
                line: 2,
                column: 11
            }
        );
    }

    #[test]
    fn columns_of_a_long_line_count_characters_too() {
        let text = "é: 1\n".to_owned() + &"ü-".repeat(STRIDE);
        let source = Source::new("a.yaml", text.as_str());
        for (at, _) in text.char_indices() {
            let before = text.get(..at).unwrap();
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            let column = u32::try_from(column).unwrap();
            assert_eq!(source.place(at..at).start.column, column, "{at}");
        }
        assert_eq!(source.place(9999..9999).to_string(), "a.yaml:2:2049");
    }

    #[test]
    fn a_place_beyond_the_end_is_the_end() {
        let source = Source::new("a.yaml", "ab");
        assert_eq!(source.place(5..9).to_string(), "a.yaml:1:3");
    }

    #[test]
    fn the_nearest_name_forgives_one_edit_in_a_short_word_and_two_in_a_long_one() {
        assert_eq!(nearest("efect", ["effect", "env"]), Some("effect"));
        assert_eq!(nearest("enb", ["effect", "env"]), Some("env"));
        assert_eq!(nearest("comamnd", ["command"]), Some("command"));
        assert_eq!(nearest("zzz", ["effect", "env"]), None);
    }

    #[test]
    fn findings_are_sorted_by_place_and_told_once() {
        let source = Source::new("a.yaml", "one\ntwo\n");
        let late = Diagnostic::error("b", source.place(4..7), "late");
        let early = Diagnostic::error("a", source.place(0..3), "early");
        let mut all = vec![late.clone(), early.clone(), late.clone()];
        sort(&mut all);
        assert_eq!(all, [early, late]);
    }
}
