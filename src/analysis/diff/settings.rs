//! The settings of both sides, section by section, and the prompts that the model is told.
//!
//! An absent side, like a root without `tolkien.yaml`, has the defaults. Values that could hold a
//! password are shown as a digest.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::record::{Record, Weight};
use super::{Other, access, prompt, sandbox};
use crate::config::settings::{LogFormat, Model, Settings, StoreLocation, length};
use crate::config::{Config, hex};

/// Everything that differs in settings and prompts.
pub(super) fn compare(base: Option<&Config>, head: Option<&Config>) -> Vec<Other> {
    let default = Settings::default();
    let mut both = Both {
        record: Record::default(),
        old: base.map_or(&default, Config::settings),
        new: head.map_or(&default, Config::settings),
    };
    both.model();
    both.limits();
    both.server();
    both.store();
    access::compare(&mut both, base, head);
    both.sandbox();
    both.reports();
    both.facts();
    prompt::compare_all(&mut both.record, base, head);
    both.record.finish()
}

/// The settings of both sides, and what differs in them so far.
pub(super) struct Both<'a> {
    record: Record,
    pub(super) old: &'a Settings,
    pub(super) new: &'a Settings,
}

impl Both<'_> {
    /// Notes a value below a section.
    pub(super) fn note(
        &mut self,
        section: &str,
        key: &str,
        values: (Option<String>, Option<String>),
        weight: Weight,
    ) {
        let path = if key.is_empty() {
            section.to_owned()
        } else {
            format!("{section}.{key}")
        };
        let place = self.new.place(section);
        self.record.setting(path, values, weight, place);
    }

    /// Notes what a section says of both sides.
    fn each(
        &mut self,
        section: &str,
        key: &str,
        weight: Weight,
        value: impl Fn(&Settings) -> Option<String>,
    ) {
        let values = (value(self.old), value(self.new));
        self.note(section, key, values, weight);
    }

    /// Another address gets all that the agent sees. Another model at the same address does what the
    /// same rules permit.
    fn model(&mut self) {
        self.each("model", "provider", Weight::Widens, |settings| {
            Some(match &settings.model {
                Model::Claude(_) => "claude".to_owned(),
                Model::Script { .. } => "script".to_owned(),
            })
        });
        self.each(
            "model",
            "script",
            Weight::Harmless,
            |settings| match &settings.model {
                Model::Claude(_) => None,
                Model::Script { script, .. } => Some(script.display().to_string()),
            },
        );
        let (Model::Claude(old), Model::Claude(new)) = (&self.old.model, &self.new.model) else {
            return;
        };
        let optional = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
        let rows = [
            ("name", Some(old.name.clone()), Some(new.name.clone())),
            (
                "max_tokens",
                Some(old.max_tokens.to_string()),
                Some(new.max_tokens.to_string()),
            ),
            ("effort", old.effort.clone(), new.effort.clone()),
            ("thinking", optional(&old.thinking), optional(&new.thinking)),
        ];
        let address = (
            Some(without_password(&old.base_url)),
            Some(without_password(&new.base_url)),
        );
        self.note("model", "base_url", address, Weight::Widens);
        for (key, before, after) in rows {
            self.note("model", key, (before, after), Weight::Harmless);
        }
    }

    /// They bound what a turn costs, not what it may do.
    fn limits(&mut self) {
        let (old, new) = (&self.old.limits, &self.new.limits);
        let number = |old: u32, new: u32| (Some(old.to_string()), Some(new.to_string()));
        let time = |old, new| (Some(length(old)), Some(length(new)));
        let rows = [
            ("rounds", number(old.rounds, new.rounds)),
            (
                "parallel_calls",
                number(old.parallel_calls, new.parallel_calls),
            ),
            (
                "history_turns",
                number(old.history_turns, new.history_turns),
            ),
            ("session_idle", time(old.session_idle, new.session_idle)),
            ("call_timeout", time(old.call_timeout, new.call_timeout)),
            (
                "message_chars",
                number(old.message_chars, new.message_chars),
            ),
            (
                "sessions_per_caller",
                number(old.sessions_per_caller, new.sessions_per_caller),
            ),
            (
                "approval_timeout",
                time(old.approval_timeout, new.approval_timeout),
            ),
        ];
        for (key, values) in rows {
            self.note("limits", key, values, Weight::Harmless);
        }
    }

    /// Who can reach the server at all is a part of who may talk to it.
    fn server(&mut self) {
        let weight = Weight::widens_if(!is_loopback(&self.new.server.listen));
        self.each("server", "listen", weight, |settings| {
            Some(settings.server.listen.clone())
        });
        self.each("server", "shutdown_grace", Weight::Harmless, |settings| {
            Some(length(settings.server.shutdown_grace))
        });
        self.each("server", "state_dir", Weight::Harmless, |settings| {
            let folder = settings.server.state_dir.as_ref()?;
            Some(folder.display().to_string())
        });
    }

    /// Every conversation and output is kept there: another database sees them, and one in memory
    /// forgets the record of what was done.
    fn store(&mut self) {
        let is_file = matches!(
            self.new.store,
            StoreLocation::StateDir | StoreLocation::Sqlite(_)
        );
        self.each("store", "", Weight::widens_if(!is_file), |settings| {
            Some(match &settings.store {
                StoreLocation::StateDir => "sqlite".to_owned(),
                StoreLocation::Sqlite(path) => format!("sqlite:{}", path.display()),
                StoreLocation::Memory => "sqlite::memory:".to_owned(),
                StoreLocation::Postgres(url) => without_password(url),
            })
        });
    }

    fn sandbox(&mut self) {
        let parts = sandbox::differences(&self.old.sandbox, &self.new.sandbox);
        for (key, (before, after), weight) in parts {
            self.note("sandbox", key, (Some(before), Some(after)), weight);
        }
    }

    /// Copies of the audit trail beside the record, which the store holds; and traces, which name what
    /// was done, to whoever collects them.
    fn reports(&mut self) {
        self.each("audit", "file", Weight::Harmless, |settings| {
            Some(settings.audit.file.as_ref()?.display().to_string())
        });
        self.each("audit", "stdout", Weight::Harmless, |settings| {
            Some(settings.audit.stdout.to_string())
        });
        let weight = Weight::widens_if(self.new.telemetry.otlp.is_some());
        self.each("telemetry", "otlp", weight, |settings| {
            settings.telemetry.otlp.as_deref().map(without_password)
        });
        self.each("telemetry", "log", Weight::Harmless, |settings| {
            Some(match settings.telemetry.log {
                LogFormat::Json => "json".to_owned(),
                LogFormat::Text => "text".to_owned(),
            })
        });
    }

    /// Text for prompts, on which no permission depends.
    fn facts(&mut self) {
        let (old, new) = (&self.old.facts, &self.new.facts);
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let text = |facts: &Map<String, Value>| facts.get(key).map(ToString::to_string);
            self.note("facts", key, (text(old), text(new)), Weight::Harmless);
        }
    }
}

/// What nobody else can reach; a name that is not known to be such is not.
fn is_loopback(listen: &str) -> bool {
    let address = listen.parse::<std::net::SocketAddr>();
    address.is_ok_and(|address| address.ip().is_loopback()) || listen.starts_with("localhost:")
}

/// An address with a digest in place of what stands before its `@`.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}@{host}{path}", digest(user)),
        None => url.to_owned(),
    }
}

/// Enough of a value's SHA-256 to tell two of them apart.
pub(super) fn digest(value: &str) -> String {
    short(&Sha256::digest(value.as_bytes()))
}

/// The first six bytes of a digest.
pub(super) fn short(digest: &[u8]) -> String {
    format!("sha256:{}…", hex(digest.get(..6).unwrap_or(digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_never_shows_its_password() {
        let shown = without_password("postgres://tolkien:mellon@db:5432/tolkien?sslmode=require");
        assert_eq!(
            shown,
            format!(
                "postgres://{}@db:5432/tolkien?sslmode=require",
                digest("tolkien:mellon")
            )
        );
        assert_eq!(
            without_password("https://a.example/@b"),
            "https://a.example/@b"
        );
    }

    #[test]
    fn only_an_address_of_this_machine_is_loopback() {
        for (listen, expected) in [
            ("127.0.0.1:7331", true),
            ("[::1]:1", true),
            ("localhost:80", true),
            ("0.0.0.0:80", false),
            ("127.0.0.1.example:80", false),
        ] {
            assert_eq!(is_loopback(listen), expected, "{listen}");
        }
    }
}
