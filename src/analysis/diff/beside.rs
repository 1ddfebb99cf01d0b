//! Everything of a tool beside its command lines.

use super::record::{Record, Weight};
use super::{Other, Side, input, policy, prompt, run, sandbox};
use crate::config::settings::length;
use crate::config::tool::{Effect, Keep, Tool};

/// What differs; of a tool that only one side has, what it is.
pub(super) fn compare(old: Option<Side<'_>>, new: Option<Side<'_>>) -> Vec<Other> {
    let mut record = Record::default();
    match (old, new) {
        (Some(old), Some(new)) => both(&mut record, old, new),
        (None, Some(new)) => {
            for (what, value) in summary(new) {
                record.gained(what, value);
            }
        }
        (Some(old), None) => {
            for (what, value) in summary(old) {
                record.lost(what, value);
            }
        }
        (None, None) => {}
    }
    record.finish()
}

fn both(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let effect = |side: Side<'_>| Some(side.1.effect.as_str().to_owned());
    // What reads is allowed where nothing says otherwise, and to more roles.
    let weight = Weight::widens_if(new.1.effect == Effect::Read);
    record.note("effect", effect(old), effect(new), weight);
    run::compare(record, old, new);
    input::compare(record, old.1, new.1);
    sandbox::compare(record, old, new);
    policy::compare(record, old, new);
    prompt::compare(record, old, new);
    limits(record, old, new);
    let description = |side: Side<'_>| Some(side.1.description.clone());
    record.note(
        "description",
        description(old),
        description(new),
        Weight::Harmless,
    );
}

/// How long and how much: it bounds what a call costs, not what it may do.
fn limits(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    // Where only the default of the settings changed, that is told once, of the settings.
    if old.1.timeout != new.1.timeout {
        let timeout = |side: Side<'_>| {
            let default = side.0.settings().limits.call_timeout;
            Some(length(side.1.timeout.unwrap_or(default)))
        };
        record.note("timeout", timeout(old), timeout(new), Weight::Harmless);
    }
    let mut note = |what: &str, value: &dyn Fn(&Tool) -> String| {
        let (before, after) = (value(old.1), value(new.1));
        record.note(what, Some(before), Some(after), Weight::Harmless);
    };
    note("output limit", &|tool| tool.output.limit.to_string());
    note("output keep", &|tool| keep(tool.output.keep).to_owned());
    note("output keep_bytes", &|tool| {
        tool.output.keep_bytes.to_string()
    });
}

fn keep(keep: Keep) -> &'static str {
    match keep {
        Keep::Head => "head",
        Keep::Tail => "tail",
        Keep::HeadTail => "head_tail",
    }
}

/// What a whole tool is, for whoever sees it for the first or the last time.
fn summary(side: Side<'_>) -> Vec<(String, String)> {
    let tool = side.1;
    let mut all = vec![("effect".to_owned(), tool.effect.as_str().to_owned())];
    let started = run::texts(&tool.run).into_iter();
    all.extend(started.map(|text| ("runs".to_owned(), text)));
    let mentioned = run::mentioned(tool).into_iter();
    all.extend(mentioned.map(|name| ("reads".to_owned(), name)));
    if tool.sandbox.is_some() {
        let sandboxes = sandbox::in_force(side);
        all.extend(
            sandboxes
                .lines()
                .map(|text| ("sandbox".to_owned(), text.to_owned())),
        );
    }
    let policies = policy::kinds(side).into_iter();
    all.extend(policies.map(|(name, kinds)| (format!("policy {name}"), kinds)));
    all
}
