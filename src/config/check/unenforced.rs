//! Keys that this build reads but does not enforce: saying nothing of them would be a lie.

use super::Parsed;
use crate::config::settings::Settings;
use crate::config::tool::{Run, Tool};
use crate::diagnostic::{Diagnostic, Place};

/// The code of what is parsed but not enforced by this build; nothing is served while there is one.
pub const NOT_ENFORCED: &str = "not-enforced-yet";

/// Where something stands that has no effect, what it is, and what to do instead.
type Unenforced<'a> = (Place, String, &'a str);

impl Parsed {
    /// Reports everything that is read but has no effect in this build.
    pub(super) fn check_not_enforced(&self, found: &mut Vec<Diagnostic>) {
        let tools = self.tools.values().flat_map(|tool| of_tool(tool));
        let all = of_settings(&self.settings).into_iter().chain(tools);
        for (place, what, instead) in all {
            let message = format!("{what}, which this build reads but does not enforce");
            found.push(Diagnostic::warning(NOT_ENFORCED, place, message).help(instead));
        }
    }
}

fn of_tool(tool: &Tool) -> Vec<Unenforced<'static>> {
    let mut all: Vec<Unenforced<'static>> = Vec::new();
    if matches!(tool.run, Run::Mcp { .. }) {
        all.push((
            tool.places.run.clone(),
            format!("`{}` runs `mcp`", tool.name),
            "its calls are decided, but this build cannot run `mcp`",
        ));
    }
    all
}

fn of_settings(settings: &Settings) -> Vec<Unenforced<'static>> {
    let mut all: Vec<Unenforced<'static>> = Vec::new();
    let mut section = |set: bool, name: &str, what: &str, instead| {
        if set {
            all.push((settings.place(name), what.to_owned(), instead));
        }
    };
    let otlp = settings.telemetry.otlp.is_some();
    section(otlp, "telemetry", "`telemetry.otlp` is set", "remove it");
    let mut callers = settings.callers.iter();
    if let Some(caller) = callers.find(|caller| !caller.telegram_user_ids.is_empty()) {
        all.push((
            caller.place.clone(),
            "a caller comes through Telegram".to_owned(),
            "give it `token_sha256`",
        ));
    }
    all
}
