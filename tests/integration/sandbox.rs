//! A hostile suite: programs that try what the sandbox is there to stop, with it and without it.
//!
//! They are scripts of Perl, which every Debian has, run through the only door there is. Everything
//! here also runs as a user without any rights (`unprivileged`), as in a pod.

mod ending;

mod filter;

mod lists;

mod old_kernel;

mod survivor;

mod unprivileged;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use landlock::{ABI, LandlockStatus, Ruleset, RulesetAttr, Scope};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tolkien::config::Config;
use tolkien::config::host::{Confinement, Host, Level};
use tolkien::config::policy::Channel;
use tolkien::policy::{Request, Verdict, decide};
use tolkien::tool::sandbox::probe;
use tolkien::tool::{self, Bounds, Finished, Terms};

use crate::decision::{caller, config};

/// The built program, which supervises.
const TOLKIEN: &str = env!("CARGO_BIN_EXE_tolkien");

/// A sandbox in which every list is closed but for what Perl needs to start.
const CLOSED: &str =
    r#"{read: ["@system", /usr/share/perl], write: [], exec: ["@system"], connect: []}"#;

/// Without a supervisor.
const OFF: &str = "{require: off}";

/// What a supervisor does where nothing is written.
const DEFAULT: &str = "{}";

/// Without a supervisor nothing here would ever end what it starts.
fn confinement() -> Confinement {
    let confinement = probe(Some(Path::new(TOLKIEN)));
    let off = matches!(confinement.level, Level::Off { .. });
    assert!(!off, "{:?}", confinement.level);
    confinement
}

/// Whether this kernel has all that the suite is about, asked without the code that is tested, which
/// must then agree; elsewhere `old_kernel` speaks.
fn is_full() -> bool {
    let asked = std::thread::scope(|scope| scope.spawn(newest_landlock).join().unwrap());
    if asked >= ABI::V6 {
        assert_eq!(confinement().level, Level::Full);
    }
    asked >= ABI::V6
}

fn newest_landlock() -> ABI {
    let ruleset = Ruleset::default().scope(Scope::Signal).unwrap();
    let status = ruleset.create().unwrap().restrict_self().unwrap();
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        _ => ABI::Unsupported,
    }
}

/// A hostile script and the terms on which it runs.
struct Hostile {
    config: Arc<Config>,
    input: Value,
    bounds: Bounds,
    cancel: CancellationToken,
}

impl Hostile {
    /// The file of a tool that runs a script with arguments in a sandbox.
    fn tool(sandbox: &str, script: &str, arguments: &[&str]) -> String {
        let mut command = vec!["perl", "-e", script];
        command.extend(arguments);
        format!(
            "description: Hostile.\neffect: read\ninput: {{type: object}}\n\
             run: {{command: {}, env: {{PATH: '/usr/bin:/bin'}}}}\nsandbox: {sandbox}\n\
             tests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n",
            json!(command)
        )
    }

    fn new(sandbox: &str, script: &str, arguments: &[&str]) -> Self {
        let tool = Self::tool(sandbox, script, arguments);
        let bounds = Bounds {
            grace: Duration::from_millis(200),
            ..Bounds::default()
        };
        Self {
            config: config(&[("tools.d/hostile.yaml", &tool)]),
            input: json!({}),
            bounds,
            cancel: CancellationToken::new(),
        }
    }

    /// Runs it to its end.
    async fn run(&self) -> Finished {
        self.run_in(confinement()).await
    }

    async fn run_in(&self, confinement: Confinement) -> Finished {
        let host = Host::probe(&self.config).confined(&self.config, confinement);
        let request = Request {
            tool: "hostile",
            input: &self.input,
        };
        let Verdict::Allow(permit) =
            decide(&self.config, request, &caller("operator", Channel::Local))
        else {
            panic!("it is not permitted");
        };
        let terms = Terms {
            bounds: self.bounds,
            ..Terms::new(&host, self.config.settings())
        };
        tool::run(permit, "c_1", terms, self.cancel.clone()).await
    }
}

/// What a script says when it runs in a sandbox.
async fn said(sandbox: &str, script: &str, arguments: &[&str]) -> String {
    let finished = Hostile::new(sandbox, script, arguments).run().await;
    finished.stored.trim_end().to_owned()
}
