//! Reading names: `let` and `parts`, of tools and of policies.

use std::collections::{BTreeMap, HashSet};

use super::report;
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::pattern::{NameProblem, Names};

/// More names than anybody gives in one file; reading them takes time that grows with their square.
const MOST_NAMES: usize = 1_000;

/// Reads `let` and `parts`; `imported` holds other policies' names.
pub(crate) fn names(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    imported: &BTreeMap<String, Names>,
) -> Names {
    if too_many(reader, fields) {
        return Names::unread();
    }
    let mut nodes: BTreeMap<(bool, &str), &Node> = BTreeMap::new();
    let mut lets = Vec::new();
    let mut parts = Vec::new();
    if let Some(node) = fields.get("let") {
        for entry in reader.entries(node, "`let`").unwrap_or_default() {
            if let Some((node, text, max)) = expression(reader, &entry.value) {
                nodes.insert((false, &entry.key), node);
                lets.push((entry.key.as_str(), text, max));
            }
        }
    }
    if let Some(node) = fields.get("parts") {
        for entry in reader.entries(node, "`parts`").unwrap_or_default() {
            if let Some(text) = reader.text(&entry.value, "a part") {
                nodes.insert((true, &entry.key), &entry.value);
                parts.push((entry.key.as_str(), text.to_owned()));
            }
        }
    }
    let lets = lets
        .iter()
        .map(|(name, text, max)| (*name, text.as_str(), *max));
    let parts = parts.iter().map(|(name, text)| (*name, text.as_str()));
    let (names, problems) = Names::new(lets, parts, imported);
    for NameProblem {
        name,
        part,
        problem,
    } in problems
    {
        if let Some(node) = nodes.get(&(part, name.as_str())) {
            report(reader, node, vec![problem]);
        }
    }
    names
}

/// Reports a section of more names than are read.
fn too_many(reader: &mut Reader<'_>, fields: &Fields<'_>) -> bool {
    let before = reader.found.len();
    for section in ["let", "parts"] {
        let Some(entry) = fields.entry(section) else {
            continue;
        };
        let names = entry.value.members().len();
        if names > MOST_NAMES {
            let place = reader.place_of(&entry.key_span);
            let message =
                format!("`{section}` has {names} names, and at most {MOST_NAMES} are read");
            reader.found.push(
                Diagnostic::error("too-many-names", place, message)
                    .help("write alternatives into one expression: `a|b|c`"),
            );
        }
    }
    reader.found.len() > before
}

/// A `let`: a text, or `{re, max}`.
fn expression<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
) -> Option<(&'n Node, String, Option<u32>)> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Some((node, reader.text(node, "an expression")?.to_owned(), None));
    }
    let fields = reader.fields(node, "a named expression", &["re", "max"])?;
    let re = reader.required(
        &fields,
        "re",
        "a named expression",
        "write `{re: '[a-z]+', max: 63}`",
    )?;
    let text = reader.text(re, "`re`")?.to_owned();
    let max = fields
        .get("max")
        .and_then(|node| reader.integer(node, "`max`", 1..=1_000_000))
        .and_then(|max| u32::try_from(max).ok());
    Some((re, text, max))
}

/// The names that the texts of some files refer to, other policies' with and without theirs.
pub(crate) fn referred<'n>(readers: &[&'n Node]) -> HashSet<&'n str> {
    let mut names = HashSet::new();
    for node in readers {
        node.each_text(&mut |text| {
            let references = text
                .split('<')
                .skip(1)
                .filter_map(|rest| rest.split_once('>'));
            for (name, _) in references {
                names.insert(name);
                names.extend(
                    name.match_indices('.')
                        .filter_map(|(at, _)| name.get(at + 1..)),
                );
            }
        });
    }
    names
}

/// Reports names that nothing refers to.
pub(crate) fn check_unused(reader: &mut Reader<'_>, fields: &Fields<'_>, referred: &HashSet<&str>) {
    let unused = ["let", "parts"]
        .into_iter()
        .filter_map(|section| Some((section, fields.get(section)?)))
        .flat_map(|(section, node)| {
            let members = node.members().iter();
            members.map(move |entry| (section, entry.key.as_str(), &entry.key_span))
        })
        .filter(|(_, name, _)| !referred.contains(name));
    for (section, name, span) in unused {
        let place = reader.place_of(span);
        reader.found.push(
            Diagnostic::warning(
                "unused-name",
                place,
                format!("nothing refers to `<{name}>`"),
            )
            .help(format!(
                "remove it from `{section}`, or write `<{name}>` in a rule"
            )),
        );
    }
}
