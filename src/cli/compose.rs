//! Putting a server together: configuration, host, model, store, sessions, doors. `serve` does it
//! for everybody, `repl`, `ask` and `demo` for themselves, and all of them here.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connect;
use super::failure::{Failure, Result};
use super::render::Screen;
use crate::analysis::cache::Cache;
use crate::config::host::{self, Host};
use crate::config::secret::{self, SecretString};
use crate::config::settings::{self, Settings, StoreLocation};
use crate::config::{Config, Overrides, Pace};
use crate::diagnostic::listed;
use crate::model::claude::OptionsError;
use crate::model::{Claude, Model, Script, claude, retry};
use crate::reload::{self, InForce, Reload, Reloads};
use crate::server::{App, Parts, serve};
use crate::session::{self, Sessions};
use crate::store::audit::Copies;
use crate::store::{Location, OpenError, Store};
use crate::tasks::Tasks;

/// How to give the model a key, for every place that misses it.
pub(crate) const HOW_TO_SET_THE_KEY: &str = "set ANTHROPIC_API_KEY to a key of your Anthropic \
    account (`export ANTHROPIC_API_KEY=sk-ant-…`), or ANTHROPIC_API_KEY_FILE to a file that holds \
    it; `tolkien demo` needs none";

/// The parts that a server is made of, before it has a door.
#[derive(Debug)]
pub(crate) struct Server {
    in_force: Arc<ArcSwap<InForce>>,
    reloads: Reloads,
    sessions: Sessions,
    tasks: Tasks,
}

/// A server that serves inside this process.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Serving {
    /// Ends it: running calls get the grace period of the settings.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.ended().await;
    }

    /// Starts the end, and goes on.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end.
    pub(crate) async fn ended(self) {
        if let Err(error) = self.ended.await {
            tracing::error!(%error, "the server ended early");
        }
    }
}

impl Server {
    /// Puts the parts together around a store.
    pub(crate) async fn open(in_force: InForce, (store, tasks): (Store, Tasks)) -> Result<Self> {
        let in_force = Arc::new(ArcSwap::from_pointee(in_force));
        let sessions = Sessions::open(session::Parts {
            in_force: Arc::clone(&in_force),
            store,
            tasks: tasks.clone(),
        })
        .await
        .context("cannot read the sessions of the store")?;
        Ok(Self {
            in_force,
            reloads: Reloads::default(),
            sessions,
            tasks,
        })
    }

    /// Follows the folder that the configuration was read from, with what was proved of it then.
    pub(crate) fn follow(&self, root: &Path, cache: Cache) {
        let reload = Reload::new(reload::Parts {
            root: root.to_owned(),
            overrides: Overrides::Environment,
            cache,
            pace: Pace::default(),
            in_force: Arc::clone(&self.in_force),
            reloads: self.reloads.clone(),
            make_model: model_again,
        });
        let stopping = self.tasks.stopping().clone();
        drop(self.tasks.spawn(reload.run(stopping)));
    }

    /// Opens the door.
    pub(crate) fn serve(self, listener: TcpListener, local: Option<SecretString>) -> Serving {
        let app = App::new(Parts {
            in_force: self.in_force,
            reloads: self.reloads,
            sessions: self.sessions,
            tasks: self.tasks,
            local,
        });
        let stop = CancellationToken::new();
        let ended = outside_the_tree(serve(listener, app, stop.clone()));
        Serving { stop, ended }
    }
}

/// The task that ends all others cannot be one of them.
fn outside_the_tree(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    Tasks::new().spawn(work)
}

/// Says what this machine lacks of what the tools need.
pub(crate) fn tell_lacks(config: &Config, host: &Host, screen: &Screen) {
    let mut folders: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for tool in config.tools().values() {
        let lacks = host.lacks(&tool.name);
        if !lacks.is_empty() {
            let lacks = lacks.join("; ");
            screen.warn(&format!("`{}` is disabled here: {lacks}", tool.name));
        }
        for folder in host.missing_folders(tool) {
            let tools = folders.entry((folder.path, folder.help)).or_default();
            tools.push(tool.name.as_str());
        }
    }
    for ((path, help), tools) in folders {
        let tools = listed(tools, "and");
        screen.warn(&format!("{}; {help}", host::missing(&path, &tools)));
    }
}

/// The model that the settings name.
pub(crate) fn model(config: &Config) -> Result<Model> {
    let claude = match &config.settings().model {
        settings::Model::Script { .. } => return script(config),
        settings::Model::Claude(claude) => claude.clone(),
    };
    let api_key = secret::from_environment("ANTHROPIC_API_KEY").map_err(|error| {
        Failure::usage(format!("there is no key for the model's API: {error}")).help(
            "ANTHROPIC_API_KEY_FILE names that file: make it readable for this user, or unset the \
             variable",
        )
    })?;
    let options = claude::Options {
        base_url: claude.base_url,
        api_key,
        name: claude.name,
        max_tokens: claude.max_tokens,
        effort: claude.effort,
        thinking: claude.thinking,
        retry: retry::Policy::default(),
        timeouts: claude::Timeouts::default(),
    };
    let claude = Claude::new(options).map_err(|error| {
        let help = match &error {
            OptionsError::ApiKey => Some(
                "a key is one line of plain characters: look for a line break or a quote in \
                 ANTHROPIC_API_KEY, or in the file that ANTHROPIC_API_KEY_FILE names",
            ),
            OptionsError::BaseUrl(_) => {
                Some("write `model.base_url` like `https://api.anthropic.com`")
            }
            OptionsError::Client(_) => None,
        };
        match help {
            Some(help) => Failure::usage(error).help(help),
            None => Failure::usage(error),
        }
    })?;
    Ok(Model::Claude(claude))
}

/// The model that changed settings name.
fn model_again(config: &Config) -> std::result::Result<Model, String> {
    model(config).map_err(|failure| match failure {
        Failure::Told { error, .. } => format!("its model cannot be asked: {error:#}"),
        _ => "its model cannot be asked".to_owned(),
    })
}

fn script(config: &Config) -> Result<Model> {
    let document = config.script().cloned().unwrap_or_default();
    let script = Script::parse(document).map_err(Failure::usage)?;
    Ok(Model::Script(script))
}

/// Whether the vendor's API will be asked without a key. A gateway may add its own.
pub(crate) fn lacks_key(settings: &Settings) -> bool {
    let settings::Model::Claude(claude) = &settings.model else {
        return false;
    };
    claude.base_url == settings::Claude::default().base_url
        && matches!(secret::from_environment("ANTHROPIC_API_KEY"), Ok(None))
}

/// Where the events are kept.
pub(crate) fn location(store: &StoreLocation, settings: &Settings) -> Result<Location> {
    Ok(match store {
        StoreLocation::Memory => Location::Memory,
        StoreLocation::Sqlite(path) => Location::File(path.clone()),
        StoreLocation::StateDir => Location::File(state_dir(settings)?.join("tolkien.db")),
        StoreLocation::Postgres(url) => Location::Postgres(url.clone().into()),
    })
}

/// Opens a store, with the tasks that its writes run in.
pub(crate) async fn store(location: &Location) -> std::result::Result<(Store, Tasks), OpenError> {
    let tasks = Tasks::new();
    let store = Store::open(location, &tasks).await?;
    Ok((store, tasks))
}

/// How far programs are confined here, in a line for the operator.
pub(crate) fn sandbox_level(host: &Host) -> String {
    let level = &host.confinement().level;
    match level.lacks() {
        [] => format!("sandbox level: {}", level.as_str()),
        lacks => format!("sandbox level: {} ({})", level.as_str(), lacks.join("; ")),
    }
}

/// Where the copies of the audit trail go: a file as the settings say, below the state folder unless
/// its path is absolute, and whatever is given beside it.
pub(crate) fn copies(settings: &Settings, output: Option<Box<dyn Write + Send>>) -> Result<Copies> {
    let file = settings
        .audit
        .file
        .as_ref()
        .map(|file| state_dir(settings).map(|folder| folder.join(file)))
        .transpose()?;
    Ok(Copies::new(file, output))
}

/// The state folder, made when there is none; nobody else may look into it.
pub(crate) fn state_dir(settings: &Settings) -> Result<PathBuf> {
    let path = connect::state_dir(settings.server.state_dir.as_deref())?;
    private_folder(&path).map_err(|error| {
        Failure::environment(format!(
            "the state folder `{}` cannot be made: {error}",
            path.display()
        ))
        .help(ANOTHER_STATE_DIR)
    })?;
    Ok(path)
}

/// The way out where the state folder is of no use.
pub(crate) const ANOTHER_STATE_DIR: &str = "name a folder that this user may write to: \
    `server.state_dir` in the settings, TOLKIEN_SERVER__STATE_DIR, or XDG_STATE_HOME";

/// Makes a folder that only its owner may look into.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let help = match &error {
            OpenError::InUse(_) => {
                "end the other server, or give this one a store of its own with `--store`"
            }
            OpenError::Io { .. } => {
                "make its folder, writable for this user, or name another file: `--store`, `store` in \
                 the settings, or TOLKIEN_STORE"
            }
            OpenError::Database { store, .. } if store.starts_with("postgres") => {
                "see that the database runs and that TOLKIEN_STORE, or the file that \
                 TOLKIEN_STORE_FILE names, is its address: `postgres://USER:PASSWORD@HOST/DATABASE`"
            }
            OpenError::Damaged { .. } => {
                "put a copy of it in its place, or move it aside, with the files beside it, to begin \
                 with an empty one; nothing in it was changed"
            }
            OpenError::Foreign(_) => {
                "name another file with `--store`, or `store` in the settings; nothing in it was \
                 changed"
            }
            OpenError::Newer { .. } => {
                "run that version again, or put a copy from before it in its place"
            }
            _ => "move it away to begin with an empty one, or name another with `--store`",
        };
        Self::environment(error).help(help)
    }
}
