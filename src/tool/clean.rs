//! Turning a program's bytes into text that holds nothing a terminal would obey and nothing that a
//! reader cannot see.
//!
//! Escape sequences are those of ECMA-48: after `ESC`, a control sequence `[ … final`, a string
//! (`]`, `P`, `X`, `^`, `_` up to `ESC \`, or `BEL` as xterm has it), or intermediates and a final
//! byte. A string that never ends stops at its line, so that it cannot hide what follows.

use std::fmt::Write as _;

/// Decodes with replacement, drops escape sequences, control and invisible characters, shows
/// bidirectional ones as `<U+202E>`, and makes every line end a newline.
pub(super) fn clean(bytes: Vec<u8>) -> String {
    let bytes = if bytes.iter().all(|byte| is_plain(*byte)) {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => error.into_bytes(),
        }
    } else {
        bytes
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut cleaner = Cleaner {
        state: State::Text,
        after_return: false,
        out: String::with_capacity(text.len()),
    };
    text.chars().for_each(|c| cleaner.take(c));
    cleaner.out
}

/// The beginning of a text of somebody else, `max` characters of it, fit to stand within a line.
pub(super) fn told(text: &str, max: usize) -> String {
    let first: String = text.chars().take(max).collect();
    let cut = if first.len() < text.len() { "…" } else { "" };
    let line = clean(first.into_bytes()).replace(['\n', '\t'], " ");
    format!("{line}{cut}")
}

/// Printable ASCII, newline and tab: most output is nothing else.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After `ESC`.
    Escape,
    /// In a control sequence.
    Control,
    /// In a string that is for the terminal.
    Terminal,
}

#[derive(Debug)]
struct Cleaner {
    state: State,
    after_return: bool,
    out: String,
}

impl Cleaner {
    fn take(&mut self, c: char) {
        self.state = match (self.state, c) {
            (_, '\u{1b}') | (State::Escape, ' '..='/') => State::Escape,
            (State::Escape, '[') | (State::Text, '\u{9b}') | (State::Control, ' '..='?') => {
                State::Control
            }
            (State::Escape, ']' | 'P' | 'X' | '^' | '_')
            | (State::Text, '\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}') => {
                State::Terminal
            }
            (State::Escape, '0'..='~')
            | (State::Control, '@'..='~')
            | (State::Terminal, '\u{7}' | '\u{9c}') => State::Text,
            (State::Terminal, c) if c != '\n' && c != '\r' => State::Terminal,
            (_, c) => {
                self.text(c);
                State::Text
            }
        };
    }

    fn text(&mut self, c: char) {
        let after_return = std::mem::replace(&mut self.after_return, c == '\r');
        match c {
            '\n' if after_return => {}
            '\r' => self.out.push('\n'),
            '\n' | '\t' => self.out.push(c),
            c if c.is_control() || is_invisible(c) => {}
            c if is_bidirectional(c) => {
                let _ = write!(self.out, "<U+{:04X}>", u32::from(c));
            }
            c => self.out.push(c),
        }
    }
}

/// Characters that change the order in which others are shown (Unicode Standard Annex 9, table 4)
/// and the two separators that break a line where no newline stands.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without a shape of their own, in which text for the model could be hidden from a
/// person: zero-width, soft hyphen, fillers, variation selectors, interlinear and tag characters
/// (the default-ignorable code points of Unicode 16 but the bidirectional ones).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], text: &str) {
        assert_eq!(clean(bytes.to_vec()), text, "{bytes:?}");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        check("a b\n\tc ~é 🧙 日本\n".as_bytes(), "a b\n\tc ~é 🧙 日本\n");
        check(b"", "");
    }

    #[test]
    fn colours_titles_and_links_of_a_terminal_are_dropped() {
        check(b"\x1b[1;31mred\x1b[0m \x1b[38:2:1:2:3mx\x1b[m", "red x");
        check(
            b"\x1b]0;title\x07a \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
            "a link",
        );
        check(
            b"\x1bPq#0\x1b\\a\x1b_app\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d",
            "abcd",
        );
        check(b"\x1b(Ba\x1b=b\x1b#8c\x1b7d", "abcd");
        check("\u{9b}31mred\u{9d}0;t\u{9c}!".as_bytes(), "red!");
    }

    #[test]
    fn a_sequence_that_never_ends_hides_no_further_line() {
        check(b"a\x1b]0;title\nb", "a\nb");
        check(b"a\x1b[12\nb", "a\nb");
        check(b"a\x1b\nb", "a\nb");
        check(b"a\x1b[3", "a");
        check(b"a\x1b]0;ti\x1b[31mtle", "atle");
        check("a\u{1b}é\u{1b}[é".as_bytes(), "aéé");
    }

    #[test]
    fn control_characters_are_dropped_and_every_line_end_is_a_newline() {
        check(b"a\0b\x08c\x07d\x7fe\x0bf", "abcdef");
        check("a\u{85}b\u{80}".as_bytes(), "ab");
        check(b"10%\r20%\r\nx\n\r\n\ny\r", "10%\n20%\nx\n\n\ny\n");
    }

    #[test]
    fn what_nobody_can_see_is_dropped_and_what_reorders_is_named() {
        check(
            "se\u{200b}cr\u{ad}et\u{feff}\u{e0041}\u{fe0f}".as_bytes(),
            "secret",
        );
        check(
            "if \u{202e}x\u{2066}\u{2028}".as_bytes(),
            "if <U+202E>x<U+2066><U+2028>",
        );
    }

    #[test]
    fn invalid_utf_8_is_replaced() {
        check(
            b"a\xff\xfe\xc3(\xe2\x82",
            "a\u{fffd}\u{fffd}\u{fffd}(\u{fffd}",
        );
    }
}
