//! `tolkien prompt`: a prompt as the model would get it.

use std::path::Path;

use clap::Args;

use super::failure::{Failure, Result};
use super::render::Screen;
use super::{Exit, local, root};
use crate::agent::context::Prefix;
use crate::config::host::Host;
use crate::config::policy::Channel;
use crate::config::prompt::SYSTEM;
use crate::config::{Config, Overrides};
use crate::diagnostic::{listed, nearest};

/// Characters in a token of English text with code, roughly; the real count is the model's.
const CHARACTERS_A_TOKEN: usize = 4;

/// Render a prompt as the model would get it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien prompt\n  tolkien prompt workflows.md --role operator",
    long_about = "Renders a prompt as the model would get it where every tool is ready, and tells its \
                  size on standard error."
)]
pub(crate) struct Prompt {
    /// The prompt's file
    #[arg(default_value = SYSTEM)]
    name: String,
    /// The role that it is rendered for (default: the local caller's)
    #[arg(long)]
    role: Option<String>,
}

impl Prompt {
    /// Renders and prints.
    pub(crate) fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let (config, _) = root::valid(&root::choose(config), Overrides::None)?;
        let name = self.known(&config)?;
        let caller = local::caller(config.settings(), self.role.as_deref(), Channel::Api);
        let text = Prefix::prompt(&config, &Host::default(), &caller, name).map_err(|error| {
            Failure::usage(format!("`{name}` cannot be rendered by itself: {error}"))
                .help("a prompt that only a tool renders needs the tool's arguments")
        })?;
        screen.line(text.trim_end_matches('\n'))?;
        let characters = text.chars().count();
        screen.note(&format!(
            "{name}: {characters} characters, about {} tokens",
            characters / CHARACTERS_A_TOKEN
        ));
        Ok(Exit::Done)
    }

    /// The prompt's file name, its ending added where it was left out.
    fn known<'a>(&self, config: &'a Config) -> Result<&'a str> {
        let names = config.prompts().names();
        let with_ending = format!("{}.md", self.name);
        let found = names
            .iter()
            .find(|name| **name == self.name || **name == with_ending);
        found.copied().ok_or_else(|| {
            let help = match nearest(&with_ending, names.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("the prompts are {}", listed(names.iter().copied(), "and")),
            };
            Failure::usage(format!("there is no prompt `{}`", self.name)).help(help)
        })
    }
}
