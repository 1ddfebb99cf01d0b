//! Tokens: making them, their digests, and the one of the local caller.
//!
//! A server without any token makes one at its first start and keeps it in its state folder, for
//! whoever may read that folder. It is never part of the configuration, which holds digests only.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::config::secret::{ExposeSecret, SecretString};
use crate::config::settings::Settings;

/// Why a server has no door that may be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others could reach it and nobody would need a token.
    #[error(
        "the server would listen on `{0}`, which others can reach, and no caller has a token: \
         make one with `tolkien token NAME` and add its digest to `callers`, \
         or listen on a loopback address"
    )]
    Open(SocketAddr),
    /// Other users of the machine can read the local token.
    #[error(
        "`{0}` can be read by others than its owner: remove it, and the next start makes a new one"
    )]
    Exposed(PathBuf),
    /// Something else is where the local token belongs.
    #[error("`{0}` does not hold a token: remove it, and the next start makes a new one")]
    Damaged(PathBuf),
    /// The state folder cannot be used.
    #[error("cannot keep the local token in `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A new token: a prefix that scanners for leaked secrets can find, and 244 random bits.
pub fn generate() -> SecretString {
    let (first, second) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
    SecretString::from(format!("{PREFIX}{first}{second}"))
}

const PREFIX: &str = "tolkien_";

/// What the settings hold of a token.
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The local caller's token, when the settings have none at all: read, or made at the first start.
///
/// Refuses to go on where that would leave a door open that others can reach.
pub fn at_start(
    settings: &Settings,
    listen: SocketAddr,
    state_dir: &Path,
) -> Result<Option<SecretString>, Error> {
    let any = |caller: &crate::config::settings::Caller| !caller.token_sha256.is_empty();
    if settings.callers.iter().any(any) {
        return Ok(None);
    }
    if !listen.ip().is_loopback() {
        return Err(Error::Open(listen));
    }
    local(state_dir).map(Some)
}

/// The token of the state folder; made when there is none.
pub fn local(state_dir: &Path) -> Result<SecretString, Error> {
    let path = state_dir.join("token");
    match read(&path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            make(state_dir, &path).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
            read(&path)
        }
        found => found,
    }
}

fn read(path: &Path) -> Result<SecretString, Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::Exposed(path.to_owned()));
    }
    let text = fs::read_to_string(path).map_err(io)?;
    let token = text.trim_end();
    let whole = token.len() == PREFIX.len() + 64 && token.starts_with(PREFIX);
    if !whole {
        return Err(Error::Damaged(path.to_owned()));
    }
    Ok(SecretString::from(token.to_owned()))
}

/// Writes a whole file beside the place and links it there, so that nobody ever reads half of it
/// and of two servers that start at the same time one wins.
fn make(state_dir: &Path, path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_dir)?;
    let beside = state_dir.join(format!(".token.{}", Uuid::new_v4().simple()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let linked = writeln!(file, "{}", generate().expose_secret())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&beside, path));
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
