//! Findings as annotations on the lines of a pull request.

use crate::cli::render::annotation::Annotation;
use crate::cli::render::repository::Repository;
use crate::config::Loaded;

/// Every finding, one a line.
pub(crate) fn github(loaded: &Loaded, repository: &Repository) -> String {
    loaded
        .diagnostics
        .iter()
        .map(|found| {
            let mut message = found.message.clone();
            if let Some(help) = &found.help {
                message.push_str("\nhelp: ");
                message.push_str(help);
            }
            for (place, text) in &found.labels {
                let file = repository.file(&place.file);
                message.push_str(&format!("\n{file}:{}: {text}", place.start.line));
            }
            let annotation = Annotation {
                severity: found.severity,
                at: (repository.file(&found.place.file), &found.place),
                title: found.code.0,
                message,
            };
            format!("{annotation}\n")
        })
        .collect()
}
