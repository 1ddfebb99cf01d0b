//! What a turn is doing: a spinner on a terminal, one line for each call, and how long it took.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Screen;
use super::paint::{Tone, harmless};

/// How often the spinner moves; ten frames a second look alive and cost nothing.
const FRAME: Duration = Duration::from_millis(100);

/// The longest command line that is shown while it runs, in characters.
const SHOWN: usize = 100;

/// The progress of one turn.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Screen,
    bar: Option<ProgressBar>,
}

/// How a call came out, for its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The tool.
    pub(crate) tool: String,
    /// What ran, or would have; absent when it could not be rendered.
    pub(crate) command_line: Option<String>,
    /// Whether it did what it was asked.
    pub(crate) good: bool,
    /// How it ended, where that is not simply "well".
    pub(crate) ending: Option<String>,
    /// How long it ran.
    pub(crate) took: Option<Duration>,
}

impl Progress {
    /// Starts showing, where there is somebody to see it.
    pub(crate) fn start(screen: &Screen) -> Self {
        let mut progress = Self {
            screen: screen.clone(),
            bar: None,
        };
        progress.show();
        progress
    }

    /// Shows what goes on, where there is somebody to see it.
    pub(crate) fn show(&mut self) {
        self.bar = self.screen.is_lively().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}{msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(FRAME);
            bar
        });
        self.screen.set_bar(self.bar.clone());
        self.doing("thinking");
    }

    /// Leaves the line to somebody who types.
    pub(crate) fn hide(&mut self) {
        self.bar = None;
        self.screen.set_bar(None);
    }

    /// What goes on now.
    pub(crate) fn doing(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(shortened(what));
        }
    }

    /// A call that ended.
    pub(crate) fn call(&self, line: &Ended) {
        let paint = self.screen.err;
        let mark = if line.good {
            paint.tone(Tone::Good, "✓")
        } else {
            paint.tone(Tone::Error, "✗")
        };
        let mut words = vec![format!("  {mark} {}", harmless(&line.tool))];
        if let Some(command_line) = &line.command_line {
            words.push(shortened(command_line));
        }
        if let Some(ending) = &line.ending {
            words.push(paint.tone(Tone::Error, &harmless(ending)));
        }
        if let Some(took) = line.took {
            words.push(paint.tone(Tone::Faint, &seconds(took)));
        }
        self.screen.note(&words.join("  "));
    }

    /// Something that is said on the way to the answer.
    pub(crate) fn aside(&self, text: &str) {
        for line in harmless(text).lines() {
            self.screen.note(&self.screen.err.tone(Tone::Faint, line));
        }
    }
}

/// However a turn ends, the spinner leaves no trace.
impl Drop for Progress {
    fn drop(&mut self) {
        self.screen.set_bar(None);
    }
}

/// A long line without its middle: the program stands first, and what it is asked last.
fn shortened(text: &str) -> String {
    let text = harmless(text).replace(['\n', '\t'], " ");
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let head = SHOWN / 4;
    let tail = text.chars().skip(length - (SHOWN - head - 1));
    text.chars().take(head).chain(['…']).chain(tail).collect()
}

/// A duration as people say it: `30 ms`, `3.4 s`, `12 s`, `2 min 5 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (millis, text) in [
            (0, "0 ms"),
            (340, "340 ms"),
            (3_400, "3.4 s"),
            (12_900, "12 s"),
            (125_000, "2 min 5 s"),
        ] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_long_command_line_is_shortened_to_one_line() {
        assert_eq!(shortened("a\nb"), "a b");
        let long = format!("rg {} path", "x".repeat(500));
        assert_eq!(shortened(&long).chars().count(), SHOWN);
        assert!(shortened(&long).starts_with("rg x") && shortened(&long).ends_with("x path"));
    }
}
