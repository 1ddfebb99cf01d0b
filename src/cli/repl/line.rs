//! Lines from the operator: edited on a terminal, on a thread of their own since reading blocks, or
//! read one by one from a pipe.

use std::io::{self, BufRead as _};
use std::path::Path;
use std::sync::mpsc as blocking;
use std::thread;

use anyhow::Context as _;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, Helper, Highlighter, Hinter};
use tokio::sync::mpsc;

use super::command;
use crate::cli::failure::Result;
use crate::cli::render;

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A whole message, or a `/command`.
    Text(String),
    /// Ctrl-C at the prompt.
    Interrupted,
    /// Ctrl-D, or the end of the pipe.
    End,
    /// The terminal or the pipe failed.
    Failed(String),
}

/// A line that is asked for.
#[derive(Debug)]
struct Wanted {
    prompt: String,
    /// Whether it is worth finding again; an answer to a question is not, and might be given to
    /// another one by mistake.
    remembered: bool,
}

/// Where lines come from.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Asks for one.
    wanted: blocking::Sender<Wanted>,
    read: mpsc::Receiver<Input>,
    /// Whether somebody edits them.
    pub(crate) edited: bool,
}

impl Lines {
    /// Lines of standard input.
    pub(crate) fn of_stdin(history: Option<&Path>) -> Result<Self> {
        let edited = render::is_interactive();
        let (wanted, asked) = blocking::channel();
        let (found, read) = mpsc::channel(1);
        let history = history.map(Path::to_owned);
        // Not a task of the process: a thread that waits for a key cannot be ended, only left.
        thread::Builder::new()
            .name("line-editor".to_owned())
            .spawn(move || {
                if edited {
                    edit(&asked, &found, history.as_deref());
                } else {
                    pass_on(&asked, &found);
                }
            })
            .context("cannot start the line editor")?;
        Ok(Self {
            wanted,
            read,
            edited,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self, prompt: &str) -> Input {
        self.read(prompt, true).await
    }

    /// The answer to a question.
    pub(crate) async fn answer(&mut self, question: &str) -> Input {
        self.read(question, false).await
    }

    async fn read(&mut self, prompt: &str, remembered: bool) -> Input {
        let prompt = prompt.to_owned();
        if self.wanted.send(Wanted { prompt, remembered }).is_err() {
            return Input::End;
        }
        self.read.recv().await.unwrap_or(Input::End)
    }
}

fn edit(asked: &blocking::Receiver<Wanted>, found: &mpsc::Sender<Input>, history: Option<&Path>) {
    let mut editor: Editor<Assistant, DefaultHistory> = match Editor::new() {
        Ok(editor) => editor,
        Err(error) => {
            drop(found.blocking_send(Input::Failed(error.to_string())));
            return;
        }
    };
    editor.set_helper(Some(Assistant));
    // There is none before the first line, and a damaged one is not worth stopping for.
    drop(history.map(|history| editor.load_history(history)));
    while let Ok(wanted) = asked.recv() {
        let input = match editor.readline(&wanted.prompt) {
            Ok(text) => {
                if wanted.remembered {
                    drop(editor.add_history_entry(text.as_str()));
                    drop(history.map(|history| editor.append_history(history)));
                }
                Input::Text(joined(&text))
            }
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(ReadlineError::Eof) => Input::End,
            Err(error) => Input::Failed(error.to_string()),
        };
        if found.blocking_send(input).is_err() {
            return;
        }
    }
}

fn pass_on(asked: &blocking::Receiver<Wanted>, found: &mpsc::Sender<Input>) {
    let mut lines = io::stdin().lock().lines();
    while asked.recv().is_ok() {
        let mut text = String::new();
        let input = loop {
            match lines.next() {
                Some(Ok(line)) => text += &line,
                Some(Err(error)) => break Input::Failed(error.to_string()),
                None if text.trim().is_empty() => break Input::End,
                None => break Input::Text(joined(&text)),
            }
            if !goes_on(&text) {
                break Input::Text(joined(&text));
            }
            text.push('\n');
        };
        if found.blocking_send(input).is_err() {
            return;
        }
    }
}

/// Whether a message is not at its end: its last line ends in a backslash, or a code block is not closed.
fn goes_on(text: &str) -> bool {
    text.ends_with('\\') || text.matches("```").count() % 2 == 1
}

/// The message without the backslashes that only continued its lines.
fn joined(text: &str) -> String {
    text.replace("\\\n", "\n")
}

/// What helps while editing: completion of commands, and lines that go on.
#[derive(Helper, Highlighter, Hinter)]
struct Assistant;

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..position).unwrap_or_default();
        Ok((0, command::starting_with(typed)))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if goes_on(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_on_after_a_backslash_and_inside_a_code_block() {
        for (text, expected) in [
            ("one", false),
            ("one\\", true),
            ("one\\\ntwo", false),
            ("```", true),
            ("```\ncode", true),
            ("```\ncode\n```", false),
        ] {
            assert_eq!(goes_on(text), expected, "{text:?}");
        }
        assert_eq!(joined("one\\\ntwo"), "one\ntwo");
    }
}
