//! How a command that is made for CI writes its answer: in one of the formats, to standard output or
//! to a file.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::failure::Result;
use super::render::Screen;
use super::render::paint::Paint;
use crate::analysis::cache::Cache;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub and Gitea Actions
    Github,
    /// A comment on a pull request
    Markdown,
}

/// The formats of an answer that is no list of findings.
pub(crate) fn without_findings() -> impl TypedValueParser<Value = Format> {
    let names = [Format::Human, Format::Json].map(|format| format.to_possible_value());
    PossibleValuesParser::new(names.into_iter().flatten())
        .map(|name| <Format as ValueEnum>::from_str(&name, false).unwrap_or_default())
}

/// The options of such a command.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Write the answer to a file
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The option of a command that proves something.
#[derive(Debug, Args)]
pub(crate) struct Proofs {
    /// Keep what is proved in a folder, so that the next run looks at nothing that did not change
    #[arg(
        long = "cache",
        value_name = "DIR",
        env = "TOLKIEN_CACHE",
        hide_env_values = true
    )]
    folder: Option<PathBuf>,
}

impl Output {
    /// How the answer is painted: a file gets no colours.
    pub(crate) fn paint(&self, screen: &Screen) -> Paint {
        match self.file {
            Some(_) => Paint::plain(),
            None => screen.paint(),
        }
    }

    /// Writes the answer where it is wanted.
    pub(crate) fn write(&self, text: &str, screen: &Screen) -> Result<()> {
        match &self.file {
            Some(file) => std::fs::write(file, text)
                .with_context(|| format!("cannot write `{}`", file.display()))?,
            None => screen.data(text)?,
        }
        Ok(())
    }
}

impl Proofs {
    /// What is known already.
    pub(crate) fn cache(&self) -> Cache {
        let folder = self.folder.clone();
        Cache::new(folder.filter(|folder| !folder.as_os_str().is_empty()))
    }

    /// Says what the cache was good for, where its folder was named.
    pub(crate) fn tell(&self, cache: &Cache, screen: &Screen) {
        if let Some(failure) = cache.failure() {
            screen.warn(&format!("{failure}; nothing is kept for the next run"));
        }
        let used = cache.used();
        if self.folder.is_some() && used.known > 0 {
            let all = used.known + used.made;
            screen.note(&format!("{} of {all} answers were known", used.known));
        }
    }
}
