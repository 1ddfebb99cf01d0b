//! Which server a client talks to, and with which token.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use reqwest::Url;

use super::client::{Client, Patience};
use super::failure::{Failure, Result};
use super::render::Screen;
use crate::config::secret::{self, SecretString};

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server (default: one inside this process)
    #[arg(
        long,
        value_name = "URL",
        env = "TOLKIEN_SERVER",
        hide_env_values = true
    )]
    pub(crate) server: Option<String>,
    /// Go on with a session
    #[arg(
        long,
        value_name = "ID",
        env = "TOLKIEN_SESSION",
        hide_env_values = true
    )]
    pub(crate) session: Option<String>,
}

impl ServerArgs {
    /// The configured server; absent when a server in this process is wanted.
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref().filter(|url| !url.is_empty())
    }

    /// The session to go on with.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref().filter(|id| !id.is_empty())
    }
}

/// A server that was reached.
#[derive(Debug)]
pub(crate) struct Reached {
    /// Its client.
    pub(crate) client: Client,
}

impl Reached {
    /// Leaves it.
    pub(crate) async fn end(self) {}
}

/// Reaches the configured server.
pub(crate) async fn reach(
    args: &ServerArgs,
    config: Option<&Path>,
    screen: &Screen,
) -> Result<Reached> {
    let _ = config;
    let server = args.server().unwrap_or_default();
    Ok(Reached {
        client: to(server, screen)?,
    })
}

/// A client of a server somewhere else.
pub(crate) fn to(server: &str, screen: &Screen) -> Result<Client> {
    let url = address(server)?;
    let loopback = is_loopback(&url);
    let token = token(server, loopback)?;
    if url.scheme() == "http" && !loopback {
        screen.warn(&format!(
            "`{server}` is not encrypted: whoever is on the way can read the token"
        ));
    }
    client(url, token, screen)
}

/// A client with its token.
pub(crate) fn client(url: Url, token: SecretString, screen: &Screen) -> Result<Client> {
    Ok(Client::new(url, token, Patience::Endless, screen).context("cannot make an HTTP client")?)
}

fn address(server: &str) -> Result<Url> {
    let help = "write it like `https://tolkien.example.org` or `http://127.0.0.1:7331`";
    let url: Url = server
        .parse()
        .map_err(|error| Failure::usage(format!("`{server}` is not a URL: {error}")).help(help))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Failure::usage(format!("`{server}` is not the URL of a server")).help(help));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The token of the environment, else for a server on this machine the one it keeps for the local
/// caller, which is nobody else's business.
fn token(server: &str, loopback: bool) -> Result<SecretString> {
    let given = secret::from_environment("TOLKIEN_TOKEN").map_err(Failure::usage)?;
    if let Some(token) = given {
        return Ok(token);
    }
    let missing = || {
        Failure::usage(format!("there is no token for `{server}`")).help(
            "set TOLKIEN_TOKEN, or TOLKIEN_TOKEN_FILE; whoever runs the server makes one with \
             `tolkien token NAME`",
        )
    };
    if !loopback {
        return Err(missing());
    }
    let path = default_state_dir()?.join("token");
    let text = std::fs::read_to_string(path).map_err(|_| missing())?;
    Ok(SecretString::from(text.trim_end().to_owned()))
}

/// Where a server keeps its state unless its settings say otherwise.
pub(crate) fn default_state_dir() -> Result<PathBuf> {
    let absolute = |name: &str| {
        secret::variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("tolkien"))
        .ok_or_else(|| {
            Failure::environment(
                "there is no folder for the state: neither XDG_STATE_HOME nor HOME is set",
            )
            .help("set `server.state_dir`, or TOLKIEN_SERVER__STATE_DIR")
        })
}

/// Where a server with these settings keeps its state.
pub(crate) fn state_dir(set: Option<&Path>) -> Result<PathBuf> {
    set.map_or_else(default_state_dir, |path| Ok(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_get_the_local_token() {
        for (url, expected) in [
            ("http://127.0.0.1:7331", true),
            ("http://localhost:7331/", true),
            ("http://[::1]:7331", true),
            ("http://192.168.1.2:7331", false),
            ("https://localhost.example.org", false),
        ] {
            assert_eq!(is_loopback(&address(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_server_is_named_by_a_whole_url() {
        for wrong in ["127.0.0.1:7331", "localhost:7331", "ftp://a", "http://"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
