//! Collecting what differs beside the command lines, shown short.

use super::Other;
use super::fingerprint;
use crate::diagnostic::Place;

/// A value longer than this, or of several lines, is cut.
const LONGEST: usize = 160;

/// So many lines of a changed text are shown of each side.
const MOST_LINES: usize = 6;

/// Characters before the first difference of a long line that are shown.
const LEAD: usize = 30;

/// Whether a difference lets more happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// More may happen, or it cannot be told.
    Widens,
    /// Nothing more may happen.
    Harmless,
}

impl Weight {
    /// What widens when this holds.
    pub(super) fn widens_if(holds: bool) -> Self {
        if holds { Self::Widens } else { Self::Harmless }
    }
}

/// What differs so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    others: Vec<Other>,
    prefix: String,
}

impl Record {
    /// Names everything that follows as a part of this.
    pub(super) fn within(&mut self, prefix: impl Into<String>) {
        self.prefix = prefix.into();
    }

    /// Notes a value that differs; equal values are no difference.
    pub(super) fn note(
        &mut self,
        what: impl AsRef<str>,
        before: Option<String>,
        after: Option<String>,
        weight: Weight,
    ) {
        if before == after {
            return;
        }
        let (shown_before, shown_after) = shown(before, after);
        self.others.push(Other {
            what: format!("{}{}", self.prefix, what.as_ref()),
            before: shown_before,
            after: shown_after,
            widens: weight == Weight::Widens,
            fingerprint: None,
            acknowledgement: None,
            place: None,
        });
    }

    /// Notes a value that was not there; it widens.
    pub(super) fn gained(&mut self, what: impl AsRef<str>, after: impl Into<String>) {
        self.note(what, None, Some(after.into()), Weight::Widens);
    }

    /// Notes a value that is no more there; it does not widen.
    pub(super) fn lost(&mut self, what: impl AsRef<str>, before: impl Into<String>) {
        self.note(what, Some(before.into()), None, Weight::Harmless);
    }

    /// Notes a setting, which is accepted by itself and has a place.
    pub(super) fn setting(
        &mut self,
        what: impl AsRef<str>,
        (before, after): (Option<String>, Option<String>),
        weight: Weight,
        place: Place,
    ) {
        if before == after {
            return;
        }
        let what = what.as_ref();
        let hash = fingerprint::of_setting(what, before.as_deref(), after.as_deref());
        self.note(what, before, after, weight);
        if let Some(last) = self.others.last_mut() {
            last.place = Some(place);
            last.fingerprint = (weight == Weight::Widens).then_some(hash);
        }
    }

    /// All of it, in the order noted.
    pub(super) fn finish(self) -> Vec<Other> {
        self.others
    }
}

/// Both values short enough to be read, with what differs in them still to be seen.
fn shown(before: Option<String>, after: Option<String>) -> (Option<String>, Option<String>) {
    if before.as_ref().is_none_or(|text| is_short(text))
        && after.as_ref().is_none_or(|text| is_short(text))
    {
        return (before, after);
    }
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (before, after) => return (before.map(summary), after.map(summary)),
    };
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let start = old.iter().zip(&new).take_while(same).count();
    let rest = (old.len().min(new.len())) - start;
    let end = (old.iter().rev().zip(new.iter().rev()))
        .take_while(same)
        .count()
        .min(rest);
    let middle = |lines: &[&str]| -> Vec<String> {
        let middle = lines.get(start..lines.len() - end).unwrap_or_default();
        middle.iter().map(|line| (*line).to_owned()).collect()
    };
    let (old, new) = (middle(&old), middle(&new));
    let lead = match (old.as_slice(), new.as_slice()) {
        ([old], [new]) => common(old, new).saturating_sub(LEAD),
        _ => 0,
    };
    (Some(lines(&old, lead)), Some(lines(&new, lead)))
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= LONGEST && !text.contains('\n')
}

/// How many characters two texts begin with together.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(one, other)| one == other).count()
}

/// A few lines, each cut; without any, a word for that.
fn lines(all: &[String], lead: usize) -> String {
    if all.is_empty() {
        return "(nothing there)".to_owned();
    }
    let mut shown: Vec<String> = all
        .iter()
        .take(MOST_LINES)
        .map(|line| cut(line, lead))
        .collect();
    if let Some(more) = all.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        shown.push(format!("… and {more} more lines"));
    }
    shown.join("\n")
}

fn cut(line: &str, lead: usize) -> String {
    let mut rest = line.chars().skip(lead);
    let mut text: String = if lead > 0 { "…" } else { "" }.to_owned();
    text.extend(rest.by_ref().take(LONGEST));
    if rest.next().is_some() {
        text.push('…');
    }
    text
}

/// A text's first line and how much more there is.
fn summary(text: String) -> String {
    if is_short(&text) {
        return text;
    }
    let characters = text.chars().count();
    let first = cut(text.lines().next().unwrap_or_default(), 0);
    format!("{first} ({characters} characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_are_shown_as_they_are() {
        assert_eq!(
            shown(Some("60s".to_owned()), None),
            (Some("60s".to_owned()), None)
        );
    }

    #[test]
    fn of_a_long_text_only_the_lines_that_differ_are_shown() {
        let before = "one\ntwo\nthree\n";
        let after = "one\nzwei\nzweieinhalb\nthree\n";
        let (before, after) = shown(Some(before.to_owned()), Some(after.to_owned()));
        assert_eq!(before.unwrap(), "two");
        assert_eq!(after.unwrap(), "zwei\nzweieinhalb");
    }

    #[test]
    fn of_a_long_line_the_place_that_differs_is_shown() {
        let long = "x".repeat(400);
        let (before, after) = (format!("{long}a"), format!("{long}b"));
        let (before, after) = shown(Some(before), Some(after));
        assert_eq!(before.unwrap(), format!("…{}a", "x".repeat(LEAD)));
        assert_eq!(after.unwrap(), format!("…{}b", "x".repeat(LEAD)));
    }

    #[test]
    fn a_line_that_repeats_is_not_counted_at_both_ends() {
        let (before, after) = shown(Some("a\na\n".to_owned()), Some("a\na\na\n".to_owned()));
        assert_eq!(
            (before.unwrap().as_str(), after.unwrap().as_str()),
            ("(nothing there)", "a")
        );
    }

    #[test]
    fn a_long_value_on_one_side_is_told_by_its_beginning_and_size() {
        let text = "first\nsecond".to_owned();
        assert_eq!(shown(None, Some(text)).1.unwrap(), "first (12 characters)");
    }
}
