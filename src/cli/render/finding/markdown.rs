//! Findings as a comment on a pull request: one line that says how it stands, then a table for each
//! severity.

use super::counts;
use crate::cli::render::comment::{Comment, code, sentence};
use crate::cli::render::repository::Repository;
use crate::cli::render::{checked, counted};
use crate::config::Loaded;
use crate::diagnostic::{Diagnostic, Severity};

/// Every finding that fits, the worst first.
pub(crate) fn markdown(loaded: &Loaded, repository: &Repository) -> String {
    let mark = match loaded.worst() {
        Some(Severity::Error) => "❌",
        Some(Severity::Warning) => "⚠️",
        Some(Severity::Info) | None => "✅",
    };
    let mut comment = Comment::new(&format!(
        "{mark} **tolkien validate**: {}; checked {}\n",
        counts(loaded),
        checked(&loaded.checked)
    ));
    for (severity, title) in [
        (Severity::Error, "Errors"),
        (Severity::Warning, "Warnings"),
        (Severity::Info, "Remarks"),
    ] {
        let of_it = |found: &&Diagnostic| found.severity == severity;
        let mut found = loaded.diagnostics.iter().filter(of_it).peekable();
        if found.peek().is_some() && !comment.is_full() {
            comment.heading(&format!(
                "\n### {title}\n\n| Where | Finding | What to do |\n| --- | --- | --- |\n"
            ));
        }
        for found in found {
            comment.part(&row(found, repository));
        }
    }
    let fixable = loaded.diagnostics.iter().filter(|found| found.is_fixable());
    let fixable = fixable.count();
    if fixable > 0 && !comment.is_full() {
        let findings = counted(fixable, "finding", "findings");
        comment.heading(&format!("\n`tolkien validate --fix` mends {findings}.\n"));
    }
    comment.finish(|left_out| {
        let findings = counted(left_out, "further finding is", "further findings are");
        format!("\n{findings} left out here: `tolkien validate` tells them all.\n")
    })
}

fn row(found: &Diagnostic, repository: &Repository) -> String {
    let file = repository.file(&found.place.file);
    let at = if found.place.bytes == (0..0) {
        file
    } else {
        format!("{file}:{}", found.place.start.line)
    };
    format!(
        "| {} | **{}**: {} | {} |\n",
        code(&at),
        found.code,
        sentence(&found.message),
        found.help.as_deref().map(sentence).unwrap_or_default()
    )
}
