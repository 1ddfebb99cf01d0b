//! Who may do what, and with which credentials: environment, secrets, roles, callers, MCP servers.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Weight;
use super::settings::{Both, digest, short, without_password};
use crate::call;
use crate::config::name::{CallerName, RoleName};
use crate::config::policy::{Channel, glob_matches};
use crate::config::settings::{Caller, McpServer, Role, SecretSource, Settings};
use crate::config::tool::Effect;
use crate::config::{Config, hex};
use crate::policy::visible_tools;

/// Notes everything that differs in who may do what.
pub(super) fn compare(both: &mut Both<'_>, base: Option<&Config>, head: Option<&Config>) {
    environment(both);
    secrets(both);
    roles(both, base, head);
    callers(both);
    servers(both);
}

/// The values of both sides under one key.
type Pair<'a, V> = (Option<&'a V>, Option<&'a V>);

fn paired<'a, K: Ord, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> BTreeMap<&'a K, Pair<'a, V>> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .map(|key| (key, (old.get(key), new.get(key))))
        .collect()
}

/// A default is the folder that a tool reads or the server that it asks: another one widens. Without
/// one, a host that does not set the name disables what needs it.
fn environment(both: &mut Both<'_>) {
    for (name, (old, new)) in paired(&both.old.environment, &both.new.environment) {
        let text = |default: &Option<String>| match default {
            Some(default) => format!("default {default:?}"),
            None => "no default".to_owned(),
        };
        let widens = match (old, new) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(_), Some(new)) => new.is_some(),
        };
        let values = (old.map(text), new.map(text));
        both.note(
            "environment",
            name.as_str(),
            values,
            Weight::widens_if(widens),
        );
    }
}

fn secrets(both: &mut Both<'_>) {
    for (name, (old, new)) in paired(&both.old.secrets, &both.new.secrets) {
        let text = |source: &SecretSource| match source {
            SecretSource::File(path) => format!("file {}", path.display()),
            SecretSource::Env(name) => format!("env {name}"),
        };
        let values = (old.map(text), new.map(text));
        both.note(
            "secrets",
            name.as_str(),
            values,
            // The value of one that goes is redacted no more.
            Weight::Widens,
        );
    }
}

fn roles(both: &mut Both<'_>, base: Option<&Config>, head: Option<&Config>) {
    for (name, (old, new)) in paired(&both.old.roles.by_name, &both.new.roles.by_name) {
        let key = |part: &str| format!("{name}.{part}");
        let (Some(before), Some(after)) = (old, new) else {
            let values = (old.map(grant), new.map(grant));
            both.note(
                "roles",
                name.as_str(),
                values,
                Weight::widens_if(new.is_some()),
            );
            continue;
        };
        let globs = |role: &Role| {
            let globs: BTreeSet<&str> = role.tools.iter().map(String::as_str).collect();
            Some(globs.into_iter().collect::<Vec<_>>().join(", "))
        };
        // A glob that covers nothing new today covers the tool that is added tomorrow. A star in it
        // stands for any name, so that matching it as a name is covering it.
        let is_covered = |glob: &String| before.tools.iter().any(|own| glob_matches(own, glob));
        let weight = Weight::widens_if(!after.tools.iter().all(is_covered));
        both.note(
            "roles",
            &key("tools"),
            (globs(before), globs(after)),
            weight,
        );
        let weight = Weight::widens_if(!effects(after).is_subset(&effects(before)));
        let text = |role: &Role| Some(effect_words(role));
        both.note(
            "roles",
            &key("effects"),
            (text(before), text(after)),
            weight,
        );
        let approves = |role: &Role| Some(role.approve.to_string());
        let weight = Weight::widens_if(after.approve);
        let values = (approves(before), approves(after));
        both.note("roles", &key("approve"), values, weight);
        newly_usable(both, name, base, head);
    }
}

/// Tools that were there before and that a role may use only now: by another grant, or because their
/// effect became one that it covers.
fn newly_usable(
    both: &mut Both<'_>,
    role: &RoleName,
    base: Option<&Config>,
    head: Option<&Config>,
) {
    let (Some(base), Some(head)) = (base, head) else {
        return;
    };
    let caller = call::Caller {
        name: CallerName::new("anybody"),
        role: role.clone(),
        channel: Channel::Api,
    };
    let before: BTreeSet<&str> = visible_tools(base, &caller)
        .map(|tool| tool.name.as_str())
        .collect();
    let gained: Vec<&str> = visible_tools(head, &caller)
        .map(|tool| tool.name.as_str())
        .filter(|name| !before.contains(name) && base.tool(name).is_some())
        .collect();
    if !gained.is_empty() {
        let values = (None, Some(gained.join(", ")));
        let key = format!("{role} newly uses");
        both.note("roles", &key, values, Weight::Widens);
    }
}

fn grant(role: &Role) -> String {
    let tools = role.tools.join(", ");
    let approve = if role.approve { ", approves" } else { "" };
    format!("tools {tools}; {}{approve}", effect_words(role))
}

fn effects(role: &Role) -> BTreeSet<Effect> {
    match &role.effects {
        None => [Effect::Read, Effect::Write].into(),
        Some(effects) => effects.iter().copied().collect(),
    }
}

fn effect_words(role: &Role) -> String {
    let effects = effects(role);
    let words: Vec<&str> = effects.iter().map(|effect| effect.as_str()).collect();
    words.join(" and ")
}

/// Every new way in widens: a caller, another role, a token, a Telegram user.
fn callers(both: &mut Both<'_>) {
    let by_name = |settings: &Settings| -> BTreeMap<CallerName, Caller> {
        let callers = settings.callers.iter();
        callers
            .map(|caller| (caller.name.clone(), caller.clone()))
            .collect()
    };
    let (old, new) = (by_name(both.old), by_name(both.new));
    if !old.is_empty() && new.is_empty() {
        // Without callers the server makes a token for whoever sits at its machine.
        let values = (Some("listed".to_owned()), Some("the local one".to_owned()));
        both.note("callers", "", values, Weight::Widens);
    }
    for (name, (before, after)) in paired(&old, &new) {
        if before.is_none() || after.is_none() {
            let text = |caller: &Caller| format!("role {}", caller.role);
            let values = (before.map(text), after.map(text));
            both.note(
                "callers",
                name.as_str(),
                values,
                Weight::widens_if(after.is_some()),
            );
        }
        let (Some(now), Some(was)) = (after, before) else {
            // A new caller's ways in are a part of what is accepted.
            if let Some(now) = after {
                ways(both, name, &BTreeSet::new(), &ways_of(now));
            }
            continue;
        };
        let role = |caller: &Caller| Some(caller.role.to_string());
        let key = format!("{name}.role");
        both.note("callers", &key, (role(was), role(now)), Weight::Widens);
        ways(both, name, &ways_of(was), &ways_of(now));
    }
}

/// What lets a caller in: kind, whole value, and how it is shown.
type Way = (&'static str, String, String);

fn ways_of(caller: &Caller) -> BTreeSet<Way> {
    let tokens = caller.token_sha256.iter().map(|token| {
        let whole = hex(token);
        ("token", whole, short(token))
    });
    let users = caller.telegram_user_ids.iter();
    let users = users.map(|id| ("telegram", id.to_string(), id.to_string()));
    tokens.chain(users).collect()
}

fn ways(both: &mut Both<'_>, name: &CallerName, old: &BTreeSet<Way>, new: &BTreeSet<Way>) {
    // The whole digest is shown: it is what the acknowledgement is for, and no secret.
    for (kind, whole, _) in new.difference(old) {
        let values = (None, Some(whole.clone()));
        both.note("callers", &format!("{name}.{kind}"), values, Weight::Widens);
    }
    for (kind, _, shown) in old.difference(new) {
        let values = (Some(shown.clone()), None);
        both.note(
            "callers",
            &format!("{name}.{kind}"),
            values,
            Weight::Harmless,
        );
    }
}

fn servers(both: &mut Both<'_>) {
    for (name, (old, new)) in paired(&both.old.mcp_servers, &both.new.mcp_servers) {
        let values = (old.map(server), new.map(server));
        let weight = Weight::widens_if(new.is_some());
        both.note("mcp_servers", name, values, weight);
    }
}

/// Whatever the values of an environment are, they are not shown.
fn server(server: &McpServer) -> String {
    match server {
        McpServer::Stdio { command, env } => {
            let env = env
                .iter()
                .map(|(name, value)| format!("{name}={} ", digest(value)));
            format!("{}{}", env.collect::<String>(), command.join(" "))
        }
        McpServer::Http { url } => without_password(url),
    }
}
