//! Sandboxes: what the kernel still forbids, list by list, over the default of the settings.

use super::Side;
use super::record::{Record, Weight};
use crate::config::template::Template;
use crate::config::tool::{Enforcement, Run, Sandbox, Tool};

/// One part of a sandbox on both sides, and whether it became weaker.
pub(super) type Part = (&'static str, (String, String), Weight);

fn of_tool((config, tool): Side<'_>) -> Sandbox {
    config.settings().sandbox.under(tool.sandbox.as_ref())
}

/// The sandboxes of a tool and of its steps, as one text.
pub(super) fn in_force(side: Side<'_>) -> String {
    let tool = of_tool(side);
    let mut lines = vec![text(&tool)];
    if let Run::Steps(steps) = &side.1.run {
        let steps = steps.list.iter();
        lines.extend(steps.map(|step| text(&tool.under(step.sandbox.as_ref()))));
    }
    lines.join("\n")
}

/// Notes where a tool's own sandbox changed what is in force. Where only the default of the settings
/// changed, that is told once, of the settings.
pub(super) fn compare(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let own = |tool: &Tool| tool.sandbox.as_ref().map(text);
    if own(old.1) != own(new.1) {
        note(record, &of_tool(old), &of_tool(new));
    }
}

/// The same of one step, under its tool's sandbox.
pub(super) fn compare_step(
    record: &mut Record,
    (old, before): (Side<'_>, Option<&Sandbox>),
    (new, after): (Side<'_>, Option<&Sandbox>),
) {
    if before.map(text) != after.map(text) {
        note(
            record,
            &of_tool(old).under(before),
            &of_tool(new).under(after),
        );
    }
}

fn note(record: &mut Record, old: &Sandbox, new: &Sandbox) {
    for (what, (before, after), weight) in differences(old, new) {
        record.note(format!("sandbox {what}"), Some(before), Some(after), weight);
    }
}

/// What differs between two sandboxes.
pub(super) fn differences(old: &Sandbox, new: &Sandbox) -> Vec<Part> {
    let paths = |old: &Option<Vec<Template>>, new: &Option<Vec<Template>>| {
        let (old, new) = (texts(old.as_deref()), texts(new.as_deref()));
        let weight = weaker(old.as_deref(), new.as_deref(), |old, new| covers(old, new));
        ((list(old.as_deref()), list(new.as_deref())), weight)
    };
    let (read, write, exec) = (
        paths(&old.read, &new.read),
        paths(&old.write, &new.write),
        paths(&old.exec, &new.exec),
    );
    let (before, after) = (old.connect.as_deref(), new.connect.as_deref());
    let connect = (
        (list(before), list(after)),
        weaker(before, after, |old, new| old == new),
    );
    let require = (
        (required(old.require), required(new.require)),
        Weight::widens_if(is_less(old.require, new.require)),
    );
    [
        ("read", read),
        ("write", write),
        ("exec", exec),
        ("connect", connect),
        ("require", require),
    ]
    .into_iter()
    .filter(|(_, ((before, after), _))| before != after)
    .map(|(what, (values, weight))| (what, values, weight))
    .collect()
}

/// An absent list restricts nothing, so that losing one is as weak as it gets.
fn weaker<T>(old: Option<&[T]>, new: Option<&[T]>, covers: impl Fn(&T, &T) -> bool) -> Weight {
    let is_weaker = match (old, new) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => !new
            .iter()
            .all(|entry| old.iter().any(|known| covers(known, entry))),
    };
    Weight::widens_if(is_weaker)
}

/// Whether a path lies below one that was listed before, by the text alone.
fn covers(known: &str, path: &str) -> bool {
    let below = || {
        let rest = path.strip_prefix(known.trim_end_matches('/'))?;
        Some(rest.starts_with('/') && !rest.split('/').any(|step| step == ".."))
    };
    known == path || (!known.starts_with('@') && below().unwrap_or(false))
}

/// `full` demands most; what nothing says may be the most before and the least afterwards.
fn is_less(old: Option<Enforcement>, new: Option<Enforcement>) -> bool {
    let rank = |enforcement| match enforcement {
        Enforcement::Full => 2,
        Enforcement::BestEffort => 1,
        Enforcement::Off => 0,
    };
    match (old, new) {
        (None, None) => false,
        (old, new) => new.map_or(0, rank) < old.map_or(2, rank),
    }
}

fn required(require: Option<Enforcement>) -> String {
    match require {
        None => "not said",
        Some(Enforcement::Full) => "full",
        Some(Enforcement::BestEffort) => "best-effort",
        Some(Enforcement::Off) => "off",
    }
    .to_owned()
}

fn list<T: ToString>(entries: Option<&[T]>) -> String {
    match entries {
        None => "unrestricted".to_owned(),
        Some([]) => "nothing".to_owned(),
        Some(entries) => {
            let mut entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            entries.sort();
            entries.dedup();
            entries.join(", ")
        }
    }
}

/// Paths as they are written: no machine has a say in a comparison.
fn texts(paths: Option<&[Template]>) -> Option<Vec<&str>> {
    paths.map(|paths| paths.iter().map(|path| path.text.as_str()).collect())
}

/// All of a sandbox in one line.
pub(super) fn text(sandbox: &Sandbox) -> String {
    let paths = |paths: &Option<Vec<Template>>| list(texts(paths.as_deref()).as_deref());
    let (read, write, exec) = (
        paths(&sandbox.read),
        paths(&sandbox.write),
        paths(&sandbox.exec),
    );
    let connect = list(sandbox.connect.as_deref());
    let require = required(sandbox.require);
    format!("read {read}; write {write}; exec {exec}; connect {connect}; require {require}")
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_path_is_covered_by_the_folder_above_it_and_never_by_a_longer_name() {
        for (known, path, expected) in [
            ("/srv", "/srv", true),
            ("/srv", "/srv/docs", true),
            ("/srv/", "/srv/docs", true),
            ("/", "/etc", true),
            ("/srv", "/srvx", false),
            ("/srv", "/srv/../etc", false),
            ("/srv/docs", "/srv", false),
            ("@system", "@system/x", false),
        ] {
            assert_eq!(covers(known, path), expected, "{known} over {path}");
        }
    }
}
