//! `tolkien check`: decide one call without running it, and say which rule decided.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::failure::Result;
use super::output::{Format, Output, without_findings};
use super::render::{Screen, decision};
use super::{Exit, input, local, root};
use crate::call::Caller;
use crate::config::policy::{Channel, Policy};
use crate::config::{Config, Overrides};
use crate::policy::{Decision, Request, Verdict, decide, let_through};

/// Decide one call without running it, and say which rule decides
#[derive(Debug, Args)]
#[command(
    mut_arg("format", |format| format.value_parser(without_findings())),
    after_help = "Examples:\n  tolkien check kubectl 'get pods -A'\n  tolkien check kubectl --format json -- get pods -A\n  \
                  tolkien check docs_read '{\"path\": \"README.md\"}'\n  tolkien check kubectl 'get nodes' --role operator --channel telegram",
    long_about = "Decides one call exactly as the engine would, without running it: prints the \
                  verdict, the rule that decided and where it is written, the command line, the \
                  rules that let it through, and for a denial what would be allowed.\n\nINPUT that starts with `{` is JSON. Else one \
                  INPUT is a line for the tool's only array parameter, split by POSIX quoting; `#`, \
                  `$`, `*` and `~` are ordinary. Several are the words themselves; those that start \
                  with `-` come after a bare `--`.\n\nExit codes: 0 allow, 1 deny, 3 ask, 2 wrong \
                  usage or an invalid configuration."
)]
pub(crate) struct Check {
    /// The tool
    pub(super) tool: String,
    #[arg(required = true, value_name = "INPUT", help = input::HELP)]
    pub(super) input: Vec<String>,
    /// The role that asks (default: the local caller's, admin where there is one, else operator)
    #[arg(long)]
    role: Option<String>,
    /// The door it comes through: the REPL and `ask` come through api, `call` through local
    #[arg(long, value_enum, default_value_t = Door::Local)]
    channel: Door,
    #[command(flatten)]
    output: Output,
}

/// The doors, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Door {
    Api,
    Telegram,
    Mcp,
    Local,
}

impl From<Door> for Channel {
    fn from(door: Door) -> Self {
        match door {
            Door::Api => Self::Api,
            Door::Telegram => Self::Telegram,
            Door::Mcp => Self::Mcp,
            Door::Local => Self::Local,
        }
    }
}

impl Check {
    /// Decides and tells.
    pub(crate) fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let (config, _) = root::valid(&root::choose(config), Overrides::None)?;
        let tool = input::tool(&config, &self.tool)?;
        let input = input::parse(tool, &self.input, screen)?;
        let settings = config.settings();
        let caller = local::caller(settings, self.role.as_deref(), self.channel.into());
        if !settings.roles.by_name.contains_key(&caller.role) {
            screen.warn(&format!(
                "the settings list no role `{}`, so it may use nothing",
                caller.role
            ));
        }
        let request = Request {
            tool: &self.tool,
            input: &input,
        };
        let verdict = decide(&config, request, &caller);
        let through = let_through(&config, &verdict);
        let text = if self.output.format == Format::Json {
            decision::json(&verdict, &through, config.revision())
                .context("cannot write the verdict")?
        } else {
            let paint = self.output.paint(screen);
            let doors = doors(&config, request, &caller, &verdict);
            decision::human(&verdict, &through, paint) + &decision::doors(&doors, paint)
        };
        self.output.write(&text, screen)?;
        Ok(match verdict.decision() {
            Decision::Allow => Exit::Done,
            Decision::Ask => Exit::Ask,
            Decision::Deny => Exit::Negative,
        })
    }
}

/// Whom a verdict is for, where a policy makes a difference between roles or doors, and what the other
/// doors answer where that is something else.
fn doors(config: &Config, request: Request<'_>, caller: &Caller, verdict: &Verdict) -> Vec<String> {
    let tool = config.tool(request.tool).map(|tool| &tool.name);
    let selection = tool.and_then(|name| config.selection(name));
    let chooses = |policy: &Arc<Policy>| {
        policy.applies_to.roles.is_some() || policy.applies_to.channels.is_some()
    };
    if !selection.is_some_and(|selection| selection.policies.iter().any(chooses)) {
        return Vec::new();
    }
    let mut told = vec![format!(
        "the role `{}` through `{}`",
        caller.role,
        caller.channel.as_str()
    )];
    for door in Door::value_variants() {
        let channel = Channel::from(*door);
        let other = decide(
            config,
            request,
            &Caller {
                channel,
                ..caller.clone()
            },
        );
        if other.decision() != verdict.decision() {
            let (answer, rule) = (other.decision().as_str(), &other.reason().rule);
            let who = match door {
                Door::Api => ", where the REPL and `ask` come in",
                _ => "",
            };
            told.push(format!(
                "{answer} by `{rule}` through `{}`{who}",
                channel.as_str()
            ));
        }
    }
    told
}
