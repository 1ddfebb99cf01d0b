//! `tolkien call`: decide one call and run it, with no model anywhere near.

use std::path::Path;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::failure::{Failure, Result};
use super::render::Screen;
use super::signal::Signals;
use super::{Exit, input, local, root};
use crate::config::host::Host;
use crate::config::name::RoleName;
use crate::config::policy::Channel;
use crate::config::settings::Settings;
use crate::config::{Config, Overrides};
use crate::policy::{Approver, Permit, Request, Verdict, decide};
use crate::tool::redact::Redactor;
use crate::tool::{self, Finished, Outcome, sandbox};

/// What `read_output` would know the call as; nobody asks it here.
const CALL_ID: &str = "local";

/// Decide one call, and run it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien call kubectl 'get pods -A'\n  tolkien call docs_read '{\"path\": \"README.md\"}'\n  \
                  tolkien call --yes gitea_issue_create '{\"repo\": \"a/b\", \"title\": \"T\", \"body\": \"B\"}'",
    long_about = "Decides one call as the local caller, exactly as the engine would, and runs it: what \
                  the program writes goes to standard output, the whole of it and not only what the \
                  model would see.\n\nExit codes: 0 it ran well, 1 it was denied or failed, 2 wrong \
                  usage or an invalid configuration, 3 it needs an approval (`--yes` gives it), 130 \
                  interrupted."
)]
pub(crate) struct Call {
    /// The tool
    pub(super) tool: String,
    #[arg(required = true, value_name = "INPUT", help = input::HELP)]
    pub(super) input: Vec<String>,
    /// Approve the call when it needs that
    #[arg(long)]
    yes: bool,
}

impl Call {
    /// Decides and runs.
    pub(crate) async fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let config = root::enforced(&root::choose(config), Overrides::Environment)?;
        let tool = input::tool(&config, &self.tool)?;
        let input = input::parse(tool, &self.input, screen)?;
        let caller = local::caller(config.settings(), None, Channel::Local);
        let request = Request {
            tool: &self.tool,
            input: &input,
        };
        let permit = match decide(&config, request, &caller) {
            Verdict::Allow(permit) => permit,
            Verdict::Ask(pending) if self.yes => {
                let approver = approver(config.settings(), &caller)?;
                pending.approve(&approver).map_err(|pending| {
                    let roles = pending.approvers().unwrap_or_default();
                    let roles: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
                    Failure::new(
                        Exit::Negative,
                        format!("only the role {} may approve this call", roles.join(", ")),
                    )
                })?
            }
            verdict @ Verdict::Ask(_) => {
                screen.verdict(&verdict);
                screen.help("`--yes` approves it");
                return Ok(Exit::Ask);
            }
            verdict @ Verdict::Deny(_) => {
                screen.verdict(&verdict);
                return Ok(Exit::Negative);
            }
        };
        execute(&config, permit, screen).await
    }
}

/// The local caller as one who approves, where its role may.
fn approver(settings: &Settings, caller: &crate::call::Caller) -> Result<Approver> {
    let role = settings.roles.by_name.get(&caller.role);
    if role.is_some_and(|role| role.approve) {
        return Ok(Approver {
            name: caller.name.clone(),
            role: caller.role.clone(),
        });
    }
    Err(Failure::new(
        Exit::Negative,
        format!("the role `{}` may not approve calls", caller.role),
    )
    .help("give it `approve: true` under `roles` in tolkien.yaml"))
}

async fn execute(config: &Config, permit: Permit, screen: &Screen) -> Result {
    let host = Host::probe(config).confined(config, sandbox::probe(None));
    let cancel = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let line = Redactor::new(permit.redactions(), &host).text(&permit.call().command_line());
    screen.note(&format!("+ {line}"));
    let terms = tool::Terms::new(&host, config.settings());
    let running = tool::run(permit, CALL_ID, terms, cancel.clone());
    let mut running = std::pin::pin!(running);
    let finished = tokio::select! {
        finished = &mut running => finished,
        _ = signals.next() => {
            cancel.cancel();
            running.await
        }
    };
    screen.data(&finished.stored)?;
    if !finished.stored.is_empty() && !finished.stored.ends_with('\n') {
        screen.data("\n")?;
    }
    end(finished)
}

fn end(finished: Finished) -> Result {
    let failed = |message: String| Err(Failure::new(Exit::Negative, message));
    match finished.outcome {
        Outcome::Exited { .. } if !finished.is_error => Ok(Exit::Done),
        Outcome::Exited { .. } | Outcome::TimedOut if finished.ended_by.is_some() => {
            failed(finished.ended_by.unwrap_or_default())
        }
        Outcome::Exited { code } => failed(format!("the program ended with exit code {code}")),
        Outcome::TimedOut => failed("the program ran into its deadline and was ended".to_owned()),
        Outcome::NotStarted { because } => failed(format!("nothing was started: {because}")),
        Outcome::Cancelled => Ok(Exit::Interrupted),
    }
}
