//! Reading who may do what: environment, secrets, roles and callers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::name::{CallerName, EnvName, RoleName, SecretName};
use crate::config::settings::{Caller, Role, Roles, SecretSource};
use crate::config::tool::Effect;
use crate::config::yaml::{Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, listed, nearest};

/// Reports a name that no environment could hold.
fn check_env_name(reader: &mut Reader<'_>, span: &std::ops::Range<usize>, name: &str) -> bool {
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
        if !check_env_name(reader, &entry.key_span, &entry.key) {
            continue;
        }
        if matches!(entry.value.kind, Kind::Scalar { .. }) {
            reader.error(
                "secret-in-file",
                &entry.value,
                format!(
                    "`{}` is given a value here, and files of a configuration hold no secrets",
                    entry.key
                ),
                "name where the value comes from: `{file: /run/secrets/…}` or `{env: NAME}`",
            );
            continue;
        }
        let Some(fields) = reader.fields(&entry.value, "a secret", &["file", "env"]) else {
            continue;
        };
        let source = match (fields.get("file"), fields.get("env")) {
            (Some(file), None) => reader
                .text(file, "`file`")
                .map(|path| SecretSource::File(PathBuf::from(path))),
            (None, Some(env)) => reader
                .text(env, "`env`")
                .map(|name| SecretSource::Env(name.to_owned())),
            _ => {
                reader.error(
                    "missing-key",
                    &entry.value,
                    format!(
                        "the secret `{}` needs exactly one of `file` and `env`",
                        entry.key
                    ),
                    "write `{file: PATH}` or `{env: NAME}`",
                );
                None
            }
        };
        if let Some(source) = source {
            all.insert(SecretName::new(entry.key.as_str()), source);
        }
    }
    all
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

pub(super) fn callers(reader: &mut Reader<'_>, node: &Node, roles: &Roles) -> Vec<Caller> {
    let mut all: Vec<Caller> = Vec::new();
    for item in reader.list(node, "`callers`").unwrap_or_default() {
        let Some(caller) = caller(reader, item, roles) else {
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
        all.push(caller);
    }
    all
}

fn caller(reader: &mut Reader<'_>, node: &Node, roles: &Roles) -> Option<Caller> {
    let known = ["name", "role", "token_sha256", "telegram"];
    let fields = reader.fields(node, "a caller", &known)?;
    let name = reader.required(&fields, "name", "a caller", "write who it is: `name: joao`");
    let role = reader.required(
        &fields,
        "role",
        "a caller",
        "write one of the roles: `role: operator`",
    );
    let name = name.and_then(|node| Some((reader.text(node, "`name`")?.to_owned(), node)));
    let role = role.and_then(|node| Some((reader.text(node, "`role`")?, node)));
    let (role, role_node) = role?;
    let (name, name_node) = name?;
    if !roles.by_name.contains_key(role) {
        unknown_role(reader, role_node, role, roles);
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
    if tokens.is_empty() && telegram.is_empty() {
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

/// Reports a role that the settings do not list.
pub(crate) fn unknown_role(reader: &mut Reader<'_>, node: &Node, role: &str, roles: &Roles) {
    let known = || roles.by_name.keys().map(RoleName::as_str);
    let help = match nearest(role, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the roles are {}", listed(known(), "and")),
    };
    reader.error(
        "unknown-role",
        node,
        format!("there is no role `{role}`"),
        help,
    );
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
