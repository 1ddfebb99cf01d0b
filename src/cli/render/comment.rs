//! Markdown for a comment on a pull request: bounded, and with nothing in it that a file's author
//! could use to leave the table or the code that shows it.

use super::paint::harmless;

/// GitHub refuses a comment above 65,536 characters; what a workflow adds to it has room.
const LONGEST: usize = 60_000;

/// A text in a cell, such as a message, is cut after this many characters: one finding must not push
/// the others out.
const LONGEST_CELL: usize = 800;

/// Kept for what is said of parts that did not fit.
const LAST_WORDS: usize = 500;

/// A comment that grows part by part, as long as it fits.
#[derive(Debug)]
pub(crate) struct Comment {
    text: String,
    room: usize,
    left_out: usize,
}

impl Comment {
    /// One that begins with this.
    pub(crate) fn new(head: &str) -> Self {
        let mut comment = Self {
            text: String::new(),
            room: LONGEST - LAST_WORDS,
            left_out: 0,
        };
        comment.heading(head);
        comment
    }

    /// Keeps room for what will stand behind the whole.
    pub(crate) fn reserve(&mut self, text: &str) {
        self.room = self.room.saturating_sub(text.chars().count());
    }

    /// Adds what frames other parts, such as a table's head.
    pub(crate) fn heading(&mut self, text: &str) {
        self.room = self.room.saturating_sub(text.chars().count());
        self.text.push_str(text);
    }

    /// Adds one part where it fits. Behind one that did not nothing follows: what is shown is the
    /// beginning of the whole.
    pub(crate) fn part(&mut self, text: &str) {
        let length = text.chars().count();
        if self.left_out == 0 && length <= self.room {
            self.room -= length;
            self.text.push_str(text);
        } else {
            self.left_out += 1;
        }
    }

    /// Whether a part was left out already.
    pub(crate) fn is_full(&self) -> bool {
        self.left_out > 0
    }

    /// The whole, with what is said of the parts that were left out.
    pub(crate) fn finish(mut self, rest: impl FnOnce(usize) -> String) -> String {
        if self.left_out > 0 {
            self.text.push_str(&rest(self.left_out));
        }
        self.text
    }
}

/// One of our sentences in a cell: what stands in backticks becomes code, all else is plain text.
pub(crate) fn sentence(text: &str) -> String {
    let text = one_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    let mut written = String::new();
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.into_iter().enumerate() {
        match (at % 2 == 1, at == last) {
            (true, false) if !part.trim().is_empty() => written.push_str(&code(part)),
            // A quote that is never closed quotes nothing.
            (true, _) => {
                written.push_str("\\`");
                written.push_str(&plain(part));
                if at != last {
                    written.push_str("\\`");
                }
            }
            (false, _) => written.push_str(&plain(part)),
        }
    }
    written
}

/// Text as code in a cell or a line.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text);
    if text.contains(['`', '|', '\\']) || text.trim() != text || text.is_empty() {
        // In a table a bar ends the cell even in code, and a backslash before it is no escape there.
        return format!("<code>{}</code>", entities(&text));
    }
    format!("`{text}`")
}

fn one_line(text: &str) -> String {
    let line: String = harmless(text)
        .chars()
        .map(|character| match character {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            other => other,
        })
        .collect();
    if line.chars().count() <= LONGEST_CELL {
        return line;
    }
    line.chars().take(LONGEST_CELL).chain(['…']).collect()
}

/// Plain text: nothing in it is markup, and nobody is mentioned.
fn plain(text: &str) -> String {
    let mut written = String::new();
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '@' => written.push_str("@\u{200b}"),
            '\\' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '`' | '$' => {
                written.push('\\');
                written.push(character);
            }
            other => written.push(other),
        }
    }
    written
}

/// Every mark that could mean something, as its number.
fn entities(text: &str) -> String {
    text.chars().fold(String::new(), |mut written, character| {
        if character.is_ascii_punctuation() {
            written.push_str("&#");
            written.push_str(&u32::from(character).to_string());
            written.push(';');
        } else {
            written.push(character);
        }
        written
    })
}

#[cfg(test)]
mod tests;
