//! Findings as annotations on the lines of a pull request.

use crate::cli::render::annotation::Annotation;
use crate::cli::render::repository::Repository;
use crate::config::Loaded;
use crate::diagnostic::Diagnostic;

/// Every finding, one a line.
pub(crate) fn github(loaded: &Loaded, repository: &Repository) -> String {
    let mut text = String::new();
    for found in &loaded.diagnostics {
        let annotation = Annotation {
            severity: found.severity,
            at: (repository.file(&found.place.file), &found.place),
            title: found.code.0,
            message: message(found, repository),
        };
        text.push_str(&annotation.to_string());
        text.push('\n');
    }
    text
}

/// Everything that is said of a finding, a line each: the platform shows one text only.
fn message(found: &Diagnostic, repository: &Repository) -> String {
    let help = found.help.iter().map(|help| format!("help: {help}"));
    let labels = found.labels.iter().map(|(place, text)| {
        let file = repository.file(&place.file);
        format!("{file}:{}: {text}", place.start.line)
    });
    let lines: Vec<String> = std::iter::once(found.message.clone())
        .chain(help)
        .chain(labels)
        .collect();
    lines.join("\n")
}
