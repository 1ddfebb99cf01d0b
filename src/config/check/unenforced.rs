//! Keys that this build reads but does not enforce: saying nothing of them would be a lie.

use super::Parsed;
use crate::config::settings::StoreLocation;
use crate::config::tool::{Enforcement, Run, Sandbox};
use crate::diagnostic::{Diagnostic, Place};

/// The code of what is parsed but not enforced by this build; nothing is served while there is one.
pub const NOT_ENFORCED: &str = "not-enforced-yet";

impl Parsed {
    /// What is read but has no effect in this build; saying nothing would be a lie.
    pub(super) fn check_not_enforced(&self, found: &mut Vec<Diagnostic>) {
        let mut report = |place: &Place, what: &str, instead: &str| {
            found.push(
                Diagnostic::warning(
                    NOT_ENFORCED,
                    place.clone(),
                    format!("{what}, which this build reads but does not enforce"),
                )
                .help(instead),
            );
        };
        let mut sandbox = |sandbox: &Sandbox| {
            if sandbox.require != Some(Enforcement::Off)
                && let Some(place) = &sandbox.place
            {
                report(
                    place,
                    "a `sandbox` stands here",
                    "`serve` refuses it: remove it, or write `require: off`",
                );
            }
        };
        sandbox(&self.settings.sandbox);
        for tool in self.tools.values() {
            tool.sandbox.iter().for_each(&mut sandbox);
            if let Run::Steps(steps) = &tool.run {
                steps
                    .list
                    .iter()
                    .filter_map(|step| step.sandbox.as_ref())
                    .for_each(&mut sandbox);
            }
        }
        for tool in self.tools.values() {
            if !matches!(tool.run, Run::Command(_)) {
                report(
                    &tool.places.run,
                    &format!("`{}` runs `steps`, `http` or `mcp`", tool.name),
                    "its calls are decided, but this build can only run `command`",
                );
            }
        }
        for policy in self.policies.values() {
            if let Some(redaction) = policy.redact.first() {
                report(
                    &redaction.place,
                    "`redact` stands here",
                    "`serve` refuses it: without it outputs would reach the model unredacted",
                );
            }
            if let Some(never) = policy.never.first() {
                report(
                    &never.place,
                    "`never` stands here",
                    "`serve` refuses it: nothing would prove it",
                );
            }
        }
        let settings = &self.settings;
        if matches!(self.settings.store, StoreLocation::Postgres(_)) {
            report(
                &settings.place("store"),
                "`store` names PostgreSQL",
                "use `sqlite`",
            );
        }
        if self.settings.audit.file.is_some() {
            report(&settings.place("audit"), "`audit.file` is set", "remove it");
        }
        if self.settings.telemetry.otlp.is_some() {
            report(
                &settings.place("telemetry"),
                "`telemetry.otlp` is set",
                "remove it",
            );
        }
        if let Some(caller) = self
            .settings
            .callers
            .iter()
            .find(|caller| !caller.telegram_user_ids.is_empty())
        {
            report(
                &caller.place,
                "a caller comes through Telegram",
                "give it `token_sha256`",
            );
        }
    }
}
