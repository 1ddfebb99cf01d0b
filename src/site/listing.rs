//! A file as it was written, line by line, so that a rule can lead to its own.

use serde::Serialize;

use super::Content;
use crate::diagnostic::Place;

/// A file.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    file: String,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    number: usize,
    text: String,
    /// Whether it only explains.
    comment: bool,
}

/// The file that a place is in.
pub(super) fn listing(content: Content<'_>, place: &Place) -> Option<Listing> {
    let source = content
        .sources
        .iter()
        .find(|source| *source.name() == place.file)?;
    let lines = source.text().lines().zip(1..).map(|(text, number)| Line {
        number,
        text: text.to_owned(),
        comment: text.trim_start().starts_with('#'),
    });
    Some(Listing {
        file: place.file.to_string(),
        lines: lines.collect(),
    })
}
