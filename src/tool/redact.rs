//! Taking secrets out of a text, before anything but the engine's own memory sees it.
//!
//! Two things are secret: what the `redact` rules of the policies find, and the values of declared
//! secrets ([`value`]). All of them look at the text as it was written, and what any of them covers
//! is covered: no rule can hide from another what that would have found. Where the text is a part of
//! a longer one, what may be the beginning of a secret at its end goes too ([`open`]), and a secret
//! over its beginning is found because a margin before it is looked at and not kept.

mod open;

mod value;

use std::ops::Range;
use std::sync::Arc;

use regex::{Captures, Regex};

use self::value::Values;
use crate::config::host::Host;
use crate::config::policy::Redaction;
use crate::config::secret::SecretString;
use crate::policy::Redactions;

/// How much is looked at before the kept end of a long output, in bytes: longer than any key or
/// token, and small beside what is kept.
pub(super) const MARGIN: usize = 64 * 1024;

/// What is secret for one call. It has no `Debug`, since it holds secrets.
pub(crate) struct Redactor<'a> {
    redactions: &'a Redactions,
    host: &'a Host,
    before: Vec<(String, SecretString)>,
}

impl<'a> Redactor<'a> {
    /// Made before a call starts, so that a secret that is replaced while the call runs is known in
    /// both of its values.
    pub(crate) fn new(redactions: &'a Redactions, host: &'a Host) -> Self {
        Self {
            redactions,
            host,
            before: host.secret_values(),
        }
    }

    /// A whole text without its secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        self.matcher().whole(text)
    }

    /// What finds the secrets as they are now, for several texts.
    pub(super) fn matcher(&self) -> Matcher<'a> {
        let now = self.host.secret_values();
        Matcher {
            rules: self.redactions.rules().collect(),
            values: Values::of(self.before.iter().chain(&now)),
        }
    }
}

/// Finds secrets. It has no `Debug`, since it holds some.
pub(super) struct Matcher<'a> {
    rules: Vec<&'a Redaction>,
    values: Option<Arc<Values>>,
}

/// What is left of a part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Bytes at its ends that were left out.
    pub(super) left_out: usize,
}

impl Matcher<'_> {
    /// A whole text without its secrets.
    pub(super) fn whole(&self, text: &str) -> String {
        self.range(text, 0..text.len())
    }

    /// What follows after `from`, without its secrets, those included that begin before; with
    /// `goes_on`, without what may be the beginning of one either.
    pub(super) fn part(&self, text: &str, from: usize, goes_on: bool) -> Part {
        let from = from.min(text.len());
        let from = match text.get(..from) {
            Some(margin) if from > 0 && margin.bytes().all(is_of_token) => {
                // One token fills the margin: where it began is not known, so all of it goes.
                let rest = text.bytes().skip(from);
                from + rest.take_while(|byte| is_of_token(*byte)).count()
            }
            _ => text.ceil_char_boundary(from),
        };
        let end = if goes_on {
            self.settled(text).max(from)
        } else {
            text.len()
        };
        Part {
            text: self.range(text, from..end),
            left_out: from + text.len().saturating_sub(end),
        }
    }

    /// Where the part of a text ends that holds no beginning of a secret that goes on behind it.
    fn settled(&self, text: &str) -> usize {
        let rules = self.rules.iter();
        let starts = rules.filter_map(|rule| open::start(rule.expression.as_str(), text));
        let values = self.values.as_ref();
        let settled = starts
            .chain(values.and_then(|values| values.open(text)))
            .min()
            .unwrap_or(text.len());
        match text.get(settled..) {
            Some(rest) if rest.trim().is_empty() => text.len(),
            _ => settled,
        }
    }

    fn range(&self, text: &str, range: Range<usize>) -> String {
        let covers = merged(self.covers(text));
        let mut out = String::with_capacity(range.len());
        let mut at = range.start;
        for Cover {
            range: secret,
            instead,
        } in covers
        {
            let begins = secret.start >= range.start || secret.end > range.start;
            if secret.start >= range.end || !begins {
                continue;
            }
            out.push_str(text.get(at..secret.start).unwrap_or_default());
            out.push_str(&instead);
            at = at.max(secret.end);
        }
        out.push_str(text.get(at..range.end).unwrap_or_default());
        out
    }

    fn covers(&self, text: &str) -> Vec<Cover> {
        let mut covers = Vec::new();
        if let Some(values) = &self.values {
            covers.extend(values.find(text));
        }
        for rule in &self.rules {
            let template = pieces(&rule.replace, &rule.expression);
            if let [Piece::Text(instead)] = template.as_slice() {
                let found = rule.expression.find_iter(text);
                covers.extend(found.map(|found| Cover {
                    range: found.range(),
                    instead: instead.clone(),
                }));
                continue;
            }
            for captures in rule.expression.captures_iter(text) {
                cover_between(&captures, &template, &mut covers);
            }
        }
        covers
    }
}

/// A part of a text that is secret, and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cover {
    range: Range<usize>,
    instead: String,
}

/// Whether a key or token that is written in one piece may hold it.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(&byte)
}

/// Joins what overlaps; the longest of them says what stands there instead.
fn merged(mut covers: Vec<Cover>) -> Vec<Cover> {
    covers.sort_by(|a, b| {
        let (a, b) = (&a.range, &b.range);
        a.start.cmp(&b.start).then(b.end.cmp(&a.end))
    });
    let mut merged: Vec<Cover> = Vec::with_capacity(covers.len());
    let mut longest = 0;
    for cover in covers {
        let length = cover.range.len();
        match merged.last_mut() {
            Some(last) if cover.range.start < last.range.end => {
                last.range.end = last.range.end.max(cover.range.end);
                if length > longest {
                    longest = length;
                    last.instead = cover.instead;
                }
            }
            _ => {
                longest = length;
                merged.push(cover);
            }
        }
    }
    merged
}

/// A part of what stands instead of a match.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A group of the expression, which stays as it is.
    Group(usize),
}

/// Reads a replacement as the `regex` crate does: `$1`, `$name`, `${name}`, `$$`; a group that does
/// not exist stands for nothing.
fn pieces(replace: &str, expression: &Regex) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = replace;
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, next) = if let Some(after) = after.strip_prefix('$') {
            literal.push('$');
            rest = after;
            continue;
        } else if let Some((name, next)) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
        {
            (name, next)
        } else {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            after.split_at(end)
        };
        if name.is_empty() {
            literal.push('$');
            rest = after;
            continue;
        }
        rest = next;
        let mut names = expression.capture_names();
        let group = name
            .parse()
            .ok()
            .or_else(|| names.position(|known| known == Some(name)));
        if let Some(group) = group {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
            pieces.push(Piece::Group(group));
        }
    }
    literal.push_str(rest);
    pieces.push(Piece::Text(literal));
    pieces
}

/// Covers what of a match lies between the groups that stay. A group that would stand elsewhere
/// than it was does not stay.
fn cover_between(captures: &Captures<'_>, template: &[Piece], covers: &mut Vec<Cover>) {
    let Some(whole) = captures.get(0) else {
        return;
    };
    let mut at = whole.start();
    let mut instead = String::new();
    let mut close = |range: Range<usize>, instead: &mut String| {
        let instead = std::mem::take(instead);
        if !range.is_empty() || !instead.is_empty() {
            covers.push(Cover { range, instead });
        }
    };
    for piece in template {
        match piece {
            Piece::Text(text) => instead.push_str(text),
            Piece::Group(group) => {
                let Some(kept) = captures.get(*group).filter(|kept| kept.start() >= at) else {
                    continue;
                };
                close(at..kept.start(), &mut instead);
                at = kept.end();
            }
        }
    }
    close(at..whole.end(), &mut instead);
}

#[cfg(test)]
mod tests;
