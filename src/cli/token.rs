//! `tolkien token`: a new token, and what the settings hold of it.

use clap::Args;

use super::failure::{Failure, Result};
use super::render::Screen;
use super::{Exit, compose};
use crate::config::secret::ExposeSecret as _;
use crate::server::token;

/// Make a token for somebody who may talk to the server
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien token joao\n  tolkien token ci --role admin",
    long_about = "Makes a token: the first line of standard output is the token, which is shown this \
                  once and kept nowhere; the second is the entry for `callers` in tolkien.yaml, which \
                  holds only its digest. While a token is rotated, put both digests in one entry."
)]
pub(crate) struct Token {
    /// Who it is for
    #[arg(value_parser = caller_name)]
    name: String,
    /// The role in the entry
    #[arg(long, default_value = "operator", value_parser = caller_name)]
    role: String,
}

impl Token {
    /// Makes and prints.
    pub(crate) fn run(&self, screen: &Screen) -> Result {
        let token = token::generate();
        let digest = token::digest(token.expose_secret());
        let digest = digest.map(|byte| format!("{byte:02x}")).concat();
        let Self { name, role } = self;
        screen.line(token.expose_secret())?;
        screen.line(&format!(
            "  - {{name: {name}, role: {role}, token_sha256: [\"{digest}\"]}}"
        ))?;
        screen.note("the first line is the token, for TOLKIEN_TOKEN: it is shown this once");
        screen.note("the second line belongs under `callers:` in tolkien.yaml");
        Ok(Exit::Done)
    }
}

/// Names that need no quotes in YAML, and say the same to everybody who reads them.
fn caller_name(text: &str) -> std::result::Result<String, String> {
    let fits = text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
        });
    if fits {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits, `-`, `_` and `.`, and begin with a letter".to_owned())
    }
}

impl From<token::Error> for Failure {
    fn from(error: token::Error) -> Self {
        match error {
            token::Error::Io { .. } => Self::environment(error).help(compose::ANOTHER_STATE_DIR),
            _ => Self::usage(error),
        }
    }
}
