//! The usage text that a denial shows: the allowed patterns as written, bounded.

use super::Pattern;

/// The text has about this many characters at most: a denial is read by a model, many times.
const LONGEST: usize = 600;

/// `allowed: get <name>` and a line `or: …` for every further pattern that fits; empty without any.
pub fn usage<'a>(allow: impl IntoIterator<Item = &'a Pattern>) -> String {
    let mut shown = String::new();
    let mut left_out = 0_usize;
    for pattern in allow {
        let line = pattern
            .text()
            .split_ascii_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if shown.is_empty() {
            let line: String = line.chars().take(LONGEST).collect();
            shown = format!("allowed: {line}");
        } else if left_out > 0 || shown.len() + line.len() > LONGEST {
            left_out += 1;
        } else {
            shown.push_str("\n     or: ");
            shown.push_str(&line);
        }
    }
    if left_out > 0 {
        shown.push_str(&format!("\n     and {left_out} more"));
    }
    shown
}
