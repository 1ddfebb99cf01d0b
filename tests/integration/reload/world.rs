//! A server that follows its root, and ways in which a root changes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tolkien::agent::{SessionId, TurnId};
use tolkien::analysis::cache::Cache;
use tolkien::analysis::check::{self, Thoroughness};
use tolkien::call::Caller;
use tolkien::config::host::Host;
use tolkien::config::name::Revision;
use tolkien::config::policy::Channel;
use tolkien::config::secret::SecretString;
use tolkien::config::settings;
use tolkien::config::{Config, Origin, Overrides, Pace, Snapshot};
use tolkien::model::claude::{Options, Timeouts};
use tolkien::model::retry::Policy;
use tolkien::model::{Claude, Model};
use tolkien::reload::{self, InForce, Reload, Reloads};
use tolkien::server::{self, App};
use tolkien::session::{self, Sessions, TurnView};
use tolkien::store::{Location, Store};
use tolkien::tasks::Tasks;

use crate::decision;
use crate::fake::Fake;

/// Longer than any test takes; nothing waits for it to pass.
pub(super) const LONG: Duration = Duration::from_mins(2);

/// The files of a root, by their names in folders.
pub(super) type Files = BTreeMap<String, String>;

/// A root whose every part says which version it is.
pub(super) fn version(fake: &Fake, number: usize) -> Files {
    let settings = format!(
        "model: {{name: claude-{number}, base_url: '{}'}}\n\
         environment: {{SAYS: settings-{number}}}\n\
         facts: {{version: prompt-{number}}}\n",
        fake.base_url()
    );
    let say = format!(
        "description: Says something, version {number}.\n\
         effect: read\n\
         input: {{type: object, required: [words], properties: \
         {{words: {{type: array, items: {{type: string}}, minItems: 1}}}}}}\n\
         run: {{command: [echo, tool-{number}, '{{{{ env.SAYS }}}}', '{{{{ words }}}}']}}\n\
         arguments: {{words: {{allow: ['<word>...'], deny: [{{match: '** mellon **'}}]}}}}\n\
         tests: [{{allow: friend}}, {{deny: mellon}}]\n"
    );
    files(&[
        ("tolkien.yaml", &settings),
        ("tools.d/say.yaml", &say),
        ("prompts/system.md", "You are {{ facts.version }}.\n"),
    ])
}

pub(super) fn files(all: &[(&str, &str)]) -> Files {
    all.iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

/// Writes every file in its place, and takes away what is not among them.
pub(super) fn write(root: &Path, files: &Files) {
    for folder in ["tools.d", "policies", "prompts"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().display());
            if !files.contains_key(&name) {
                fs::remove_file(root.join(name)).unwrap();
            }
        }
    }
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A mounted `ConfigMap`, changed as the kubelet's atomic writer does it.
#[derive(Clone)]
pub(super) struct Mount {
    folder: PathBuf,
    swaps: usize,
}

impl Mount {
    pub(super) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        Self {
            folder: folder.to_owned(),
            swaps: 0,
        }
    }

    /// Writes a folder of its own, renames the link to it over `..data`, mends the links that are seen
    /// and removes the folder of before.
    pub(super) fn swap(&mut self, files: &Files) {
        let data = self.folder.join("..data");
        let before = fs::read_link(&data).ok();
        self.swaps += 1;
        let name = format!("..2026_11_23_17_00_00.{:09}", self.swaps);
        let written = self.folder.join(&name);
        fs::create_dir(&written).unwrap();
        let flat: BTreeMap<String, &String> = files
            .iter()
            .map(|(name, text)| (name.replace('/', "__"), text))
            .collect();
        for (name, text) in &flat {
            fs::write(written.join(name), text).unwrap();
        }
        let next = self.folder.join("..data_tmp");
        symlink(&name, &next).unwrap();
        fs::rename(&next, &data).unwrap();
        for name in flat.keys() {
            let seen = self.folder.join(name);
            if seen.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), seen).unwrap();
            }
        }
        for entry in fs::read_dir(&self.folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().display().to_string();
            if !name.starts_with("..") && !flat.contains_key(&name) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        if let Some(before) = before {
            fs::remove_dir_all(self.folder.join(before)).unwrap();
        }
    }
}

/// The revision that a root has now.
pub(super) fn revision(root: &Path) -> String {
    let snapshot = Snapshot::of(&Origin::from(root));
    snapshot.revision().unwrap().to_string()
}

/// Looks again and again until it is so; nothing else shows that something has happened.
pub(super) async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let looking = async {
        while !is().await {
            looks.tick().await;
        }
    };
    let came = tokio::time::timeout(LONG, looking).await;
    came.unwrap_or_else(|_| panic!("it never came to this: {what}"));
}

/// A server of one root.
pub(super) struct World {
    pub(super) fake: Fake,
    pub(super) folder: TempDir,
    pub(super) root: PathBuf,
    pub(super) in_force: Arc<ArcSwap<InForce>>,
    pub(super) reloads: Reloads,
    pub(super) sessions: Sessions,
    pub(super) tasks: Tasks,
    base: String,
    client: Client,
}

/// A fake, and a folder with the first version of a root in it.
pub(super) async fn first_version() -> (Fake, TempDir, PathBuf) {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    write(&root, &version(&fake, 1));
    (fake, folder, root)
}

impl World {
    /// A server of a plain folder with the first version in it.
    pub(super) async fn new() -> Self {
        Self::of(first_version().await).await
    }

    /// A server of a root that is there.
    pub(super) async fn of(parts: (Fake, TempDir, PathBuf)) -> Self {
        let quiet = Duration::from_millis(5);
        Self::quiet_for(quiet, parts).await
    }

    /// The same, where a change is looked at after so long a quiet.
    pub(super) async fn quiet_for(
        quiet: Duration,
        (fake, folder, root): (Fake, TempDir, PathBuf),
    ) -> Self {
        let cache = Cache::default();
        let loaded = check::load(&root, Overrides::None, Thoroughness::Valid, &cache).unwrap();
        let config = loaded.enforced().unwrap();
        let in_force = Arc::new(ArcSwap::from_pointee(InForce {
            host: Arc::new(Host::probe(&config)),
            model: model(&config).unwrap(),
            config,
        }));
        let (tasks, reloads) = (Tasks::new(), Reloads::default());
        let sessions = Sessions::open(session::Parts {
            in_force: Arc::clone(&in_force),
            store: Store::open(&Location::Memory, &tasks).await.unwrap(),
            tasks: tasks.clone(),
        });
        let sessions = sessions.await.unwrap();
        let app = App::new(server::Parts {
            in_force: Arc::clone(&in_force),
            reloads: reloads.clone(),
            sessions: sessions.clone(),
            tasks: tasks.clone(),
            local: Some(SecretString::from("local")),
        });
        let reload = Reload::new(reload::Parts {
            root: root.clone(),
            overrides: Overrides::None,
            cache,
            pace: Pace {
                quiet,
                longest: quiet * 10,
                // Only what is noticed counts here.
                regular: LONG,
            },
            in_force: Arc::clone(&in_force),
            reloads: reloads.clone(),
            make_model: model,
        });
        tasks.spawn(reload.run(tasks.stopping().clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        Tasks::new().spawn(server::serve(listener, app, CancellationToken::new()));
        Self {
            fake,
            folder,
            root,
            in_force,
            reloads,
            sessions,
            tasks,
            base,
            client: Client::new(),
        }
    }

    /// Writes a version in the place of the one that is there.
    pub(super) fn write(&self, number: usize) {
        write(&self.root, &version(&self.fake, number));
    }

    /// The revision in force.
    pub(super) fn revision(&self) -> String {
        self.in_force.load().config.revision().to_string()
    }

    /// Waits until what the root holds now is in force.
    pub(super) async fn followed(&self) {
        let wanted = revision(&self.root);
        until("in force", async || {
            if let Some(rejection) = self.reloads.last_rejection() {
                let revision = rejection.revision.as_ref().map(Revision::as_str);
                assert_ne!(revision, Some(wanted.as_str()), "{rejection:#?}");
            }
            self.revision() == wanted
        })
        .await;
    }

    /// Waits until a change is rejected, and answers it as `GET /config` has it.
    pub(super) async fn rejected(&self) -> Value {
        until("rejected", async || self.reloads.last_rejection().is_some()).await;
        self.config().await["last_rejected_reload"].clone()
    }

    /// `GET /config`.
    pub(super) async fn config(&self) -> Value {
        self.get("/config").await
    }

    /// Something that is answered well.
    pub(super) async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base));
        let response = request.bearer_auth("local").send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// Posts something, and waits for the answer.
    pub(super) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.bearer_auth("local").json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(super) async fn session(&self) -> SessionId {
        let created = self.sessions.create(&joao(), None, None).await.unwrap();
        created.session_id
    }

    pub(super) async fn send(&self, session: &SessionId, content: &str) -> TurnId {
        let content = content.to_owned();
        let sent = self.sessions.send(&joao(), session, content, None).await;
        sent.unwrap()
    }

    pub(super) async fn over(&self, session: &SessionId, turn: &TurnId) -> TurnView {
        let view = self.sessions.turn(&joao(), session, turn, LONG).await;
        let view = view.unwrap();
        assert!(view.status.is_over(), "{view:?}");
        view
    }

    pub(super) async fn ask(&self, session: &SessionId, content: &str) -> TurnView {
        let turn = self.send(session, content).await;
        self.over(session, &turn).await
    }
}

pub(super) fn joao() -> Caller {
    decision::caller("operator", Channel::Api)
}

fn model(config: &Config) -> Result<Model, String> {
    let settings::Model::Claude(claude) = config.settings().model.clone() else {
        return Err("it is no script".to_owned());
    };
    let options = Options {
        base_url: claude.base_url,
        api_key: Some("sk-fake-1".into()),
        name: claude.name,
        max_tokens: claude.max_tokens,
        effort: None,
        thinking: None,
        retry: Policy::default(),
        timeouts: Timeouts::default(),
    };
    Claude::new(options)
        .map(Model::Claude)
        .map_err(|error| error.to_string())
}
