//! `tolkien completions` and `tolkien man`: made from the same definitions as the parser.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

use super::Exit;
use super::failure::Result;
use super::render::Screen;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien completions bash > ~/.local/share/bash-completion/completions/tolkien\n  \
                  tolkien completions fish > ~/.config/fish/completions/tolkien.fish"
)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints.
    pub(crate) fn run(&self, mut command: Command, screen: &Screen) -> Result {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "tolkien", &mut script);
        screen.data(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}

/// Write the manual pages to a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tolkien man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The folder, made when there is none
    dir: PathBuf,
}

impl Man {
    /// Writes.
    pub(crate) fn run(&self, command: Command, screen: &Screen) -> Result {
        let dir = self.dir.display();
        std::fs::create_dir_all(&self.dir).with_context(|| format!("cannot make `{dir}`"))?;
        clap_mangen::generate_to(command, &self.dir)
            .with_context(|| format!("cannot write to `{dir}`"))?;
        screen.note(&format!("the manual pages are in `{dir}`"));
        Ok(Exit::Done)
    }
}
