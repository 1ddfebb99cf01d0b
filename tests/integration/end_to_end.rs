//! The main job, from the command line to real programs and back: only the model's server is faked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::fake::{Answer, Fake, Seen};

mod audit;

mod canaries;

mod readiness;

mod secret_files;

const SAY: &str = r#"
description: Says a text.
effect: read
input: {type: object, required: [text], properties: {text: {type: string}}}
run: {command: [echo, "said {{ text }}"]}
tests: [{allow: {text: hello}}, {deny: {}}]
"#;

/// A configuration folder, and a state folder that no other test sees.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder };
        home.write("prompts/system.md", "You are the agent of a test.\n");
        for (name, text) in files {
            home.write(name, text);
        }
        home
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.config().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The shipped configuration, whose kubectl may reach a server on this port and no other.
    fn write_shipped(&self, port: &str) {
        for folder in ["tools.d", "policies", "prompts"] {
            for entry in fs::read_dir(shipped().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(shipped()).unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap();
                self.write(name, &text);
            }
        }
        let settings = fs::read_to_string(shipped().join("tolkien.yaml")).unwrap();
        self.write("tolkien.yaml", &settings);
        let tool = fs::read_to_string(shipped().join("tools.d/kubectl.yaml")).unwrap();
        let ports = "connect: [53, 443, 6443]";
        assert!(tool.contains(ports));
        let tool = tool.replace(ports, &format!("connect: [{port}]"));
        self.write("tools.d/kubectl.yaml", &tool);
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What a server wrote to its standard output.
    fn copies(&self) -> PathBuf {
        self.folder.path().join("stdout")
    }

    /// The program with nothing of this machine's environment but its PATH.
    fn tolkien(&self, fake: Option<&Fake>) -> Command {
        let mut command = tolkien(&self.config());
        command.env("TOLKIEN_SERVER__STATE_DIR", self.state());
        if let Some(fake) = fake {
            command.env("TOLKIEN_MODEL__BASE_URL", fake.base_url());
            command.env("ANTHROPIC_API_KEY", "test-key");
        }
        command
    }

    /// A server of this configuration, and where it listens.
    pub(crate) async fn serve(&self, fake: &Fake) -> Serving {
        self.serve_as(&mut self.tolkien(Some(fake))).await
    }

    /// The same, of the program with its first options and its environment.
    async fn serve_as(&self, program: &mut Command) -> Serving {
        let copies = fs::File::create(self.copies()).unwrap();
        let mut child = program
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .stdout(copies)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let line = lines.next_line().await.unwrap();
            let mut said = log.lock().unwrap();
            let line = line.unwrap_or_else(|| panic!("the server ended: {said}"));
            said.push_str(&line);
            said.push('\n');
            let mut words = line.split_whitespace();
            if let Some(address) = words.find(|word| word.starts_with("http://127.0.0.1:")) {
                break address.to_owned();
            }
        };
        // A log that nobody reads would fill its pipe and hold the server up.
        let said = Arc::clone(&log);
        let drain = async move {
            while let Ok(Some(line)) = lines.next_line().await {
                said.lock().unwrap().push_str(&(line + "\n"));
            }
        };
        tolkien::tasks::Tasks::new().spawn(drain);
        let token = fs::read_to_string(self.state().join("token")).unwrap();
        Serving {
            child,
            log,
            address,
            token: token.trim().to_owned(),
            client: reqwest::Client::new(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests start the program from outside"
)]
fn tolkien(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tolkien"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub(crate) struct Serving {
    pub(crate) child: Child,
    /// What it has logged.
    pub(crate) log: Arc<Mutex<String>>,
    address: String,
    token: String,
    client: reqwest::Client,
}

impl Serving {
    pub(crate) async fn get(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.address));
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{path}", self.address))
            .bearer_auth(&self.token)
            .json(body)
    }

    async fn session(&self) -> String {
        let answer = self.post("/sessions", &json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let session: Value = answer.json().await.unwrap();
        session["session_id"].as_str().unwrap().to_owned()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        stdout(output),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Three rounds of four calls, then an answer.
fn three_rounds(seen: &Seen) -> Answer {
    let round = seen.rounds();
    if round == 3 {
        return Answer::text("All twelve were said.");
    }
    let calls = (0..4).map(|call| ("say", json!({"text": format!("{round}.{call}")})));
    Answer::tools(calls.collect::<Vec<_>>())
}

/// The texts that came back, round by round, in order.
fn said(fake: &Fake) -> Vec<Vec<String>> {
    fake.requests()
        .iter()
        .skip(1)
        .map(|seen| {
            let results = seen.results();
            results
                .iter()
                .map(|(_, text, is_error)| {
                    assert!(!is_error, "{text}");
                    let said = text.lines().find(|line| line.starts_with("said ")).unwrap();
                    said.to_owned()
                })
                .collect()
        })
        .collect()
}

fn twelve() -> Vec<Vec<String>> {
    (0..3)
        .map(|round| (0..4).map(|call| format!("said {round}.{call}")).collect())
        .collect()
}

#[tokio::test]
async fn ask_runs_three_rounds_of_four_calls_and_prints_the_answer() {
    let fake = Fake::start().await;
    fake.respond_with(three_rounds);
    let home = Home::new(&[("tools.d/say.yaml", SAY)]);
    let output = home
        .tolkien(Some(&fake))
        .args(["ask", "Say twelve things."])
        .output()
        .await
        .unwrap();
    succeeded(&output);
    assert_eq!(stdout(&output), "All twelve were said.\n");
    assert_eq!(said(&fake), twelve());
    assert_eq!(fake.refusals(), [""; 0]);
}

#[tokio::test]
async fn the_same_holds_through_the_api() {
    let fake = Fake::start().await;
    fake.respond_with(three_rounds);
    let home = Home::new(&[("tools.d/say.yaml", SAY)]);
    let server = home.serve(&fake).await;
    let session = server.session().await;
    let path = format!("/sessions/{session}/messages");
    let answer = server
        .post(&path, &json!({"content": "Say twelve things."}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let turn: Value = answer.json().await.unwrap();
    assert_eq!(turn["response"], "All twelve were said.");
    assert_eq!(turn["status"], "completed");
    assert_eq!(turn["tool_calls"].as_array().unwrap().len(), 12);
    assert_eq!(turn["tool_calls"][5]["command_line"], "echo 'said 1.1'");
    assert_eq!(said(&fake), twelve());
}

#[tokio::test]
async fn a_client_that_went_away_and_asks_again_with_its_key_gets_the_one_answer() {
    let fake = Fake::start().await;
    let gate = crate::fake::Gate::new();
    fake.push(Answer::text("Here I am.").behind(&gate));
    let home = Home::new(&[("tools.d/say.yaml", SAY)]);
    let server = home.serve(&fake).await;
    let path = format!("/sessions/{}/messages", server.session().await);
    let ask = || {
        server
            .post(&path, &json!({"content": "Are you there?"}))
            .header("idempotency-key", "the-one-question")
    };
    {
        let first = ask().send();
        tokio::pin!(first);
        tokio::select! {
            _ = &mut first => panic!("the answer waits behind the gate"),
            () = fake.requested(1) => {}
        }
    }
    gate.open();
    let answer = ask().send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let turn: Value = answer.json().await.unwrap();
    assert_eq!(turn["response"], "Here I am.");
    let again: Value = ask().send().await.unwrap().json().await.unwrap();
    assert_eq!(again["turn_id"], turn["turn_id"]);
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn forty_turns_stay_valid_and_nearly_everything_repeated_is_read_from_the_cache() {
    let fake = Fake::start().await;
    fake.respond_with(|seen| match seen.rounds() {
        0 => Answer::tools([("say", json!({"text": "x".repeat(600)}))]).thinking("Let me say it."),
        _ => Answer::text("Said."),
    });
    let long = format!(
        "You are the agent of a test. {}\n",
        "Be careful. ".repeat(300)
    );
    let home = Home::new(&[("tools.d/say.yaml", SAY), ("prompts/system.md", &long)]);
    let server = home.serve(&fake).await;
    let path = format!("/sessions/{}/messages", server.session().await);
    for turn in 0..40 {
        let content = json!({"content": format!("Question {turn}: {}", "why? ".repeat(20))});
        let answer = server.post(&path, &content).send().await.unwrap();
        let turn: Value = answer.json().await.unwrap();
        assert_eq!(turn["status"], "completed", "{turn}");
    }
    assert_eq!(fake.refusals(), [""; 0]);
    assert_eq!(fake.requests().len(), 80);
    let share = fake.cache_share();
    assert!(
        share >= 0.95,
        "only {share} of the repeated tokens were cache reads"
    );
}

#[tokio::test]
async fn a_denied_call_never_starts_a_process() {
    let home = Home::new(&[]);
    let mark = home.folder.path().join("mark");
    let tool = format!(
        "description: Leaves a mark.\neffect: read\n\
         input: {{type: object, required: [args], properties: {{args: {{type: array, items: {{type: string}}}}}}}}\n\
         run: {{command: [touch, \"{{{{ args }}}}\"]}}\n\
         arguments: {{args: {{allow: ['{mark}'], deny: ['** -c **']}}}}\n\
         tests: [{{allow: {mark}}}, {{deny: -c {mark}}}]\n",
        mark = mark.display()
    );
    home.write("tools.d/mark.yaml", &tool);
    let fake = Fake::start().await;
    let call = json!({"args": ["-c", mark.display().to_string()]});
    fake.push(Answer::tools([("mark", call)]));
    fake.push(Answer::text("It was denied."));
    let output = home
        .tolkien(Some(&fake))
        .args(["ask", "Leave a mark."])
        .output()
        .await
        .unwrap();
    succeeded(&output);
    let results = fake.requests()[1].results();
    assert!(results[0].2, "a denial is marked as an error");
    assert!(
        results[0].1.starts_with("Denied by mark.args.deny[0]"),
        "{}",
        results[0].1
    );
    assert!(!mark.exists());
    // The mark is real: the same program leaves it when it is permitted.
    let line = mark.display().to_string();
    let output = home
        .tolkien(None)
        .args(["call", "mark", &line])
        .output()
        .await
        .unwrap();
    succeeded(&output);
    assert!(mark.exists());
}

fn shipped() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

async fn checked(line: &str) -> (Option<i32>, Value) {
    let mut command = tolkien(shipped());
    let output = command
        .args(["check", "--format", "json", "kubectl", line])
        .output()
        .await
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), answer)
}

#[tokio::test]
async fn check_names_the_rule_and_its_line() {
    let (code, denied) = checked("get pods --server=https://attacker.example").await;
    assert_eq!(code, Some(1));
    assert_eq!(denied["verdict"], "deny");
    assert_eq!(denied["rule"], "kubectl.args.deny[3]");
    assert_eq!(denied["place"]["file"], "tools.d/kubectl.yaml");
    let text = fs::read_to_string(shipped().join("tools.d/kubectl.yaml")).unwrap();
    let line_of = |place: &Value| {
        let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
        text.lines().nth(line - 1).unwrap().trim().to_owned()
    };
    assert!(
        line_of(&denied["place"]).contains("server|kubeconfig"),
        "{denied}"
    );

    let (code, allowed) = checked("get pods -A -o wide").await;
    assert_eq!(code, Some(0));
    assert_eq!(allowed["verdict"], "allow");
    assert_eq!(allowed["rule"], "kubectl.effect");
    assert_eq!(
        allowed["command_line"],
        "kubectl get pods -A -o wide --request-timeout=50s"
    );
    assert_eq!(line_of(&allowed["place"]), "effect: read");
}

/// Calls a shipped tool over the bundled documents.
async fn called(tool: &str, input: &Value) -> String {
    let fixtures = shipped().join("tests/fixtures");
    let output = tolkien(shipped())
        .env("DOCS_DIR", fixtures.join("lord-of-the-rings"))
        .env("REPO_DIR", fixtures.join("valinor"))
        .args(["call", tool, &input.to_string()])
        .output()
        .await
        .unwrap();
    succeeded(&output);
    stdout(&output)
}

#[tokio::test]
async fn the_shipped_tools_search_and_read_the_bundled_documents() {
    let found = called(
        "docs_search",
        &json!({"query": "archive_command|barman", "path": "homelab"}),
    )
    .await;
    assert!(found.contains("homelab/"), "{found}");
    let listed = called("docs_list", &json!({"path": "homelab/notas"})).await;
    assert!(listed.contains("instalação do cluster.md"), "{listed}");
    let read = called(
        "docs_read",
        &json!({"path": "homelab/notas/instalação do cluster.md"}),
    )
    .await;
    let page =
        shipped().join("tests/fixtures/lord-of-the-rings/homelab/notas/instalação do cluster.md");
    assert!(
        read.contains(fs::read_to_string(page).unwrap().lines().next().unwrap()),
        "{read}"
    );
    let values = called("repo_read", &json!({"path": "apps/immich/values.yaml"})).await;
    assert!(values.contains("immich"), "{values}");
}

/// Answers as `tests/fixtures/kubernetes/README.md` says.
async fn kubernetes(
    State(folder): State<Arc<PathBuf>>,
    uri: Uri,
    headers: HeaderMap,
) -> impl IntoResponse {
    let accept = headers
        .get(header::ACCEPT)
        .map_or("", |value| value.to_str().unwrap());
    let pod = "immich-server-6d5f9c7b8-x2k4p";
    let tables = accept.contains("as=Table");
    let form = if tables { "table.json" } else { "json" };
    let (status, file) = match uri.path() {
        "/version" => (200, "version.json".to_owned()),
        "/api" => (200, "api.json".to_owned()),
        "/apis" => (200, "apis.json".to_owned()),
        "/api/v1" => (200, "api-v1.json".to_owned()),
        "/apis/apps/v1" => (200, "apis-apps-v1.json".to_owned()),
        "/api/v1/pods" => (200, format!("pods.{form}")),
        "/api/v1/namespaces/immich/pods" => (200, format!("immich-pods.{form}")),
        "/api/v1/nodes" => (403, "nodes.forbidden.json".to_owned()),
        path if path.ends_with(&format!("/pods/{pod}/log")) => {
            (200, "immich-server-pod.log".to_owned())
        }
        path if path.ends_with(&format!("/pods/{pod}")) => {
            (200, format!("immich-server-pod.{form}"))
        }
        _ => (404, "not-found.json".to_owned()),
    };
    let kind = if uri.path().ends_with("/log") {
        "text/plain"
    } else {
        "application/json"
    };
    let body = fs::read_to_string(folder.join(file)).unwrap();
    (
        StatusCode::from_u16(status).unwrap(),
        [(header::CONTENT_TYPE, kind)],
        body,
    )
}

#[tokio::test]
async fn the_real_kubectl_lists_gets_reads_logs_and_is_forbidden() {
    let folder = shipped().join("tests/fixtures/kubernetes");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .fallback(kubernetes)
        .with_state(Arc::new(folder.clone()));
    let tasks = tolkien::tasks::Tasks::new();
    let server = tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
    let home = Home::new(&[]);
    let kubeconfig = fs::read_to_string(folder.join("kubeconfig.yaml")).unwrap();
    home.write(
        "kubeconfig",
        &kubeconfig.replace("ADDRESS", &address.to_string()),
    );
    home.write_shipped(&address.port().to_string());
    let kubectl = async |line: &str| {
        let output = tolkien(&home.config())
            .env("KUBECONFIG", home.config().join("kubeconfig"))
            .args(["call", "kubectl", line])
            .output()
            .await
            .unwrap();
        let shown = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), shown)
    };
    let (code, pods) = kubectl("get pods -A").await;
    assert_eq!(code, Some(0), "{pods}");
    assert!(pods.contains("immich-server-6d5f9c7b8-x2k4p"), "{pods}");
    let (code, pod) = kubectl("get pod immich-server-6d5f9c7b8-x2k4p -n immich -o name").await;
    assert_eq!(
        (code, pod.contains("pod/immich-server-6d5f9c7b8-x2k4p")),
        (Some(0), true),
        "{pod}"
    );
    let (code, logs) = kubectl("logs immich-server-6d5f9c7b8-x2k4p -n immich").await;
    assert_eq!(code, Some(0), "{logs}");
    let written = fs::read_to_string(folder.join("immich-server-pod.log")).unwrap();
    assert!(logs.contains(written.lines().next().unwrap()), "{logs}");
    let (code, forbidden) = kubectl("get nodes").await;
    assert_eq!(code, Some(1));
    assert!(forbidden.contains("Forbidden"), "{forbidden}");
    server.abort();
}
