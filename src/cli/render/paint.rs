//! Colour: a few tones, or none, and text that cannot move the cursor.

use anstyle::{AnsiColor, Style};

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    coloured: bool,
}

/// What a stretch of text is, rather than how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// A failure, a denial.
    Error,
    /// Care is needed; an approval is.
    Warning,
    /// All is well.
    Good,
    /// The way out.
    Help,
    /// What it is about.
    Strong,
    /// Emphasised prose.
    Emphasis,
    /// Code, a command line.
    Code,
    /// Beside the point.
    Faint,
}

impl Paint {
    /// With colours.
    pub(crate) const fn coloured() -> Self {
        Self { coloured: true }
    }

    /// Without.
    pub(crate) const fn plain() -> Self {
        Self { coloured: false }
    }

    /// Whether there are colours.
    pub(crate) fn is_coloured(self) -> bool {
        self.coloured
    }

    /// A text in a tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Error => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Help => AnsiColor::Cyan.on_default().bold(),
            Self::Strong => Style::new().bold(),
            Self::Emphasis => Style::new().italic(),
            Self::Code => AnsiColor::Cyan.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Text from a model or a server without what could drive the terminal: control characters (escape
/// sequences with them) and the format characters that reorder or hide text. Newlines and tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .filter(|character| matches!(character, '\n' | '\t') || !is_steering(*character))
        .collect()
}

fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_and_reordering_are_taken_out() {
        assert_eq!(
            harmless("a\u{1b}[31mred\u{7}\r\n\tb\u{202e}c\u{9b}2J"),
            "a[31mred\n\tbc2J"
        );
    }

    #[test]
    fn without_colour_a_tone_is_the_text_itself() {
        assert_eq!(Paint::plain().tone(Tone::Error, "no"), "no");
        assert_eq!(
            Paint::coloured().tone(Tone::Strong, "no"),
            "\u{1b}[1mno\u{1b}[0m"
        );
    }
}
