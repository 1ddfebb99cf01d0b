//! `tolkien pause` and `tolkien resume`: stop all tools of a server at once, and let them run again.

use clap::Args;

use super::connect;
use super::failure::Result;
use super::render::Screen;
use super::render::paint::harmless;
use super::{Exit, client};
use crate::api::{Code, PauseTools, Paused};

/// Where `tolkien serve` listens unless it is told otherwise.
const HERE: &str = "http://127.0.0.1:7331";

/// Which server.
#[derive(Debug, Args)]
struct Which {
    /// The server
    #[arg(
        long,
        value_name = "URL",
        env = "TOLKIEN_SERVER",
        hide_env_values = true,
        default_value = HERE
    )]
    server: String,
}

/// Stop all tools of a server at once
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien pause 'the cluster is being restored'\n  tolkien pause --server https://tolkien.example.org",
    long_about = "Stops all tools: no call starts any more on any server that shares the store, those \
                  that run are ended, and the model is told who stopped them and why. Turns go on \
                  without tools, and so it stays over restarts until `tolkien resume`. Needs the role \
                  `admin`.\n\nExit codes: 0 stopped; 4 the server refuses, or cannot be reached."
)]
pub(crate) struct Pause {
    /// Why, for the model and for whoever asks
    reason: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Let the tools of a server run again
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien resume\n  tolkien resume --server https://tolkien.example.org",
    long_about = "Lets the tools run again that `tolkien pause` stopped. Needs the role `admin`.\n\nExit \
                  codes: 0 they run; 4 the server refuses, or cannot be reached."
)]
pub(crate) struct Resume {
    #[command(flatten)]
    which: Which,
}

impl Pause {
    /// Stops them.
    pub(crate) async fn run(&self, screen: &Screen) -> Result {
        let client = connect::to(&self.which.server, screen)?;
        let reason = self.reason.clone();
        let state = client.pause(&PauseTools { reason }).await;
        let state = state.map_err(explained)?;
        if let Some(paused) = state.paused {
            screen.line(&harmless(&told(&paused)))?;
        }
        Ok(Exit::Done)
    }
}

impl Resume {
    /// Lets them run.
    pub(crate) async fn run(&self, screen: &Screen) -> Result {
        let client = connect::to(&self.which.server, screen)?;
        client.resume().await.map_err(explained)?;
        screen.line("tools run")?;
        Ok(Exit::Done)
    }
}

/// Since when nothing runs, and why.
pub(super) fn told(paused: &Paused) -> String {
    let reason = paused.reason.as_deref();
    let reason = reason.map(|reason| format!(": {reason}"));
    format!(
        "all tools are stopped, by {} at {} UTC{}",
        paused.by,
        paused.since.strftime("%Y-%m-%d %H:%M:%S"),
        reason.unwrap_or_default()
    )
}

fn explained(error: client::Error) -> super::failure::Failure {
    let needs_admin =
        matches!(&error, client::Error::Refused(problem) if problem.code == Code::NotAnAdmin);
    let failure = super::failure::Failure::from(error);
    if needs_admin {
        failure.help("use the token of a caller whose role is `admin`")
    } else {
        failure
    }
}
