//! `tolkien ask`: one message, and its answer.

use std::io::Read as _;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::approval::Approvals;
use super::connect::{self, ServerArgs, WithoutKey};
use super::conversation::{Conversation, Message, Said, new_key};
use super::failure::{Failure, Result};
use super::render::{self, Screen};
use super::repl::line::Lines;
use super::signal::Signals;
use super::{Exit, Global};
use crate::api::{Turn, TurnStatus};

/// Say one thing, and print the answer
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien ask 'which pods are not ready?'\n  kubectl describe pod web-0 | tolkien ask -\n  \
                  tolkien ask --json --timeout 2m 'is the last backup good?' | jq .tool_calls",
    long_about = "Says one thing and prints the answer on standard output; what happens meanwhile \
                  goes to standard error. Without a configured server one is started inside this \
                  process.\n\nExit codes: 0 the turn completed, 1 it failed, 2 wrong usage or an \
                  invalid configuration, 4 the server cannot be reached, 130 interrupted (the turn \
                  is cancelled)."
)]
pub(crate) struct Ask {
    /// What to say; `-` reads standard input
    message: String,
    /// Print the whole turn as JSON
    #[arg(long)]
    json: bool,
    /// Cancel the turn when it takes longer, like 30s or 5m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Who answers when a call waits for an approval: `tty` on a terminal, else `never`
    #[arg(long, value_enum, value_name = "WHO")]
    approve_with: Option<Approver>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Who answers when a call waits for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Approver {
    /// Whoever sits at the terminal
    Tty,
    /// Nobody: the turn is cancelled
    Never,
}

impl Ask {
    /// Asks and prints.
    pub(crate) async fn run(&self, global: &Global, screen: &Screen) -> Result {
        let lines = self.lines()?;
        let content = self.content()?;
        let mut signals = Signals::listen()?;
        let reached = connect::reach(&self.server, global, WithoutKey::Fail, screen).await?;
        let session = self.server.session().map(str::to_owned);
        let mut conversation = Conversation::new(reached.client.clone(), session, screen);
        let message = Message {
            content: &content,
            key: &new_key(),
            timeout: self.timeout,
        };
        let mut lines = lines;
        let approvals = lines.as_mut().map_or(Approvals::Never, Approvals::Asked);
        let said = conversation.say(message, approvals, &mut signals).await;
        reached.end().await;
        self.tell(said.map_err(Failure::from)?, screen)
    }

    /// Where the answers to calls that wait for an approval come from, if from anywhere.
    fn lines(&self) -> Result<Option<Lines>> {
        let is_there = self.message != "-" && render::is_at_the_keyboard();
        match self.approve_with {
            Some(Approver::Tty) if !is_there => Err(Failure::new(
                Exit::Usage,
                "nobody can be asked: standard input is not a terminal",
            )
            .help("leave `--approve-with tty` out, and no call runs that needs an approval")),
            Some(Approver::Never) => Ok(None),
            None if !is_there => Ok(None),
            Some(Approver::Tty) | None => Lines::of_stdin(None).map(Some),
        }
    }

    fn content(&self) -> Result<String> {
        if self.message != "-" {
            return Ok(self.message.clone());
        }
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        Ok(text)
    }

    fn tell(&self, said: Said, screen: &Screen) -> Result {
        match said {
            Said::Finished(turn) => self.tell_turn(&turn, screen),
            Said::Interrupted(turn) => {
                if let Some(turn) = turn.filter(|_| self.json) {
                    self.tell_turn(&turn, screen)?;
                }
                Ok(Exit::Interrupted)
            }
            Said::Ended => Ok(Exit::Interrupted),
            Said::TookTooLong => Err(Failure::new(
                Exit::Negative,
                "there was no answer in time, and the turn was cancelled",
            )
            .help("give it longer with `--timeout`")),
        }
    }

    fn tell_turn(&self, turn: &Turn, screen: &Screen) -> Result {
        if self.json {
            let text = serde_json::to_string_pretty(turn).context("cannot write the turn")?;
            screen.line(&text)?;
        } else {
            screen.answer(turn.response.as_deref())?;
        }
        if turn.status == TurnStatus::Completed {
            return Ok(Exit::Done);
        }
        screen.stopped(turn);
        Ok(Exit::Negative)
    }
}

/// Reads `30s`, `5m`, `1h 30m`.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    let read: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "write it like `30s` or `5m`".to_owned())?;
    Duration::try_from(read)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "it must be longer than nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_written_with_its_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        for wrong in ["30", "0s", "-5m", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
