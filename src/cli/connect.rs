//! Which server a client talks to, and with which token.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use reqwest::Url;
use tokio::net::TcpListener;

use super::client::Client;
use super::compose::{self, Server, Serving};
use super::failure::{Failure, Result};
use super::render::Screen;
use super::telemetry::{self, Level};
use super::{Global, root};
use crate::config::Overrides;
use crate::config::host::Host;
use crate::config::secret::{self, SecretString};
use crate::config::settings::LogFormat;
use crate::reload::InForce;
use crate::server::token;
use crate::store::{Location, OpenError};
use crate::tool::sandbox;

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
    /// How far the server inside this process can confine programs.
    pub(crate) sandbox: Option<String>,
    /// The server, where it is inside this process.
    own: Option<Serving>,
}

impl Reached {
    /// Leaves it; a server inside this process ends, and what runs in it gets its grace.
    pub(crate) async fn end(self) {
        if let Some(own) = self.own {
            own.end().await;
        }
    }
}

/// Reaches the configured server, or starts one inside this process.
pub(crate) async fn reach(
    args: &ServerArgs,
    global: &Global,
    without_key: WithoutKey,
    screen: &Screen,
) -> Result<Reached> {
    if let Some(server) = args.server() {
        let client = to(server, screen)?;
        return Ok(Reached {
            client,
            sandbox: None,
            own: None,
        });
    }
    let root = root::choose(global.config.as_deref());
    let (config, cache) = root::proved(&root, Overrides::Environment)?;
    let settings = config.settings();
    telemetry::start(global.level(Level::Error), LogFormat::Text);
    if compose::lacks_key(settings) {
        let missing = "there is no key for the model's API";
        if without_key == WithoutKey::Fail {
            return Err(Failure::environment(missing).help(compose::HOW_TO_SET_THE_KEY));
        }
        screen.warn(missing);
        screen.help(compose::HOW_TO_SET_THE_KEY);
    }
    let model = compose::model(&config)?;
    let host = Host::probe(&config).confined(&config, sandbox::probe(None));
    // Who begins a conversation wants to know; one answer is not the place for it.
    if without_key == WithoutKey::Warn {
        compose::tell_lacks(&config, &host, screen);
    }
    let (store, tasks) = match compose::store(&compose::location(&settings.store, settings)?).await
    {
        Err(error @ OpenError::InUse(_)) => {
            screen.warn(&format!(
                "{error}; this one keeps its sessions and their audit trail in memory, until it ends"
            ));
            screen.help("talk to the other one: `--server URL`, or TOLKIEN_SERVER");
            compose::store(&Location::Memory).await?
        }
        opened => opened?,
    };
    // Standard output is for the answer.
    let store = store.with_copies(compose::copies(settings, None)?);
    let level = compose::sandbox_level(&host);
    let in_force = InForce {
        config: Arc::clone(&config),
        host: Arc::new(host),
        model,
    };
    let server = Server::open(in_force, (store, tasks)).await?;
    // One answer is over before anybody edits a file.
    if without_key == WithoutKey::Warn {
        server.follow(&root, cache);
    }
    let mut reached = within(server, screen).await?;
    reached.sandbox = Some(level);
    Ok(reached)
}

/// Opens a door that only this process knows, and is its client.
pub(crate) async fn within(server: Server, screen: &Screen) -> Result<Reached> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("cannot listen on a loopback port")?;
    let address = listener.local_addr().context("the address is unknown")?;
    let token = token::generate();
    let own = server.serve(listener, Some(token.clone()));
    let client = client(address_of(&format!("http://{address}"))?, token, screen)?;
    Ok(Reached {
        client,
        sandbox: None,
        own: Some(own),
    })
}

/// What to do where the model's API would be asked without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutKey {
    /// Say so and go on.
    Warn,
    /// Nothing can come of it.
    Fail,
}

/// A client of a server somewhere else.
pub(crate) fn to(server: &str, screen: &Screen) -> Result<Client> {
    let url = address_of(server)?;
    let loopback = is_loopback(&url);
    let token = token_for(server, loopback)?;
    if url.scheme() == "http" && !loopback {
        screen.warn(&format!(
            "`{server}` is not encrypted: whoever is on the way can read the token"
        ));
    }
    client(url, token, screen)
}

/// A client with its token.
pub(crate) fn client(url: Url, token: SecretString, screen: &Screen) -> Result<Client> {
    Ok(Client::new(url, token, screen).context("cannot make an HTTP client")?)
}

fn address_of(server: &str) -> Result<Url> {
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
fn token_for(server: &str, loopback: bool) -> Result<SecretString> {
    let given = secret::from_environment("TOLKIEN_TOKEN").map_err(|error| {
        Failure::usage(error).help(
            "TOLKIEN_TOKEN_FILE names that file: make it readable for this user, or unset the \
             variable",
        )
    })?;
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
    if let Some(set) = absolute("TOLKIEN_SERVER__STATE_DIR") {
        return Ok(set);
    }
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
            assert_eq!(is_loopback(&address_of(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_server_is_named_by_a_whole_url() {
        for wrong in ["127.0.0.1:7331", "localhost:7331", "ftp://a", "http://"] {
            assert!(address_of(wrong).is_err(), "{wrong}");
        }
    }
}
