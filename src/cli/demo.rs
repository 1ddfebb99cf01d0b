//! `tolkien demo`: an operator's incident, played with a scripted model and real everything else.

mod bundle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::approval::Approvals;
use super::compose::{self, Server};
use super::conversation::{Conversation, Message, Said, new_key};
use super::failure::{Failure, Result};
use super::render::{self, Screen};
use super::signal::Signals;
use super::telemetry::{self, Level};
use super::{Exit, Global, connect, repl, root};
use crate::api::TurnStatus;
use crate::config::Overrides;
use crate::config::host::Host;
use crate::config::name::ToolName;
use crate::config::secret::variable;
use crate::config::settings::LogFormat;
use crate::diagnostic::listed;
use crate::model::{Model, Script};
use crate::reload::InForce;
use crate::store::Location;
use crate::tasks;
use crate::tool::sandbox;

/// See it work: a scripted model, bundled documents, real processes, no key
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien demo",
    long_about = "Plays an operator's incident over a bundled documentation and repository. What the \
                  model says is scripted; the rest is real: each call is decided by the shipped \
                  policies and runs a real program, and one call is denied and explained. Then you \
                  are in the REPL. Neither a key nor a cluster is needed, and nothing outside a \
                  temporary folder is read or written."
)]
pub(crate) struct Demo {}

impl Demo {
    /// Plays, and leaves the operator in the REPL.
    pub(crate) async fn run(&self, global: &Global, screen: &Screen) -> Result {
        telemetry::start(global.level(Level::Error), LogFormat::Text);
        // Before there is a folder: from here on nothing ends the process without removing it.
        let mut signals = Signals::listen()?;
        say_what_it_is(screen);
        let folder = Folder::make()?;
        folder.fill()?;
        let path = folder.path.clone();
        let proving = tasks::blocking(move || root::enforced_anew(&path, Overrides::None));
        let config = tokio::select! {
            proved = proving => proved.context("the bundled configuration cannot be checked")??,
            _ = signals.next() => return Ok(Exit::Interrupted),
        };
        let model = compose::model(&config)?;
        let Model::Script(script) = &model else {
            return Err(Failure::environment("the bundled model is no script"));
        };
        let Some(question) = question(script) else {
            return Err(Failure::environment("the bundled script has no question"));
        };
        let host = Host::probe_with_defaults(&config).confined(&config, sandbox::probe(None));
        say_what_it_lacks(script, &host, screen);
        if signals.next().now_or_never().is_some() {
            return Ok(Exit::Interrupted);
        }
        let store = compose::store(&Location::Memory).await?;
        let in_force = InForce {
            config,
            host: Arc::new(host),
            model,
        };
        let server = Server::open(in_force, store).await?;
        let reached = connect::within(server, screen).await?;
        let played = play(&reached.client, &question, &mut signals, screen).await;
        let exit = match played {
            Ok(Played::Session(session)) if render::is_interactive() => {
                screen.note(
                    "\nYou are in the REPL now; the script knows a few more questions, such as:",
                );
                screen.note("  can you show me the secret that Immich uses for S3?\n");
                repl::talk(&reached.client, Some(session), None, screen).await
            }
            Ok(Played::Session(_)) => Ok(Exit::Done),
            Ok(Played::Ended(exit)) => Ok(exit),
            Err(failure) => Err(failure),
        };
        reached.end().await;
        exit
    }
}

fn question(script: &Script) -> Option<String> {
    script.question().map(|text| text.trim().to_owned())
}

/// The one call of it is denied, so that nothing is missed where the program is missing.
const NEVER_RUNS: &str = "kubectl";

/// What is real here and what is not, before anything happens.
fn say_what_it_is(screen: &Screen) {
    screen.note(
        "This is a demonstration. The model is SCRIPTED: its words and its choice of calls come\n\
         from a file. Everything else is real: the decisions, the programs that run, and what they\n\
         read in a temporary folder.",
    );
    screen.note(
        "For the real thing: `export ANTHROPIC_API_KEY=sk-ant-…`, then `tolkien repl` where a\n\
         configuration is.",
    );
}

/// What is missing for what the script does, but not for the tools that it leaves alone.
fn say_what_it_lacks(script: &Script, host: &Host, screen: &Screen) {
    let mut lacking: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for tool in script.tools() {
        if tool == NEVER_RUNS {
            continue;
        }
        for lack in host.lacks(&ToolName::new(tool)) {
            lacking.entry(lack.clone()).or_default().push(tool);
        }
    }
    for (lack, tools) in lacking {
        let tools = listed(tools, "and");
        screen.warn(&format!(
            "{lack}, so calls of {tools} fail here, and the scripted model says what it did not see"
        ));
    }
}

/// How the opening went.
enum Played {
    /// To its end, in this session.
    Session(String),
    /// The operator had enough.
    Ended(Exit),
}

async fn play(
    client: &super::client::Client,
    question: &str,
    signals: &mut Signals,
    screen: &Screen,
) -> Result<Played> {
    screen.note("\nThe operator asks:");
    for line in question.lines() {
        screen.note(&format!("  {line}"));
    }
    screen.note("");
    let mut conversation = Conversation::new(client.clone(), None, screen);
    let message = Message {
        content: question,
        key: &new_key(),
        timeout: None,
    };
    let Said::Finished(turn) = conversation.say(message, Approvals::Never, signals).await? else {
        return Ok(Played::Ended(Exit::Interrupted));
    };
    screen.note("");
    screen.answer(turn.response.as_deref())?;
    if turn.status != TurnStatus::Completed {
        screen.stopped(&turn);
        return Ok(Played::Ended(Exit::Negative));
    }
    Ok(Played::Session(turn.session_id))
}

/// A private folder that is gone when the demonstration is over.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> Result<Self> {
        let scratch = variable("TMPDIR").map(PathBuf::from);
        let scratch = scratch
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| PathBuf::from("/tmp"));
        let path = scratch.join(format!("tolkien-demo-{}", Uuid::new_v4().simple()));
        compose::private_folder(&path)
            .with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self { path })
    }

    /// Writes the bundled files, and the settings that point into this folder.
    fn fill(&self) -> Result<()> {
        let folder = self.path.display().to_string();
        let settings = include_str!("demo/tolkien.yaml").replace("FOLDER", &folder);
        write(&self.path.join("tolkien.yaml"), &settings)?;
        for (name, text) in bundle::FILES {
            write(&self.path.join(name), text)?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary folder, and goes with it.
        drop(fs::remove_dir_all(&self.path));
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Searches need a program that may not be here: a later reply of the turn says so.
    fn unseen_is_admitted(script: &Value) {
        let mut searches = 0;
        for turn in script["turns"].as_array().unwrap() {
            let replies = turn["replies"].as_array().unwrap();
            for (at, reply) in replies.iter().enumerate() {
                let calls = reply["calls"].as_array().into_iter().flatten();
                let tools = calls.map(|call| call["tool"].as_str().unwrap());
                for tool in tools.filter(|tool| tool.ends_with("_search")) {
                    let mut later = replies[at + 1..].iter();
                    assert!(
                        later.any(|reply| reply["if_failed"][tool].is_string()),
                        "{turn}"
                    );
                    searches += 1;
                }
            }
        }
        assert_eq!(searches, 3);
    }

    #[test]
    fn the_bundled_configuration_is_valid_and_its_script_asks_a_question() {
        let folder = Folder::make().unwrap();
        folder.fill().unwrap();
        let config = root::enforced(&folder.path, Overrides::None).unwrap();
        let Model::Script(script) = compose::model(&config).unwrap() else {
            panic!("a script");
        };
        assert!(
            question(&script)
                .unwrap()
                .starts_with("Immich has been down")
        );
        let called: Vec<&str> = script.tools().into_iter().collect();
        let known = config.tools();
        assert!(
            called
                .iter()
                .all(|tool| known.contains_key(&ToolName::new(*tool)))
        );
        assert_eq!(
            called,
            [
                "docs_read",
                "docs_search",
                "kubectl",
                "repo_list",
                "repo_read",
                "repo_search"
            ]
        );
        unseen_is_admitted(config.script().unwrap());
        let path = folder.path.clone();
        drop(folder);
        assert!(!path.exists());
    }
}
