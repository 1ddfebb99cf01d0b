//! `tolkien serve`: the API server, from its first line to its end.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use super::compose::{self, Server};
use super::failure::{Failure, Result};
use super::render::{self, Screen};
use super::signal::Signals;
use super::telemetry::{self, Level};
use super::{Exit, Global, root};
use crate::config::host::Host;
use crate::config::settings::{StoreLocation, is_address};
use crate::config::{Config, Overrides};
use crate::reload::InForce;
use crate::server::token;
use crate::tool::sandbox;

/// Serve the HTTP API
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien serve\n  tolkien serve --config /etc/tolkien --listen 0.0.0.0:7331\n  \
                  tolkien serve --store sqlite:/var/lib/tolkien/tolkien.db",
    long_about = "Serves the HTTP API until SIGTERM or SIGINT: then nothing new is accepted, running \
                  calls may finish within `server.shutdown_grace`, and a second signal ends at \
                  once.\n\nSettings under model, limits, server, store, audit and telemetry can come \
                  from the environment, as in TOLKIEN_SERVER__LISTEN. The key of the model's API is \
                  ANTHROPIC_API_KEY, or the file that ANTHROPIC_API_KEY_FILE names.\n\nExit codes: 0 \
                  ended by a signal, 2 an invalid configuration, 4 the port or the store cannot be \
                  opened."
)]
pub(crate) struct Serve {
    /// Host and port (default: server.listen of the settings, 127.0.0.1:7331)
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    listen: Option<String>,
    #[arg(long, value_name = "URL", value_parser = store, help = STORE_HELP)]
    store: Option<StoreLocation>,
}

fn address(text: &str) -> std::result::Result<String, String> {
    if is_address(text) {
        return Ok(text.to_owned());
    }
    let meant = match text.trim_start_matches(':') {
        port if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
        host if !host.contains(':') && !host.is_empty() => format!("{host}:7331"),
        _ => "127.0.0.1:7331".to_owned(),
    };
    Err(format!("write host and port: `{meant}`"))
}

pub(super) const STORE_HELP: &str =
    "Where events are kept: sqlite, sqlite:PATH, sqlite::memory: or postgres://HOST/DATABASE";

pub(super) fn store(text: &str) -> std::result::Result<StoreLocation, String> {
    StoreLocation::parse(text).ok_or_else(|| {
        "write `sqlite`, `sqlite:PATH`, `sqlite::memory:` or `postgres://…`".to_owned()
    })
}

impl Serve {
    /// Serves until a signal.
    pub(crate) async fn run(&self, global: &Global, screen: &Screen) -> Result {
        let root = root::choose(global.config.as_deref());
        let (config, cache) = root::proved(&root, Overrides::Environment)?;
        let settings = config.settings();
        telemetry::start(global.level(Level::Info), settings.telemetry.log);
        let wanted = self.listen.as_ref().unwrap_or(&settings.server.listen);
        let listener = TcpListener::bind(wanted).await.map_err(|error| {
            Failure::environment(format!("cannot listen on `{wanted}`: {error}"))
                .help("another address is given with `--listen`, or `server.listen`")
        })?;
        let address = listener.local_addr().context("the address is unknown")?;
        let state_dir = compose::state_dir(settings)?;
        let local = token::at_start(settings, address, &state_dir)?;
        let store = self.store.as_ref().unwrap_or(&settings.store);
        let store = compose::location(store, settings)?;
        let model = compose::model(&config)?;
        if compose::lacks_key(settings) {
            screen.advise(
                "there is no key for the model's API, so it will refuse every question",
                compose::HOW_TO_SET_THE_KEY,
            );
        }
        let host = Host::probe(&config).confined(&config, sandbox::probe(None));
        tell(&config, &host, &root, screen);
        let mut signals = Signals::listen()?;
        let (store, tasks) = compose::store(&store).await?;
        let output = settings.audit.stdout.then(render::trail);
        let store = store.with_copies(compose::copies(settings, output)?);
        let in_force = InForce {
            config: Arc::clone(&config),
            host: Arc::new(host),
            model,
        };
        let server = Server::open(in_force, (store, tasks)).await?;
        server.follow(&root, cache);
        let has_local = local.is_some();
        let serving = server.serve(listener, local);
        screen.note(&format!("listening on http://{address}"));
        if has_local {
            let token = state_dir.join("token");
            screen.note(&format!("the local token is in `{}`", token.display()));
        }
        signals.next().await;
        serving.stop();
        screen.note("ending; a second signal ends at once");
        tokio::select! {
            () = serving.ended() => Ok(Exit::Done),
            _ = signals.next() => Ok(Exit::Interrupted),
        }
    }
}

/// What an operator wants to see once: what serves, and how well it is confined.
fn tell(config: &Config, host: &Host, root: &Path, screen: &Screen) {
    screen.note(&format!(
        "configuration `{}`, revision {}",
        root.display(),
        config.revision()
    ));
    compose::tell_lacks(config, host, screen);
    screen.note(&compose::sandbox_level(host));
}
