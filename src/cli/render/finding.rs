//! Findings for people, in the layout of the Rust compiler, and for programs: as JSON, as SARIF, and
//! for what a pull request shows.

mod annotations;

mod markdown;

mod sarif;

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Patch, Renderer, Snippet,
};
use serde::Serialize;

use super::paint::Paint;
use super::{checked, counted};
use crate::api::Finding;
use crate::config::{Checked, Loaded};
use crate::diagnostic::{Diagnostic, Fix, Place, Severity, Source};

pub(crate) use annotations::github;
pub(crate) use markdown::markdown;
pub(crate) use sarif::sarif;

/// Every finding, each with the lines it is about; empty when there are none.
pub(crate) fn human(loaded: &Loaded, paint: Paint) -> String {
    excerpts(&loaded.diagnostics, &loaded.sources, paint)
}

/// The same of those that are at least so severe.
pub(crate) fn human_from(loaded: &Loaded, least: Severity, paint: Paint) -> String {
    let found = loaded.diagnostics.iter();
    let found: Vec<Diagnostic> = found
        .filter(|found| found.severity >= least)
        .cloned()
        .collect();
    excerpts(&found, &loaded.sources, paint)
}

/// The same of findings in other files than a configuration's.
pub(crate) fn excerpts(found: &[Diagnostic], sources: &[Source], paint: Paint) -> String {
    let sources: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|source| (source.name().as_ref(), source))
        .collect();
    let renderer = if paint.is_coloured() {
        Renderer::styled().decor_style(DecorStyle::Unicode)
    } else {
        Renderer::plain()
    };
    found
        .iter()
        .map(|found| renderer.render(&report(found, &sources)) + "\n\n")
        .collect()
}

fn report<'a>(found: &'a Diagnostic, sources: &BTreeMap<&str, &'a Source>) -> Vec<Group<'a>> {
    let mut main = level(found.severity)
        .primary_title(found.message.as_str())
        .id(found.code.0)
        .elements(places(found, sources));
    let mut groups = Vec::new();
    let patch = found.fix.as_ref().and_then(|fix| patch(fix, sources));
    match (patch, &found.help) {
        (Some(patch), help) => {
            let title = help.as_deref().unwrap_or("write it like this");
            groups.push(Level::HELP.secondary_title(title).element(patch));
        }
        (None, Some(help)) => main = main.element(Level::HELP.message(help.as_str())),
        (None, None) => {}
    }
    groups.insert(0, main);
    groups
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    }
}

/// The lines that a finding points at, file by file, its own file first.
fn places<'a>(found: &'a Diagnostic, sources: &BTreeMap<&str, &'a Source>) -> Vec<Element<'a>> {
    let mut files: Vec<(&str, Vec<Mark<'a>>)> = vec![(
        &found.place.file,
        vec![Mark {
            kind: AnnotationKind::Primary,
            place: &found.place,
            text: None,
        }],
    )];
    for (place, text) in &found.labels {
        let mark = Mark {
            kind: AnnotationKind::Context,
            place,
            text: Some(text),
        };
        match files.iter_mut().find(|(file, _)| **file == *place.file) {
            Some((_, marks)) => marks.push(mark),
            None => files.push((&place.file, vec![mark])),
        }
    }
    files
        .into_iter()
        .flat_map(|(file, marks)| marked(&marks, sources.get(file).copied()))
        .collect()
}

/// Marks further apart than this are shown each by itself, or every finding would lay out the file
/// between them.
const LARGEST_WINDOW: usize = 8 * 1024;

struct Mark<'a> {
    kind: AnnotationKind,
    place: &'a Place,
    text: Option<&'a String>,
}

/// One file's marks on its lines; without its text, or for the file as a whole, only where they are.
fn marked<'a>(marks: &[Mark<'a>], source: Option<&'a Source>) -> Vec<Element<'a>> {
    let whole = |mark: &Mark<'_>| mark.place.bytes == (0..0);
    let stretch = marks
        .iter()
        .filter(|mark| !whole(mark))
        .map(|mark| mark.place.bytes.clone())
        .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
    if let (Some(stretch), [_, _, ..]) = (&stretch, marks)
        && stretch.len() > LARGEST_WINDOW
    {
        let alone = |mark| marked(std::slice::from_ref(mark), source);
        return marks.iter().flat_map(alone).collect();
    }
    let window = stretch.and_then(|bytes| Window::around(source?, bytes));
    let Some(window) = window else {
        return marks.iter().map(|mark| origin(mark).into()).collect();
    };
    let annotations = marks.iter().filter(|mark| !whole(mark)).map(|mark| {
        let span = window.span(&mark.place.bytes);
        mark.kind.span(span).label(mark.text.map(String::as_str))
    });
    vec![
        window
            .snippet(mark_file(marks))
            .annotations(annotations.collect::<Vec<Annotation<'a>>>())
            .into(),
    ]
}

fn mark_file<'a>(marks: &[Mark<'a>]) -> &'a str {
    marks.first().map_or("", |mark| mark.place.file.as_ref())
}

fn origin<'a>(mark: &Mark<'a>) -> Origin<'a> {
    let origin = Origin::path(mark.place.file.as_ref());
    if mark.place.bytes == (0..0) {
        return origin;
    }
    origin
        .line(mark.place.start.line as usize)
        .char_column(mark.place.start.column as usize)
}

fn patch<'a>(fix: &'a Fix, sources: &BTreeMap<&str, &'a Source>) -> Option<Snippet<'a, Patch<'a>>> {
    let source = sources.get(fix.place.file.as_ref())?;
    let window = Window::around(source, fix.place.bytes.clone())?;
    let patch = Patch::new(window.span(&fix.place.bytes), fix.replacement.as_str());
    Some(window.snippet(&fix.place.file).patch(patch))
}

/// Nobody reads a longer line, in bytes: only the place is told, or every finding of a file that is one
/// line would show the whole file.
const LONGEST_LINE: usize = 2 * 1024;

/// The whole lines around a stretch: a large file is not laid out again for each of its findings.
struct Window<'a> {
    text: &'a str,
    starts_at: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn around(source: &'a Source, bytes: Range<usize>) -> Option<Self> {
        let text = source.text().as_bytes();
        let is_end = |byte: &u8| *byte == b'\n';
        let before = text.get(bytes.start.saturating_sub(LONGEST_LINE)..bytes.start)?;
        let starts_at = match before.iter().rposition(is_end) {
            Some(at) => bytes.start - before.len() + at + 1,
            None if before.len() == bytes.start => 0,
            None => return None,
        };
        let after = text.get(bytes.end..)?;
        let ends_at = match after.iter().take(LONGEST_LINE).position(is_end) {
            Some(at) => bytes.end + at,
            None if after.len() < LONGEST_LINE => text.len(),
            None => return None,
        };
        let text = source.text().get(starts_at..ends_at)?;
        let is_read = text.split('\n').all(|line| line.len() <= LONGEST_LINE);
        is_read.then(|| Self {
            text,
            starts_at,
            line: source.place(bytes).start.line as usize,
        })
    }

    fn span(&self, bytes: &Range<usize>) -> Range<usize> {
        let inside = |at: usize| at.saturating_sub(self.starts_at).min(self.text.len());
        inside(bytes.start)..inside(bytes.end)
    }

    fn snippet<T: Clone>(&self, file: &'a str) -> Snippet<'a, T> {
        Snippet::source(self.text).line_start(self.line).path(file)
    }
}

/// How many findings there are and what was looked at.
pub(crate) fn summary(loaded: &Loaded) -> String {
    format!("{}; checked {}", counts(loaded), checked(&loaded.checked))
}

/// How many findings there are, by severity.
fn counts(loaded: &Loaded) -> String {
    let count = |severity| {
        loaded
            .diagnostics
            .iter()
            .filter(|found| found.severity == severity)
            .count()
    };
    let counts: Vec<String> = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Info, "remark", "remarks"),
    ]
    .into_iter()
    .map(|(severity, one, many)| (count(severity), one, many))
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| counted(count, one, many))
    .collect();
    if counts.is_empty() {
        "no findings".to_owned()
    } else {
        counts.join(", ")
    }
}

/// The findings as one JSON object; `ok` says that the exit code is 0.
pub(crate) fn json(loaded: &Loaded, ok: bool) -> serde_json::Result<String> {
    let report = Report {
        diagnostics: loaded.diagnostics.iter().map(Finding::from).collect(),
        checked: loaded.checked,
        ok,
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

#[derive(Serialize)]
struct Report {
    diagnostics: Vec<Finding>,
    checked: Checked,
    ok: bool,
}

#[cfg(test)]
mod tests;
