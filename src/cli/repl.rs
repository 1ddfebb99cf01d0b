//! `tolkien repl`: a conversation at the keyboard, as a client of the API.

mod command;

pub(crate) mod line;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::approval::{self, Answer, Approvals};
use super::client::{self, Client};
use super::connect::{self, ServerArgs, WithoutKey};
use super::conversation::{Conversation, Message, Said, new_key};
use super::failure::Result;
use super::render::paint::harmless;
use super::render::table::table;
use super::render::{Screen, counted};
use super::signal::Signals;
use super::{Exit, Global, compose, pause};
use crate::api::operation::ToolStatus;
use crate::api::{Choice, Code, DecideApproval, SessionSummary, Turn, TurnStatus, Usage};
use command::Command;
use line::{Input, Lines};

/// Talk to the agent
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien repl\n  tolkien repl --server https://tolkien.example.org\n  \
                  echo 'which pods are not ready?' | tolkien repl",
    long_about = "A conversation at the keyboard. Without a configured server one is started inside \
                  this process, on a loopback port.\n\nCtrl-C cancels the turn and keeps the \
                  session, Ctrl-D or `exit` leaves, `/help` lists the commands. A line that ends in `\\`, or \
                  an open ```, goes on. When the connection is lost it is made again, and the same \
                  turn goes on."
)]
pub(crate) struct Repl {
    #[command(flatten)]
    server: ServerArgs,
}

/// What the prompt looks like.
const PROMPT: &str = "tolkien> ";

impl Repl {
    /// Talks until the operator leaves.
    pub(crate) async fn run(&self, global: &Global, screen: &Screen) -> Result {
        let reached = connect::reach(&self.server, global, WithoutKey::Warn, screen).await?;
        if let Some(level) = &reached.sandbox {
            screen.note(level);
        }
        let session = self.server.session().map(str::to_owned);
        let history = history(screen);
        let exit = talk(&reached.client, session, history.as_deref(), screen).await;
        reached.end().await;
        exit
    }
}

/// Where what is typed is kept; nowhere when there is no place for it, which is no reason not to
/// talk.
fn history(screen: &Screen) -> Option<PathBuf> {
    let made = connect::default_state_dir().ok().and_then(|state| {
        compose::private_folder(&state).ok()?;
        Some(state.join("history"))
    });
    if made.is_none() {
        screen.warn("the state folder cannot be made, so what you type is not remembered");
    }
    made
}

/// Talks with a server until the operator leaves; what is typed is kept where `history` says.
pub(super) async fn talk(
    client: &Client,
    session: Option<String>,
    history: Option<&Path>,
    screen: &Screen,
) -> Result {
    let lines = Lines::of_stdin(history)?;
    if lines.edited {
        screen.note("`/help` lists the commands, Ctrl-D leaves");
    }
    let mut talk = Talk {
        conversation: Conversation::new(client.clone(), session, screen),
        signals: Signals::listen()?,
        screen: screen.clone(),
        lines,
        last: None,
        exit: Exit::Done,
    };
    loop {
        let input = tokio::select! {
            input = talk.lines.next(PROMPT) => input,
            _ = talk.signals.next() => return Ok(Exit::Interrupted),
        };
        let next = match input {
            Input::Text(text) => talk.read(text.trim()).await?,
            Input::Interrupted => {
                screen.note("Ctrl-D leaves");
                Next::Line
            }
            Input::End if talk.lines.edited => Next::Leave(Exit::Done),
            Input::End => Next::Leave(talk.exit),
            Input::Failed(cause) => return Err(anyhow::anyhow!(cause).into()),
        };
        if let Next::Leave(exit) = next {
            return Ok(exit);
        }
    }
}

/// What comes after a line.
enum Next {
    Line,
    Leave(Exit),
}

/// The conversation and what the keyboard needs to know of it.
struct Talk {
    conversation: Conversation,
    signals: Signals,
    screen: Screen,
    lines: Lines,
    /// The last message.
    last: Option<String>,
    /// What the last line came to, for a program that wrote them all.
    exit: Exit,
}

impl Talk {
    async fn read(&mut self, text: &str) -> Result<Next> {
        if !text.is_empty() {
            self.exit = Exit::Done;
        }
        let done = match command::parse(text) {
            _ if text.is_empty() => Ok(Next::Line),
            None => self.say(text).await,
            Some(Ok(Command::Quit)) => return Ok(Next::Leave(Exit::Done)),
            Some(Ok(command)) => self.obey(command).await,
            Some(Err(mistake)) => {
                self.screen.note(&mistake);
                Ok(Next::Line)
            }
        };
        match done {
            Ok(next) => Ok(next),
            Err(Trouble::Server(error)) => {
                let failure = error.into();
                self.screen.failure(&failure);
                self.exit = failure.exit();
                Ok(Next::Line)
            }
            Err(Trouble::Screen(failure)) => Err(failure),
        }
    }

    async fn say(&mut self, text: &str) -> Outcome {
        self.last = Some(text.to_owned());
        let key = new_key();
        let message = Message {
            content: text,
            key: &key,
            timeout: None,
        };
        let approvals = Approvals::Asked(&mut self.lines);
        let said = self.conversation.say(message, approvals, &mut self.signals);
        let said = said.await;
        let said = match said {
            Err(client::Error::Refused(problem)) if problem.code == Code::SessionNotFound => {
                self.conversation.session = None;
                self.screen.note(
                    "the session has ended; a new one begins, and knows nothing of the old one",
                );
                let approvals = Approvals::Asked(&mut self.lines);
                let said = self.conversation.say(message, approvals, &mut self.signals);
                said.await?
            }
            Err(client::Error::Refused(problem)) if problem.code == Code::TurnInProgress => {
                return self.join(problem.turn_id.as_deref()).await;
            }
            said => said?,
        };
        self.show(said)
    }

    /// Another client of the session asked something: its turn is followed, and this message waits.
    async fn join(&mut self, turn: Option<&str>) -> Outcome {
        self.screen
            .note("a turn is running in this session already; `/retry` says this again afterwards");
        let (Some(session), Some(turn)) = (self.conversation.session.clone(), turn) else {
            return Ok(Next::Line);
        };
        let turn = self
            .conversation
            .client()
            .turn(&session, turn, Duration::ZERO)
            .await?;
        let said = {
            let approvals = Approvals::Asked(&mut self.lines);
            let rejoined = self.conversation.rejoin(turn, approvals, &mut self.signals);
            rejoined.await?
        };
        self.show(said)
    }

    fn show(&mut self, said: Said) -> Outcome {
        match said {
            Said::Finished(turn) | Said::Interrupted(Some(turn)) => self.show_turn(&turn)?,
            Said::Interrupted(None) | Said::TookTooLong => self.screen.note("cancelled"),
            Said::Ended => return Ok(Next::Leave(Exit::Interrupted)),
        }
        Ok(Next::Line)
    }

    fn show_turn(&mut self, turn: &Turn) -> Result<()> {
        self.screen.answer(turn.response.as_deref())?;
        if turn.status != TurnStatus::Completed {
            self.exit = Exit::Negative;
            self.screen.stopped(turn);
        }
        Ok(())
    }

    async fn obey(&mut self, command: Command) -> Outcome {
        match command {
            Command::Help => self.rows(
                &["COMMAND", "WHAT IT DOES"],
                command::ALL
                    .iter()
                    .map(|(name, what)| vec![(*name).to_owned(), (*what).to_owned()]),
            )?,
            Command::New => {
                self.conversation.session = None;
                self.screen.note("the next message begins a new session");
            }
            Command::Sessions => self.sessions().await?,
            Command::Resume(wanted) => return self.resume(wanted.as_deref()).await,
            Command::Tools => self.tools().await?,
            Command::Usage => self.usage().await?,
            Command::Approve => self.approve().await?,
            Command::Deny(reason) => self.deny(reason).await?,
            Command::Retry => match self.last.clone() {
                Some(last) => return self.say(&last).await,
                None => self.screen.note("nothing was said yet"),
            },
            Command::Quit => return Ok(Next::Leave(Exit::Done)),
        }
        Ok(Next::Line)
    }

    /// Asks about everything that waits for this operator's decision, in whoever's session.
    async fn approve(&mut self) -> std::result::Result<(), Trouble> {
        let pending = self.conversation.client().approvals().await?;
        if pending.is_empty() {
            self.screen.note("nothing waits for your decision");
        }
        for waiting in &pending {
            let asked = approval::ask(&mut self.lines, waiting, &self.screen).await;
            let Answer::Given(decision) = asked else {
                break;
            };
            self.conversation.decide(waiting, &decision).await?;
        }
        Ok(())
    }

    /// Denies the one call that waits.
    async fn deny(&self, reason: Option<String>) -> std::result::Result<(), Trouble> {
        let pending = self.conversation.client().approvals().await?;
        match pending.as_slice() {
            [] => self.screen.note("nothing waits for your decision"),
            [waiting] => {
                let decision = DecideApproval {
                    decision: Choice::Deny,
                    reason,
                };
                self.conversation.decide(waiting, &decision).await?;
                let line = harmless(&waiting.command_line);
                self.screen.note(&format!("denied: {line}"));
            }
            several => self.screen.note(&format!(
                "{} calls wait; `/approve` asks about each",
                several.len()
            )),
        }
        Ok(())
    }

    async fn sessions(&self) -> std::result::Result<(), Trouble> {
        let sessions = self.conversation.client().sessions().await?;
        let rows = sessions.iter().map(|session| {
            let here = self.conversation.session.as_deref() == Some(&session.session_id);
            let mark = if here { "*" } else { "" };
            vec![
                format!("{}{mark}", session.session_id),
                word(&session.status),
                session.created_at.strftime("%Y-%m-%d %H:%M").to_string(),
                session
                    .last_active_at
                    .strftime("%Y-%m-%d %H:%M")
                    .to_string(),
            ]
        });
        Ok(self.rows(&["SESSION", "STATUS", "BEGAN (UTC)", "LAST ACTIVE"], rows)?)
    }

    async fn resume(&mut self, wanted: Option<&str>) -> Outcome {
        let sessions = self.conversation.client().sessions().await?;
        let here = self.conversation.session.as_deref();
        let fits = |session: &&SessionSummary| match wanted {
            Some(wanted) => session.session_id.starts_with(wanted),
            None => Some(session.session_id.as_str()) != here,
        };
        let mut fitting = sessions.iter().filter(fits);
        let (Some(found), another) = (fitting.next(), fitting.next()) else {
            self.screen.note("there is no such session");
            return Ok(Next::Line);
        };
        if wanted.is_some() && another.is_some() {
            self.screen.note("several sessions begin like that");
            return Ok(Next::Line);
        }
        let session = self
            .conversation
            .client()
            .session(&found.session_id)
            .await?;
        self.conversation.session = Some(session.session_id.clone());
        let turns = counted(session.turns.len(), "turn", "turns");
        self.screen
            .note(&format!("{} with {turns}", session.session_id));
        let Some(turn) = session.turns.into_iter().next_back() else {
            return Ok(Next::Line);
        };
        let said = {
            let approvals = Approvals::Asked(&mut self.lines);
            let rejoined = self.conversation.rejoin(turn, approvals, &mut self.signals);
            rejoined.await?
        };
        self.show(said)
    }

    async fn tools(&self) -> std::result::Result<(), Trouble> {
        let config = self.conversation.client().config().await?;
        let rows = config.tools.iter().map(|tool| {
            let status = match tool.status {
                ToolStatus::Ready if tool.warnings.is_empty() => "ready".to_owned(),
                ToolStatus::Ready => format!("ready, but {}", tool.warnings.join("; ")),
                ToolStatus::Disabled => format!("disabled: {}", tool.lacks.join("; ")),
            };
            vec![tool.name.clone(), tool.effect.clone(), status]
        });
        self.rows(&["TOOL", "EFFECT", "STATUS"], rows)?;
        if let Some(paused) = &config.paused {
            self.screen.note(&harmless(&pause::told(paused)));
        }
        Ok(())
    }

    async fn usage(&self) -> std::result::Result<(), Trouble> {
        let Some(session) = &self.conversation.session else {
            self.screen.note("nothing was said yet");
            return Ok(());
        };
        let session = self.conversation.client().session(session).await?;
        let mut sum = Usage::default();
        for turn in &session.turns {
            sum.input_tokens += turn.usage.input_tokens;
            sum.output_tokens += turn.usage.output_tokens;
            sum.cache_read_input_tokens += turn.usage.cache_read_input_tokens;
            sum.cache_creation_input_tokens += turn.usage.cache_creation_input_tokens;
        }
        let rows = [
            ("input", sum.input_tokens),
            ("output", sum.output_tokens),
            ("read from the cache", sum.cache_read_input_tokens),
            ("written to the cache", sum.cache_creation_input_tokens),
        ];
        let rows = rows.map(|(name, count)| vec![name.to_owned(), count.to_string()]);
        let turns = counted(session.turns.len(), "TURN", "TURNS");
        Ok(self.rows(&["TOKENS", &format!("IN {turns}")], rows)?)
    }

    fn rows(&self, headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<()> {
        self.screen.data(&harmless(&table(headings, rows)))
    }
}

/// The contract's word of a value.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

type Outcome = std::result::Result<Next, Trouble>;

/// Why a line came to nothing: the server's no leaves the REPL running, a broken screen does not.
enum Trouble {
    Server(client::Error),
    Screen(super::failure::Failure),
}

impl From<client::Error> for Trouble {
    fn from(error: client::Error) -> Self {
        Self::Server(error)
    }
}

impl From<super::failure::Failure> for Trouble {
    fn from(failure: super::failure::Failure) -> Self {
        Self::Screen(failure)
    }
}
