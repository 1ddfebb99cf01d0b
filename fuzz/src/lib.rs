//! What several fuzz targets demand of a configuration that was loaded.

use std::collections::BTreeMap;

use tolkien::config::Loaded;
use tolkien::diagnostic::{Diagnostic, Place, Position, Severity, Source};

/// The places of that many findings are looked at: in a large file with more, the rest say the same.
const MOST_CHECKED: usize = 500;

/// Every place lies within its file and says the same in bytes as in lines and columns, and there
/// is a configuration exactly when nothing is an error.
pub fn check(loaded: &Loaded) {
    let sources: BTreeMap<&str, &Source> = loaded
        .sources
        .iter()
        .map(|source| (source.name().as_ref(), source))
        .collect();
    for found in loaded.diagnostics.iter().take(MOST_CHECKED) {
        for place in places(found) {
            match sources.get(place.file.as_ref()) {
                Some(source) => check_place(place, source.text(), found),
                None => assert_eq!(place.bytes, 0..0, "{found:#?}"),
            }
        }
        assert!(!found.message.is_empty(), "{found:#?}");
        let texts = found.help.iter().chain([&found.message]);
        for text in texts.chain(found.labels.iter().map(|(_, text)| text)) {
            assert!(
                !text.contains('\u{1b}'),
                "it speaks to a terminal: {found:#?}"
            );
        }
    }
    let failed = loaded.worst() == Some(Severity::Error);
    assert_eq!(loaded.config.is_none(), failed, "{:#?}", loaded.diagnostics);
}

fn places(found: &Diagnostic) -> impl Iterator<Item = &Place> {
    let labels = found.labels.iter().map(|(place, _)| place);
    let fix = found.fix.iter().map(|fix| &fix.place);
    [&found.place].into_iter().chain(labels).chain(fix)
}

fn check_place(place: &Place, text: &str, found: &Diagnostic) {
    assert!(text.get(place.bytes.clone()).is_some(), "{found:#?}");
    let start = position(text, place.bytes.start);
    let end = position(text, place.bytes.end);
    assert_eq!((place.start, place.end), (start, end), "{found:#?}");
}

fn position(text: &str, at: usize) -> Position {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    Position {
        line: u32::try_from(line).unwrap(),
        column: u32::try_from(column).unwrap(),
    }
}
