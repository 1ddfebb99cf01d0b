//! Reading `tolkien.yaml`.

mod access;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::{
    Audit, Claude, Limits, LogFormat, McpServer, Model, Server, Settings, StoreLocation, Telemetry,
};
use crate::config::tool::read_sandbox;
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::Diagnostic;

use access::{callers, environment, roles, secrets};
pub(crate) use access::{check_env_name, effects, unknown_role};

/// The keys of `tolkien.yaml`; roles stand before the callers that have them.
pub(super) const KEYS: [&str; 13] = [
    "model",
    "limits",
    "server",
    "store",
    "environment",
    "secrets",
    "roles",
    "callers",
    "mcp_servers",
    "sandbox",
    "audit",
    "telemetry",
    "facts",
];

/// Reads the settings; what cannot be read keeps its default.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Settings {
    let mut settings = Settings::default();
    let Some(fields) = reader.fields(node, "the settings", &KEYS) else {
        return Settings::unread();
    };
    for key in KEYS {
        let before = reader.found.len();
        if let Some(entry) = fields.entry(key) {
            let place = reader.place_of(&entry.key_span);
            settings.places.insert(key, place);
        }
        if let Some(node) = fields.get(key) {
            section(reader, key, node, &mut settings);
        }
        if reader.failed_since(before) || reader.misspelt(&fields, key) {
            settings.broken.insert(key);
        }
    }
    settings
}

fn section(reader: &mut Reader<'_>, key: &str, node: &Node, settings: &mut Settings) {
    match key {
        "model" => settings.model = model(reader, node).unwrap_or_default(),
        "limits" => settings.limits = limits(reader, node).unwrap_or_default(),
        "server" => settings.server = server(reader, node).unwrap_or_default(),
        "store" => settings.store = store(reader, node).unwrap_or_default(),
        "environment" => settings.environment = environment(reader, node),
        "secrets" => settings.secrets = secrets(reader, node),
        "roles" => settings.roles = roles(reader, node),
        "callers" => settings.callers = callers(reader, node, settings),
        "mcp_servers" => settings.mcp_servers = mcp_servers(reader, node),
        "sandbox" => settings.sandbox = read_sandbox(reader, node, settings).unwrap_or_default(),
        "audit" => settings.audit = audit(reader, node).unwrap_or_default(),
        "telemetry" => settings.telemetry = telemetry(reader, node).unwrap_or_default(),
        _ => {
            if reader.entries(node, "`facts`").is_some()
                && let Value::Object(facts) = reader.json(node)
            {
                settings.facts = facts;
            }
        }
    }
}

fn text_of(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Option<String> {
    let node = fields.get(key)?;
    reader.text(node, &format!("`{key}`")).map(str::to_owned)
}

fn count(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, high: i64) -> Option<u32> {
    let node = fields.get(key)?;
    let value = reader.integer(node, &format!("`{key}`"), 1..=high)?;
    u32::try_from(value).ok()
}

fn model(reader: &mut Reader<'_>, node: &Node) -> Option<Model> {
    let known = [
        "provider",
        "script",
        "name",
        "max_tokens",
        "base_url",
        "effort",
        "thinking",
    ];
    let fields = reader.fields(node, "`model`", &known)?;
    let script = match fields.get("provider") {
        Some(node) => reader.choice(node, "`provider`", &[("claude", false), ("script", true)])?,
        None => false,
    };
    if script {
        let file = reader.required(
            &fields,
            "script",
            "the scripted model",
            "write the path of the script, relative to the configuration's folder",
        )?;
        return Some(Model::Script {
            script: PathBuf::from(reader.text(file, "`script`")?),
            place: Some(reader.place(file)),
        });
    }
    if let Some(file) = fields.get("script") {
        reader.error(
            "unknown-key",
            file,
            "`script` belongs to the scripted model",
            "write `provider: script` beside it, or remove it",
        );
    }
    let default = Claude::default();
    Some(Model::Claude(Claude {
        name: text_of(reader, &fields, "name").unwrap_or(default.name),
        max_tokens: count(reader, &fields, "max_tokens", 1_000_000).unwrap_or(default.max_tokens),
        base_url: fields
            .get("base_url")
            .and_then(|node| http_url(reader, node))
            .unwrap_or(default.base_url),
        effort: text_of(reader, &fields, "effort"),
        thinking: fields.get("thinking").map(|node| reader.json(node)),
    }))
}

fn http_url(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "an address")?;
    let fits = reqwest::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !fits {
        reader.error(
            "bad-url",
            node,
            format!("`{text}` is no `http` or `https` address"),
            "write it with its scheme and host: `https://example.org`",
        );
        return None;
    }
    Some(text.to_owned())
}

fn limits(reader: &mut Reader<'_>, node: &Node) -> Option<Limits> {
    let known = [
        "rounds",
        "parallel_calls",
        "history_turns",
        "session_idle",
        "call_timeout",
        "message_chars",
        "sessions_per_caller",
        "approval_timeout",
    ];
    let fields = reader.fields(node, "`limits`", &known)?;
    let default = Limits::default();
    let mut duration = |key: &str| {
        let node = fields.get(key)?;
        reader.duration(node, &format!("`{key}`"))
    };
    let session_idle = duration("session_idle").unwrap_or(default.session_idle);
    let call_timeout = duration("call_timeout").unwrap_or(default.call_timeout);
    let approval_timeout = duration("approval_timeout").unwrap_or(default.approval_timeout);
    let mut number =
        |key: &str, high: i64, default: u32| count(reader, &fields, key, high).unwrap_or(default);
    Some(Limits {
        rounds: number("rounds", 1_000, default.rounds),
        parallel_calls: number("parallel_calls", 256, default.parallel_calls),
        history_turns: number("history_turns", 10_000, default.history_turns),
        session_idle,
        call_timeout,
        message_chars: number("message_chars", 1_000_000, default.message_chars),
        sessions_per_caller: number(
            "sessions_per_caller",
            1_000_000,
            default.sessions_per_caller,
        ),
        approval_timeout,
    })
}

/// Whether a text is a host with a port; what the host means, only the system knows.
pub(crate) fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn server(reader: &mut Reader<'_>, node: &Node) -> Option<Server> {
    let fields = reader.fields(node, "`server`", &["listen", "shutdown_grace", "state_dir"])?;
    let default = Server::default();
    let listen = fields.get("listen").and_then(|node| {
        let text = reader.text(node, "`listen`")?;
        if !is_address(text) {
            reader.error(
                "bad-address",
                node,
                format!("`{text}` is no address to listen on"),
                "write host and port: `127.0.0.1:7331`",
            );
            return None;
        }
        Some(text.to_owned())
    });
    Some(Server {
        listen: listen.unwrap_or(default.listen),
        shutdown_grace: fields
            .get("shutdown_grace")
            .and_then(|node| reader.duration(node, "`shutdown_grace`"))
            .unwrap_or(default.shutdown_grace),
        state_dir: text_of(reader, &fields, "state_dir").map(PathBuf::from),
    })
}

fn store(reader: &mut Reader<'_>, node: &Node) -> Option<StoreLocation> {
    let text = reader.text(node, "`store`")?;
    let store = StoreLocation::parse(text);
    if store.is_none() {
        reader.error(
            "unknown-value",
            node,
            format!("`{text}` is no store"),
            "write `sqlite`, `sqlite:PATH`, `sqlite::memory:` or `postgres://…`",
        );
    }
    store
}

/// Reports a password in the file's own tree: it may come from the environment only.
pub(crate) fn check_password(reader: &mut Reader<'_>, node: &Node) {
    let Some(store) = node.member("store") else {
        return;
    };
    if let Kind::Scalar { text, .. } = &store.kind
        && reqwest::Url::parse(text).is_ok_and(|url| url.password().is_some())
    {
        reader.error(
            "secret-in-file",
            store,
            "this database address holds a password, and files of a configuration hold no secrets",
            "leave `store` out and set `TOLKIEN_STORE`, or `TOLKIEN_STORE_FILE`, where it is served",
        );
    }
}

impl StoreLocation {
    /// Reads `sqlite`, `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sqlite" => Some(Self::StateDir),
            "sqlite::memory:" => Some(Self::Memory),
            _ if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Some(Self::Postgres(text.to_owned()))
            }
            _ => text
                .strip_prefix("sqlite:")
                .map(|path| path.strip_prefix("//").unwrap_or(path))
                .filter(|path| !path.is_empty())
                .map(|path| Self::Sqlite(PathBuf::from(path))),
        }
    }
}

fn mcp_servers(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, McpServer> {
    let mut servers = BTreeMap::new();
    for entry in reader.entries(node, "`mcp_servers`").unwrap_or_default() {
        if let Some(server) = mcp_server(reader, &entry.key, &entry.value) {
            servers.insert(entry.key.clone(), server);
        }
    }
    servers
}

fn mcp_server(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<McpServer> {
    let fields = reader.fields(node, "an MCP server", &["command", "env", "url"])?;
    match (fields.get("command"), fields.get("url")) {
        (Some(command), None) => {
            let command_node = command;
            let command = reader.texts(command_node, "`command`")?;
            if command_node.items().is_empty() {
                reader.error(
                    "missing-key",
                    command_node,
                    "`command` is empty",
                    "write the program and its arguments: `[github-mcp-server, stdio]`",
                );
            }
            let env = fields.get("env").map(|node| variables(reader, node));
            Some(McpServer::Stdio {
                command,
                env: env.unwrap_or_default(),
            })
        }
        (None, Some(url)) => {
            if let Some(env) = fields.entry("env") {
                let place = reader.place_of(&env.key_span);
                reader.found.push(
                    Diagnostic::error("unknown-key", place, "`env` has no meaning beside `url`")
                        .help("remove it: no process is started for a server with a `url`"),
                );
            }
            http_url(reader, url).map(|url| McpServer::Http { url })
        }
        _ => {
            if !reader.misspelt(&fields, "command") && !reader.misspelt(&fields, "url") {
                reader.error(
                    "missing-key",
                    node,
                    format!("the MCP server `{name}` needs exactly one of `command` and `url`"),
                    "write `{command: [...]}` or `{url: https://…}`",
                );
            }
            None
        }
    }
}

fn variables(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for variable in reader.entries(node, "`env`").unwrap_or_default() {
        check_env_name(reader, &variable.key_span, &variable.key);
        if let Some(value) = reader.text(&variable.value, "a value") {
            all.insert(variable.key.clone(), value.to_owned());
        }
    }
    all
}

fn audit(reader: &mut Reader<'_>, node: &Node) -> Option<Audit> {
    let fields = reader.fields(node, "`audit`", &["file", "stdout"])?;
    Some(Audit {
        file: text_of(reader, &fields, "file").map(PathBuf::from),
        stdout: fields
            .get("stdout")
            .and_then(|node| reader.boolean(node, "`stdout`"))
            .unwrap_or(true),
    })
}

fn telemetry(reader: &mut Reader<'_>, node: &Node) -> Option<Telemetry> {
    let fields = reader.fields(node, "`telemetry`", &["otlp", "log"])?;
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    Some(Telemetry {
        otlp: fields.get("otlp").and_then(|node| http_url(reader, node)),
        log: fields
            .get("log")
            .and_then(|node| reader.choice(node, "`log`", &formats))
            .unwrap_or_default(),
    })
}
