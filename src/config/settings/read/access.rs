//! Reading who may do what: environment, secrets, roles and callers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::name::{CallerName, EnvName, RoleName, SecretName};
use crate::config::settings::{Caller, Role, Roles, SecretSource, Settings};
use crate::config::tool::Effect;
use crate::config::yaml::{Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, suggestion};

/// Reports a name that no environment could hold.
pub(crate) fn check_env_name(
    reader: &mut Reader<'_>,
    span: &std::ops::Range<usize>,
    name: &str,
) -> bool {
    let fits = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !fits {
        let place = reader.place_of(span);
        reader.found.push(
            Diagnostic::error(
                "bad-name",
                place,
                format!("`{name}` is no environment name"),
            )
            .help("use letters, digits and `_`, and do not start with a digit"),
        );
    }
    fits
}

pub(super) fn environment(
    reader: &mut Reader<'_>,
    node: &Node,
) -> BTreeMap<EnvName, Option<String>> {
    let mut names = BTreeMap::new();
    for entry in reader.entries(node, "`environment`").unwrap_or_default() {
        if !check_env_name(reader, &entry.key_span, &entry.key) {
            continue;
        }
        let default = if entry.value.is_null() {
            None
        } else {
            reader.text(&entry.value, "a default").map(str::to_owned)
        };
        names.insert(EnvName::new(entry.key.as_str()), default);
    }
    names
}

pub(super) fn secrets(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<SecretName, SecretSource> {
    let mut all = BTreeMap::new();
    for entry in reader.entries(node, "`secrets`").unwrap_or_default() {
        if check_env_name(reader, &entry.key_span, &entry.key)
            && let Some(source) = secret(reader, &entry.key, &entry.value)
        {
            all.insert(SecretName::new(entry.key.as_str()), source);
        }
    }
    all
}

fn secret(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<SecretSource> {
    if matches!(node.kind, Kind::Scalar { .. }) && !node.is_null() {
        reader.error(
            "secret-in-file",
            node,
            format!("`{name}` is given a value here, and files of a configuration hold no secrets"),
            "name where the value comes from: `{file: /run/secrets/…}` or `{env: NAME}`",
        );
        return None;
    }
    let fields = reader.fields(node, "a secret", &["file", "env"])?;
    match (fields.get("file"), fields.get("env")) {
        (Some(file), None) => {
            let path = reader.prose(file, "`file`")?;
            Some(SecretSource::File(PathBuf::from(path)))
        }
        (None, Some(env)) => {
            let name = reader.text(env, "`env`")?;
            check_env_name(reader, &env.span, name).then(|| SecretSource::Env(name.to_owned()))
        }
        _ => {
            if !reader.misspelt(&fields, "file") && !reader.misspelt(&fields, "env") {
                reader.error(
                    "missing-key",
                    node,
                    format!("the secret `{name}` needs exactly one of `file` and `env`"),
                    "write `{file: PATH}` or `{env: NAME}`",
                );
            }
            None
        }
    }
}

pub(super) fn roles(reader: &mut Reader<'_>, node: &Node) -> Roles {
    let mut by_name = BTreeMap::new();
    for entry in reader.entries(node, "`roles`").unwrap_or_default() {
        let what = format!("the role `{}`", entry.key);
        let Some(fields) = reader.fields(&entry.value, &what, &["tools", "effects", "approve"])
        else {
            continue;
        };
        let tools = reader
            .required(
                &fields,
                "tools",
                &what,
                "write `tools: [\"*\"]` for all of them",
            )
            .and_then(|node| reader.texts(node, "`tools`"))
            .unwrap_or_default();
        let effects = fields.get("effects").map(|node| effects(reader, node));
        let approve = fields
            .get("approve")
            .and_then(|node| reader.boolean(node, "`approve`"))
            .unwrap_or(false);
        by_name.insert(
            RoleName::new(entry.key.as_str()),
            Role {
                tools,
                effects,
                approve,
                place: Some(reader.place_of(&entry.key_span)),
            },
        );
    }
    Roles { by_name }
}

/// Reads a list of effects.
pub(crate) fn effects(reader: &mut Reader<'_>, node: &Node) -> Vec<Effect> {
    let words = [("read", Effect::Read), ("write", Effect::Write)];
    reader
        .list(node, "`effects`")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| reader.choice(item, "an effect", &words))
        .collect()
}

pub(super) fn callers(reader: &mut Reader<'_>, node: &Node, settings: &Settings) -> Vec<Caller> {
    let mut all: Vec<Caller> = Vec::new();
    for item in reader.list(node, "`callers`").unwrap_or_default() {
        let Some(caller) = caller(reader, item, settings) else {
            continue;
        };
        if all.iter().any(|other| other.name == caller.name) {
            reader.found.push(
                Diagnostic::error(
                    "duplicate-caller",
                    caller.place.clone(),
                    format!("there is a second caller named `{}`", caller.name),
                )
                .help("give each caller a name of its own; one caller may have two tokens while they are rotated"),
            );
            continue;
        }
        check_way_in(reader, &caller, &all);
        all.push(caller);
    }
    all
}

fn caller(reader: &mut Reader<'_>, node: &Node, settings: &Settings) -> Option<Caller> {
    let before = reader.found.len();
    let known = ["name", "role", "token_sha256", "telegram"];
    let fields = reader.fields(node, "a caller", &known)?;
    let name = reader.required(&fields, "name", "a caller", "write who it is: `name: joao`");
    let role = reader.required(
        &fields,
        "role",
        "a caller",
        "write one of the roles: `role: operator`",
    );
    let name = name.and_then(|node| Some((reader.prose(node, "`name`")?.to_owned(), node)));
    let role = role.and_then(|node| Some((reader.text(node, "`role`")?, node)));
    if let Some((role, node)) = role {
        unknown_role(reader, node, role, settings);
    }
    let tokens = fields
        .get("token_sha256")
        .map(|node| digests(reader, node))
        .unwrap_or_default();
    let telegram = fields
        .get("telegram")
        .and_then(|node| reader.fields(node, "`telegram`", &["user_ids"]))
        .and_then(|fields| fields.get("user_ids"))
        .map(|node| user_ids(reader, node))
        .unwrap_or_default();
    let ((role, _), (name, name_node)) = (role?, name?);
    if tokens.is_empty() && telegram.is_empty() && !reader.failed_since(before) {
        reader.error(
            "missing-key",
            node,
            format!("the caller `{name}` has no way in"),
            "write `token_sha256: [...]` (see `tolkien token`) or `telegram: {user_ids: [...]}`",
        );
    }
    Some(Caller {
        name: CallerName::new(name),
        role: RoleName::new(role),
        token_sha256: tokens,
        telegram_user_ids: telegram,
        place: reader.place(name_node),
    })
}

/// A token or a Telegram user that two callers share would tell nobody who called.
fn check_way_in(reader: &mut Reader<'_>, caller: &Caller, others: &[Caller]) {
    let shared = |other: &&Caller| {
        let mut tokens = caller.token_sha256.iter();
        let mut users = caller.telegram_user_ids.iter();
        tokens.any(|token| other.token_sha256.contains(token))
            || users.any(|user| other.telegram_user_ids.contains(user))
    };
    if let Some(other) = others.iter().find(shared) {
        reader.found.push(
            Diagnostic::error(
                "shared-token",
                caller.place.clone(),
                format!(
                    "the callers `{}` and `{}` share a token or a Telegram user",
                    other.name, caller.name
                ),
            )
            .label(other.place.clone(), "the other caller")
            .help("give each caller a token of its own with `tolkien token`"),
        );
    }
}

/// Reports a role that the settings do not list; answers whether they do.
pub(crate) fn unknown_role(
    reader: &mut Reader<'_>,
    node: &Node,
    role: &str,
    settings: &Settings,
) -> bool {
    let known = settings.roles.by_name.keys().map(RoleName::as_str);
    if settings.roles.by_name.contains_key(role) || !settings.knows("roles") {
        return false;
    }
    reader.error(
        "unknown-role",
        node,
        format!("there is no role `{role}`"),
        suggestion(role, known, "the roles are"),
    );
    true
}

fn digests(reader: &mut Reader<'_>, node: &Node) -> Vec<[u8; 32]> {
    let mut all = Vec::new();
    for item in reader.list(node, "`token_sha256`").unwrap_or_default() {
        let Kind::Scalar { text, .. } = &item.kind else {
            reader.wrong_type(item, "a digest", "64 hexadecimal digits");
            continue;
        };
        match unhex(text) {
            Some(digest) => all.push(digest),
            None => reader.error(
                "bad-digest",
                item,
                "this is no SHA-256 digest",
                "write the 64 hexadecimal digits that `tolkien token` prints, never the token itself",
            ),
        }
    }
    all
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn user_ids(reader: &mut Reader<'_>, node: &Node) -> Vec<i64> {
    reader
        .list(node, "`user_ids`")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| reader.integer(item, "a Telegram user id", 1..=i64::MAX))
        .collect()
}
