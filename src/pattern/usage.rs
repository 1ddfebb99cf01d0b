//! The usage text that a denial shows: the allowed patterns as written, bounded.

use super::Pattern;

/// The text has about this many characters at most: a denial is read by a model, many times.
const LONGEST: usize = 600;

const PREFIX: &str = "     or: ";

/// `allowed: get <name>` and a line `or: …` for every further pattern that fits; empty without any.
pub fn usage<'a>(allow: impl IntoIterator<Item = &'a Pattern>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut left_out = 0_usize;
    let mut room = LONGEST;
    for pattern in allow {
        let line = pattern
            .text()
            .split_ascii_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let length = PREFIX.len() + line.chars().count();
        if lines.is_empty() {
            let line: String = line.chars().take(LONGEST).collect();
            lines.push(format!("allowed: {line}"));
        } else if left_out > 0 || length > room {
            left_out += 1;
        } else {
            lines.push(format!("{PREFIX}{line}"));
        }
        room = room.saturating_sub(length);
    }
    if left_out > 0 {
        lines.push(format!("     and {left_out} more"));
    }
    lines.join("\n")
}
