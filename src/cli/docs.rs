//! `tolkien docs`: a static site of what the agent may do.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::failure::{Failure, Result};
use super::output::Proofs;
use super::render::{Screen, counted};
use super::{Exit, local, root};
use crate::analysis::check::{self, Thoroughness};
use crate::config::Overrides;
use crate::config::policy::Channel;
use crate::site::{self, folder};

/// Write a static site of what the agent may do
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien docs -o site\n  tolkien docs -o /var/www/agent --cache .cache",
    long_about = "Writes what the agent may do as HTML for people who would rather look than read: a \
                  page for each tool, policy and prompt, with the rules in force, the cases and what \
                  decides them, and what is proved. The pages need no server, no script and nothing \
                  from elsewhere, and the same configuration gives the same bytes. The configuration \
                  must be valid. The folder must be empty or hold a site that was written by this \
                  command; of such a site only its own files are replaced."
)]
pub(crate) struct Docs {
    /// The folder, made when there is none
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    proofs: Proofs,
}

impl Docs {
    /// Writes.
    pub(crate) fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let root = root::choose(config);
        let cache = self.proofs.cache();
        let loaded = root::load(&*root, Overrides::None, Thoroughness::Valid, &cache)?;
        let Some(config) = loaded.valid() else {
            return Err(Failure::Invalid(Box::new(loaded)));
        };
        let proofs = check::proofs(config, &loaded.sources, &cache);
        self.proofs.tell(&cache, screen);
        let caller = local::caller(config.settings(), None, Channel::Api);
        let pages = site::pages(site::Content {
            config,
            checked: loaded.checked,
            sources: &loaded.sources,
            proofs: &proofs,
            caller: &caller,
        })
        .context("cannot lay the pages out")?;
        folder::write(&self.dir, &pages).map_err(failure)?;
        let dir = self.dir.display();
        let pages = counted(pages.len(), "file", "files");
        screen.note(&format!("{pages} in `{dir}`: open `{dir}/index.html`"));
        Ok(Exit::Done)
    }
}

fn failure(error: folder::Error) -> Failure {
    match error {
        folder::Error::Occupied { .. } => Failure::usage(error)
            .help("name a folder that is empty, or one that holds a site from before"),
        folder::Error::Io { path, source } => {
            let error = anyhow::Error::from(source);
            Failure::from(error.context(format!("cannot write `{path}`")))
        }
    }
}
