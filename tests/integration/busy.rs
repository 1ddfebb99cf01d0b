//! A server whose turns stay where a test wants them: model calls behind a gate, and tools that
//! say that they run and then wait to be let go.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use rustix::process::{Pid, test_kill_process};
use serde_json::json;
use tokio::time::timeout;

use crate::commands::program::{Folder, Server};
use crate::fake::{Answer, Fake, Gate};

/// Longer than a server takes to end; reaching it fails the test.
const LONG: Duration = Duration::from_mins(1);

/// Writes down that it ran, says which process it is, and waits until it is let go or `go` is there.
fn tool(folder: &Path, effect: &str, verdict: &str) -> String {
    format!(
        r#"
description: Takes its time.
effect: {effect}
input: {{type: object, required: [id], properties: {{id: {{type: string}}}}}}
run:
  command:
    - sh
    - -c
    - 'echo "$1" >> {0}/ran; [ -e {0}/go ] || {{ echo $$ > {0}/here; read -r line < {0}/hold; }}; echo "did $1"'
    - sh
    - "{{{{ id }}}}"
timeout: 1h
arguments: {{id: {{allow: ['[a-z0-9-]+']}}}}
tests: [{{{verdict}: {{id: a-1}}}}, {{deny: {{id: A}}}}]
"#,
        folder.display()
    )
}

const TRUSTED: &str =
    "description: It may.\napplies_to: {tools: [change]}\neffect: {write: allow}\n";

/// A folder, a configuration, the model, and what its servers need.
pub(crate) struct World {
    pub(crate) folder: Folder,
    pub(crate) fake: Fake,
    /// Holds back the first answer to each question that begins with `model`.
    pub(crate) gate: Gate,
    environment: Vec<(String, String)>,
    here: BufReader<File>,
    /// The processes of calls that waited to be let go.
    held: Vec<Pid>,
}

impl World {
    pub(crate) async fn new(store: Option<String>, grace: &str) -> Self {
        let (fake, gate) = (Fake::start().await, Gate::new());
        let (held, mut asked) = (gate.clone(), HashSet::new());
        fake.respond_with(move |seen| {
            let id = seen.question();
            let kind = id.split('-').next().unwrap().to_owned();
            let said = Answer::text(&format!("answer to {id}"));
            if kind == "model" {
                let is_first = asked.insert(id);
                return if is_first { said.behind(&held) } else { said };
            }
            if kind == "late" || seen.rounds() > 0 {
                return said;
            }
            Answer::tools([(kind.as_str(), json!({"id": id}))])
        });
        let folder = Folder::new();
        for name in ["tools.d", "policies", "prompts"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        let root = folder.path("");
        folder.write("tools.d/look.yaml", &tool(&root, "read", "allow"));
        folder.write("tools.d/change.yaml", &tool(&root, "write", "allow"));
        folder.write("tools.d/approve.yaml", &tool(&root, "write", "ask"));
        folder.write("policies/trusted.yaml", TRUSTED);
        folder.write("prompts/system.md", "You are the agent.\n");
        folder.write("ran", "");
        let url = fake.base_url();
        folder.write(
            "tolkien.yaml",
            &format!(
                "model: {{name: claude-opus-5-5, base_url: '{url}'}}\n\
                 server: {{shutdown_grace: {grace}}}\n"
            ),
        );
        for name in ["here", "hold"] {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            let path = folder.path(name);
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
        }
        let here = BufReader::new(both_ways(&folder.path("here")));
        let store = store.map(|store| ("TOLKIEN_STORE".to_owned(), store));
        let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-fake-1".to_owned());
        Self {
            folder,
            fake,
            gate,
            environment: store.into_iter().chain([key]).collect(),
            here,
            held: Vec::new(),
        }
    }

    pub(crate) fn start(&self) -> Server {
        self.folder.serve(&self.environment())
    }

    pub(crate) fn environment(&self) -> Vec<(&str, &str)> {
        let environment = self.environment.iter();
        environment
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// Lets so many calls come to their end; whoever waits later finds its line as well, for as long
    /// as what this gives is held.
    pub(crate) fn let_go(&self, calls: usize) -> File {
        let mut hold = both_ways(&self.folder.path("hold"));
        hold.write_all("\n".repeat(calls).as_bytes()).unwrap();
        hold
    }

    /// Waits until so many calls say that they run.
    pub(crate) fn running(&mut self, calls: usize) {
        for _ in 0..calls {
            let mut line = String::new();
            self.here.read_line(&mut line).unwrap();
            let id = line.trim().parse().unwrap();
            self.held.push(Pid::from_raw(id).unwrap());
        }
    }

    /// Whether any call that was waited for still runs.
    pub(crate) fn runs(&self) -> bool {
        self.held.iter().any(|id| test_kill_process(*id).is_ok())
    }

    /// How often each call ran.
    pub(crate) fn ran(&self) -> String {
        let mut ran: BTreeMap<String, usize> = BTreeMap::new();
        for line in self.folder.read("ran").lines() {
            *ran.entry(line.to_owned()).or_default() += 1;
        }
        let ran: Vec<String> = ran
            .iter()
            .map(|(id, times)| format!("{id} {times}"))
            .collect();
        ran.join(", ")
    }
}

/// A pipe that is never at its end.
fn both_ways(path: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

/// What a server that was asked to end said; one that does not end is killed, and fails the test.
pub(crate) async fn ended(server: Server) -> (i32, String) {
    let id = server.id();
    let mut ending = tokio::task::spawn_blocking(|| server.ended());
    if let Ok(ended) = timeout(LONG, &mut ending).await {
        return ended.unwrap();
    }
    kill(id, Signal::SIGKILL).unwrap();
    panic!("it does not end: {:?}", ending.await);
}
